//! The part of Structured Fields (RFC 9651) that usage preferences are written in: a dictionary of tokens.

use alloc::string::String;
use alloc::vec::Vec;

/// The members of a dictionary whose value is the token `y` (true) or `n` (false); other members are unknown and left
/// out; sorted by key. Of a key that comes twice, the last counts. Empty if `bytes` is not a dictionary at all (section 4.2.2).
pub(crate) fn parse_dictionary(bytes: &[u8]) -> Vec<(String, bool)> {
    let mut members: Vec<(String, Option<bool>)> = Vec::new();
    let mut input = Input { bytes, at: 0 };
    input.skip(b" ");
    while input.peek().is_some() {
        let Some((key, value)) = input.member() else {
            return Vec::new();
        };
        members.push((key, value));
        input.skip(b" \t");
        if input.peek().is_none() {
            break;
        }
        let has_comma = input.take(b',');
        input.skip(b" \t");
        if !has_comma || input.peek().is_none() {
            return Vec::new(); // members that no comma parts, or a comma at the end
        }
    }
    // Stable: of a key that comes twice, the last comes last, and is kept.
    members.sort_by(|a, b| a.0.cmp(&b.0));
    members.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            kept.1 = next.1;
        }
        is_same
    });
    members
        .into_iter()
        .filter_map(|(key, value)| value.map(|value| (key, value)))
        .collect()
}

struct Input<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Input<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip(&mut self, these: &[u8]) {
        self.while_in(|byte| these.contains(&byte));
    }

    /// Takes all bytes that `is` accepts.
    fn while_in(&mut self, is: impl Fn(u8) -> bool) -> &[u8] {
        let start = self.at;
        while self.peek().is_some_and(&is) {
            self.at += 1;
        }
        &self.bytes[start..self.at]
    }

    /// Key and, where it is the token `y` or `n`, value; `None` where the dictionary is broken.
    fn member(&mut self) -> Option<(String, Option<bool>)> {
        let key = self.key()?;
        if !self.take(b'=') {
            self.parameters()?; // a key alone is the boolean true
            return Some((key, None));
        }
        let value = if self.take(b'(') {
            self.inner_list().map(|()| None)?
        } else {
            self.bare_item()?
        };
        self.parameters()?;
        Some((key, value))
    }

    fn key(&mut self) -> Option<String> {
        self.peek()
            .filter(|byte| byte.is_ascii_lowercase() || *byte == b'*')?;
        let is_key = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)
        };
        Some(String::from_utf8_lossy(self.while_in(is_key)).into_owned())
    }

    fn parameters(&mut self) -> Option<()> {
        while self.take(b';') {
            self.skip(b" ");
            self.key()?;
            if self.take(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    fn inner_list(&mut self) -> Option<()> {
        loop {
            self.skip(b" ");
            if self.take(b')') {
                return Some(());
            }
            self.bare_item()?;
            self.parameters()?;
            self.peek().filter(|byte| *byte == b' ' || *byte == b')')?;
        }
    }

    /// One value; `Some(Some(_))` for the tokens `y` and `n`.
    fn bare_item(&mut self) -> Option<Option<bool>> {
        match self.peek()? {
            b'"' => self.string(),
            b':' => {
                self.at += 1;
                self.while_in(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
                self.take(b':').then_some(None)
            }
            b'?' => {
                self.at += 1;
                (self.take(b'0') || self.take(b'1')).then_some(None)
            }
            b'@' => {
                self.at += 1;
                self.number()
            }
            b'%' => {
                self.at += 1;
                self.peek().filter(|byte| *byte == b'"')?;
                self.string()
            }
            b'-' | b'0'..=b'9' => self.number(),
            b'*' | b'a'..=b'z' | b'A'..=b'Z' => {
                // RFC 9110's tchar, `:` and `/`.
                let is_token =
                    |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
                Some(match self.while_in(is_token) {
                    b"y" => Some(true),
                    b"n" => Some(false),
                    _ => None,
                })
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Option<bool>> {
        self.take(b'-');
        let whole = self.while_in(|byte| byte.is_ascii_digit()).len();
        if whole == 0 || whole > 15 {
            return None;
        }
        if self.take(b'.') {
            let fraction = self.while_in(|byte| byte.is_ascii_digit()).len();
            if whole > 12 || fraction == 0 || fraction > 3 {
                return None;
            }
        }
        Some(None)
    }

    fn string(&mut self) -> Option<Option<bool>> {
        self.at += 1;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return Some(None),
                b'\\' => {
                    self.peek().filter(|byte| *byte == b'"' || *byte == b'\\')?;
                    self.at += 1;
                }
                0x20..=0x7E => {}
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, bool)> {
        parse_dictionary(text.as_bytes())
    }

    fn is(text: &str, expected: &[(&str, bool)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(key, value)| (String::from(*key), *value))
            .collect();
        assert_eq!(parsed(text), expected, "{text}");
    }

    /// Examples of draft-ietf-aipref-vocab, sections "Usage Category Labels" to "Preference Parameters".
    #[test]
    fn examples_of_the_vocabulary_draft() {
        is(
            "train-ai=y, search=n",
            &[("search", false), ("train-ai", true)],
        );
        is("train-ai=y, train-ai, search=n, search=\"n\"", &[]);
        is("train-ai;allow=n, train-ai=y", &[("train-ai", true)]);
        is("train-ai;has;parameters=\"?\";", &[]);
    }

    #[test]
    fn a_broken_dictionary_states_nothing() {
        for text in [
            "Train-ai=y",
            "train-ai=y,",
            "train-ai=y search=n",
            "train-ai=",
            "train-ai=y, =n",
            "a=\"x",
        ] {
            is(text, &[]);
        }
    }

    #[test]
    fn values_of_other_types_are_unknown() {
        is(
            "a=1, b=(y n), c=?1, d=:aGk=:, e=@5, f=1.5, g=%\"x\", h=yes, i=y",
            &[("i", true)],
        );
    }
}
