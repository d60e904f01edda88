//! HTTP headers that hold addresses.

use crate::json::{Span, part_of};
use crate::wat::{Envelope, Section, StoredLink};
use crate::{LinkKind, Options, Profile, Rel, browser};

/// A header that holds addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkHeader {
    Link,
    ContentLocation,
    Refresh,
}

impl LinkHeader {
    /// Returns the header of that name, if it is one and the profile heeds it.
    pub(crate) fn of(name: &[u8], profile: Profile) -> Option<LinkHeader> {
        if name.eq_ignore_ascii_case(b"link") {
            Some(LinkHeader::Link)
        } else if name.eq_ignore_ascii_case(b"content-location") {
            Some(LinkHeader::ContentLocation)
        } else if profile == Profile::Browser && name.eq_ignore_ascii_case(b"refresh") {
            Some(LinkHeader::Refresh)
        } else {
            None
        }
    }

    /// Keeps the links of a value, which is text in the envelope's document.
    pub(crate) fn read(self, value: Span, options: &Options, envelope: &mut Envelope) {
        match self {
            LinkHeader::Link => read_link_header(value, options, envelope),
            LinkHeader::ContentLocation => {
                envelope.keep(
                    Section::Headers,
                    header_link(value, LinkKind::Header),
                    options,
                );
            }
            LinkHeader::Refresh => {
                let text = &envelope.json.bytes()[value.range()];
                if let Some(address) = browser::refresh_address(text) {
                    let url = part_of(value, text, address);
                    envelope.keep(
                        Section::Headers,
                        header_link(url, LinkKind::Refresh),
                        options,
                    );
                }
            }
        }
    }
}

/// Takes every `<…>` of a `Link` header (RFC 8288).
fn read_link_header(value: Span, options: &Options, envelope: &mut Envelope) {
    let mut rest = value;
    while let Some(open) = memchr::memchr(b'<', &envelope.json.bytes()[rest.range()]) {
        rest.start += open as u32 + 1;
        let Some(length) = memchr::memchr(b'>', &envelope.json.bytes()[rest.range()]) else {
            return;
        };
        let end = rest.start + length as u32;
        let url = Span {
            start: rest.start,
            end,
        };
        envelope.keep(
            Section::Headers,
            header_link(url, LinkKind::Header),
            options,
        );
        rest.start = end + 1;
    }
}

fn header_link(url: Span, kind: LinkKind) -> StoredLink {
    StoredLink {
        url,
        text: Span::default(),
        kind,
        rel: Rel::NONE,
    }
}
