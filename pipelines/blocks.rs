//! One shard, several threads: blocks of its members are read side by side, and what they gave is put together in their order.
//!
//! What comes out is what reading in order gives, to the byte, however many threads there are: a block of which that is not certain ends the reading
//! by blocks, and the rest of the shard is read in order.

use std::collections::BTreeMap;
use std::io::{Chain, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;

use crawlrank_warc::{Block, Blocks, Error, Reader, ReaderOptions, Record, Totals};

/// Compressed bytes of a block.
pub const BLOCK_BYTES: usize = 1 << 20;

/// Blocks that are on their way for each thread: one in work, one waiting, so that none waits for another's block to be put in its place.
const BLOCKS_PER_THREAD: usize = 2;

/// A reader of what the blocks left, in order; it goes on with their totals.
pub type RestReader<R> = Reader<Chain<Cursor<Vec<u8>>, R>>;

/// Says to threads that what they do is not wanted any more.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a thread made of a block.
struct Done<T> {
    number: usize,
    block: Block,
    found: thread::Result<Option<(Totals, T)>>,
}

/// Reads the blocks of `input` on as many threads as there are `workers`. A worker takes each record of a block to the value that `read` fills, and `take`
/// is given these values in the order of the blocks. A block of which `read` returns false, as it gives too much to be kept, is left as well. Returns the reader for what is left: nothing but the end, if the shard is sound. With one worker
/// it is the whole input.
///
/// # Errors
/// Those of the input, and the first that `take` returns.
pub fn read_blocks<R: Read, W: Send, T: Default + Send, E>(
    input: R,
    options: &ReaderOptions,
    workers: &mut [W],
    read: impl Fn(&mut W, &Record, &mut T) -> bool + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
    refused: impl Fn(Error) -> E,
) -> Result<RestReader<R>, E> {
    let mut blocks = Blocks::new(input, BLOCK_BYTES);
    let mut totals = Totals::default();
    let mut unread = Vec::new();
    if workers.len() < 2 {
        return Ok(blocks.into_reader(unread, totals, options.clone()));
    }
    let most_underway = BLOCKS_PER_THREAD * workers.len();
    let (jobs, waiting) = mpsc::channel::<(usize, Block)>();
    let (results, done) = mpsc::channel::<Done<T>>();
    let waiting = Mutex::new(waiting);
    // Set when what is under way will not be taken: by an error, or behind a block that does not count.
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| -> Result<(), E> {
        // Both are closed when this ends, however it does, which ends the threads.
        let (jobs, _end) = (jobs, SetOnDrop(&is_over));
        for worker in workers {
            let (waiting, read, is_over) = (&waiting, &read, &is_over);
            let results = results.clone();
            scope.spawn(move || {
                let mut record = Record::new();
                loop {
                    let next = waiting.lock().expect("no thread panics with it").recv();
                    let Ok((number, block)) = next else { return };
                    let read_block = || {
                        let mut found = T::default();
                        let each = |record: &Record| {
                            !is_over.load(Ordering::Relaxed) && read(worker, record, &mut found)
                        };
                        let totals = block.read(options, &mut record, each)?;
                        Some((totals, found))
                    };
                    let found = catch_unwind(AssertUnwindSafe(read_block));
                    let sent = results.send(Done {
                        number,
                        block,
                        found,
                    });
                    if sent.is_err() {
                        return;
                    }
                }
            });
        }
        drop(results); // so that waiting for one that is gone ends
        let (mut next, mut num_sent, mut ended) = (0, 0, false);
        let (mut early, mut failed) = (BTreeMap::new(), None);
        while !ended || next < num_sent {
            while !ended && num_sent - next < most_underway {
                match blocks.next_block() {
                    Ok(Some(block)) => {
                        jobs.send((num_sent, block)).expect("threads wait for it");
                        num_sent += 1;
                    }
                    Ok(None) => ended = true,
                    // What lies before it comes first, as it does when reading in order.
                    Err(error) => (failed, ended) = (Some(error), true),
                }
            }
            while next < num_sent && !early.contains_key(&next) {
                let one = done.recv().expect("what was sent comes back");
                early.insert(one.number, one);
            }
            let Some(Done { block, found, .. }) = early.remove(&next) else {
                continue;
            };
            next += 1;
            // Behind a block that does not count none does: it may begin at a false place.
            if !unread.is_empty() {
                unread.push(block);
                continue;
            }
            match found.unwrap_or_else(|panic| resume_unwind(panic)) {
                Some((read, found)) => {
                    totals += &read;
                    take(found)?;
                }
                // From here on in order.
                None => {
                    unread.push(block);
                    is_over.store(true, Ordering::Relaxed);
                    ended = true;
                }
            }
        }
        match failed {
            // Reading in order meets it again, behind what it finds before.
            Some(error) if unread.is_empty() => Err(refused(error)),
            _ => Ok(()),
        }
    })?;
    Ok(blocks.into_reader(unread, totals, options.clone()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// Members of 40 KB that do not compress: 4 MiB of them.
    fn shard() -> Vec<u8> {
        let mut state = 1u64;
        let mut noise = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..100)
            .flat_map(|number| {
                let block: Vec<u8> = (0..40_000).map(|_| noise()).collect();
                let mut member = GzEncoder::new(Vec::new(), Compression::fast());
                let length = block.len();
                let header = format!(
                    "WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: urn:{number}\r\n\
                     Content-Length: {length}\r\n\r\n"
                );
                for part in [header.as_bytes(), &block, b"\r\n\r\n"] {
                    member.write_all(part).unwrap();
                }
                member.finish().unwrap()
            })
            .collect()
    }

    type Offsets = Vec<(u64, u64)>;

    /// Records by blocks, all records, faults and totals.
    fn read(input: &[u8], threads: usize) -> (usize, Offsets, Vec<String>, Totals) {
        let of = |record: &Record| (record.offset(), record.bytes());
        let mut records = Offsets::new();
        let mut reader = read_blocks(
            input,
            &ReaderOptions::default(),
            &mut vec![(); threads],
            |(), record, found: &mut Offsets| {
                found.push(of(record));
                true
            },
            |found| {
                records.extend(found);
                Ok(())
            },
            |e| e,
        )
        .unwrap();
        let by_blocks = records.len();
        let (mut record, mut faults) = (Record::new(), Vec::new());
        loop {
            let more = reader.read_record(&mut record).unwrap();
            faults.extend(
                reader
                    .take_faults()
                    .iter()
                    .map(|fault| format!("{fault:?}")),
            );
            if !more {
                return (by_blocks, records, faults, reader.totals().clone());
            }
            records.push(of(&record));
        }
    }

    #[test]
    fn any_number_of_threads_reads_the_same() {
        let sound = shard();
        let mut damaged = sound.clone();
        damaged[2_500_000] ^= 1;
        for (input, least, num_faults) in [(sound, 100, 0), (damaged, 25, 1)] {
            let (none, records, faults, totals) = read(&input, 1);
            assert_eq!(
                (none, records.len(), faults.len()),
                (0, 100 - num_faults, num_faults)
            );
            for threads in [2, 5] {
                let (by_blocks, r, f, t) = read(&input, threads);
                assert!(by_blocks >= least, "{by_blocks}");
                assert_eq!((r, f, t), (records.clone(), faults.clone(), totals.clone()));
            }
        }
    }

    #[test]
    #[should_panic(expected = "a fault of ours")]
    fn a_panic_is_not_waited_for() {
        let read = |(): &mut (), _: &Record, (): &mut ()| -> bool { panic!("a fault of ours") };
        let options = ReaderOptions::default();
        let _ = read_blocks(
            &shard()[..],
            &options,
            &mut [(); 2],
            read,
            |()| Ok(()),
            |e| e,
        );
    }
}
