//! How often the process asks servers, and when it waits.
//!
//! Common Crawl's service takes a few thousand requests a second from everyone; who asks too often is told 503, and
//! who goes on is told 403. So one pace, one pause and one block hold for all connections of the process.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use crate::error::{Error, Exit, Result};
use crate::interrupt::{Interrupt, LOOK_EVERY};

/// Connections of a process.
pub const MAX_CONNECTIONS: usize = 8;

/// Longest pause that a server can ask for by `Retry-After`.
const LONGEST_ASKED_FOR: Duration = Duration::from_secs(3600);

/// Files in a row that are given up before the network is.
const MAX_GIVEN_UP: u32 = 10;

/// Time after which another command of the process may ask a server that has forbidden it.
const FORGIVEN_AFTER: Duration = Duration::from_secs(600);

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
    /// Files in a row that were given up.
    given_up: u32,
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
    ForGood(Instant),
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
                given_up: 0,
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
    /// A stop on request; exit 69 when the server has forbidden it for good, or file after file was given up.
    pub fn request(self: &Arc<Self>, interrupt: &Interrupt) -> Result<Permit> {
        let mut state = self.lock();
        loop {
            interrupt.check()?;
            if state.given_up >= MAX_GIVEN_UP {
                return Err(unreachable());
            }
            let now = Instant::now();
            let wait = match state.block {
                Block::ForGood(_) => return Err(blocked()),
                Block::Probing => LOOK_EVERY,
                Block::Until(then) if then > now => then - now,
                _ if state.next_request > now => state.next_request - now,
                block => {
                    let is_probe = block != Block::None;
                    if is_probe {
                        state.block = Block::Probing;
                    }
                    state.next_request = now + self.pace.between_requests;
                    return Ok(Permit {
                        manners: self.clone(),
                        is_probe,
                    });
                }
            };
            state = self.wait(state, wait.min(LOOK_EVERY));
        }
    }

    /// A file was given up: the network brought nothing of it, attempt after attempt.
    pub fn gave_up(&self) {
        self.lock().given_up += 1;
    }

    /// Another command of the process may look again: at once where the network was gone, and after ten minutes where it
    /// was forbidden.
    pub fn forgive(&self) {
        let mut state = self.lock();
        state.given_up = 0;
        if let Block::ForGood(since) = state.block {
            state.block = Block::Until(since + FORGIVEN_AFTER);
        }
    }

    /// Waits before another attempt at what failed `failures` times in a row.
    ///
    /// # Errors
    /// A stop on request.
    pub fn retry(&self, failures: u32, interrupt: &Interrupt) -> Result<()> {
        let mut state = self.lock();
        let then = Instant::now() + self.backoff(failures.saturating_sub(1), &mut state.dice);
        loop {
            interrupt.check()?;
            let now = Instant::now();
            let until = then.max(state.next_retry);
            if until <= now {
                state.next_retry = now + self.pace.between_retries;
                return Ok(());
            }
            state = self.wait(state, (until - now).min(LOOK_EVERY));
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

/// Leave to make a request, and those that its redirects take.
pub struct Permit {
    manners: Arc<Manners>,
    /// Whether it is the one that looks whether requests are forbidden still.
    is_probe: bool,
}

impl Permit {
    /// Whether it is the one request that looks whether requests are forbidden still.
    pub fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// Waits until the next request of a chain of redirects may be made.
    ///
    /// # Errors
    /// A stop on request.
    pub fn again(&self, interrupt: &Interrupt) -> Result<()> {
        let mut state = self.manners.lock();
        loop {
            interrupt.check()?;
            let now = Instant::now();
            if state.next_request <= now {
                state.next_request = now + self.manners.pace.between_requests;
                return Ok(());
            }
            let wait = (state.next_request - now).min(LOOK_EVERY);
            state = self.manners.wait(state, wait);
        }
    }

    /// Draws the conclusions from an answer: all wait as long as it says, or longer each time (429, 503), or stop until one
    /// request has looked again after `probe_after` (403).
    pub fn answered(mut self, status: u16, retry_after: Option<Duration>, probe_after: Duration) {
        let is_probe = std::mem::take(&mut self.is_probe);
        let mut state = self.manners.lock();
        if is_probe {
            state.block = Block::None;
        }
        match status {
            403 if is_probe => state.block = Block::ForGood(Instant::now()),
            403 if state.block == Block::None => {
                tracing::warn!(
                    "a server answers 403, most likely for too many requests: all requests stop, one will look again in {probe_after:?}"
                );
                state.block = Block::Until(Instant::now() + probe_after);
            }
            403 => {} // to what was under way when the first one came
            429 | 503 => {
                let asked = retry_after.unwrap_or_default().min(LONGEST_ASKED_FOR);
                let strikes = state.strikes;
                let wait = asked.max(self.manners.backoff(strikes, &mut state.dice));
                tracing::info!("a server answers {status}: all requests wait {wait:.1?}");
                state.strikes = state.strikes.saturating_add(1);
                state.next_request = state.next_request.max(Instant::now() + wait);
            }
            // It answers, and gives nothing.
            500..=599 => state.strikes = 0,
            _ => (state.strikes, state.given_up) = (0, 0),
        }
        drop(state);
        self.manners.changed.notify_all();
    }
}

impl Drop for Permit {
    /// A probe that got no answer: the next request looks.
    fn drop(&mut self) {
        if self.is_probe {
            self.manners.lock().block = Block::Until(Instant::now());
            self.manners.changed.notify_all();
        }
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

/// What is left to say when there seems to be no network.
fn unreachable() -> Error {
    let found = format!("{MAX_GIVEN_UP} files in a row were given up");
    Error::new(Exit::Network, "E-NETWORK", found)
        .remedy("look at the connection and run the same command again: what was finished is kept")
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

    /// How long the next request waits after an answer.
    fn wait_after(manners: &Arc<Manners>, status: u16, retry_after: Option<Duration>) -> Duration {
        let permit = Permit {
            manners: manners.clone(),
            is_probe: false,
        };
        manners.lock().next_request = Instant::now();
        permit.answered(status, retry_after, Duration::ZERO);
        manners
            .lock()
            .next_request
            .saturating_duration_since(Instant::now())
    }

    #[test]
    fn the_pace_is_what_common_crawl_asks_for() {
        let pace = Pace::default();
        assert!(pace.between_requests * 5 >= Duration::from_secs(1));
        assert!(pace.between_retries >= Duration::from_secs(1));
        assert!(pace.first_wait >= Duration::from_secs(1));
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let manners = manners(100);
        for least in [100, 200, 400, 800, 800] {
            let wait = wait_after(&manners, 503, None).as_millis();
            assert!(
                wait + 20 >= least && wait <= least * 3 / 2,
                "{wait} of {least}"
            );
        }
        assert!(wait_after(&manners, 200, None).is_zero());
        assert!(wait_after(&manners, 429, None) < Duration::from_millis(151));
    }

    #[test]
    fn a_server_that_says_when_is_heard_within_an_hour() {
        let manners = manners(1);
        let wait =
            |seconds| wait_after(&manners, 503, Some(Duration::from_secs(seconds))).as_secs_f64();
        assert!((89.0..=90.0).contains(&wait(90)));
        assert!((3599.0..=3600.0).contains(&wait(1 << 40)));
    }

    #[test]
    fn one_request_looks_whether_it_is_still_forbidden() {
        let (manners, interrupt) = (manners(1), Interrupt::default());
        let (pause, started) = (Duration::from_millis(60), Instant::now());
        let (first, under_way) = (
            manners.request(&interrupt).unwrap(),
            manners.request(&interrupt).unwrap(),
        );
        first.answered(403, None, pause);
        under_way.answered(403, None, pause);
        let probe = manners.request(&interrupt).unwrap();
        assert!(started.elapsed() >= pause);
        probe.again(&interrupt).unwrap(); // its redirects do not wait for itself
        // The others wait for what it finds.
        let other = std::thread::scope(|scope| {
            let other = scope.spawn(|| manners.request(&interrupt));
            std::thread::sleep(Duration::from_millis(40));
            assert!(!other.is_finished());
            probe.answered(403, None, pause);
            other.join().unwrap()
        });
        let error = other.err().unwrap();
        assert_eq!((error.exit(), error.code()), (Exit::Network, "E-BLOCKED"));
    }

    #[test]
    fn a_probe_without_an_answer_leaves_it_to_the_next_request() {
        let (manners, interrupt) = (manners(1), Interrupt::default());
        let permit = manners.request(&interrupt).unwrap();
        permit.answered(403, None, Duration::ZERO);
        drop(manners.request(&interrupt).unwrap());
        let probe = manners.request(&interrupt).unwrap();
        assert!(probe.is_probe);
        probe.answered(200, None, Duration::ZERO);
        assert!(!manners.request(&interrupt).unwrap().is_probe);
    }

    #[test]
    fn a_network_that_gives_no_file_is_given_up() {
        let (manners, interrupt) = (manners(1), Interrupt::default());
        for _ in 0..MAX_GIVEN_UP {
            wait_after(&manners, 500, None); // an answer, and none that gives a file
            manners.gave_up();
        }
        assert_eq!(
            manners.request(&interrupt).err().unwrap().exit(),
            Exit::Network
        );
        manners.forgive();
        assert!(manners.request(&interrupt).is_ok());
    }

    #[test]
    fn a_short_wait_does_not_stand_behind_a_long_one() {
        let (manners, interrupt) = (manners(50), Interrupt::default());
        std::thread::scope(|scope| {
            scope.spawn(|| manners.retry(4, &interrupt)); // 400 ms
            std::thread::sleep(Duration::from_millis(10));
            let started = Instant::now();
            manners.retry(1, &interrupt).unwrap();
            assert!(started.elapsed() < Duration::from_millis(300));
        });
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
