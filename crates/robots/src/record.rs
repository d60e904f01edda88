//! One line of a robots.txt that says something, in eight bytes.

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    UserAgent,
    Allow,
    Disallow,
    Sitemap,
    CrawlDelay,
    RequestRate,
    VisitTime,
    Host,
    CleanParam,
    ContentSignal,
    ContentUsage,
}

impl Kind {
    pub(crate) const ALL: [Kind; 11] = [
        Kind::UserAgent,
        Kind::Allow,
        Kind::Disallow,
        Kind::Sitemap,
        Kind::CrawlDelay,
        Kind::RequestRate,
        Kind::VisitTime,
        Kind::Host,
        Kind::CleanParam,
        Kind::ContentSignal,
        Kind::ContentUsage,
    ];

    fn from_u8(byte: u8) -> Kind {
        Kind::ALL[usize::from(byte)] // forms are checked when they are opened
    }

    /// Whether it is a rule of RFC 9309, after which a user-agent line opens a new group.
    pub(crate) fn is_rule(self) -> bool {
        matches!(self, Kind::Allow | Kind::Disallow)
    }
}

/// The name was an accepted misspelling: `useragent`, `disalow`, ...
pub(crate) const TYPO: u8 = 1;
/// The name only begins like a known one: `Disallows:`.
pub(crate) const PREFIX: u8 = 2;
/// White space stood in for the colon.
pub(crate) const NO_COLON: u8 = 4;
/// The line was longer than [`crate::line::MAX_LINE_BYTES`], and the rest of it was ignored.
pub(crate) const CUT: u8 = 8;

pub(crate) const ALL_LENIENCIES: u8 = TYPO | PREFIX | NO_COLON | CUT;

pub(crate) const RECORD_BYTES: usize = 8;

/// The value's place in the text, the kind of line, and how leniently it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) offset: u32,
    pub(crate) len: u16,
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
}

impl Record {
    pub(crate) fn to_bytes(self) -> [u8; RECORD_BYTES] {
        let packed = u64::from(self.offset)
            | u64::from(self.len) << 32
            | (self.kind as u64) << 48
            | u64::from(self.flags) << 56;
        packed.to_le_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; RECORD_BYTES]) -> Record {
        let packed = u64::from_le_bytes(bytes);
        Record {
            offset: packed as u32,
            len: (packed >> 32) as u16,
            kind: Kind::from_u8((packed >> 48) as u8),
            flags: (packed >> 56) as u8,
        }
    }

    /// The value in the text that the record was made from.
    pub(crate) fn value<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let start = self.offset as usize;
        &text[start..start + usize::from(self.len)]
    }
}
