//! HTML as tags and texts: the tokenizer of the HTML standard (section 13.2.5), as far as links need it.
//!
//! Ours, although `html5gum` is a good one, because links ask for little: tags come as slices of the page, an attribute that nobody asks for costs the
//! search for its end, and nothing is allocated or decoded here. `html5gum` is what the tests hold this one to. It promises:
//!
//! - one pass over the page, without recursion and without memory of its own, whatever the page holds;
//! - every slice begins and ends beside ASCII, so that pieces of UTF-8 are UTF-8.
//!
//! There is no tree. What a tree builder would tell the tokenizer is told by names: the content of `script`, `style`, `title` and their like is text up
//! to the end tag, `noscript` is read as where scripts do not run, and within `svg` and `math` these elements may end in their own tag (`<title/>`) and
//! `<![CDATA[` begins a section. A tag that the end of the page cuts is no tag.

use memchr::{memchr, memchr2, memmem};

/// A piece of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Text between tags, its character references not decoded. A text may come in several pieces.
    Text(&'a [u8]),
    /// A start tag: it is in the [`Tag`] that was given.
    Start,
    /// An end tag, by its name as written.
    End(&'a [u8]),
}

/// Gives an enum of names its lookup: names of HTML, lower case, with the variant that each stands for.
macro_rules! html_names {
    ($(#[$doc:meta])* $type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $type { $($variant),+ }

        impl $type {
            /// Returns what a name in any case stands for; `None` where it is no name of interest.
            fn of(name: &[u8]) -> Option<$type> {
                let mut lower = [0; LONGEST_NAME];
                match lower_case(name, &mut lower)? {
                    $($name => Some($type::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

/// The longest name in any list of this crate.
const LONGEST_NAME: usize = 11;

/// Returns a name in lower case; `None` for one that is longer than those of interest.
fn lower_case<'a>(name: &[u8], lower: &'a mut [u8; LONGEST_NAME]) -> Option<&'a [u8]> {
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    Some(lower)
}

/// Returns whether a name in any case is in a list, which is sorted.
pub(crate) fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    debug_assert!(names.is_sorted() && names.iter().all(|name| name.len() <= LONGEST_NAME));
    let mut lower = [0; LONGEST_NAME];
    lower_case(name, &mut lower).is_some_and(|lower| {
        names
            .binary_search_by(|known| known.as_bytes().cmp(lower))
            .is_ok()
    })
}

html_names! {
    /// An element that has links, or whose content is not what it seems.
    Element {
        A = b"a",
        Applet = b"applet",
        Area = b"area",
        Audio = b"audio",
        Base = b"base",
        Blockquote = b"blockquote",
        Button = b"button",
        Del = b"del",
        Div = b"div",
        Embed = b"embed",
        Form = b"form",
        Frame = b"frame",
        Iframe = b"iframe",
        Img = b"img",
        Input = b"input",
        Ins = b"ins",
        Link = b"link",
        Math = b"math",
        Menuitem = b"menuitem",
        Meta = b"meta",
        Noembed = b"noembed",
        Noframes = b"noframes",
        Object = b"object",
        Plaintext = b"plaintext",
        Q = b"q",
        Script = b"script",
        Source = b"source",
        Style = b"style",
        Svg = b"svg",
        Textarea = b"textarea",
        Title = b"title",
        Track = b"track",
        Video = b"video",
        Xmp = b"xmp",
    }
}

html_names! {
    /// An attribute that holds an address, or says something about one.
    Attribute {
        Action = b"action",
        Alt = b"alt",
        Background = b"background",
        Cdata = b"cdata",
        Charset = b"charset",
        Cite = b"cite",
        Codebase = b"codebase",
        Content = b"content",
        Data = b"data",
        DataHref = b"data-href",
        DataUri = b"data-uri",
        Formaction = b"formaction",
        Href = b"href",
        HttpEquiv = b"http-equiv",
        Icon = b"icon",
        Imagesrcset = b"imagesrcset",
        Longdesc = b"longdesc",
        Name = b"name",
        Onclick = b"onclick",
        Ping = b"ping",
        Poster = b"poster",
        Property = b"property",
        Rel = b"rel",
        Src = b"src",
        Srcset = b"srcset",
    }
}

const NUM_ATTRIBUTES: usize = Attribute::Srcset as usize + 1;

/// A start tag. One value is reused for tag after tag.
#[derive(Debug, Default)]
pub(crate) struct Tag<'a> {
    name: &'a [u8],
    element: Option<Element>,
    /// By [`Attribute`]; valid where `present` has its bit.
    values: [&'a [u8]; NUM_ATTRIBUTES],
    present: u32,
    is_self_closing: bool,
    content: &'a [u8],
}

impl<'a> Tag<'a> {
    /// Returns the name, as written.
    pub(crate) fn name(&self) -> &'a [u8] {
        self.name
    }

    /// Returns the element, if it is one of interest.
    pub(crate) fn element(&self) -> Option<Element> {
        self.element
    }

    /// Returns the value of an attribute, its character references not decoded: of the first one of that name, empty where it has none.
    pub(crate) fn get(&self, attribute: Attribute) -> Option<&'a [u8]> {
        let index = attribute as usize;
        (self.present >> index & 1 == 1).then(|| self.values[index])
    }

    /// Returns the text up to the end tag of an element whose content is text alone, such as `style`; empty for others.
    pub(crate) fn content(&self) -> &'a [u8] {
        self.content
    }

    fn start(&mut self, name: &'a [u8]) {
        self.name = name;
        self.element = Element::of(name);
        self.present = 0;
        self.is_self_closing = false;
        self.content = &[];
    }

    fn add(&mut self, name: &[u8], value: &'a [u8]) {
        let Some(attribute) = Attribute::of(name) else {
            return;
        };
        let (index, bit) = (attribute as usize, 1 << attribute as u32);
        if self.present & bit == 0 {
            self.values[index] = value;
            self.present |= bit;
        }
    }
}

/// Goes through a page: UTF-8, or anything else that keeps ASCII where it is.
pub(crate) struct Tokenizer<'a> {
    html: &'a [u8],
    position: usize,
    /// Open `svg` and `math` elements.
    foreign_depth: u32,
}

impl<'a> Tokenizer<'a> {
    pub(crate) fn new(html: &'a [u8]) -> Tokenizer<'a> {
        Tokenizer {
            html,
            position: 0,
            foreign_depth: 0,
        }
    }

    /// Returns the next piece, and fills `tag` if it is a start tag; `None` at the end.
    pub(crate) fn next(&mut self, tag: &mut Tag<'a>) -> Option<Token<'a>> {
        loop {
            let rest = self.rest();
            match *rest {
                [] => return None,
                [b'<', first, ..] if first.is_ascii_alphabetic() => {
                    return self.start_tag(tag).then_some(Token::Start);
                }
                [b'<', b'/', first, ..] if first.is_ascii_alphabetic() => return self.end_tag(tag),
                [b'<', b'/', b'>', ..] => self.position += b"</>".len(),
                [b'<', b'!' | b'?' | b'/', _, ..] => self.skip_markup(),
                _ => {
                    // A `<` that begins nothing is text.
                    let length = memchr(b'<', &rest[1..]).map_or(rest.len(), |at| at + 1);
                    self.position += length;
                    return Some(Token::Text(&rest[..length]));
                }
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        &self.html[self.position..]
    }

    fn end(&mut self) {
        self.position = self.html.len();
    }

    /// Skips a comment, a document type, a CDATA section, or what is none of these and ends like them.
    fn skip_markup(&mut self) {
        let rest = self.rest();
        let length = if let Some(comment) = rest.strip_prefix(b"<!--") {
            comment_length(comment).map(|length| b"<!--".len() + length)
        } else if self.foreign_depth > 0 && rest.starts_with(b"<![CDATA[") {
            memmem::find(rest, b"]]>").map(|at| at + b"]]>".len())
        } else {
            memchr(b'>', rest).map(|at| at + 1)
        };
        self.position += length.unwrap_or(rest.len());
    }

    /// Reads the start tag at the position and, of an element whose content is text, that content; `false` if the page ends within the tag.
    fn start_tag(&mut self, tag: &mut Tag<'a>) -> bool {
        self.position += 1;
        tag.start(self.name());
        if !self.attributes(tag) {
            return false;
        }
        self.enter_foreign(tag);
        let ends_in_its_tag = tag.is_self_closing && self.foreign_depth > 0;
        if !ends_in_its_tag {
            tag.content = self.raw_content(tag);
        }
        true
    }

    /// Reads the end tag at the position, which may have attributes for all the good they do.
    fn end_tag(&mut self, tag: &mut Tag<'a>) -> Option<Token<'a>> {
        self.position += 2;
        tag.start(self.name());
        if !self.attributes(tag) {
            return None;
        }
        if matches!(tag.element, Some(Element::Svg | Element::Math)) {
            self.foreign_depth = self.foreign_depth.saturating_sub(1);
        }
        Some(Token::End(tag.name))
    }

    /// Reads the name of a tag.
    fn name(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().position(|&byte| ends_name(byte));
        let length = length.unwrap_or(rest.len());
        self.position += length;
        &rest[..length]
    }

    /// Reads attributes up to the end of the tag; `false` if the page ends before.
    fn attributes(&mut self, tag: &mut Tag<'a>) -> bool {
        loop {
            let mut is_after_slash = false;
            loop {
                match self.html.get(self.position) {
                    Some(b'/') => is_after_slash = true,
                    Some(&byte) if is_space(byte) => is_after_slash = false,
                    Some(b'>') => {
                        self.position += 1;
                        tag.is_self_closing = is_after_slash;
                        return true;
                    }
                    Some(_) => break,
                    None => return false,
                }
                self.position += 1;
            }
            let name = self.attribute_name();
            let Some(value) = self.attribute_value() else {
                self.end();
                return false;
            };
            tag.add(name, value);
        }
    }

    /// Reads the name at the position; a `=` at its front belongs to it.
    fn attribute_name(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let ends = |byte: &u8| ends_name(*byte) || *byte == b'=';
        let length = rest[1..].iter().position(ends);
        let length = length.map_or(rest.len(), |at| 1 + at);
        self.position += length;
        &rest[..length]
    }

    /// Reads what follows an attribute's name: its value, empty if there is none; `None` if the page ends before it does.
    fn attribute_value(&mut self) -> Option<&'a [u8]> {
        let after_name = self.position;
        self.skip_space();
        if self.html.get(self.position) != Some(&b'=') {
            self.position = after_name;
            return Some(&[]);
        }
        self.position += 1;
        self.skip_space();
        let rest = self.rest();
        let (value, length) = match *rest.first()? {
            quote @ (b'"' | b'\'') => {
                let length = memchr(quote, &rest[1..])?;
                (&rest[1..1 + length], length + 2)
            }
            _ => {
                let ends = |byte: &u8| is_space(*byte) || *byte == b'>';
                let length = rest.iter().position(ends)?;
                (&rest[..length], length)
            }
        };
        self.position += length;
        Some(value)
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.position += rest.iter().take_while(|byte| is_space(**byte)).count();
    }

    /// Counts an `svg` or `math` that opens. An element that only HTML has ends them all, as in a browser.
    fn enter_foreign(&mut self, tag: &Tag) {
        match tag.element {
            Some(Element::Svg | Element::Math) if !tag.is_self_closing => {
                self.foreign_depth = self.foreign_depth.saturating_add(1);
            }
            _ if self.foreign_depth > 0 && is_of_html_alone(tag.name) => self.foreign_depth = 0,
            _ => {}
        }
    }

    /// Takes the text that a start tag of that name is followed by, up to its end tag or the end of the page (HTML, sections 13.2.5.2 to 13.2.5.5).
    fn raw_content(&mut self, tag: &Tag) -> &'a [u8] {
        let rest = self.rest();
        let length = match tag.element {
            Some(Element::Script) => script_length(rest),
            Some(
                Element::Iframe
                | Element::Noembed
                | Element::Noframes
                | Element::Style
                | Element::Textarea
                | Element::Title
                | Element::Xmp,
            ) => raw_length(rest, tag.name),
            Some(Element::Plaintext) => rest.len(),
            _ => 0,
        };
        self.position += length;
        &rest[..length]
    }
}

/// White space of HTML: ASCII's without the vertical tab.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

/// Returns whether the name of a tag is at its end before this byte.
fn ends_name(byte: u8) -> bool {
    is_space(byte) || matches!(byte, b'/' | b'>')
}

/// Returns how long a comment is behind its `<!--`, end included; `None` if it does not end.
fn comment_length(comment: &[u8]) -> Option<usize> {
    for abrupt in [&b">"[..], b"->"] {
        if comment.starts_with(abrupt) {
            return Some(abrupt.len());
        }
    }
    let mut ends = memchr::memchr_iter(b'>', comment);
    let end = ends.find(|&at| comment[..at].ends_with(b"--") || comment[..at].ends_with(b"--!"))?;
    Some(end + 1)
}

/// Returns how long text is up to the end tag of that name; all of it if there is none.
fn raw_length(text: &[u8], name: &[u8]) -> usize {
    let is_end = |at: &usize| text[*at..].get(1) == Some(&b'/') && is_tag(&text[at + 2..], name);
    let end = memchr::memchr_iter(b'<', text).find(is_end);
    end.unwrap_or(text.len())
}

/// Returns whether this is `name` in any case and at its end, as in a tag.
fn is_tag(text: &[u8], name: &[u8]) -> bool {
    let Some((found, rest)) = text.split_at_checked(name.len()) else {
        return false;
    };
    found.eq_ignore_ascii_case(name) && rest.first().is_some_and(|&byte| ends_name(byte))
}

/// Returns how long a script is. A comment within it may hold a script of its own with an end tag of its own (HTML, sections 13.2.5.15 to 13.2.5.31).
fn script_length(text: &[u8]) -> usize {
    #[derive(PartialEq)]
    enum State {
        Script,
        /// Behind `<!--`.
        Comment,
        /// Behind a `<script>` there.
        ScriptInComment,
    }
    let mut state = State::Script;
    let mut comment_start = 0;
    let mut at = 0;
    while let Some(next) = memchr2(b'<', b'>', &text[at..]) {
        at += next;
        let rest = &text[at..];
        if rest[0] == b'>' {
            let ends_comment = text[comment_start..at].ends_with(b"--");
            if state != State::Script && ends_comment {
                state = State::Script;
            }
        } else if rest.get(1) == Some(&b'/') && is_tag(&rest[2..], b"script") {
            if state != State::ScriptInComment {
                return at;
            }
            state = State::Comment;
        } else if state == State::Script && rest.starts_with(b"<!--") {
            state = State::Comment;
            comment_start = at + b"<!".len(); // `<!-->` is a whole comment
        } else if state == State::Comment && is_tag(&rest[1..], b"script") {
            state = State::ScriptInComment;
        }
        at += 1;
    }
    text.len()
}

/// Returns whether a start tag of that name ends `svg` and `math` (HTML, section 13.2.6.5, "any other start tag" aside).
fn is_of_html_alone(name: &[u8]) -> bool {
    const NAMES: [&str; 44] = [
        "b",
        "big",
        "blockquote",
        "body",
        "br",
        "center",
        "code",
        "dd",
        "div",
        "dl",
        "dt",
        "em",
        "embed",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "hr",
        "i",
        "img",
        "li",
        "listing",
        "menu",
        "meta",
        "nobr",
        "ol",
        "p",
        "pre",
        "ruby",
        "s",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "table",
        "tt",
        "u",
        "ul",
        "var",
    ];
    is_one_of(name, &NAMES)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the tokenizer sees, one line a tag: `<name attribute=value …>content`, `</name>`. Of attributes those in the list.
    fn tags(html: &[u8]) -> Vec<String> {
        let mut tokenizer = Tokenizer::new(html);
        let (mut tag, mut lines) = (Tag::default(), Vec::new());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        while let Some(token) = tokenizer.next(&mut tag) {
            match token {
                Token::Text(_) => {}
                Token::Start => {
                    let mut line = format!("<{}", text(tag.name()).to_ascii_lowercase());
                    for &attribute in ATTRIBUTES {
                        if let Some(value) = tag.get(attribute) {
                            line += &format!(" {attribute:?}={}", text(value));
                        }
                    }
                    lines.push(line + ">" + &text(tag.content()));
                }
                Token::End(name) => lines.push(format!("</{}>", text(name).to_ascii_lowercase())),
            }
        }
        lines
    }

    const ATTRIBUTES: &[Attribute] = &[Attribute::Href, Attribute::Src, Attribute::DataHref];

    #[test]
    fn tags_are_read_as_written() {
        for (html, expected) in [
            ("<a href=x>", "<a Href=x>"),
            ("<A\nHREF = 'x y'>", "<a Href=x y>"),
            ("<a href=\"x>y\"src=z>", "<a Href=x>y Src=z>"),
            ("<a href=x href=y>", "<a Href=x>"),
            ("<a href>", "<a Href=>"),
            ("<a href=>", "<a Href=>"),
            ("<a href=x/>", "<a Href=x/>"),
            ("<a/href=x/src=y>", "<a Href=x/src=y>"),
            ("<a =href=x src=y>", "<a Src=y>"),
            ("<a 'href=x src=y>", "<a Src=y>"),
            ("<a<b href=x>", "<a<b Href=x>"),
            ("a < b <<i>", "<i>"),
            ("</a href=x>", "</a>"),
            ("<!-- <a> --!><i>", "<i>"),
            ("<!--><i>", "<i>"),
            ("<!---><i>-->", "<i>"),
            ("<!-- > -- > <a> --><i>", "<i>"),
            ("<!doctype html \"><i>", "<i>"),
            ("<?xml ?><i>", "<i>"),
            ("</ i><i>", "<i>"),
            ("</><i>", "<i>"),
            ("<![CDATA[><i>", "<i>"),
            ("<svg><![CDATA[<a>]]><i>", "<svg> <i>"),
        ] {
            assert_eq!(tags(html.as_bytes()).join(" "), expected, "{html}");
        }
    }

    #[test]
    fn text_alone_ends_at_its_own_end_tag() {
        for (html, expected) in [
            (
                "<style>a<b></x></STYLE ><i>",
                "<style>a<b></x> </style> <i>",
            ),
            (
                "<title></titles></title/><i>",
                "<title></titles> </title> <i>",
            ),
            ("<textarea><a></textarea", "<textarea><a></textarea"),
            (
                "<script><!-- <script></script> --></script><i>",
                "<script><!-- <script></script> --> </script> <i>",
            ),
            (
                "<script><!-- <scripts></script><i>",
                "<script><!-- <scripts> </script> <i>",
            ),
            (
                "<script><!--><script></script><i>",
                "<script><!--><script> </script> <i>",
            ),
            (
                "<script>'<a></a>'</script><i>",
                "<script>'<a></a>' </script> <i>",
            ),
            ("<noscript><i></noscript>", "<noscript> <i> </noscript>"),
            ("<plaintext><i>", "<plaintext><i>"),
            ("<title/><i>", "<title><i>"),
            ("<svg><title/><i>", "<svg> <title> <i>"),
            (
                "<svg><style/><p><title/><i>",
                "<svg> <style> <p> <title><i>",
            ),
            ("<math></math><title/><i>", "<math> </math> <title><i>"),
        ] {
            assert_eq!(tags(html.as_bytes()).join(" "), expected, "{html}");
        }
    }

    /// The same by `html5gum`, which is told where text alone begins by the same names, but for `noscript` and `noframes`.
    fn tags_by_html5gum(html: &[u8]) -> Vec<String> {
        let mut emitter = html5gum::DefaultEmitter::default();
        emitter.naively_switch_states(true);
        let mut lines: Vec<String> = Vec::new();
        let mut is_text_alone = false;
        for Ok(token) in html5gum::Tokenizer::new_with_emitter(html, emitter) {
            match token {
                html5gum::Token::StartTag(tag) => {
                    let name = String::from_utf8_lossy(&tag.name).into_owned();
                    let mut line = format!("<{name}");
                    for &attribute in ATTRIBUTES {
                        let name = match attribute {
                            Attribute::Href => "href",
                            Attribute::Src => "src",
                            _ => "data-href",
                        };
                        if let Some(value) = tag.attributes.get(name.as_bytes()) {
                            line += &format!(" {attribute:?}={}", String::from_utf8_lossy(value));
                        }
                    }
                    is_text_alone = [
                        "title",
                        "textarea",
                        "style",
                        "xmp",
                        "iframe",
                        "noembed",
                        "noframes",
                        "script",
                        "plaintext",
                    ]
                    .contains(&&*name);
                    lines.push(line + ">");
                }
                html5gum::Token::EndTag(tag) => {
                    is_text_alone = false;
                    lines.push(format!("</{}>", String::from_utf8_lossy(&tag.name)));
                }
                html5gum::Token::String(text) if is_text_alone => {
                    let line = lines.last_mut().expect("text alone has a start tag");
                    *line += &String::from_utf8_lossy(&text);
                }
                _ => {}
            }
        }
        lines
    }

    /// Pieces that HTML is made of, and that break it.
    fn soup() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "<",
            ">",
            "/",
            "=",
            "\"",
            "'",
            "-",
            "!",
            "?",
            " ",
            "\n",
            "x",
            "\u{e9}",
            "<a",
            "<A ",
            "</a>",
            "<!--",
            "-->",
            "--!>",
            "<!-->",
            "<!",
            "<?",
            "</",
            " href=",
            " HREF='x'",
            " src=\"y\"",
            " data-href",
            "<script",
            "<script>",
            "</script>",
            "</script ",
            "<style>",
            "</style>",
            "<title>",
            "</title/",
            "<textarea>",
            "</textarea>",
            "<iframe>",
            "</iframe>",
            "<xmp>",
            "</xmp>",
            "<br/>",
            "]]>",
            "<![CDATA[",
        ]);
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn tags_are_those_of_a_tokenizer_by_the_standard(html in soup()) {
            prop_assert_eq!(tags(html.as_bytes()), tags_by_html5gum(html.as_bytes()));
        }

        #[test]
        fn any_bytes_are_read_to_an_end(html in prop::collection::vec(any::<u8>(), 0..200)) {
            tags(&html);
        }
    }
}
