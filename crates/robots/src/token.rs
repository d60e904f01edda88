//! Product tokens: what a user-agent line names (RFC 9309, section 2.2.1).

/// The token that a crawler goes by.
///
/// RFC 9309 knows letters, `_` and `-`, and Google cuts the value of a line after them: `MJ12bot` names `MJ`. A
/// crawler whose own token holds digits or dots would never be named so; for it the value is cut after those, too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'t> {
    text: &'t [u8],
    is_octet: fn(u8) -> bool,
}

fn is_token_octet(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'-' || byte == b'_'
}

fn is_wide_octet(byte: u8) -> bool {
    is_token_octet(byte) || byte.is_ascii_digit() || byte == b'.'
}

fn leading(bytes: &[u8], is_octet: fn(u8) -> bool) -> &[u8] {
    let len = bytes
        .iter()
        .position(|byte| !is_octet(*byte))
        .unwrap_or(bytes.len());
    &bytes[..len]
}

/// The token at the start of a user-agent line's value, as RFC 9309 has it; may be empty.
pub(crate) fn token_of(value: &[u8]) -> &[u8] {
    leading(value, is_token_octet)
}

/// Whether a user-agent line's value holds more than the token that is compared.
pub(crate) fn is_cut_agent(value: &[u8]) -> bool {
    token_of(value).len() < value.len()
}

/// Whether a user-agent line's value stands for every agent: `*`, alone or before white space.
#[inline]
pub(crate) fn is_star(value: &[u8]) -> bool {
    matches!(value, [b'*'] | [b'*', b' ' | b'\t'..=b'\r', ..])
}

impl<'t> Token<'t> {
    /// The token of an agent's name: `CCBot/2.0 (…)` goes by `CCBot`. Empty for `*`, and for what has none.
    pub(crate) fn new(agent: &'t str) -> Token<'t> {
        let agent = agent.trim_start().as_bytes();
        let (legal, wide) = (
            leading(agent, is_token_octet),
            leading(agent, is_wide_octet),
        );
        if wide.len() > legal.len() {
            Token {
                text: wide,
                is_octet: is_wide_octet,
            }
        } else {
            Token {
                text: legal,
                is_octet: is_token_octet,
            }
        }
    }

    /// Whether a user-agent line with this value names it: the whole token, in any case of letters.
    #[inline]
    pub(crate) fn is_named_by(&self, value: &[u8]) -> bool {
        let len = self.text.len();
        value.first().map(u8::to_ascii_lowercase) == self.text.first().map(u8::to_ascii_lowercase)
            && len > 0
            && value.len() >= len
            && value[..len].eq_ignore_ascii_case(self.text)
            && value.get(len).is_none_or(|next| !(self.is_octet)(*next))
    }
}
