//! The encoding of a page, and its text in UTF-8 (HTML, section 13.2.3.2).
//!
//! In this order: a byte order mark, the `charset` of the HTTP header `Content-Type`, that of a `<meta>` in the first 1,024 bytes. A page that says
//! nothing is UTF-8 if it can be, and else windows-1252, the common default of browsers, which do not guess further while a page is loading.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

use crate::tokens::{Attribute, Element, Tag, Token, Tokenizer};

/// How far into the page a `<meta>` is looked for.
const PRESCANNED_BYTES: usize = 1024;

/// Returns a page as text; what cannot be decoded becomes U+FFFD. Pages in UTF-8 are not copied.
pub(crate) fn decode<'a>(page: &'a [u8], content_type: Option<&[u8]>) -> Cow<'a, str> {
    if let Some((encoding, mark_bytes)) = Encoding::for_bom(page) {
        return encoding.decode_without_bom_handling(&page[mark_bytes..]).0;
    }
    let told = content_type
        .and_then(charset_of)
        .and_then(Encoding::for_label);
    let encoding = told
        .or_else(|| prescan(page))
        .unwrap_or_else(|| guess(page));
    encoding.decode_without_bom_handling(page).0
}

/// Returns the encoding that a `<meta>` near the front names.
fn prescan(page: &[u8]) -> Option<&'static Encoding> {
    let mut tokenizer = Tokenizer::new(&page[..page.len().min(PRESCANNED_BYTES)]);
    let mut tag = Tag::default();
    while let Some(token) = tokenizer.next(&mut tag) {
        if token == Token::Start && tag.element() == Some(Element::Meta) {
            if let Some(encoding) = encoding_of_meta(&tag) {
                return Some(encoding);
            }
        }
    }
    None
}

fn encoding_of_meta(tag: &Tag) -> Option<&'static Encoding> {
    let is_content_type = |value: &[u8]| value.eq_ignore_ascii_case(b"content-type");
    let label = tag.get(Attribute::Charset).or_else(|| {
        let told = tag.get(Attribute::HttpEquiv).is_some_and(is_content_type);
        told.then(|| charset_of(tag.get(Attribute::Content)?))
            .flatten()
    })?;
    let encoding = Encoding::for_label(label)?;
    // A page in which the label could be read is not in UTF-16, whatever the label says.
    Some(if encoding == UTF_16LE || encoding == UTF_16BE {
        UTF_8
    } else if encoding == X_USER_DEFINED {
        WINDOWS_1252
    } else {
        encoding
    })
}

/// Returns the label behind `charset=` (HTML, section 2.4.5.4 "extracting a character encoding from a meta element"; headers are read alike).
fn charset_of(content_type: &[u8]) -> Option<&[u8]> {
    const CHARSET: &[u8] = b"charset";
    let mut rest = content_type;
    loop {
        let is_name = |word: &[u8]| word.eq_ignore_ascii_case(CHARSET);
        let at = rest.windows(CHARSET.len()).position(is_name)?;
        rest = rest[at + CHARSET.len()..].trim_ascii_start();
        let Some(value) = rest.strip_prefix(b"=") else {
            continue;
        };
        let value = value.trim_ascii_start();
        return match value {
            [quote @ (b'"' | b'\''), label @ ..] => label.split(|byte| byte == quote).next(),
            _ => value
                .split(|byte| byte.is_ascii_whitespace() || *byte == b';')
                .next(),
        };
    }
}

fn guess(page: &[u8]) -> &'static Encoding {
    match std::str::from_utf8(page) {
        Ok(_) => UTF_8,
        Err(error) if error.error_len().is_none() => UTF_8, // cut within a character
        Err(_) => WINDOWS_1252,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_headers_and_metas_tell_the_encoding() {
        let cases: [(&[u8], &str, &str); 12] = [
            (b"\xc3\xa9", "", "\u{e9}"),
            (b"\xc3\xa9\xc3", "", "\u{e9}\u{fffd}"),
            (b"\xe9 ", "", "\u{e9} "),
            (b"\xe9", "text/html; charset=UTF-8", "\u{fffd}"),
            (b"\xe9", "text/html;Charset = 'iso-8859-7' ; x", "\u{3b9}"),
            (b"\xe9 ", "text/html; charset=none-such", "\u{e9} "),
            (b"\xef\xbb\xbf\xc3\xa9", "text/html; charset=koi8-r", "\u{e9}"),
            (b"\xff\xfea\0", "text/html; charset=utf-8", "a"),
            (b"<meta charset=koi8-r>\xc1", "", "<meta charset=koi8-r>\u{430}"),
            (b"<meta charset=koi8-r>\xe9", "text/html; charset=latin1", "<meta charset=koi8-r>\u{e9}"),
            (b"<meta charset=utf-16>\xc3\xa9", "", "<meta charset=utf-16>\u{e9}"),
            (
                b"<!-- <meta charset=koi8-r> --><META Content='a; charset=\"big5\"' http-equiv=Content-Type>\xa7A",
                "",
                "<!-- <meta charset=koi8-r> --><META Content='a; charset=\"big5\"' http-equiv=Content-Type>\u{4f60}",
            ),
        ];
        for (page, content_type, text) in cases {
            let content_type = Some(content_type.as_bytes()).filter(|value| !value.is_empty());
            assert_eq!(decode(page, content_type), text, "{content_type:?}");
        }
    }

    #[test]
    fn a_meta_far_down_comes_too_late() {
        let page = [
            &[b' '; PRESCANNED_BYTES],
            &b"<meta charset=koi8-r>\xe9 "[..],
        ]
        .concat();
        assert!(decode(&page, None).ends_with("\u{e9} "));
    }
}
