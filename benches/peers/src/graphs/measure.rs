//! How long an iteration of a process takes, by the clock and by its CPU time.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// CPU time in `/proc` is counted in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// Of one iteration, the mean of those of a process. One alone would be told wrongly: ticks are long, and where the machine
/// is busy several lines may wait until they are read.
pub struct Iteration {
    wall: Duration,
    cpu: Duration,
}

impl Iteration {
    /// Runs a program that prints a line, known by `is_mark`, at the end of each iteration. What comes before the first line
    /// does not count.
    pub fn of(command: &mut Command, is_mark: fn(&str) -> bool) -> Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let out = child.stdout.take().ok_or("no output")?;
        let mut marks = Vec::new();
        for line in BufReader::new(out).lines() {
            if is_mark(&line?) {
                marks.push((Instant::now(), cpu_time(child.id())?));
            }
        }
        let status = child.wait()?;
        match marks.as_slice() {
            [first, between @ .., last] if status.success() => {
                let iterations = between.len() as u32 + 1;
                Ok(Self {
                    wall: (last.0 - first.0) / iterations,
                    cpu: (last.1 - first.1) / iterations,
                })
            }
            _ => Err(format!("{command:?}: {status}, {} lines", marks.len()).into()),
        }
    }

    pub fn summary(&self) -> String {
        let [wall, cpu] = [self.wall, self.cpu].map(|time| time.as_millis());
        format!("{wall} ms, CPU {cpu} ms")
    }
}

/// Of all rounds.
#[derive(Default)]
pub struct Figures {
    walls: Vec<f64>,
    cpus: Vec<f64>,
}

impl Figures {
    pub fn add(&mut self, iteration: &Iteration) {
        self.walls.push(iteration.wall.as_secs_f64());
        self.cpus.push(iteration.cpu.as_secs_f64());
    }

    /// Best and median by the clock, then by CPU time.
    pub fn cells(&self, edges: u64) -> String {
        let rate = |seconds: f64| format!("{:.0}", edges as f64 / seconds / 1e6);
        let (mut walls, mut cpus) = (self.walls.clone(), self.cpus.clone());
        let (wall, cpu) = (median(&mut walls), median(&mut cpus));
        [walls[0], wall, cpus[0], cpu].map(rate).join(" | ")
    }
}

/// Sorts the values, and gives the middle one.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Of all threads of a process, those that ended too.
pub fn cpu_time(process: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in brackets may hold blanks; fields 14 and 15 are user and system time.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u32>().unwrap_or(0))
        .sum();
    Ok(TICK * ticks)
}
