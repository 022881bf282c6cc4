//! How long something took one thread.

use std::time::{Duration, Instant};

/// The time that this thread has had the processor, where the system tells: on a busy machine the
/// time on the wall says nothing.
pub(crate) struct Clock(Option<Duration>, Instant);

impl Clock {
    pub(crate) fn now() -> Self {
        Self(Self::of_thread(), Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let of_thread = Self::of_thread().zip(self.0).map(|(now, then)| now.saturating_sub(then));
        of_thread.filter(|it| !it.is_zero()).unwrap_or_else(|| self.1.elapsed())
    }

    fn of_thread() -> Option<Duration> {
        #[cfg(target_os = "linux")]
        {
            use rustix::time::{ClockId, clock_gettime};
            clock_gettime(ClockId::ThreadCPUTime).try_into().ok()
        }
        #[cfg(not(target_os = "linux"))]
        None
    }
}
