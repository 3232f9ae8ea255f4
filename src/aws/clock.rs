//! Our clock, as the SDK wants to see it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_smithy_async::{
    rt::sleep::{AsyncSleep, Sleep},
    time::TimeSource,
};

use crate::clock::Clock;

/// Signs with our time and times out on it, so that a test decides how long a call takes.
#[derive(Clone, Debug)]
pub(super) struct SdkClock(pub(super) Arc<dyn Clock>);

impl TimeSource for SdkClock {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}

impl AsyncSleep for SdkClock {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(self.0.after(duration))
    }
}
