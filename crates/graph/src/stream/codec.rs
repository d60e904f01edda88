//! Strips as bytes: small on disk, decoded in one pass, and checked to the last value.
//!
//! Numbers are LEB128 varints, ids the gaps between ascending ones, so that most take a byte. Targets are
//! the exception: where gaps are wide a strip keeps them as 16-bit values with the mark of the first,
//! which is what the kernels read.

use super::sources::Sources;
use super::strip::{Cell, FIRST, Hub, Run, Strip};
use super::{bin_nodes, num_bins};

/// How the targets of a strip's messages are written.
const PLAIN: u8 = 0;
const GAPS: u8 = 1;

/// What is wrong with a strip's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where in the bytes.
    pub(crate) at: usize,
    pub(crate) expected: &'static str,
}

/// Writes a strip.
pub(crate) fn encode(strip: &Strip, out: &mut Vec<u8>) {
    put(out, strip.bin);
    put(out, strip.cells.len() as u32);
    let mut next = 0;
    for cell in &strip.cells {
        put(out, cell.partition - next);
        next = cell.partition + 1;
        put(out, cell.sources);
        put(out, cell.targets);
        put(out, cell.hubs);
        if cell.hubs > 0 {
            put(out, cell.singles);
            put(out, cell.runs);
        }
    }
    let mut sources = strip.sources.as_slice();
    for cell in &strip.cells {
        put_ascending(out, take(&mut sources, cell.sources));
    }
    encode_targets(&strip.targets, out);
    let mut hub_targets = strip.hub_targets.as_slice();
    for cell in &strip.cells {
        put_ascending(out, take(&mut hub_targets, cell.hubs));
    }
    for hub in &strip.hubs {
        put(out, u32::from(hub.singles));
        put(out, u32::from(hub.runs));
    }
    let mut singles = strip.singles.as_slice();
    for hub in &strip.hubs {
        put_ascending(out, take(&mut singles, u32::from(hub.singles)));
    }
    let mut runs = strip.runs.as_slice();
    for hub in &strip.hubs {
        let mut end = 0;
        for run in take(&mut runs, u32::from(hub.runs)) {
            put(out, u32::from(run.first) - end);
            put(out, u32::from(run.len) - 1);
            end = u32::from(run.first) + u32::from(run.len);
        }
    }
}

fn encode_targets(targets: &[u16], out: &mut Vec<u8>) {
    let begin = out.len();
    out.push(GAPS);
    let mut first = 0;
    let mut rest = targets;
    while let Some(&head) = rest.first() {
        let len = 1 + rest[1..]
            .iter()
            .take_while(|&&target| target < FIRST)
            .count();
        let (list, later) = rest.split_at(len);
        rest = later;
        let head = i32::from(head % FIRST);
        put(out, len as u32 - 1);
        put(out, zigzag(head - first));
        first = head;
        for pair in list.windows(2) {
            put(out, u32::from(pair[1] - pair[0] % FIRST) - 1);
        }
    }
    // Gaps are slower to read.
    if (out.len() - begin) * 5 > targets.len() * 2 * 4 {
        out.truncate(begin);
        out.push(PLAIN);
        out.extend(targets.iter().flat_map(|target| target.to_le_bytes()));
    }
}

/// Reads a strip, whose memory is reused.
///
/// Whatever the bytes, a strip that is returned is sound: partitions and ids ascend and exist, counts
/// add up. Memory is at most some times that of the bytes.
pub(crate) fn decode(
    bytes: &[u8],
    sources: &Sources,
    num_nodes: usize,
    strip: &mut Strip,
) -> Result<(), Damage> {
    let mut reader = Reader { bytes, at: 0 };
    strip.bin = reader.number(num_bins(num_nodes) as u32, "a bin")?;
    let num_targets = bin_nodes(strip.bin as usize, num_nodes).len() as u32;
    decode_cells(&mut reader, num_bins(num_nodes) as u32, &mut strip.cells)?;
    strip.sources.clear();
    for cell in &strip.cells {
        let limit = sources.of_bin(cell.partition as usize).len() as u32;
        reader.ascending(cell.sources, limit, &mut strip.sources)?;
    }
    decode_targets(&mut reader, &strip.cells, num_targets, &mut strip.targets)?;
    strip.hub_targets.clear();
    for cell in &strip.cells {
        reader.ascending(cell.hubs, num_targets, &mut strip.hub_targets)?;
    }
    decode_hubs(&mut reader, strip)?;
    strip.singles.clear();
    strip.runs.clear();
    let mut hubs = strip.hubs.as_slice();
    for cell in &strip.cells {
        let limit = sources.of_bin(cell.partition as usize).len() as u32;
        for hub in take(&mut hubs, cell.hubs) {
            reader.ascending(u32::from(hub.singles), limit, &mut strip.singles)?;
        }
    }
    let mut hubs = strip.hubs.as_slice();
    for cell in &strip.cells {
        let limit = sources.of_bin(cell.partition as usize).len() as u32;
        for hub in take(&mut hubs, cell.hubs) {
            let mut end = 0;
            for _ in 0..hub.runs {
                let first = end + reader.number(limit - end, "a run of sources")?;
                let len = 1 + reader.number(limit - first, "a run of sources")?;
                end = first + len;
                strip.runs.push(Run {
                    first: first as u16,
                    len: len as u16,
                });
            }
        }
    }
    match reader.at == bytes.len() {
        true => Ok(()),
        false => Err(reader.damage("the end of a strip")),
    }
}

fn decode_cells(
    reader: &mut Reader<'_>,
    num_partitions: u32,
    cells: &mut Vec<Cell>,
) -> Result<(), Damage> {
    cells.clear();
    let count = reader.count("a number of cells")?;
    let mut next = 0;
    for _ in 0..count {
        let partition = next + reader.number(num_partitions - next, "a partition")?;
        next = partition + 1;
        let mut cell = Cell {
            partition,
            sources: reader.count("a number of sources")?,
            targets: reader.count("a number of targets")?,
            hubs: reader.count("a number of hubs")?,
            ..Cell::default()
        };
        if cell.hubs > 0 {
            cell.singles = reader.count("a number of singles")?;
            cell.runs = reader.count("a number of runs")?;
        }
        cells.push(cell);
    }
    Ok(())
}

fn decode_targets(
    reader: &mut Reader<'_>,
    cells: &[Cell],
    num_targets: u32,
    targets: &mut Vec<u16>,
) -> Result<(), Damage> {
    targets.clear();
    match reader.byte()? {
        PLAIN => {
            for cell in cells {
                let bytes = reader.bytes(cell.targets as usize * 2)?;
                let (mut messages, mut least) = (0, u32::MAX);
                for pair in bytes.chunks_exact(2) {
                    let target = u16::from_le_bytes([pair[0], pair[1]]);
                    let (first, id) = (target / FIRST, u32::from(target % FIRST));
                    messages += u32::from(first);
                    if (first == 0 && id < least) || id >= num_targets {
                        return Err(reader.damage("ascending targets"));
                    }
                    least = id + 1;
                    targets.push(target);
                }
                if messages != cell.sources {
                    return Err(reader.damage("targets for each source"));
                }
            }
            Ok(())
        }
        GAPS => {
            let mut first = 0;
            for cell in cells {
                let mut left = cell.targets;
                for _ in 0..cell.sources {
                    let len = reader.number(left, "a number of targets")?;
                    left -= len + 1;
                    first += unzigzag(reader.number(u32::MAX, "a target")?) as i64;
                    if first < 0 || first >= i64::from(num_targets) {
                        return Err(reader.damage("a target"));
                    }
                    targets.push(first as u16 | FIRST);
                    reader.after(first as u32 + 1, len, num_targets, targets)?;
                }
                if left != 0 {
                    return Err(reader.damage("as many targets as the cell has"));
                }
            }
            Ok(())
        }
        _ => Err(reader.damage("a known form of targets")),
    }
}

fn decode_hubs(reader: &mut Reader<'_>, strip: &mut Strip) -> Result<(), Damage> {
    strip.hubs.clear();
    for cell in &strip.cells {
        let (mut singles, mut runs) = (0, 0);
        for _ in 0..cell.hubs {
            // A partition has at most as many sources as a bin has nodes, so these fit.
            let hub = Hub {
                singles: reader.number(u32::from(FIRST) + 1, "a number of singles")? as u16,
                runs: reader.number(u32::from(FIRST) + 1, "a number of runs")? as u16,
            };
            singles += u32::from(hub.singles);
            runs += u32::from(hub.runs);
            strip.hubs.push(hub);
        }
        if (singles, runs) != (cell.singles, cell.runs) {
            return Err(reader.damage("as many singles and runs as the cell has"));
        }
    }
    Ok(())
}

/// Reads numbers one after the other.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    #[cold]
    fn damage(&self, expected: &'static str) -> Damage {
        Damage {
            at: self.at,
            expected,
        }
    }

    fn byte(&mut self) -> Result<u8, Damage> {
        let byte = self
            .bytes
            .get(self.at)
            .ok_or_else(|| self.damage("more bytes"))?;
        self.at += 1;
        Ok(*byte)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], Damage> {
        let rest = &self.bytes[self.at..];
        let bytes = rest.get(..len).ok_or_else(|| self.damage("more bytes"))?;
        self.at += len;
        Ok(bytes)
    }

    #[inline]
    fn varint(&mut self) -> Result<u32, Damage> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u32::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..35).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(value).map_err(|_| self.damage("a number below 2^32"));
            }
        }
        Err(self.damage("a number below 2^32"))
    }

    /// A number below a limit.
    #[inline]
    fn number(&mut self, limit: u32, expected: &'static str) -> Result<u32, Damage> {
        let number = self.varint()?;
        match number < limit {
            true => Ok(number),
            false => Err(self.damage(expected)),
        }
    }

    /// A number of things that take at least a byte each.
    fn count(&mut self, expected: &'static str) -> Result<u32, Damage> {
        let count = self.varint()?;
        match count as usize <= self.bytes.len() - self.at {
            true => Ok(count),
            false => Err(self.damage(expected)),
        }
    }

    /// Ascending ids below a limit.
    fn ascending(&mut self, count: u32, limit: u32, out: &mut Vec<u16>) -> Result<(), Damage> {
        self.after(0, count, limit, out)
    }

    /// Ascending ids from `least` on.
    #[inline]
    fn after(
        &mut self,
        mut least: u32,
        count: u32,
        limit: u32,
        out: &mut Vec<u16>,
    ) -> Result<(), Damage> {
        let mut left = count;
        while left > 0 {
            // Eight gaps of a byte each are by far the most frequent.
            if left >= 8 {
                if let Some(eight) = self.bytes.get(self.at..self.at + 8) {
                    let eight: [u8; 8] = eight.try_into().expect("eight bytes");
                    if u64::from_le_bytes(eight) & 0x8080_8080_8080_8080 == 0 {
                        let ids = eight.map(|gap| {
                            let id = least + u32::from(gap);
                            least = id + 1;
                            id as u16
                        });
                        out.extend_from_slice(&ids);
                        self.at += 8;
                        left -= 8;
                        if least > limit {
                            return Err(self.damage("an id of the cell"));
                        }
                        continue;
                    }
                }
            }
            let gap = self.varint()?;
            if u64::from(least) + u64::from(gap) >= u64::from(limit) {
                return Err(self.damage("an id of the cell"));
            }
            out.push((least + gap) as u16);
            least += gap + 1;
            left -= 1;
        }
        Ok(())
    }
}

/// Writes a varint.
pub(super) fn put(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a varint from the front of bytes.
pub(super) fn get(bytes: &mut &[u8]) -> Option<u32> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.varint().ok()?;
    *bytes = &bytes[reader.at..];
    Some(value)
}

fn put_ascending(out: &mut Vec<u8>, ids: &[u16]) {
    let mut least = 0;
    for &id in ids {
        put(out, u32::from(id) - least);
        least = u32::from(id) + 1;
    }
}

fn zigzag(value: i32) -> u32 {
    (value << 1 ^ value >> 31) as u32
}

fn unzigzag(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

/// Takes the first values away from a slice.
fn take<'a, T>(values: &mut &'a [T], count: u32) -> &'a [T] {
    let (front, back) = values.split_at(count as usize);
    *values = back;
    front
}
