//! Strips as bytes: small on disk, decoded in one pass, and checked to the last value.
//!
//! Numbers are LEB128 varints, ids the gaps between ascending ones, so that most take a byte. Targets are
//! the exception: where gaps are wide a strip keeps them as 16-bit values with the mark of the first,
//! which is what the kernels read.

use super::sources::Sources;
use super::strip::{Cell, FIRST, Hub, Run, Strip, take};
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
    let bytes: usize = gaps(targets).map(varint_bytes).sum();
    // Gaps are slower to read.
    if (1 + bytes) * 5 > targets.len() * 2 * 4 {
        out.push(PLAIN);
        let begin = out.len();
        out.resize(begin + 2 * targets.len(), 0);
        let pairs = out[begin..].chunks_exact_mut(2);
        for (pair, target) in pairs.zip(targets) {
            pair.copy_from_slice(&target.to_le_bytes());
        }
    } else {
        out.push(GAPS);
        out.reserve(bytes + VARINT_ROOM);
        gaps(targets).for_each(|gap| put(out, gap));
    }
}

/// The targets of messages as numbers: the last bit says whether a message begins, and the others how far from the first
/// of the one before it is, zigzag, or how far from the target before, less one.
fn gaps(targets: &[u16]) -> impl Iterator<Item = u32> {
    let (mut first, mut last) = (0, 0);
    // Without branches, which every message would mispredict.
    targets.iter().map(move |&target| {
        let (id, is_first) = (i32::from(target % FIRST), target / FIRST == 1);
        let jump = zigzag(id - first) << 1 | 1;
        let gap = ((id - last - 1) as u32) << 1;
        first = if is_first { id } else { first };
        last = id;
        if is_first { jump } else { gap }
    })
}

/// Reads strips; its memory is reused.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// Numbers as they are written. To read many and then to make ids of them is faster than both at once.
    numbers: Vec<u32>,
    pub(crate) strip: Strip,
}

impl Decoder {
    /// Reads a strip into [`strip`](Self::strip).
    ///
    /// Whatever the bytes, a strip that was read is sound: partitions and ids ascend and exist, counts
    /// add up. Memory is at most some times that of the bytes.
    pub(crate) fn decode(
        &mut self,
        bytes: &[u8],
        sources: &Sources,
        num_nodes: usize,
    ) -> Result<(), Damage> {
        let Decoder { numbers, strip } = self;
        let mut reader = Reader { bytes, at: 0 };
        strip.bin = reader.number(num_bins(num_nodes) as u32, "a bin")?;
        let num_targets = bin_nodes(strip.bin as usize, num_nodes).len() as u32;
        decode_cells(&mut reader, num_bins(num_nodes) as u32, &mut strip.cells)?;
        let limit = |cell: &Cell| sources.of_bin(cell.partition as usize).len() as u32;
        let cells = strip.cells.as_slice();
        let total =
            |count: fn(&Cell) -> u32| cells.iter().map(|cell| count(cell) as usize).sum::<usize>();

        reader.numbers(total(|cell| cell.sources), numbers)?;
        let lists = cells.iter().map(|cell| (cell.sources, limit(cell)));
        ascending(lists, numbers, &mut strip.sources).map_err(|what| reader.damage(what))?;

        decode_targets(&mut reader, cells, num_targets, numbers, &mut strip.targets)?;

        reader.numbers(total(|cell| cell.hubs), numbers)?;
        let lists = cells.iter().map(|cell| (cell.hubs, num_targets));
        ascending(lists, numbers, &mut strip.hub_targets).map_err(|what| reader.damage(what))?;

        reader.numbers(2 * total(|cell| cell.hubs), numbers)?;
        decode_hubs(cells, numbers, &mut strip.hubs).map_err(|what| reader.damage(what))?;

        let of_hubs = || {
            let mut hubs = strip.hubs.as_slice();
            cells.iter().flat_map(move |cell| {
                let limit = limit(cell);
                take(&mut hubs, cell.hubs)
                    .iter()
                    .map(move |hub| (hub, limit))
            })
        };
        reader.numbers(total(|cell| cell.singles), numbers)?;
        let lists = of_hubs().map(|(hub, limit)| (u32::from(hub.singles), limit));
        ascending(lists, numbers, &mut strip.singles).map_err(|what| reader.damage(what))?;

        reader.numbers(2 * total(|cell| cell.runs), numbers)?;
        let lists = of_hubs().map(|(hub, limit)| (u32::from(hub.runs), limit));
        decode_runs(lists, numbers, &mut strip.runs).map_err(|what| reader.damage(what))?;
        match reader.at == bytes.len() {
            true => Ok(()),
            false => Err(reader.damage("the end of a strip")),
        }
    }
}

/// Makes ids of gaps: lists of so many, below a limit.
fn ascending(
    lists: impl Iterator<Item = (u32, u32)>,
    mut gaps: &[u32],
    ids: &mut Vec<u16>,
) -> Result<(), &'static str> {
    ids.clear();
    for (count, limit) in lists {
        let mut least = 0u64;
        ids.extend(take(&mut gaps, count).iter().map(|&gap| {
            let id = least + u64::from(gap);
            least = id + 1;
            id as u16
        }));
        // Ids ascend, so that the last is the largest, of up to 2^21 numbers below 2^32.
        if least > u64::from(limit) {
            return Err("ids of the cell");
        }
    }
    Ok(())
}

/// Makes runs of gaps and lengths.
fn decode_runs(
    lists: impl Iterator<Item = (u32, u32)>,
    mut numbers: &[u32],
    runs: &mut Vec<Run>,
) -> Result<(), &'static str> {
    runs.clear();
    for (count, limit) in lists {
        let mut end = 0u64;
        runs.extend(take(&mut numbers, 2 * count).chunks_exact(2).map(|run| {
            let first = end + u64::from(run[0]);
            let len = u64::from(run[1]) + 1;
            end = first + len;
            Run {
                first: first as u16,
                len: len as u16,
            }
        }));
        if end > u64::from(limit) {
            return Err("runs of sources of the cell");
        }
    }
    Ok(())
}

fn decode_hubs(
    cells: &[Cell],
    mut numbers: &[u32],
    hubs: &mut Vec<Hub>,
) -> Result<(), &'static str> {
    hubs.clear();
    for cell in cells {
        let (mut singles, mut runs, mut most) = (0, 0, 0);
        hubs.extend(
            take(&mut numbers, 2 * cell.hubs)
                .chunks_exact(2)
                .map(|hub| {
                    singles += u64::from(hub[0]);
                    runs += u64::from(hub[1]);
                    most = most.max(hub[0]).max(hub[1]);
                    Hub {
                        singles: hub[0] as u16,
                        runs: hub[1] as u16,
                    }
                }),
        );
        if (singles, runs) != (u64::from(cell.singles), u64::from(cell.runs))
            || most > u32::from(u16::MAX)
        {
            return Err("as many singles and runs as the cell has");
        }
    }
    Ok(())
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
    numbers: &mut Vec<u32>,
    targets: &mut Vec<u16>,
) -> Result<(), Damage> {
    targets.clear();
    let total = cells
        .iter()
        .map(|cell| cell.targets as usize)
        .sum::<usize>();
    match reader.byte()? {
        PLAIN => {
            let bytes = reader.bytes(2 * total)?;
            let pairs = bytes.chunks_exact(2);
            targets.extend(pairs.map(|pair| u16::from_le_bytes([pair[0], pair[1]])));
        }
        GAPS => {
            reader.numbers(total, numbers)?;
            let (mut first, mut last) = (0u32, 0u32);
            // Masks and no choices, which become branches that every message mispredicts.
            targets.extend(numbers.iter().map(|&number| {
                let (is_first, gap) = (number & 1, number >> 1);
                let mask = is_first.wrapping_neg();
                let jump = (gap >> 1) ^ (gap & 1).wrapping_neg();
                let (of_first, of_next) = (first.wrapping_add(jump), last.wrapping_add(gap + 1));
                last = of_next ^ ((of_next ^ of_first) & mask);
                first ^= (first ^ last) & mask;
                // Too large a number becomes another target, which is checked below.
                (last as u16 % FIRST) | (is_first << 15) as u16
            }));
        }
        _ => return Err(reader.damage("a known form of targets")),
    }
    check_targets(cells, num_targets, targets).map_err(|what| reader.damage(what))
}

/// What the kernels rely on: as many messages as sources, and targets of the bin, ascending in each message.
fn check_targets(
    cells: &[Cell],
    num_targets: u32,
    mut targets: &[u16],
) -> Result<(), &'static str> {
    for cell in cells {
        let of_cell = take(&mut targets, cell.targets);
        let (mut messages, mut is_bad, mut last) = (0, false, u16::MAX);
        for &target in of_cell {
            let (is_first, id) = (target >= FIRST, target % FIRST);
            messages += u32::from(is_first);
            is_bad |= (!is_first & (id <= last)) | (u32::from(id) >= num_targets);
            last = id;
        }
        if is_bad || messages != cell.sources {
            return Err("ascending targets for each source");
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

    /// So many numbers.
    fn numbers(&mut self, count: usize, numbers: &mut Vec<u32>) -> Result<(), Damage> {
        numbers.clear();
        if count > self.bytes.len() - self.at {
            return Err(self.damage("more bytes"));
        }
        numbers.reserve(count);
        while count - numbers.len() >= 8 {
            // Numbers of a byte are by far the most frequent: eight at a time, or as many as there are.
            let Some(eight) = self.bytes[self.at..].first_chunk::<8>() else {
                break;
            };
            let long = u64::from_le_bytes(*eight) & 0x8080_8080_8080_8080;
            let short = long.trailing_zeros() as usize / 8;
            let before = numbers.len();
            numbers.extend(eight.map(u32::from));
            numbers.truncate(before + short);
            self.at += short;
            if short < 8 {
                numbers.push(self.varint()?);
            }
        }
        while numbers.len() < count {
            numbers.push(self.varint()?);
        }
        Ok(())
    }
}

/// What [`put`] needs behind what it writes.
const VARINT_ROOM: usize = 4;

/// The bytes of a varint below 2^21.
fn varint_bytes(value: u32) -> usize {
    1 + usize::from(value >= 1 << 7) + usize::from(value >= 1 << 14)
}

/// Writes a varint.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, mut value: u32) {
    if value < 1 << 21 {
        // Nearly all. Without branches on the length: three groups of seven bits, and as many of them stay as there are.
        let groups = value & 0x7f | (value << 1 & 0x7f00) | (value << 2 & 0x7f_0000);
        let bytes = varint_bytes(value);
        let more = 0x8080 >> (8 * (3 - bytes)) & 0x8080;
        out.extend_from_slice(&(groups | more).to_le_bytes());
        out.truncate(out.len() - (VARINT_ROOM - bytes));
        return;
    }
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
    out.reserve(3 * ids.len() + VARINT_ROOM);
    let mut least = 0;
    for &id in ids {
        put(out, u32::from(id) - least);
        least = u32::from(id) + 1;
    }
}

fn zigzag(value: i32) -> u32 {
    (value << 1 ^ value >> 31) as u32
}
