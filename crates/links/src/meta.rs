//! Elements `<meta>` that hold an address.

use crate::{LinkKind, Profile, browser, cc};

/// What a `<meta>` says that its `content` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meta {
    /// An address, by the name of the property.
    Address,
    /// That of a refresh.
    Refresh,
    /// Something else, which may look like an address.
    Other,
}

impl Meta {
    /// Tells by the other attributes.
    pub(crate) fn of(
        property: Option<&[u8]>,
        name: Option<&[u8]>,
        http_equiv: Option<&[u8]>,
        profile: Profile,
    ) -> Meta {
        let is_refresh = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"refresh");
        if is_one_of(property, &PROPERTIES) || is_one_of(name, &NAMES) {
            Meta::Address
        } else if profile == Profile::Browser && http_equiv.is_some_and(is_refresh) {
            Meta::Refresh
        } else {
            Meta::Other
        }
    }

    /// Returns the address in `content`, if there is one.
    pub(crate) fn address(self, content: &[u8]) -> Option<&[u8]> {
        match self {
            Meta::Address => Some(content),
            Meta::Refresh => browser::refresh_address(content),
            Meta::Other => cc::is_absolute(content).then_some(content),
        }
    }

    pub(crate) fn link_kind(self) -> LinkKind {
        match self {
            Meta::Refresh => LinkKind::Refresh,
            Meta::Address | Meta::Other => LinkKind::Meta,
        }
    }
}

fn is_one_of(value: Option<&[u8]>, names: &[&str]) -> bool {
    value.is_some_and(|value| names.iter().any(|name| name.as_bytes() == value))
}

/// Values of `property` whose `content` is an address, by the list of Common Crawl's job.
const PROPERTIES: [&str; 8] = [
    "og:url",
    "og:image",
    "og:image:secure_url",
    "og:video",
    "og:video:url",
    "og:video:secure_url",
    "twitter:url",
    "twitter:image:src",
];

/// Values of `name` whose `content` is an address, by the same.
const NAMES: [&str; 6] = [
    "twitter:image",
    "thumbnail",
    "application-url",
    "msapplication-starturl",
    "msapplication-TileImage",
    "vb_meta_bburl",
];
