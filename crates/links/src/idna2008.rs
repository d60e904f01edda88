//! Labels as Python's `idna.encode` accepts them: IDNA 2008 (RFC 5891 to 5893) without any mapping before.
//!
//! UTS-46 is the wider standard: a label that it leaves as it is satisfies normalisation, bidi, joiner and hyphen rules. What remains is that
//! UTS-46 lets pass symbols and punctuation which RFC 5892 disallows ([`DISALLOWED`]), and the contextual rules of RFC 5892, appendix A.3 to A.9.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// Returns a label that is not all ASCII in punycode, or `None` where IDNA 2008 has none for it.
pub(crate) fn encode_label(label: &str) -> Option<String> {
    let uts46 = Uts46::new();
    let (mapped, valid) = uts46.to_unicode(label.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    let unmapped = valid.is_ok() && mapped == label;
    if !unmapped || label.chars().any(is_disallowed) || !context_allows(label) {
        return None;
    }
    let ascii = uts46
        .to_ascii(
            label.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::Check,
            DnsLength::Ignore,
        )
        .ok()?;
    (ascii.len() <= 63).then(|| ascii.into_owned())
}

fn is_disallowed(char: char) -> bool {
    let code = u32::from(char);
    let at = DISALLOWED.partition_point(|&(_, last)| last < code);
    DISALLOWED.get(at).is_some_and(|&(first, _)| first <= code)
}

/// Applies the rules for characters that are allowed in some company only (RFC 5892, appendix A.3 to A.9).
fn context_allows(label: &str) -> bool {
    let chars: Vec<char> = label.chars().collect();
    let any = |is: fn(char) -> bool| chars.iter().any(|&char| is(char));
    chars.iter().enumerate().all(|(i, char)| {
        let before = i.checked_sub(1).map(|before| chars[before]);
        let after = chars.get(i + 1).copied();
        match char {
            '\u{b7}' => before == Some('l') && after == Some('l'),
            '\u{375}' => after.is_some_and(is_greek),
            '\u{5f3}' | '\u{5f4}' => before.is_some_and(is_hebrew),
            '\u{30fb}' => any(is_japanese),
            '\u{660}'..='\u{669}' => !any(|char| matches!(char, '\u{6f0}'..='\u{6f9}')),
            '\u{6f0}'..='\u{6f9}' => !any(|char| matches!(char, '\u{660}'..='\u{669}')),
            _ => true,
        }
    })
}

fn is_greek(char: char) -> bool {
    // Blocks, of which the characters of other scripts are cut out; what is left and not Greek is no letter, hence disallowed already.
    matches!(char, '\u{370}'..='\u{3e1}' | '\u{3f0}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' | '\u{1d26}'..='\u{1d2a}' | '\u{2126}' | '\u{ab65}')
}

fn is_hebrew(char: char) -> bool {
    matches!(char, '\u{591}'..='\u{5f4}' | '\u{fb1d}'..='\u{fb4f}')
}

/// Hiragana, Katakana or Han.
fn is_japanese(char: char) -> bool {
    matches!(char,
        '\u{3041}'..='\u{3096}' | '\u{309d}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fd}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{1aff0}'..='\u{1afff}' | '\u{1b000}'..='\u{1b16f}'
        | '\u{3005}' | '\u{3007}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{fa0e}'..='\u{fa29}' | '\u{16ff0}'..='\u{16ff6}'
        | '\u{20000}'..='\u{323af}')
}

/// Ranges that hold every code point which UTS-46 leaves as it is and RFC 5892 disallows, and none that RFC 5892 allows.
///
/// Computed from the crate `idna` 1.1 (Unicode 17) and the derived properties that Python's `idna` 3.20 carries (Unicode 18), by asking the first
/// for every code point and subtracting the second; neighbours are joined where only code points lie between that UTS-46 refuses as well.
/// Characters that are new in Unicode 18 are refused until the crate knows them.
#[rustfmt::skip]
const DISALLOWED: [(u32, u32); 222] = [
    (0xa1, 0xb6), (0xbb, 0xd7), (0xf7, 0xf7), (0x2c2, 0x2c5), (0x2d2, 0x2eb), (0x2ed, 0x2ed), (0x2ef, 0x2ff), (0x3f6, 0x3f6), (0x482,
    0x482), (0x488, 0x489), (0x55a, 0x55f), (0x589, 0x58f), (0x5be, 0x5be), (0x5c0, 0x5c0), (0x5c3, 0x5c3), (0x5c6, 0x5c6), (0x606,
    0x60f), (0x61b, 0x61f), (0x640, 0x640), (0x66a, 0x66d), (0x6d4, 0x6d4), (0x6de, 0x6de), (0x6e9, 0x6e9), (0x700, 0x70d), (0x7f6,
    0x7fa), (0x7fe, 0x7ff), (0x830, 0x83e), (0x85e, 0x85e), (0x888, 0x888), (0x964, 0x965), (0x970, 0x970), (0x9f2, 0x9fb), (0x9fd,
    0x9fd), (0xa76, 0xa76), (0xaf0, 0xaf1), (0xb70, 0xb70), (0xb72, 0xb77), (0xbf0, 0xbfa), (0xc77, 0xc7f), (0xc84, 0xc84), (0xd4f,
    0xd4f), (0xd58, 0xd5e), (0xd70, 0xd79), (0xdf4, 0xdf4), (0xe3f, 0xe3f), (0xe4f, 0xe4f), (0xe5a, 0xe5b), (0xf01, 0xf0a), (0xf0d,
    0xf17), (0xf1a, 0xf1f), (0xf2a, 0xf34), (0xf36, 0xf36), (0xf38, 0xf38), (0xf3a, 0xf3d), (0xf85, 0xf85), (0xfbe, 0xfc5), (0xfc7,
    0xfda), (0x104a, 0x104f), (0x109e, 0x109f), (0x10fb, 0x10fb), (0x1100, 0x11ff), (0x1360, 0x137c), (0x1390, 0x1399), (0x1400, 0x1400),
    (0x166d, 0x166e), (0x169b, 0x169c), (0x16eb, 0x16f0), (0x1735, 0x1736), (0x17d4, 0x17d6), (0x17d8, 0x17db), (0x17f0, 0x180a), (0x1940,
    0x1945), (0x19da, 0x19ff), (0x1a1e, 0x1a1f), (0x1aa0, 0x1aa6), (0x1aa8, 0x1aad), (0x1abe, 0x1abe), (0x1b4e, 0x1b4f), (0x1b5a, 0x1b6a),
    (0x1b74, 0x1b7f), (0x1bfc, 0x1bff), (0x1c3b, 0x1c3f), (0x1c7e, 0x1c7f), (0x1cc0, 0x1cc7), (0x1cd3, 0x1cd3), (0x2010, 0x205e), (0x20a0,
    0x214d), (0x214f, 0x2182), (0x2185, 0x2bff), (0x2ce5, 0x2cea), (0x2cf9, 0x2cff), (0x2d70, 0x2d70), (0x2e00, 0x2e2e), (0x2e30, 0x3004),
    (0x3008, 0x3029), (0x302e, 0x303b), (0x303d, 0x303f), (0x30a0, 0x30a0), (0x3190, 0x3191), (0x31c0, 0x31e5), (0x3248, 0x327f), (0x4dc0,
    0x4dff), (0xa490, 0xa4c6), (0xa4fe, 0xa4ff), (0xa60d, 0xa60f), (0xa670, 0xa673), (0xa67e, 0xa67e), (0xa6e6, 0xa6ef), (0xa6f2, 0xa716),
    (0xa720, 0xa721), (0xa789, 0xa78a), (0xa828, 0xa82b), (0xa830, 0xa839), (0xa874, 0xa877), (0xa8ce, 0xa8cf), (0xa8f8, 0xa8fa), (0xa8fc,
    0xa8fc), (0xa92e, 0xa92f), (0xa95f, 0xa97c), (0xa9c1, 0xa9cd), (0xa9de, 0xa9df), (0xaa5c, 0xaa5f), (0xaa77, 0xaa79), (0xaade, 0xaadf),
    (0xaaf0, 0xaaf1), (0xab5b, 0xab5b), (0xab6a, 0xab6b), (0xabeb, 0xabeb), (0xd7b0, 0xd7fb), (0xfbb2, 0xfdff), (0xfe45, 0xfe46),
    (0x10100, 0x101fc), (0x102e1, 0x102fb), (0x10320, 0x10323), (0x10341, 0x10341), (0x1034a, 0x1034a), (0x1039f, 0x1039f), (0x103d0,
    0x103d5), (0x1056f, 0x1056f), (0x10857, 0x1085f), (0x10877, 0x1087f), (0x108a7, 0x108af), (0x108fb, 0x108ff), (0x10916, 0x1091f),
    (0x1093f, 0x1093f), (0x109bc, 0x109bd), (0x109c0, 0x109ff), (0x10a40, 0x10a58), (0x10a7d, 0x10a7f), (0x10a9d, 0x10a9f), (0x10ac8,
    0x10ac8), (0x10aeb, 0x10af6), (0x10b39, 0x10b3f), (0x10b58, 0x10b5f), (0x10b78, 0x10b7f), (0x10b99, 0x10baf), (0x10cfa, 0x10cff),
    (0x10d6e, 0x10d6e), (0x10d8e, 0x10e7e), (0x10ead, 0x10ead), (0x10ed0, 0x10ed8), (0x10f1d, 0x10f26), (0x10f51, 0x10f59), (0x10f86,
    0x10f89), (0x10fc5, 0x10fcb), (0x11047, 0x11065), (0x110bb, 0x110c1), (0x11140, 0x11143), (0x11174, 0x11175), (0x111c5, 0x111c8),
    (0x111cd, 0x111cd), (0x111db, 0x111db), (0x111dd, 0x111f4), (0x11238, 0x1123d), (0x112a9, 0x112a9), (0x113d4, 0x113d8), (0x1144b,
    0x1144f), (0x1145a, 0x1145d), (0x114c6, 0x114c6), (0x115c1, 0x115d7), (0x11641, 0x11643), (0x11660, 0x1166c), (0x116b9, 0x116b9),
    (0x1173a, 0x1173f), (0x1183b, 0x1183b), (0x118ea, 0x118f2), (0x11944, 0x11946), (0x119e2, 0x119e2), (0x11a3f, 0x11a46), (0x11a9a,
    0x11a9c), (0x11a9e, 0x11aa2), (0x11b00, 0x11b09), (0x11be1, 0x11be1), (0x11c41, 0x11c45), (0x11c5a, 0x11c71), (0x11ef7, 0x11ef8),
    (0x11f43, 0x11f4f), (0x11fc0, 0x11fff), (0x12400, 0x12474), (0x12ff1, 0x12ff2), (0x16a6e, 0x16a6f), (0x16af5, 0x16af5), (0x16b37,
    0x16b3f), (0x16b44, 0x16b45), (0x16b5b, 0x16b61), (0x16d6d, 0x16d6f), (0x16e80, 0x16e9a), (0x16fe2, 0x16fe2), (0x16ff4, 0x16ff6),
    (0x1bc9c, 0x1bc9c), (0x1bc9f, 0x1cef0), (0x1cf50, 0x1d245), (0x1d2c0, 0x1d9ff), (0x1da37, 0x1da3a), (0x1da6d, 0x1da74), (0x1da76,
    0x1da83), (0x1da85, 0x1da8b), (0x1e14f, 0x1e14f), (0x1e2ff, 0x1e2ff), (0x1e5ff, 0x1e5ff), (0x1e8c7, 0x1e8cf), (0x1e95e, 0x1fbfa),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_encoded_or_refused() {
        let good = [
            ("bücher", "xn--bcher-kva"),
            ("faß", "xn--fa-hia"),
            ("例え", "xn--r8jz45g"),
            ("אבג", "xn--4dbcd"),
            ("l·l", "xn--ll-0ea"),
            ("カ・カ", "xn--lcka3v"),
        ];
        for (label, ascii) in good {
            assert_eq!(encode_label(label).as_deref(), Some(ascii), "{label}");
        }
        let bad = [
            "\u{1f44d}",
            "\u{2603}",
            "Bücher",
            "cafe\u{301}",
            "a\u{ad}b",
            "\u{ff41}",
            "é-",
            "-é",
            "ab--é",
            "é_é",
            "\u{301}a",
            "a\u{200c}b",
            "a·b",
            "·",
            "・é",
            "א1a",
            "\u{2460}",
            "é。",
        ];
        for label in bad {
            assert_eq!(encode_label(label), None, "{label}");
        }
    }

    #[test]
    fn ranges_are_sorted_and_apart() {
        assert!(DISALLOWED.iter().all(|(first, last)| first <= last));
        assert!(DISALLOWED.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }
}
