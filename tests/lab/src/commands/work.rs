//! Runs share nothing, so as many go side by side as there are processors.

use std::{
    num::NonZero,
    sync::{Mutex, PoisonError},
    thread,
};

/// Does every job, and tells of each as it ends.
pub(crate) fn each<J: Send, R: Send>(
    jobs: Vec<J>,
    work: impl Fn(&J) -> R + Sync,
    tell: impl Fn(&J, &R) + Sync,
) -> Vec<(J, R)> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let (waiting, done) = (Mutex::new(jobs.into_iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(job) = next else { return };
                    let result = work(&job);
                    tell(&job, &result);
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((job, result));
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}
