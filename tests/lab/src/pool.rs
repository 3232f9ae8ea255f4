//! Tasks of one process, each polled only when it can go on, in an order that a seed decides.
//!
//! A real runtime runs tasks in whatever order threads come by; here each order that is possible is reached by some
//! seed, and the same seed reaches it again. No task runs by itself: dropping the pool is the end of the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

/// A task.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The number of a task in its pool.
pub(crate) type TaskId = u64;

/// The tasks that can go on.
#[derive(Clone, Default)]
struct Ready(Arc<Mutex<BTreeSet<TaskId>>>);

impl Ready {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<TaskId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_one(&self, order: &mut fastrand::Rng) -> Option<TaskId> {
        let mut ready = self.lock();
        if ready.is_empty() {
            return None;
        }
        let id = ready.iter().nth(order.usize(..ready.len())).copied()?;
        ready.remove(&id);
        Some(id)
    }
}

struct Waking {
    id: TaskId,
    ready: Ready,
}

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        self.ready.lock().insert(self.id);
    }
}

/// The tasks of one process.
#[derive(Default)]
pub(crate) struct Pool {
    tasks: BTreeMap<TaskId, (Task, Waker)>,
    ready: Ready,
    last: TaskId,
}

impl Pool {
    /// Takes a task in; it runs when the pool does.
    pub(crate) fn spawn(&mut self, task: Task) -> TaskId {
        self.last += 1;
        let id = self.last;
        let waking = Waking {
            id,
            ready: self.ready.clone(),
        };
        self.tasks.insert(id, (task, Waker::from(Arc::new(waking))));
        self.ready.lock().insert(id);
        id
    }

    /// Polls one task that can go on, if there is one; says which, and whether it ended.
    pub(crate) fn step(&mut self, order: &mut fastrand::Rng) -> Option<(TaskId, bool)> {
        loop {
            // A waker outlives its task.
            let id = self.ready.take_one(order)?;
            let Some((task, waker)) = self.tasks.get_mut(&id) else {
                continue;
            };
            let ended = task.as_mut().poll(&mut Context::from_waker(waker)) == Poll::Ready(());
            if ended {
                self.tasks.remove(&id);
            }
            return Some((id, ended));
        }
    }
}
