//! The account of an input: where each of its bytes went.

use std::ops::AddAssign;

use crate::fault::WarningKind;

/// What was read so far, and after the end of the input: where every byte of it went.
///
/// At the end `record_bytes + fault_bytes + padding_bytes == bytes`; the reader asserts it, in release builds too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes of the compressed stream that the others account for; at the end, all of the input.
    pub bytes: u64,
    /// Gzip members or zstd frames read whole, those without content among them; 0 for plain files.
    pub members: u64,
    /// Records handed out.
    pub records: u64,
    /// Bytes of their blocks.
    pub block_bytes: u64,
    /// Compressed bytes of records.
    pub record_bytes: u64,
    /// Compressed bytes lost in faults.
    pub fault_bytes: u64,
    /// Compressed bytes of filler: members without content, skippable zstd frames (a dictionary is one), blank lines
    /// between records, zero bytes at the end.
    pub padding_bytes: u64,
    /// Number of faults.
    pub faults: u64,
    /// Times that compressed data did not verify; several can lie in one fault.
    pub damaged: u64,
    /// Warnings by kind.
    pub warnings: Warnings,
}

/// Adds what the bytes behind gave.
impl AddAssign<&Totals> for Totals {
    fn add_assign(&mut self, behind: &Totals) {
        // By name, so that none is forgotten.
        let Totals {
            bytes,
            members,
            records,
            block_bytes,
            record_bytes,
            fault_bytes,
            padding_bytes,
            faults,
            damaged,
            warnings,
        } = behind;
        self.bytes += bytes;
        self.members += members;
        self.records += records;
        self.block_bytes += block_bytes;
        self.record_bytes += record_bytes;
        self.fault_bytes += fault_bytes;
        self.padding_bytes += padding_bytes;
        self.faults += faults;
        self.damaged += damaged;
        for (kind, count) in warnings.iter() {
            self.warnings.add(kind, count);
        }
    }
}

/// Number of warnings of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warnings([u64; WarningKind::ALL.len()]);

impl Warnings {
    /// Returns the number of warnings of one kind.
    pub fn count(&self, kind: WarningKind) -> u64 {
        self.0[kind as usize]
    }

    /// Returns the number of warnings of all kinds.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Goes through the kinds that occurred, with their numbers, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (WarningKind, u64)> + '_ {
        WarningKind::ALL
            .into_iter()
            .map(|kind| (kind, self.count(kind)))
            .filter(|&(_, count)| count > 0)
    }

    pub(crate) fn add(&mut self, kind: WarningKind, count: u64) {
        self.0[kind as usize] += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kinds_that_occurred_are_listed() {
        let mut warnings = Warnings::default();
        warnings.add(WarningKind::LfOnly, 2);
        warnings.add(WarningKind::ZeroPadding, 1);
        let listed: Vec<_> = warnings.iter().collect();
        assert_eq!(
            listed,
            [(WarningKind::LfOnly, 2), (WarningKind::ZeroPadding, 1)]
        );
        assert_eq!(warnings.total(), 3);
    }

    #[test]
    fn kinds_are_listed_at_their_own_place() {
        for (place, kind) in WarningKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }
}
