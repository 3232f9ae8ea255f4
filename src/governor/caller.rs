//! On whose behalf a call is made: known all the way down from a pass to the call, without a parameter at each door
//! between, which nothing but the governor would look at.

use std::sync::Arc;

tokio::task_local! {
    static CALLER: Caller;
}

/// Someone who can be told to come back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Caller(Arc<str>);

impl From<&str> for Caller {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

/// Lets every call that `work` makes be one of this caller's: where its line is long, the call is not waited for, but
/// told when to come back, and whoever comes back by the same name then stands in line at once.
pub async fn on_behalf_of<T>(name: &str, work: impl Future<Output = T>) -> T {
    CALLER.scope(name.into(), work).await
}

/// The caller that this call is one of; `None` for those who are not told to come back.
pub(super) fn caller() -> Option<Caller> {
    CALLER.try_with(Clone::clone).ok()
}
