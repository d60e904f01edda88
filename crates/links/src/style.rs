//! Addresses in style sheets: `url(…)`, and the string behind `@import`.
//!
//! Found by their look, as Common Crawl's generator finds them, without the rest of the language: one in a comment counts, too.

use memchr::{memchr2, memchr3};

/// Calls `each` with the address of every `url(…)` and `@import '…'`, as written between parentheses or quotes. One pass.
pub(crate) fn for_each_address<'a>(style: &'a [u8], each: &mut dyn FnMut(&'a [u8])) {
    let mut at = 0;
    while let Some(next) = memchr2(b'(', b'@', &style[at..]) {
        let (before, rest) = style.split_at(at + next + 1);
        let found = match rest_of_url(before, rest) {
            Some(url) => address_of_url(url),
            None => address_of_import(before, rest),
        };
        let (address, behind) = found.unwrap_or((&[], rest));
        if !address.is_empty() {
            each(address);
        }
        at = style.len() - behind.len();
    }
}

/// Returns what follows if the text before it ends in `url(`.
fn rest_of_url<'a>(before: &[u8], rest: &'a [u8]) -> Option<&'a [u8]> {
    let name = before.strip_suffix(b"(")?.trim_ascii_end();
    let name = &name[name.len().saturating_sub(3)..];
    name.eq_ignore_ascii_case(b"url")
        .then_some(rest.trim_ascii_start())
}

/// Returns the address at the front, which a parenthesis or a quote ends, and what is behind it.
fn address_of_url(url: &[u8]) -> Option<(&[u8], &[u8])> {
    if let [b'"' | b'\'', ..] = url {
        return string(url);
    }
    let is_end = |byte: &u8| *byte == b')' || byte.is_ascii_whitespace();
    // What never ends is not looked at again, or a page could cost the square of its length.
    let end = url.iter().position(is_end).unwrap_or(url.len());
    let (address, behind) = url.split_at(end);
    let is_closed = behind.trim_ascii_start().starts_with(b")");
    let address = if is_closed {
        without_escaped_quotes(address)
    } else {
        &[]
    };
    Some((address, behind))
}

/// Takes off the quotes with a backslash that scripts leave which write style sheets.
fn without_escaped_quotes(mut address: &[u8]) -> &[u8] {
    while let [b'\\', b'"' | b'\'', rest @ ..] = address {
        address = rest;
    }
    while let [rest @ .., b'\\', b'"' | b'\''] = address {
        address = rest;
    }
    address
}

fn address_of_import<'a>(before: &[u8], rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    const IMPORT: &[u8] = b"import";
    let (word, rest) = rest.split_at_checked(IMPORT.len())?;
    let is_import = before.ends_with(b"@") && word.eq_ignore_ascii_case(IMPORT);
    is_import.then(|| string(rest.trim_ascii_start())).flatten()
}

/// Returns what the string at the front holds, and what is behind it. A string ends with its line at the latest.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&quote, rest) = text.split_first()?;
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let end = memchr3(quote, b'\n', b'\r', rest)?;
    let (string, behind) = rest.split_at(end);
    Some(if behind[0] == quote {
        (string, &behind[1..])
    } else {
        (&[], behind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(style: &str) -> Vec<String> {
        let mut found = Vec::new();
        for_each_address(style.as_bytes(), &mut |address| {
            found.push(String::from_utf8(address.to_vec()).expect("cut at ASCII"))
        });
        found
    }

    #[test]
    fn addresses_are_found_in_every_spelling() {
        for style in [
            "a { b: url(x.gif) }",
            "url( x.gif )",
            "URL('x.gif')",
            "url (\"x.gif\")",
            r#"url(\"x.gif\")"#,
            r"url(\'x.gif\')",
            "url('x.gif'')",
            "@import 'x.gif';",
            "@IMPORT \"x.gif\" screen;",
            "@import url(x.gif);",
            "@import url('x.gif') print;",
            "/* url(x.gif) */",
            "x.gif) url('y\n url(x.gif",
        ] {
            let expected: &[&str] = if style.ends_with("url(x.gif") {
                &[]
            } else {
                &["x.gif"]
            };
            assert_eq!(addresses(style), expected, "{style}");
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for style in [
            "",
            "url()",
            "url () ",
            "url ('')",
            "url('\")",
            "url('",
            "url(",
            "url(a b)",
            "curl",
            "(x)",
            "@import",
            "@import x;",
            "@media (a)",
            "url(''''')",
        ] {
            assert_eq!(addresses(style), [""; 0], "{style}");
        }
    }

    #[test]
    fn parentheses_in_quotes_belong_to_the_address() {
        let style = "a: url('data:image/svg+xml,<g fill=\"url(#a)\">'), url(b)";
        assert_eq!(
            addresses(style),
            ["data:image/svg+xml,<g fill=\"url(#a)\">", "b"]
        );
    }
}
