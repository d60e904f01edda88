//! Work on all threads, results in order.

use crate::Error;
use rayon::prelude::*;
use std::sync::Mutex;

/// Items that each thread works on before results are taken.
pub(crate) const ITEMS_PER_THREAD: usize = 4;

/// Works on items on all threads, some at a time, and takes the results in order while the next ones are made.
///
/// `state` makes what `work` needs for itself; it is used again, so it may hold memory.
pub(crate) fn in_order<I, T, S>(
    mut items: impl Iterator<Item = I>,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, I) -> Result<T, Error> + Sync,
    take: &mut impl FnMut(T) -> Result<(), Error>,
) -> Result<(), Error>
where
    I: Send,
    T: Send,
    S: Send,
{
    let together = ITEMS_PER_THREAD * rayon::current_num_threads();
    // Whoever works takes a state and gives it back: there are as many as threads.
    let states = Mutex::new(Vec::new());
    let lock = || states.lock().expect("nothing panics while it is held");
    let work = |item| {
        let free = lock().pop();
        let mut held = free.unwrap_or_else(&state);
        let result = work(&mut held, item);
        lock().push(held);
        result
    };
    let mut done: Vec<T> = Vec::new();
    loop {
        let now: Vec<I> = items.by_ref().take(together).collect();
        if now.is_empty() {
            return done.into_iter().try_for_each(take);
        }
        let (mut next, mut taken) = (Ok(Vec::new()), Ok(()));
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| {
                next = now.into_par_iter().with_max_len(1).map(&work).collect();
            });
            taken = done.drain(..).try_for_each(&mut *take);
        });
        taken?;
        done = next?;
    }
}
