//! Options that shape what is extracted.

use crate::link::names;

/// By whose rules addresses are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// As a browser resolves them: WHATWG URL, UTS-46 host names, `<base>`, meta refresh, every status line.
    #[default]
    Browser,
    /// Exactly as Common Crawl's job for its published graphs does.
    Cc,
}

names!(Profile { Browser = "browser", Cc = "cc" });

/// What happens to the label `www` at the front of a host name with more than two labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Www {
    /// It stays, as in Common Crawl's graphs since 2026.
    #[default]
    Keep,
    /// It goes, as in those before.
    Strip,
}

names!(Www { Keep = "keep", Strip = "strip" });

/// What a node of the graph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// A host, by its reversed name.
    Host,
    /// A registered domain, by its reversed name; a host that is itself a public suffix stands for itself.
    Domain,
    /// A page, by its key (see [`page_key`](crate::page_key)).
    Page,
}

names!(Level { Host = "host", Domain = "domain", Page = "page" });

/// Profile and limits; what exceeds a limit is counted under its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// By whose rules addresses are read.
    pub profile: Profile,
    /// What happens to a leading `www`.
    pub www: Www,
    /// Whether [`Level::Domain`] heeds the private section of the public suffix list.
    pub private_suffixes: bool,
    /// Links kept of a page: 100,000.
    pub max_links: usize,
    /// Bytes of a link's URL: 8,192.
    pub max_url_bytes: usize,
    /// Bytes of a page's HTML: 16 MiB, which bounds the memory of a page whatever its encoding.
    pub max_html_bytes: usize,
    /// Nesting of a WAT record's JSON: 64, which is also the most that can be asked for.
    pub max_json_depth: usize,
    /// Bytes of a link's text: 1,024; the rest is cut off at a character. Who wants edges only saves time with 0.
    pub max_text_bytes: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            profile: Profile::default(),
            www: Www::default(),
            private_suffixes: false,
            max_links: 100_000,
            max_url_bytes: 8192,
            max_html_bytes: 16 << 20,
            max_json_depth: 64,
            max_text_bytes: 1024,
        }
    }
}
