//! When a process says that an iteration ended: by the clock, and by its CPU time.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// CPU time in `/proc` is counted in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// The ends of iterations.
pub struct Marks(Vec<(Instant, Duration)>);

impl Marks {
    /// Runs a program that prints a line, known by `is_mark`, at the end of each iteration.
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
        if !status.success() || marks.len() < 3 {
            return Err(format!("{command:?}: {status}, {} iterations", marks.len()).into());
        }
        Ok(Self(marks))
    }

    fn walls(&self) -> impl Iterator<Item = f64> {
        let pairs = self.0.windows(2);
        pairs.map(|pair| (pair[1].0 - pair[0].0).as_secs_f64())
    }

    /// Of one iteration, the mean: a tick is too long to tell one from another.
    fn cpu(&self) -> f64 {
        let (first, last) = (self.0[0].1, self.0[self.0.len() - 1].1);
        (last - first).as_secs_f64() / (self.0.len() - 1) as f64
    }

    pub fn summary(&self) -> String {
        let mut walls: Vec<f64> = self.walls().collect();
        let median = median(&mut walls);
        format!(
            "{} iterations, best {:.0} ms, median {:.0} ms, CPU {:.0} ms",
            walls.len(),
            1e3 * walls[0],
            1e3 * median,
            1e3 * self.cpu()
        )
    }
}

#[derive(Default)]
pub struct Figures {
    /// Of all iterations.
    walls: Vec<f64>,
    /// One of each round.
    cpus: Vec<f64>,
}

impl Figures {
    pub fn add(&mut self, marks: &Marks) {
        self.walls.extend(marks.walls());
        self.cpus.push(marks.cpu());
    }

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
