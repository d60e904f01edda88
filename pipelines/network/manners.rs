//! How often the process asks servers, and when it waits.
//!
//! Common Crawl's service takes a few thousand requests a second from everyone; who asks too often is told 503, and
//! who goes on is told 403. So one pace, one pause and one block hold for all connections of the process.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use crate::error::{Error, Exit, Result};
use crate::interrupt::Interrupt;

/// Connections of a process.
pub const MAX_CONNECTIONS: usize = 8;

/// Longest pause that a server can ask for by `Retry-After`.
const LONGEST_ASKED_FOR: Duration = Duration::from_secs(3600);

/// Time between two looks at whether the user wants to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Durations that everything waits by.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two requests of the process: five a second.
    pub between_requests: Duration,
    /// Between two attempts at what failed, whichever it was.
    pub between_retries: Duration,
    /// The first wait after a failure; each further one in a row doubles it.
    pub first_wait: Duration,
    /// The longest wait that the process chooses by itself.
    pub longest_wait: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            between_requests: Duration::from_millis(200),
            between_retries: Duration::from_secs(1),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
        }
    }
}

/// The pace, the pause and the block of a process.
pub struct Manners {
    pace: Pace,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    connections: usize,
    /// No request before.
    next_request: Instant,
    /// No second attempt at anything before.
    next_retry: Instant,
    /// Answers in a row that asked for less.
    strikes: u32,
    block: Block,
    dice: ChaCha8Rng,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    /// Nobody said "forbidden".
    None,
    /// Until then nothing is asked; then one request looks.
    Until(Instant),
    /// That request is under way.
    Probing,
    /// It was forbidden, too.
    ForGood,
}

impl Manners {
    /// Manners of their own, with this pace.
    pub fn new(pace: Pace) -> Self {
        let now = Instant::now();
        Manners {
            pace,
            state: Mutex::new(State {
                connections: 0,
                next_request: now,
                next_retry: now,
                strikes: 0,
                block: Block::None,
                dice: ChaCha8Rng::from_os_rng(),
            }),
            changed: Condvar::new(),
        }
    }

    /// Those of the process.
    pub fn of_process() -> Arc<Self> {
        static OF_PROCESS: OnceLock<Arc<Manners>> = OnceLock::new();
        OF_PROCESS
            .get_or_init(|| Arc::new(Manners::new(Pace::default())))
            .clone()
    }

    /// Waits until one of `most` connections is free, and takes it.
    ///
    /// # Errors
    /// A stop on request.
    pub fn connection(self: &Arc<Self>, most: usize, interrupt: &Interrupt) -> Result<Connection> {
        let most = most.clamp(1, MAX_CONNECTIONS);
        let mut state = self.lock();
        while state.connections >= most {
            interrupt.check()?;
            state = self.wait(state, LOOK_EVERY);
        }
        state.connections += 1;
        Ok(Connection(self.clone()))
    }

    /// Waits until a request may be made.
    ///
    /// # Errors
    /// A stop on request; exit 69 when the server has forbidden it for good.
    pub fn request(&self, interrupt: &Interrupt) -> Result<()> {
        let mut state = self.lock();
        loop {
            interrupt.check()?;
            let now = Instant::now();
            let wait = match state.block {
                Block::ForGood => return Err(blocked()),
                Block::Probing => LOOK_EVERY,
                Block::Until(then) if then > now => then - now,
                _ if state.next_request > now => state.next_request - now,
                block => {
                    if block != Block::None {
                        state.block = Block::Probing;
                    }
                    state.next_request = now + self.pace.between_requests;
                    return Ok(());
                }
            };
            state = self.wait(state, wait.min(LOOK_EVERY));
        }
    }

    /// A server answered as it should: what was held against us is over.
    pub fn went_well(&self) {
        let mut state = self.lock();
        state.strikes = 0;
        if state.block == Block::Probing {
            state.block = Block::None;
        }
        self.changed.notify_all();
    }

    /// A server asked for less: the whole process waits as long as it said, or longer each time.
    pub fn slow_down(&self, retry_after: Option<Duration>) -> Duration {
        let mut state = self.lock();
        if state.block == Block::Probing {
            state.block = Block::None; // it answers again, if only to say that
        }
        let asked = retry_after.unwrap_or_default().min(LONGEST_ASKED_FOR);
        let strikes = state.strikes;
        let wait = asked.max(self.backoff(strikes, &mut state.dice));
        state.strikes = state.strikes.saturating_add(1);
        state.next_request = state.next_request.max(Instant::now() + wait);
        wait
    }

    /// A server said "forbidden": nothing is asked until one request has looked again after `probe_after`.
    pub fn forbidden(&self, probe_after: Duration) {
        let mut state = self.lock();
        state.block = match state.block {
            // Answers to what was under way when the first one came.
            Block::Until(then) => Block::Until(then),
            Block::None => {
                tracing::warn!(
                    "a server answers 403, most likely for too many requests: all requests stop, one will look again in {probe_after:?}"
                );
                Block::Until(Instant::now() + probe_after)
            }
            Block::Probing | Block::ForGood => Block::ForGood,
        };
        self.changed.notify_all();
    }

    /// The probe got no answer at all: the next request looks again.
    pub fn unanswered(&self) {
        let mut state = self.lock();
        if state.block == Block::Probing {
            state.block = Block::Until(Instant::now());
        }
    }

    /// Waits before another attempt at what failed `failures` times in a row.
    ///
    /// # Errors
    /// A stop on request.
    pub fn retry(&self, failures: u32, interrupt: &Interrupt) -> Result<()> {
        let until = {
            let mut state = self.lock();
            let wait = self.backoff(failures.saturating_sub(1), &mut state.dice);
            let until = state.next_retry.max(Instant::now() + wait);
            state.next_retry = until + self.pace.between_retries;
            until
        };
        loop {
            interrupt.check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }

    /// The first wait, doubled so often, and up to a half more: those who were refused together do not come back together.
    fn backoff(&self, doublings: u32, dice: &mut ChaCha8Rng) -> Duration {
        let doubled = self.pace.first_wait.saturating_mul(1 << doublings.min(16));
        let wait = doubled.min(self.pace.longest_wait);
        wait + wait.mul_f64(f64::from(dice.next_u32()) / f64::from(u32::MAX) / 2.0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// One of the process's connections, for as long as it lives.
pub struct Connection(Arc<Manners>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.lock().connections -= 1;
        self.0.changed.notify_all();
    }
}

/// What is left to say when the server does not want us.
fn blocked() -> Error {
    Error::new(
        Exit::Network,
        "E-BLOCKED",
        "the server answers 403, most likely for too many requests, and did so again when it was asked after a pause",
    )
    .remedy("wait an hour, give fewer --connections, and run the same command again: what was finished is kept")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manners(first_wait: u64) -> Arc<Manners> {
        Arc::new(Manners::new(Pace {
            between_requests: Duration::from_millis(10),
            between_retries: Duration::from_millis(10),
            first_wait: Duration::from_millis(first_wait),
            longest_wait: Duration::from_millis(8 * first_wait),
        }))
    }

    #[test]
    fn requests_keep_their_distance() {
        let (manners, interrupt) = (manners(1), Interrupt::default());
        let started = Instant::now();
        for _ in 0..4 {
            manners.request(&interrupt).unwrap();
        }
        assert!(started.elapsed() >= Duration::from_millis(30));
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let manners = manners(100);
        let waits: Vec<Duration> = (0..6).map(|_| manners.slow_down(None)).collect();
        for (wait, least) in waits.iter().zip([100, 200, 400, 800, 800, 800]) {
            let least = Duration::from_millis(least);
            assert!(*wait >= least && *wait <= least * 3 / 2, "{waits:?}");
        }
        manners.went_well();
        assert!(manners.slow_down(None) < Duration::from_millis(151));
    }

    #[test]
    fn a_server_that_says_when_is_heard_within_an_hour() {
        let manners = manners(1);
        let asked = Duration::from_secs(90);
        assert_eq!(manners.slow_down(Some(asked)), asked);
        let wait = manners.slow_down(Some(Duration::from_secs(1 << 40)));
        assert_eq!(wait, LONGEST_ASKED_FOR);
    }

    #[test]
    fn one_request_looks_whether_it_is_still_forbidden() {
        let (manners, interrupt) = (manners(1), Interrupt::default());
        manners.request(&interrupt).unwrap();
        let (pause, started) = (Duration::from_millis(60), Instant::now());
        manners.forbidden(pause);
        manners.forbidden(pause); // one that was under way
        manners.request(&interrupt).unwrap();
        assert!(started.elapsed() >= pause);
        // The others wait for what it finds.
        let other = std::thread::scope(|scope| {
            let other = scope.spawn(|| manners.request(&interrupt));
            std::thread::sleep(Duration::from_millis(20));
            assert!(!other.is_finished());
            manners.forbidden(pause);
            other.join().unwrap()
        });
        let error = other.unwrap_err();
        assert_eq!((error.exit(), error.code()), (Exit::Network, "E-BLOCKED"));
    }

    #[test]
    fn connections_are_counted() {
        let (manners, interrupt) = (manners(1), Interrupt::default());
        let first = manners.connection(1, &interrupt).unwrap();
        interrupt.request();
        let second = manners.connection(1, &interrupt);
        assert_eq!(second.err().unwrap().exit(), Exit::Interrupted);
        drop(first);
        assert!(manners.connection(1, &Interrupt::default()).is_ok());
    }
}
