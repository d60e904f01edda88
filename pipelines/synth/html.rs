//! A page as HTML: the head and links that its WAT lists, in the same order, with text between.

use std::fmt::Write;

use super::World;
use super::dice::{Dice, Purpose};
use super::page::{Link, MetaKey, Page, STYLE};

/// Where Common Crawl cuts bodies.
const MAX_BYTES: usize = 1 << 20;

/// Writes the page's HTML to `out`; returns whether it was cut. A cut never costs a link.
pub(super) fn render(world: &World, page: &Page, out: &mut String) -> bool {
    out.clear();
    let mut writer = HtmlWriter {
        world,
        page,
        dice: Dice::new(world.seed, Purpose::Html, page.index),
        out,
        class: 0,
    };
    writer.head();
    writer.body();
    let end = writer.out.len();
    writer.fill(page.html_bytes);
    out.push_str("</div>\n</body>\n</html>\n");
    cut(out, end.max(MAX_BYTES))
}

fn cut(out: &mut String, length: usize) -> bool {
    if out.len() <= length {
        return false;
    }
    let length = (0..=length)
        .rev()
        .find(|&at| out.is_char_boundary(at))
        .unwrap_or(0);
    out.truncate(length);
    true
}

struct HtmlWriter<'a> {
    world: &'a World,
    page: &'a Page,
    dice: Dice,
    out: &'a mut String,
    /// Number of the block being written; themes repeat theirs.
    class: usize,
}

impl HtmlWriter<'_> {
    fn head(&mut self) {
        self.out.push_str("<!DOCTYPE html>\n<html");
        let has_language = self.page.metas.iter().any(|meta| meta.name == "HTML@/lang");
        if has_language {
            let _ = write!(self.out, " lang=\"{}\"", self.page.language_code());
        }
        self.out.push_str(">\n<head>\n<meta charset=\"utf-8\">\n");
        // The base comes first: it holds for what follows it.
        if let Some(base) = &self.page.base {
            self.tag("base", &[("href", Some(base))]);
        }
        self.out.push_str("<title>");
        push_escaped(&self.page.title, self.out);
        self.out.push_str("</title>\n");
        for meta in self
            .page
            .metas
            .iter()
            .filter(|meta| meta.name != "HTML@/lang")
        {
            let key = match meta.key {
                MetaKey::Name => "name",
                MetaKey::Property => "property",
                MetaKey::HttpEquiv => "http-equiv",
            };
            self.tag(
                "meta",
                &[(key, Some(meta.name)), ("content", Some(&meta.content))],
            );
        }
        for link in &self.page.head_links {
            self.tag(
                "link",
                &[
                    ("rel", link.rel),
                    ("href", Some(&link.url)),
                    ("type", link.media_type),
                ],
            );
        }
        for script in &self.page.scripts {
            self.tag(
                "script",
                &[("type", script.media_type), ("src", Some(&script.url))],
            );
            self.out.push_str("</script>\n");
        }
        self.out.push_str("</head>\n<body class=\"home page-template wide\">\n<div id=\"content\" class=\"site-content\">\n");
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, Option<&str>)]) {
        let _ = write!(self.out, "<{name}");
        for (key, value) in attributes {
            if let Some(value) = value {
                let _ = write!(self.out, " {key}=\"");
                push_escaped(value, self.out);
                self.out.push('"');
            }
        }
        self.out.push_str(">\n");
    }

    fn body(&mut self) {
        let count = self.page.links.len();
        let start = self.out.len();
        let text = self.page.html_bytes.min(MAX_BYTES).saturating_sub(start);
        for (number, link) in self.page.links.iter().enumerate() {
            self.link(link);
            self.fill(start + text * number / count);
        }
    }

    fn link(&mut self, link: &Link) {
        let Some((tag, attribute)) = link.path.split_once("@/") else {
            // CSS, or one of the rare link objects without a key: an anchor without an address.
            if link.path == STYLE {
                let _ = writeln!(
                    self.out,
                    "<style>.b{} {{background-image: url({})}}</style>",
                    self.class, link.url
                );
            } else {
                self.out.push_str("<a name=\"top\"></a>\n");
            }
            return;
        };
        let tag = tag.to_ascii_lowercase();
        let (before, after) = match tag.as_str() {
            "a" => ("<li class=\"menu-item\">", "</a></li>\n"),
            "td" => ("<table><tr>", "</td></tr></table>\n"),
            "area" => ("<map name=\"m\">", "</map>\n"),
            "source" => ("<video>", "</video>\n"),
            "form" => ("", "<input type=\"text\" name=\"q\"></form>\n"),
            "iframe" => ("", "</iframe>\n"),
            "div" => ("", "</div>\n"),
            "video" => ("", "</video>\n"),
            "audio" => ("", "</audio>\n"),
            "blockquote" => ("", "</blockquote>\n"),
            _ => ("", ""),
        };
        self.out.push_str(before);
        // WATs cut data URLs after the comma, pages do not.
        let data;
        let mut url = link.url.as_str();
        if url.starts_with("data:") {
            data = format!("{url}R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7");
            url = &data;
        }
        let kind = (tag == "input").then_some("image");
        self.tag(
            &tag,
            &[
                ("type", kind),
                (attribute, Some(url)),
                ("target", link.target),
                ("method", link.method),
                ("alt", link.alt.as_deref()),
                ("title", link.title.as_deref()),
                ("rel", link.rel),
            ],
        );
        if tag == "a" {
            // No line end within a link's text.
            self.out.pop();
        }
        if let Some(text) = &link.text {
            push_escaped(text, self.out);
        }
        self.out.push_str(after);
    }

    /// Appends paragraphs and the markup around them until `length` is reached.
    fn fill(&mut self, length: usize) {
        let mut text = String::new();
        while self.out.len() < length {
            self.class += 1;
            let theme = THEMES[self.page.host as usize % THEMES.len()];
            let _ = write!(
                self.out,
                "<div id=\"post-{0}\" class=\"{theme}\" data-block=\"{0}\">\n<div class=\"entry-content clearfix\" itemprop=\"text\">\n<p class=\"has-medium-font-size wp-block-paragraph\">",
                self.class
            );
            text.clear();
            for _ in 0..self.dice.between(2, 5) {
                self.world
                    .lexicon
                    .sentence(self.page.language, &mut self.dice, &mut text);
                text.push(' ');
            }
            push_escaped(&text, self.out);
            self.out.push_str("</p>\n</div>\n</div>\n");
        }
    }
}

/// What page builders put around every paragraph.
const THEMES: [&str; 4] = [
    "vc_row wpb_row vc_inner vc_row-fluid td-pb-row td_block_wrap td_with_ajax_pagination td-pb-border-top",
    "elementor-element elementor-widget elementor-widget-text-editor elementor-column elementor-col-50",
    "post type-post status-publish format-standard has-post-thumbnail hentry category-uncategorized",
    "col-xs-12 col-sm-6 col-md-4 teaser teaser--default teaser__article js-teaser lazyload-container",
];

/// Escapes what would end a text or a quoted attribute.
fn push_escaped(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            letter => out.push(letter),
        }
    }
}
