//! Numbers and foreign text as they stand in a page.

use serde::Serialize;

use crate::escape::escaped;

/// Returns foreign text as the content of an HTML element or of a quoted attribute.
pub(super) fn html(text: impl AsRef<[u8]>) -> String {
    let text = escaped(text);
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Returns a value as JSON that may stand in a script element: nothing in it ends the element or begins a comment, and no
/// line separator ends a string of old scripts.
pub(super) fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).expect("facts are plain data");
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // In JSON these stand in strings alone, where an escape is the same character.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => out.push(other),
        }
    }
    out
}

/// Returns a whole number with commas between thousands.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns how many there are of something.
pub(super) fn counted(value: u64, one: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {one}{plural}", number(value))
}

/// Returns a share as percent.
pub(super) fn percent(part: f64, whole: f64) -> String {
    match whole > 0.0 {
        true => format!("{:.1} %", 100.0 * part / whole),
        false => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_text() {
        assert_eq!(
            html("<b onx='\"&\u{202e}\x1b"),
            "&lt;b onx=&#39;&quot;&amp;\\u{202e}\\u{1b}"
        );
        let hostile = "</script><!--\u{2028}&";
        let text = json(&hostile);
        assert!(!text.contains(['<', '>', '&', '\u{2028}']), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile);
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!(
            [0, 999, 1000, 12_345_678].map(number),
            ["0", "999", "1,000", "12,345,678"]
        );
    }
}
