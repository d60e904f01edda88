//! What is allocated: counts of the global allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering::Relaxed};

use crawlrank_robots::RobotsTxt;

use crate::corpus::Corpus;
use crate::table::{Table, mean};

struct Counting;

/// Off while time is measured, so that counting costs one predictable branch there.
static ON: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: isize, calls: usize) {
    if ON.load(Relaxed) {
        let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
        PEAK.fetch_max(live, Relaxed);
        CALLS.fetch_add(calls, Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches only atomics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize, 1);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize), 0);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize, 1);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What it took to make a value.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    /// Bytes that the value keeps, itself included.
    pub kept: f64,
    /// Calls to allocate or to grow on the way.
    pub allocations: f64,
    /// Most bytes alive on the way.
    pub peak: f64,
}

pub fn cost_of<T>(make: impl FnOnce() -> T) -> Cost {
    LIVE.store(0, Relaxed);
    PEAK.store(0, Relaxed);
    CALLS.store(0, Relaxed);
    ON.store(true, Relaxed);
    let value = make();
    ON.store(false, Relaxed);
    let cost = Cost {
        kept: (LIVE.load(Relaxed) + size_of::<T>() as isize) as f64,
        allocations: CALLS.load(Relaxed) as f64,
        peak: PEAK.load(Relaxed) as f64,
    };
    drop(value);
    cost
}

pub fn print(corpus: &Corpus) {
    const AGENT: &str = "CCBot";
    type Way = (&'static str, &'static str, fn(&[u8]) -> Cost);
    // The first column says what is kept: `'static` values keep nothing of the input.
    let ways: [Way; 9] = [
        ("one agent", "**crawlrank**", |body| {
            cost_of(|| RobotsTxt::parse(body).agent(AGENT).into_rules())
        }),
        ("one agent", "robotxt", |body| {
            cost_of(|| robotxt::Robots::parse(body, AGENT))
        }),
        ("one agent", "texting_robots", |body| {
            cost_of(|| texting_robots::Robot::new(AGENT, body).ok())
        }),
        ("all agents and the text", "**crawlrank**", |body| {
            cost_of(|| RobotsTxt::parse(body).into_owned())
        }),
        (
            "all agents and the text",
            "**crawlrank** `to_bytes`",
            |body| {
                let robots = RobotsTxt::parse(body);
                cost_of(|| robots.to_bytes())
            },
        ),
        ("all agents and the text", "fast-robots", |body| {
            let mut cost = cost_of(|| fast_robots::RobotsTxt::parse_bytes(body).ok());
            cost.kept += body.len() as f64;
            cost
        }),
        ("all agents and the text", "fast-robots `matcher`", |body| {
            let Ok(robots) = fast_robots::RobotsTxt::parse_bytes(body) else {
                return Cost::default();
            };
            let mut cost = cost_of(|| fast_robots::RobotsTxt::parse_bytes(body).ok());
            let matcher = cost_of(|| robots.matcher());
            cost.kept += matcher.kept + body.len() as f64;
            cost.allocations += matcher.allocations;
            cost
        }),
        ("tables over borrowed text", "**crawlrank**", |body| {
            cost_of(|| RobotsTxt::parse(body))
        }),
        ("tables over borrowed text", "fast-robots", |body| {
            cost_of(|| fast_robots::RobotsTxt::parse_bytes(body).ok())
        }),
    ];
    println!("\n## Memory of a parsed file\n");
    let mut table = Table::new(&[
        "kept",
        "by",
        "bytes a file, mean",
        "allocations a file, mean",
    ]);
    // What a first call sets up once (tables of regex and the like) belongs to no file.
    for (_, _, way) in ways {
        way(&corpus.files[0].body);
    }
    for (kept, peer, way) in ways {
        let costs: Vec<Cost> = corpus.files.iter().map(|file| way(&file.body)).collect();
        table.row([
            kept.to_owned(),
            peer.to_owned(),
            format!("{:.0}", mean(costs.iter().map(|cost| cost.kept))),
            format!("{:.1}", mean(costs.iter().map(|cost| cost.allocations))),
        ]);
    }
    let forms: Vec<Vec<u8>> = corpus
        .files
        .iter()
        .map(|file| RobotsTxt::parse(&file.body).to_bytes())
        .collect();
    let loads = forms
        .iter()
        .map(|form| cost_of(|| RobotsTxt::from_bytes(form)).allocations);
    table.row([
        "loaded by `from_bytes`".to_owned(),
        "**crawlrank**".to_owned(),
        format!("{} of its own", size_of::<RobotsTxt<'_>>()),
        format!("{:.1}", mean(loads)),
    ]);
    table.print();
    println!(
        "\nTargets: one agent 1,000 bytes; all agents and the text 2,700 bytes; 3 allocations; 0 to load."
    );
}
