//! A lenient pull reader for the JSON of WAT records.
//!
//! It exists beside `serde_json` because a page must survive one bad value: a wrong byte or a lone surrogate costs the string that holds it,
//! a repeated key is answered by its last value, and what nobody asked for is skipped without being looked at. It promises:
//!
//! - on valid JSON within the depth limit it sees the same values as a strict parser (property test below);
//! - linear time and no recursion, whatever the input; the only memory is one copy of the record and an index of a quarter of its size, reused from record to record.
//!
//! It does *not* promise to find every error: missing commas, odd numbers and control characters within strings pass. Strings are decoded in place
//! in that copy (an escape is never shorter than what it stands for), so that a string is a [`Span`] and not an allocation.

use std::num::NonZeroU32;
use std::ops::Range;

use crate::quotes::{self, Quotes, StringEnd};

/// The deepest nesting that can be tracked: one bit a level of [`Json::skip_container`]'s stack.
pub(crate) const MAX_DEPTH: usize = 64;

/// Why a document cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// Brackets, quotes or literals that do not fit.
    Syntax,
    /// More levels than the limit.
    TooDeep,
}

/// A piece of the document, by its byte positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(crate) fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

/// Returns the span of `part`, which is a slice of `text`, the bytes of `whole`.
pub(crate) fn part_of(whole: Span, text: &[u8], part: &[u8]) -> Span {
    let offset = part.as_ptr() as usize - text.as_ptr() as usize;
    let start = whole.start + offset as u32;
    Span {
        start,
        end: start + part.len() as u32,
    }
}

/// Returns the last boundary between characters of UTF-8 that is not behind `at`.
pub(crate) fn char_boundary(text: &[u8], at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    let is_inside = |at: &usize| text[*at] & 0xc0 == 0x80;
    (0..=at).rev().find(|at| !is_inside(at)).unwrap_or(0)
}

/// A string between its quotes, not decoded yet: eight bytes, absent or not, so that six of an object stay in registers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawString {
    start: NonZeroU32,
    /// Its end, and [`ODD`] if it has escapes.
    end: u32,
}

/// Positions are below this bit.
const ODD: u32 = 1 << 31;

/// The longest document that can be read.
pub(crate) const MAX_BYTES: usize = ODD as usize - 1;

impl RawString {
    #[inline]
    fn new(start: usize, end: StringEnd) -> RawString {
        let escape = if end.is_odd { ODD } else { 0 };
        RawString {
            start: NonZeroU32::MIN.saturating_add(start as u32 - 1), // a quote is before it
            end: end.quote as u32 | escape,
        }
    }

    #[inline]
    fn span(self) -> Span {
        Span {
            start: self.start.get(),
            end: self.end & !ODD,
        }
    }

    #[inline]
    fn is_odd(self) -> bool {
        self.end & ODD != 0
    }
}

/// The reader: a document and a position in it.
///
/// A container is read as `if json.enter_object()? { while let Some(key) = json.next_key()? { … } }`, and each value must be either read or
/// skipped before the next key is asked for.
#[derive(Debug, Default)]
pub(crate) struct Json {
    bytes: Vec<u8>,
    quotes: Quotes,
    position: usize,
    depth: usize,
    max_depth: usize,
}

impl Json {
    /// Starts over with a copy of `document`, of [`MAX_BYTES`] at most.
    pub(crate) fn load(&mut self, document: &[u8], max_depth: usize) {
        self.bytes.clear();
        // White space changes nothing, and makes the last block a whole one.
        let whole_blocks = document.len().next_multiple_of(quotes::BLOCK_BYTES);
        self.bytes.reserve(whole_blocks);
        self.bytes.extend_from_slice(document);
        self.bytes.resize(whole_blocks, b' ');
        self.quotes.index(&self.bytes);
        self.position = if document.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        self.depth = 0;
        self.max_depth = max_depth.min(MAX_DEPTH);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends bytes that are not part of the document and returns where they are.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        Span {
            start,
            end: self.bytes.len() as u32,
        }
    }

    /// Whether it has the memory of an unusually large document.
    pub(crate) fn is_large(&self, keep_bytes: usize) -> bool {
        self.bytes.capacity() > keep_bytes
    }

    /// Gives that back.
    pub(crate) fn shrink(&mut self, keep_bytes: usize) {
        if self.is_large(keep_bytes) {
            self.bytes.clear();
            self.bytes.shrink_to(keep_bytes);
            self.quotes.shrink(keep_bytes);
        }
    }

    /// Steps into the object that comes next; anything else is skipped and gives `false`.
    #[inline]
    pub(crate) fn enter_object(&mut self) -> Result<bool, JsonError> {
        self.enter(b'{')
    }

    /// Steps into the array that comes next; anything else is skipped and gives `false`.
    #[inline]
    pub(crate) fn enter_array(&mut self) -> Result<bool, JsonError> {
        self.enter(b'[')
    }

    #[inline]
    fn enter(&mut self, bracket: u8) -> Result<bool, JsonError> {
        if self.peek()? != bracket {
            self.skip_value()?;
            return Ok(false);
        }
        if self.depth == self.max_depth {
            return Err(JsonError::TooDeep);
        }
        self.depth += 1;
        self.position += 1;
        Ok(true)
    }

    /// Returns the next key of the object, decoded, and stops before its value; `None` after the last, the object is left then.
    #[inline]
    pub(crate) fn next_key(&mut self) -> Result<Option<Span>, JsonError> {
        match self.peek_past_comma()? {
            b'"' => {}
            b'}' => {
                self.position += 1;
                self.depth -= 1;
                return Ok(None);
            }
            _ => return Err(JsonError::Syntax),
        }
        let key = self.string_here()?;
        if self.peek()? != b':' {
            return Err(JsonError::Syntax);
        }
        self.position += 1;
        // A key that is not text is none of ours, and an empty span says so.
        let key = self.unescape(key).unwrap_or_default();
        Ok(Some(key))
    }

    /// Returns whether the array has a next element and stops before it; `false` after the last, the array is left then.
    #[inline]
    pub(crate) fn next_element(&mut self) -> Result<bool, JsonError> {
        match self.peek_past_comma()? {
            b']' => {
                self.position += 1;
                self.depth -= 1;
                Ok(false)
            }
            b'}' | b':' => Err(JsonError::Syntax),
            _ => Ok(true),
        }
    }

    /// Returns whether the next value is an array, without taking it.
    pub(crate) fn next_is_array(&mut self) -> Result<bool, JsonError> {
        Ok(self.peek()? == b'[')
    }

    /// Reads the string that comes next; anything else is skipped and gives `None`.
    pub(crate) fn string(&mut self) -> Result<Option<RawString>, JsonError> {
        if self.peek()? == b'"' {
            return self.string_here().map(Some);
        }
        self.skip_value()?;
        Ok(None)
    }

    /// Reads the object that comes next if it is written as the generator of WAT files writes the elements of its lists: strings only, without white
    /// space, keys without escapes. `place_of` looks at what follows the quote before a key, up to the quote before its value; if it knows the key, it
    /// says which value that is, and how long key and punctuation are. The last of repeated keys counts. Anything else is left where it is, for the general
    /// methods to read, and gives `None`.
    #[inline(always)] // For the values to stay in registers, and the keys to become comparisons of words.
    pub(crate) fn compact_object<const N: usize>(
        &mut self,
        place_of: impl Fn(&[u8]) -> Option<(usize, usize)>,
    ) -> Option<[Option<RawString>; N]> {
        let mut values = [None; N];
        let rest = self.bytes.get(self.position..)?;
        if self.depth == self.max_depth || !rest.starts_with(b"{\"") {
            return None;
        }
        let mut at = self.position + 2;
        loop {
            let (place, start) = match place_of(&self.bytes[at..]) {
                Some((place, length)) => (Some(place), at + length),
                None => {
                    let key = self.quotes.end_of_string(at)?;
                    let is_plain = !key.is_odd && self.bytes[key.quote..].starts_with(b"\":\"");
                    (None, key.quote + is_plain.then_some(3)?)
                }
            };
            let end = self.quotes.end_of_string(start)?;
            if let Some(place) = place {
                values[place] = Some(RawString::new(start, end));
            }
            match self.bytes[end.quote + 1..] {
                [b',', b'"', ..] => at = end.quote + 3,
                [b'}', ..] => {
                    self.position = end.quote + 2;
                    return Some(values);
                }
                _ => return None,
            }
        }
    }

    /// Skips the value that comes next.
    pub(crate) fn skip_value(&mut self) -> Result<(), JsonError> {
        match self.peek()? {
            b'"' => self.string_here().map(drop),
            b'{' | b'[' => self.skip_container(),
            byte if byte == b'-' || byte.is_ascii_alphanumeric() => {
                let rest = &self.bytes[self.position..];
                let is_scalar =
                    |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
                self.position += rest
                    .iter()
                    .position(|byte| !is_scalar(byte))
                    .unwrap_or(rest.len());
                Ok(())
            }
            _ => Err(JsonError::Syntax),
        }
    }

    /// Returns whether nothing but white space follows.
    pub(crate) fn at_end(&mut self) -> bool {
        self.bytes[self.position..]
            .iter()
            .all(|byte| byte.is_ascii_whitespace())
    }

    /// Skips a whole container, matching brackets with one bit a level: set for an object, clear for an array.
    fn skip_container(&mut self) -> Result<(), JsonError> {
        let (mut objects, mut depth) = (0u64, 0);
        loop {
            let rest = &self.bytes[self.position..];
            let is_structure = |byte: &u8| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']');
            self.position += rest
                .iter()
                .position(is_structure)
                .ok_or(JsonError::Syntax)?;
            let byte = self.bytes[self.position];
            match byte {
                b'"' => {
                    self.string_here()?;
                    continue;
                }
                b'{' | b'[' => {
                    if self.depth + depth == self.max_depth {
                        return Err(JsonError::TooDeep);
                    }
                    objects = objects << 1 | u64::from(byte == b'{');
                    depth += 1;
                }
                _ => {
                    if (objects & 1 == 1) != (byte == b'}') {
                        return Err(JsonError::Syntax);
                    }
                    objects >>= 1;
                    depth -= 1;
                }
            }
            self.position += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Returns the next byte that is not white space, without taking it.
    #[inline]
    fn peek(&mut self) -> Result<u8, JsonError> {
        loop {
            match self.bytes.get(self.position) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.position += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(JsonError::Syntax),
            }
        }
    }

    #[inline]
    fn peek_past_comma(&mut self) -> Result<u8, JsonError> {
        let byte = self.peek()?;
        if byte != b',' {
            return Ok(byte);
        }
        self.position += 1;
        self.peek()
    }

    /// Reads the string whose opening quote is at the position.
    #[inline(always)] // Its result would go through memory: an eighth of all time.
    fn string_here(&mut self) -> Result<RawString, JsonError> {
        let start = self.position + 1;
        let end = self.quotes.end_of_string(start);
        let end = end.ok_or(JsonError::Syntax)?;
        self.position = end.quote + 1;
        Ok(RawString::new(start, end))
    }

    /// Decodes a string in place and returns where it is now; `None` when it is not text (bad UTF-8, bad escape, lone surrogate).
    #[inline]
    pub(crate) fn decode(&mut self, string: RawString) -> Option<Span> {
        if !string.is_odd() {
            return Some(string.span());
        }
        let span = self.unescape(string)?;
        std::str::from_utf8(&self.bytes[span.range()]).ok()?;
        Some(span)
    }

    /// Says whether a string, once decoded, may begin with one of the bytes; `false` is certain.
    #[inline]
    pub(crate) fn may_begin(&self, string: RawString, with: &[u8]) -> bool {
        let first = self.bytes[string.start.get() as usize];
        first == b'\\' || with.contains(&first)
    }

    /// Decodes a string that is only compared with ASCII words, so that it need not be text.
    #[inline]
    pub(crate) fn unescape(&mut self, string: RawString) -> Option<Span> {
        let mut span = string.span();
        if string.is_odd() {
            span.end = span.start + unescape_in_place(&mut self.bytes[span.range()])? as u32;
        }
        Some(span)
    }
}

/// Replaces the escapes of a string by what they stand for and returns its new length.
fn unescape_in_place(bytes: &mut [u8]) -> Option<usize> {
    let mut read = memchr::memchr(b'\\', bytes).unwrap_or(bytes.len());
    let mut write = read;
    while read < bytes.len() {
        if bytes[read] != b'\\' {
            bytes[write] = bytes[read];
            read += 1;
            write += 1;
            continue;
        }
        let plain = match bytes.get(read + 1)? {
            b'"' => b'"',
            b'\\' => b'\\',
            b'/' => b'/',
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (char, length) = unicode_escape(&bytes[read..])?;
                write += char.encode_utf8(&mut bytes[write..]).len();
                read += length;
                continue;
            }
            _ => return None,
        };
        bytes[write] = plain;
        read += 2;
        write += 1;
    }
    Some(write)
}

/// Reads `\uXXXX`, or two of them that form a surrogate pair; returns the character and the bytes read.
fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u32> {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |value, &digit| {
            Some(value << 4 | char::from(digit).to_digit(16)?)
        })
    };
    let high = unit(0)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high)?, 6)); // A low surrogate alone is no character.
    }
    let low = unit(6).filter(|low| (0xdc00..0xe000).contains(low))?;
    Some((
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?,
        12,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn loaded(document: &[u8]) -> Json {
        let mut json = Json::default();
        json.load(document, MAX_DEPTH);
        json
    }

    /// Reads everything that the reader can see: strings and containers; other scalars become null.
    fn value(json: &mut Json) -> Result<Value, JsonError> {
        match json.peek()? {
            b'{' => {
                json.enter_object()?;
                let mut map = Map::new();
                while let Some(key) = json.next_key()? {
                    let key = String::from_utf8(json.bytes()[key.range()].to_vec())
                        .expect("keys are decoded");
                    map.insert(key, value(json)?);
                }
                Ok(Value::Object(map))
            }
            b'[' => {
                json.enter_array()?;
                let mut elements = Vec::new();
                while json.next_element()? {
                    elements.push(value(json)?);
                }
                Ok(Value::Array(elements))
            }
            _ => Ok(match json.string()? {
                Some(string) => match json.decode(string) {
                    Some(span) => Value::String(
                        String::from_utf8(json.bytes()[span.range()].to_vec())
                            .expect("decoded strings are text"),
                    ),
                    None => Value::from("not text"),
                },
                None => Value::Null,
            }),
        }
    }

    fn without_scalars(value: Value) -> Value {
        match value {
            Value::Object(map) => Value::Object(
                map.into_iter()
                    .map(|(key, value)| (key, without_scalars(value)))
                    .collect(),
            ),
            Value::Array(elements) => {
                Value::Array(elements.into_iter().map(without_scalars).collect())
            }
            Value::String(string) => Value::String(string),
            _ => Value::Null,
        }
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,40}".prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[a\"\\\\\u{0}-\u{1f}\u{10000}é/]{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    /// Writes every character above ASCII as an escape, as the WAT generator does for some.
    fn escaped(text: &str) -> String {
        let mut units = [0; 2];
        text.chars()
            .map(|char| match char {
                ' '..='~' => char.to_string(),
                _ => char
                    .encode_utf16(&mut units)
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}"))
                    .collect(),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn valid_json_is_read_as_serde_reads_it(value in json_value()) {
            let expected = without_scalars(value.clone());
            let compact = serde_json::to_string(&value).expect("a value can be written");
            let pretty = serde_json::to_string_pretty(&value).expect("a value can be written");
            for document in [escaped(&compact), compact, pretty] {
                let mut json = loaded(document.as_bytes());
                prop_assert_eq!(super::tests::value(&mut json), Ok(expected.clone()));
                prop_assert!(json.at_end());
                let mut json = loaded(document.as_bytes());
                prop_assert_eq!(json.skip_value(), Ok(()));
                prop_assert!(json.at_end());
            }
        }

        #[test]
        fn any_bytes_are_read_to_an_end(document in prop::collection::vec(prop::sample::select(b"{}[]\",:\\u0d8a \xff1tn".to_vec()), 0..80)) {
            let mut json = loaded(&document);
            let _ = json.skip_value();
            let _ = value(&mut loaded(&document));
        }
    }

    fn decoded(document: &[u8]) -> Option<String> {
        let mut json = loaded(document);
        let string = json
            .string()
            .expect("the string ends")
            .expect("it is a string");
        let span = json.decode(string)?;
        Some(
            String::from_utf8(json.bytes()[span.range()].to_vec())
                .expect("decoded strings are text"),
        )
    }

    #[test]
    fn strings_are_decoded() {
        assert_eq!(
            decoded(br#""http:\/\/x\u00e9\ud83d\ude00\n""#).as_deref(),
            Some("http://x\u{e9}\u{1f600}\n")
        );
        assert_eq!(
            decoded(b"\"a\x00b\"").as_deref(),
            Some("a\0b"),
            "a control character is let through"
        );
    }

    #[test]
    fn strings_that_are_not_text_are_lost_alone() {
        for bad in [
            &br#""\ud83d""#[..],
            br#""\ude00\ud83d""#,
            br#""\ud83dx""#,
            br#""\ud83d\u0041""#,
            br#""\x""#,
            br#""\u12g4""#,
            b"\"\xff\"",
        ] {
            assert_eq!(decoded(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn depth_is_limited_without_recursion() {
        let deep = "[".repeat(1_000_000);
        assert_eq!(
            loaded(deep.as_bytes()).skip_value(),
            Err(JsonError::TooDeep)
        );
        let allowed = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert_eq!(loaded(allowed.as_bytes()).skip_value(), Ok(()));
        let one_more = format!("[{allowed}]");
        assert_eq!(
            loaded(one_more.as_bytes()).skip_value(),
            Err(JsonError::TooDeep)
        );
    }

    #[test]
    fn broken_structure_is_an_error() {
        for broken in [
            "",
            "{",
            "[",
            "\"a",
            "\"a\\",
            "[}",
            "{]",
            "[{]}",
            "}",
            "{\"a\":[1,2}",
        ] {
            assert_eq!(
                loaded(broken.as_bytes()).skip_value(),
                Err(JsonError::Syntax),
                "{broken}"
            );
        }
    }
}
