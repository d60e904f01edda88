//! The head of an HTTP response: its fields, and where it redirects to.

use std::borrow::Cow;

/// The head of an HTTP response, at the front of a record's block.
pub(crate) struct Head<'a> {
    pub(crate) block: &'a [u8],
}

impl<'a> Head<'a> {
    /// Returns the address that a browser goes on to: the first `Location` of any message whose status is 301, 302, 303, 307 or 308, whatever
    /// version its first line names.
    pub(crate) fn location(&self) -> Option<Cow<'a, str>> {
        let status_line = self.lines().next()?;
        let version = status_line.get(..5)?;
        if !version.eq_ignore_ascii_case(b"HTTP/") {
            return None;
        }
        let status = status_line
            .split(u8::is_ascii_whitespace)
            .skip(1)
            .find(|word| !word.is_empty())?;
        if !REDIRECTS.contains(&status) {
            return None;
        }
        self.fields()
            .find(|(name, value)| name.eq_ignore_ascii_case(b"location") && !value.is_empty())
            .map(|(_, value)| to_utf8(value))
    }

    /// Returns the address that Common Crawl's job takes: HTTP/1.0 and 1.1 only, UTF-8 only, up to the first white space.
    ///
    /// The job's line ends are `\n`, and only a line of `\r\n` ends the head.
    pub(crate) fn location_for_cc(&self) -> Option<Cow<'a, str>> {
        let mut lines = self.block.split_inclusive(|&byte| byte == b'\n');
        if !is_redirect_for_cc(lines.next()?) {
            return None;
        }
        for line in lines {
            let value = line
                .get(..9)
                .filter(|name| name.eq_ignore_ascii_case(b"location:"))
                .map(|name| &line[name.len()..]);
            let word =
                value.and_then(|value| value.split(is_python_space).find(|word| !word.is_empty()));
            if let Some(word) = word {
                return std::str::from_utf8(word).ok().map(Cow::Borrowed);
            }
            if line == b"\r\n" {
                return None;
            }
        }
        None
    }

    /// Iterates over the fields, (name, value).
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let lines = self.lines().skip(1).take_while(|line| !line.is_empty());
        lines.filter_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            Some((
                line[..colon].trim_ascii_end(),
                line[colon + 1..].trim_ascii(),
            ))
        })
    }

    /// Returns the value of the first field of that name, given in lower case.
    pub(crate) fn first(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.fields()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn lines(&self) -> impl Iterator<Item = &'a [u8]> {
        self.block
            .split(|&byte| byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }
}

const REDIRECTS: [&[u8]; 5] = [b"301", b"302", b"303", b"307", b"308"];

/// `^HTTP\s*/\s*1\.[01]\s*30[12378]\b`
fn is_redirect_for_cc(line: &[u8]) -> bool {
    let skip_space = |bytes: &mut &[u8]| {
        *bytes = &bytes[bytes
            .iter()
            .take_while(|byte| is_python_space(byte))
            .count()..]
    };
    let Some(mut rest) = line.strip_prefix(b"HTTP") else {
        return false;
    };
    skip_space(&mut rest);
    let Some(mut rest) = rest.strip_prefix(b"/") else {
        return false;
    };
    skip_space(&mut rest);
    let Some(mut rest) = rest
        .strip_prefix(b"1.0")
        .or_else(|| rest.strip_prefix(b"1.1"))
    else {
        return false;
    };
    skip_space(&mut rest);
    let Some((status, rest)) = rest.split_at_checked(3) else {
        return false;
    };
    let goes_on = rest
        .first()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    REDIRECTS.contains(&status) && !goes_on
}

fn is_python_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Reads the bytes of a header as browsers do: as UTF-8 if they are, else byte by byte as Latin-1.
pub(crate) fn to_utf8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locations(block: &str) -> (Option<String>, Option<String>) {
        let head = Head {
            block: block.as_bytes(),
        };
        (
            head.location().map(Cow::into_owned),
            head.location_for_cc().map(Cow::into_owned),
        )
    }

    #[test]
    fn both_profiles_read_a_plain_redirect() {
        let target = Some("https://example.com/".to_owned());
        assert_eq!(
            locations(
                "HTTP/1.1 301 Moved\r\nServer: x\r\nlocation:  https://example.com/ \r\n\r\n"
            ),
            (target.clone(), target)
        );
        assert_eq!(
            locations("HTTP/1.1 200 OK\r\nLocation: /x\r\n\r\n"),
            (None, None)
        );
        assert_eq!(
            locations("HTTP/1.1 304 Not Modified\r\nLocation: /x\r\n\r\n"),
            (None, None)
        );
        assert_eq!(
            locations("HTTP/1.1 301 Moved\r\n\r\nLocation: /body\r\n"),
            (None, None)
        );
        assert_eq!(locations(""), (None, None));
    }

    #[test]
    fn browsers_read_every_version() {
        for status_line in [
            "HTTP/2 301",
            "HTTP/2.0 302 Found",
            "HTTP/3 308",
            "http/1.1 303 See Other",
            "HTTP/1.1  307",
        ] {
            let block = format!("{status_line}\r\nLocation: /x\r\n\r\n");
            assert_eq!(locations(&block).0.as_deref(), Some("/x"), "{status_line}");
        }
        assert_eq!(locations("HTTP/2 301\r\nLocation: /x\r\n\r\n").1, None);
    }

    #[test]
    fn profiles_differ_in_detail() {
        let with_blank = "HTTP/1.1 301 Moved\r\nLocation: /a b\r\n\r\n";
        assert_eq!(
            locations(with_blank),
            (Some("/a b".to_owned()), Some("/a".to_owned()))
        );
        let lf_only = "HTTP/1.0 302 x\n\nLocation: /body\n";
        assert_eq!(locations(lf_only), (None, Some("/body".to_owned())));
        let latin1 = Head {
            block: b"HTTP/1.1 301 x\r\nLocation: /\xe9\r\n\r\n",
        };
        assert_eq!(latin1.location().as_deref(), Some("/\u{e9}"));
        assert_eq!(latin1.location_for_cc(), None);
        assert_eq!(
            locations("HTTP / 1.1302\r\nLocation: /x\r\n\r\n")
                .1
                .as_deref(),
            Some("/x")
        );
    }
}
