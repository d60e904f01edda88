//! A link as found on a page, and the choice of links that become edges.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};
use std::str::FromStr;

/// A link of a page, as written there: decoded from JSON, not resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// The address, UTF-8, possibly relative. Use [`Page::resolve`](crate::Page::resolve) for the URL it stands for.
    pub url: &'a [u8],
    /// Where on the page it stood.
    pub kind: LinkKind,
    /// What the page says about its relation to the target.
    pub rel: Rel,
    /// The text of an anchor or the alternative text of an image, UTF-8, empty if none.
    pub text: &'a [u8],
}

/// A name that is none of those a type has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of `{}`, found `{found}`", .expected.join("`, `"))]
pub struct ParseNameError {
    /// What was given.
    pub found: String,
    /// What would be accepted.
    pub expected: Vec<&'static str>,
}

/// Gives an enum of unit variants its names: `ALL`, `as_str`, `Display` and `FromStr`.
macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// Returns the name that users type and tables hold.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($type::$variant => $name),+
                }
            }
        }

        impl ::std::fmt::Display for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $type {
            type Err = $crate::ParseNameError;

            fn from_str(name: &str) -> Result<$type, $crate::ParseNameError> {
                match name {
                    $($name => Ok($type::$variant),)+
                    _ => Err($crate::ParseNameError { found: name.to_owned(), expected: vec![$($name),+] }),
                }
            }
        }
    };
}
pub(crate) use names;

/// Where a link stood: the element that carries it, or the message around the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LinkKind {
    /// `<a href>`.
    A,
    /// `<area href>`.
    Area,
    /// `ping` of `<a>` and `<area>`: who is told of a click.
    Ping,
    /// `<link href>`.
    Link,
    /// `<img src>`, `<img longdesc>`, `<input src>`.
    Img,
    /// `srcset` of `<img>` and `<source>`, `imagesrcset` of `<link>`: images to choose from.
    Srcset,
    /// `<script src>`.
    Script,
    /// `<iframe src>`, `<frame src>`.
    Iframe,
    /// `<form action>`, and `formaction` of a button.
    Form,
    /// `<meta>` that holds an address.
    Meta,
    /// `<meta http-equiv="refresh">`, or a `Refresh` header.
    Refresh,
    /// `Location` of a redirect.
    Redirect,
    /// `Link` and `Content-Location` headers.
    Header,
    /// `url()` in a style sheet of the page.
    Style,
    /// `<object>`, `<embed>`, `<applet>`.
    Object,
    /// `<audio>`, `<video>`, `<source>`, `<track>`.
    Media,
    /// `cite` of `<q>`, `<blockquote>`, `<del>`, `<ins>`.
    Cite,
    /// Anything else: `background`, `data-href`, `onclick`, `icon` …
    Other,
}

names!(LinkKind {
    A = "a",
    Area = "area",
    Ping = "ping",
    Link = "link",
    Img = "img",
    Srcset = "srcset",
    Script = "script",
    Iframe = "iframe",
    Form = "form",
    Meta = "meta",
    Refresh = "refresh",
    Redirect = "redirect",
    Header = "header",
    Style = "style",
    Object = "object",
    Media = "media",
    Cite = "cite",
    Other = "other",
});

impl LinkKind {
    /// Returns the kind that a WAT path such as `A@/href` stands for.
    pub(crate) fn from_path(path: &[u8]) -> LinkKind {
        const TAGS: [(&[u8], LinkKind); 22] = [
            (b"IMG", LinkKind::Img),
            (b"LINK", LinkKind::Link),
            (b"SCRIPT", LinkKind::Script),
            (b"AREA", LinkKind::Area),
            (b"FORM", LinkKind::Form),
            (b"IFRAME", LinkKind::Iframe),
            (b"FRAME", LinkKind::Iframe),
            (b"STYLE", LinkKind::Style),
            (b"OBJECT", LinkKind::Object),
            (b"EMBED", LinkKind::Object),
            (b"APPLET", LinkKind::Object),
            (b"AUDIO", LinkKind::Media),
            (b"VIDEO", LinkKind::Media),
            (b"SOURCE", LinkKind::Media),
            (b"TRACK", LinkKind::Media),
            (b"Q", LinkKind::Cite),
            (b"BLOCKQUOTE", LinkKind::Cite),
            (b"DEL", LinkKind::Cite),
            (b"INS", LinkKind::Cite),
            (b"META", LinkKind::Meta),
            (b"BUTTON", LinkKind::Form),
            (b"INPUT", LinkKind::Form),
        ];
        // Nearly all paths, as the generator spells them.
        match path {
            b"A@/href" => return LinkKind::A,
            b"IMG@/src" => return LinkKind::Img,
            b"LINK@/href" => return LinkKind::Link,
            b"SCRIPT@/src" => return LinkKind::Script,
            _ => {}
        }
        let tag_length = path
            .iter()
            .position(|byte| matches!(byte, b'@' | b'/'))
            .unwrap_or(path.len());
        let (tag, attribute) = path.split_at(tag_length);
        let Some(&(_, kind)) = TAGS.iter().find(|(name, _)| tag.eq_ignore_ascii_case(name)) else {
            return if path.eq_ignore_ascii_case(b"A@/href") {
                LinkKind::A
            } else {
                LinkKind::Other
            };
        };
        let wanted: &[&[u8]] = match kind {
            LinkKind::Form if tag.eq_ignore_ascii_case(b"INPUT") && attribute == b"@/src" => {
                return LinkKind::Img;
            }
            LinkKind::Form => &[b"@/action", b"@/formaction"],
            LinkKind::Link | LinkKind::Area => &[b"@/href"],
            LinkKind::Img => &[b"@/src", b"@/longdesc"],
            LinkKind::Script | LinkKind::Iframe => &[b"@/src"],
            LinkKind::Cite => &[b"@/cite"],
            LinkKind::Style => &[b"/#text"],
            LinkKind::Object => &[b"@/src", b"@/data", b"@/codebase", b"@/cdata"],
            LinkKind::Media => &[b"@/src", b"@/poster"],
            _ => return kind,
        };
        if wanted
            .iter()
            .any(|name| attribute.eq_ignore_ascii_case(name))
        {
            kind
        } else {
            LinkKind::Other
        }
    }
}

/// A set of link kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindSet(u32);

impl KindSet {
    /// Returns the set with `kind` in it.
    #[must_use]
    pub fn with(self, kind: LinkKind) -> KindSet {
        KindSet(self.0 | 1 << kind as u32)
    }

    /// Returns whether `kind` is in the set.
    pub fn contains(self, kind: LinkKind) -> bool {
        self.0 >> kind as u32 & 1 == 1
    }
}

impl FromIterator<LinkKind> for KindSet {
    fn from_iter<I: IntoIterator<Item = LinkKind>>(kinds: I) -> KindSet {
        kinds.into_iter().fold(KindSet::default(), KindSet::with)
    }
}

/// The relations by which a page withholds its vote, as a set of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rel(u8);

impl Rel {
    /// No flag.
    pub const NONE: Rel = Rel(0);
    /// `rel=nofollow`.
    pub const NOFOLLOW: Rel = Rel(1);
    /// `rel=ugc`, content by users of the site.
    pub const UGC: Rel = Rel(2);
    /// `rel=sponsored`, an advertisement.
    pub const SPONSORED: Rel = Rel(4);

    const NAMES: [(&'static str, Rel); 3] = [
        ("nofollow", Rel::NOFOLLOW),
        ("ugc", Rel::UGC),
        ("sponsored", Rel::SPONSORED),
    ];

    /// Returns the flags among the tokens of a `rel` attribute: a set of words between white space, in any case (HTML, section 2.3.7).
    pub fn from_attribute(value: &[u8]) -> Rel {
        // No other flag is shorter than `ugc`, and most values are one known word.
        let mut flags = Rel::NONE;
        for token in value
            .split(u8::is_ascii_whitespace)
            .filter(|token| token.len() >= 3)
        {
            for (name, flag) in Rel::NAMES {
                if token.eq_ignore_ascii_case(name.as_bytes()) {
                    flags |= flag;
                }
            }
        }
        flags
    }

    /// Returns whether no flag is set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns whether a flag is set in both.
    pub fn intersects(self, other: Rel) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Rel {
    type Output = Rel;

    fn bitor(self, other: Rel) -> Rel {
        Rel(self.0 | other.0)
    }
}

impl BitOrAssign for Rel {
    fn bitor_assign(&mut self, other: Rel) {
        self.0 |= other.0;
    }
}

/// The flags' names with a blank between them, as one would write the attribute.
impl fmt::Display for Rel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Rel::NAMES
            .iter()
            .filter(|(_, flag)| self.intersects(*flag))
            .map(|(name, _)| *name)
            .collect();
        f.write_str(&names.join(" "))
    }
}

/// Reads one flag's name, or several with commas between them.
impl FromStr for Rel {
    type Err = ParseNameError;

    fn from_str(list: &str) -> Result<Rel, ParseNameError> {
        list.split(',').try_fold(Rel::NONE, |flags, name| {
            let known = Rel::NAMES.iter().find(|(known, _)| *known == name.trim());
            let (_, flag) = known.ok_or_else(|| ParseNameError {
                found: name.to_owned(),
                expected: Rel::NAMES.iter().map(|(name, _)| *name).collect(),
            })?;
            Ok(flags | *flag)
        })
    }
}

/// Which links become edges. The default takes all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkFilter {
    /// Links with any of these flags are left out.
    pub exclude_rel: Rel,
    /// Only links of these kinds are taken; `None` takes every kind.
    pub only_kinds: Option<KindSet>,
}

impl LinkFilter {
    /// Returns whether a link of this kind and with these flags becomes an edge.
    pub fn takes(&self, kind: LinkKind, rel: Rel) -> bool {
        !self.exclude_rel.intersects(rel)
            && self.only_kinds.is_none_or(|kinds| kinds.contains(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_is_read_from_the_path() {
        let kinds = [
            ("A@/href", LinkKind::A),
            ("a@/href", LinkKind::A),
            ("IMG@/src", LinkKind::Img),
            ("LINK@/href", LinkKind::Link),
            ("STYLE/#text", LinkKind::Style),
            ("INPUT@/src", LinkKind::Img),
            ("INPUT@/formaction", LinkKind::Form),
            ("INPUT@/onclick", LinkKind::Other),
            ("FRAME@/src", LinkKind::Iframe),
            ("VIDEO@/poster", LinkKind::Media),
            ("BLOCKQUOTE@/cite", LinkKind::Cite),
            ("TABLE@/background", LinkKind::Other),
            ("A@/data-href", LinkKind::Other),
            ("STYLE@/data-href", LinkKind::Other),
            ("", LinkKind::Other),
        ];
        for (path, kind) in kinds {
            assert_eq!(LinkKind::from_path(path.as_bytes()), kind, "{path}");
        }
    }

    #[test]
    fn every_kind_has_its_name() {
        for &kind in LinkKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        let error = "href".parse::<LinkKind>().expect_err("it is no kind");
        assert!(
            error.to_string().starts_with("expected one of `a`, `area`"),
            "{error}"
        );
    }

    #[test]
    fn rel_tokens_are_words_in_any_case() {
        assert_eq!(
            Rel::from_attribute(b"noopener NoFollow\tugc"),
            Rel::NOFOLLOW | Rel::UGC
        );
        assert_eq!(Rel::from_attribute(b"nofollower sponsored,ugc"), Rel::NONE);
        assert_eq!(
            "nofollow,sponsored".parse(),
            Ok(Rel::NOFOLLOW | Rel::SPONSORED)
        );
        assert_eq!((Rel::NOFOLLOW | Rel::UGC).to_string(), "nofollow ugc");
        assert!("follow".parse::<Rel>().is_err());
    }

    #[test]
    fn filter_takes_all_unless_told() {
        assert!(LinkFilter::default().takes(LinkKind::Other, Rel::NOFOLLOW));
        let filter = LinkFilter {
            exclude_rel: Rel::UGC,
            only_kinds: Some([LinkKind::A, LinkKind::Area].into_iter().collect()),
        };
        assert!(filter.takes(LinkKind::A, Rel::NOFOLLOW));
        assert!(!filter.takes(LinkKind::A, Rel::NOFOLLOW | Rel::UGC));
        assert!(!filter.takes(LinkKind::Img, Rel::NONE));
    }
}
