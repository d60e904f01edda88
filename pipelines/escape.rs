//! Foreign text made safe to show: one function for every name, header or message that did not come from us.
//!
//! A host name, a record header or a server's reason phrase may carry terminal escapes, line breaks or bidirectional
//! overrides. Shown raw they can rewrite the screen or make one address look like another.

use std::fmt::Write as _;

/// Longest text shown in a message, in characters; the rest is replaced by `…`.
const LONGEST_SHOWN: usize = 120;

/// Returns `text` with control bytes, invalid UTF-8 and invisible or reordering characters as escapes, cut to 120 characters.
pub fn shown(text: impl AsRef<[u8]>) -> String {
    let text = text.as_ref();
    // A character takes at most four bytes, so this many hold every character that is shown.
    let window = &text[..text.len().min(4 * (LONGEST_SHOWN + 1))];
    let escaped = escaped(window);
    let cut = escaped.char_indices().nth(LONGEST_SHOWN).map(|(at, _)| at);
    match cut {
        Some(at) => format!("{}…", &escaped[..at]),
        None if window.len() < text.len() => escaped + "…",
        None => escaped,
    }
}

/// Returns `text` whole, with the same escapes as [`shown`]: for rows and paths that must not be cut.
pub fn escaped(text: impl AsRef<[u8]>) -> String {
    let mut out = String::with_capacity(text.as_ref().len());
    for chunk in text.as_ref().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\t' => out.push_str("\\t"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                c if c.is_control() || is_invisible(c) => {
                    let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Returns a path whole, with the same escapes.
pub fn shown_path(path: &std::path::Path) -> String {
    escaped(path.as_os_str().as_encoded_bytes())
}

/// Says whether a character draws nothing or changes the direction of what follows (Unicode UAX #9, UTS #39).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_and_line_breaks_become_text() {
        assert_eq!(shown("a\x1b[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
    }

    #[test]
    fn bidirectional_overrides_become_text() {
        assert_eq!(shown("moc.\u{202e}evil"), "moc.\\u{202e}evil");
    }

    #[test]
    fn bytes_that_are_not_utf8_become_hex() {
        assert_eq!(shown(b"caf\xe9"), "caf\\xe9");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let cut = shown("é".repeat(500));
        assert_eq!(cut.chars().count(), LONGEST_SHOWN + 1);
        assert!(cut.ends_with('…'));
    }
}
