use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use super::{Attempt, RetryPolicy};

/// Waits longer from try to try, within bounds, unless the server says how long.
///
/// * Only transient failures are tried again ([`Error::is_transient`](crate::Error::is_transient)).
/// * The n-th wait is `first × factor`ⁿ⁻¹, at most `cap`. With jitter it is a random part of that,
///   but at least a tenth of `first`, so that many harvesters that failed together do not come back
///   together.
/// * What the server asks for (`Retry-After`) takes the place of the computed wait. If it asks for
///   less than `first`, the longer of the two counts.
/// * No wait begins that would end later than `max_elapsed` after the first try began.
///
/// ```
/// use std::time::Duration;
/// use resync_core::retry::Backoff;
///
/// let patient = Backoff::default().retries(8).max_elapsed(Duration::from_secs(3600));
/// assert_eq!(patient.cap, Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// How often a failed request is sent again. 5 unless said otherwise.
    pub retries: u32,
    /// The first wait. 1 s unless said otherwise.
    pub first: Duration,
    /// By how much each wait is longer than the one before. 2 unless said otherwise.
    pub factor: u32,
    /// The longest wait that is computed; a server may ask for a longer one. 60 s unless said
    /// otherwise.
    pub cap: Duration,
    /// The longest time from the beginning of the first try to that of the last. 15 min unless said
    /// otherwise.
    pub max_elapsed: Duration,
    /// The longest `Retry-After` that is waited for; a longer one gives up. 1 h unless said
    /// otherwise, though [`max_elapsed`](Self::max_elapsed) may be shorter.
    pub max_retry_after: Duration,
    /// Whether waits are random within their bounds. Yes unless said otherwise.
    pub jitter: bool,
}

impl Backoff {
    /// Never tries again.
    #[must_use]
    pub fn none() -> Self {
        Self::default().retries(0)
    }

    /// Sets how often a failed request is sent again.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the first wait.
    #[must_use]
    pub fn first(mut self, delay: Duration) -> Self {
        self.first = delay;
        self
    }

    /// Sets by how much each wait is longer than the one before.
    #[must_use]
    pub fn factor(mut self, factor: u32) -> Self {
        self.factor = factor;
        self
    }

    /// Sets the longest wait that is computed.
    #[must_use]
    pub fn cap(mut self, delay: Duration) -> Self {
        self.cap = delay;
        self
    }

    /// Sets the longest time from the beginning of the first try to that of the last.
    #[must_use]
    pub fn max_elapsed(mut self, time: Duration) -> Self {
        self.max_elapsed = time;
        self
    }

    /// Sets the longest `Retry-After` that is waited for.
    #[must_use]
    pub fn max_retry_after(mut self, delay: Duration) -> Self {
        self.max_retry_after = delay;
        self
    }

    /// Sets whether waits are random within their bounds.
    #[must_use]
    pub fn jitter(mut self, yes: bool) -> Self {
        self.jitter = yes;
        self
    }

    fn delay(&self, attempt: &Attempt<'_>, random: u64) -> Option<Duration> {
        if !attempt.error.is_transient() || attempt.number > self.retries {
            return None;
        }
        let longer = self.factor.max(1).saturating_pow(attempt.number.saturating_sub(1));
        let most = self.first.saturating_mul(longer).min(self.cap);
        let computed = if self.jitter {
            // Full jitter. Its floor keeps an unlucky draw from being no wait at all.
            let floor = (self.first / 10).min(most);
            floor + (most - floor).mul_f64(random as f64 / u64::MAX as f64)
        } else {
            most
        };
        let delay = match attempt.error.retry_after() {
            Some(asked) if asked > self.max_retry_after => return None,
            Some(asked) if asked >= self.first => asked,
            // "Retry-After: 0" must not become a busy loop.
            Some(asked) => asked.max(computed),
            None => computed,
        };
        (attempt.elapsed.saturating_add(delay) <= self.max_elapsed).then_some(delay)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            retries: 5,
            first: Duration::from_secs(1),
            factor: 2,
            cap: Duration::from_secs(60),
            max_elapsed: Duration::from_secs(15 * 60),
            max_retry_after: Duration::from_secs(3600),
            jitter: true,
        }
    }
}

impl RetryPolicy for Backoff {
    fn next_delay(&self, attempt: &Attempt<'_>) -> Option<Duration> {
        // Each `RandomState` has other keys: random enough for this, and no dependency.
        self.delay(attempt, RandomState::new().build_hasher().finish())
    }

    fn max_attempts(&self) -> Option<u32> {
        Some(self.retries.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::{Error, ErrorKind};

    const SECOND: Duration = Duration::from_secs(1);
    const HALF: u64 = u64::MAX / 2;

    fn delay(backoff: &Backoff, number: u32, elapsed: u64, error: &Error) -> Option<Duration> {
        backoff.delay(&Attempt::new(number, SECOND * elapsed as u32, error), HALF)
    }

    fn busy(wait: Option<Duration>) -> Error {
        Error::status(StatusCode::SERVICE_UNAVAILABLE).with_retry_after(wait)
    }

    #[test]
    fn waits_grow_up_to_the_cap_and_end_after_the_last_retry() {
        let backoff = Backoff::default().jitter(false).retries(8);
        let waits: Vec<_> = (1..=9)
            .map(|number| delay(&backoff, number, 0, &busy(None)).map(|wait| wait.as_secs()))
            .collect();
        let expected = [1, 2, 4, 8, 16, 32, 60, 60].map(Some).into_iter().chain([None]);
        assert_eq!(waits, expected.collect::<Vec<_>>());
    }

    #[test]
    fn jitter_is_anything_from_a_tenth_of_the_first_wait_to_the_computed_one() {
        let backoff = Backoff::default();
        let error = busy(None);
        let attempt = Attempt::new(4, Duration::ZERO, &error);
        assert_eq!(backoff.delay(&attempt, 0), Some(SECOND / 10));
        assert_eq!(backoff.delay(&attempt, u64::MAX), Some(SECOND * 8));
        let waits: Vec<_> = (0..64).filter_map(|_| backoff.next_delay(&attempt)).collect();
        assert_eq!(waits.len(), 64);
        assert!(waits.iter().all(|wait| (SECOND / 10..=SECOND * 8).contains(wait)));
        assert!(waits.iter().any(|wait| *wait < SECOND * 4));
        assert!(waits.iter().any(|wait| *wait > SECOND * 4));
    }

    #[test]
    fn the_server_says_how_long_to_wait() {
        let backoff = Backoff::default();
        let cases = [
            (1, SECOND * 120, Some(SECOND * 120)),
            (5, SECOND, Some(SECOND)),
            (1, SECOND * 900, Some(SECOND * 900)),
            // Longer than `max_elapsed`.
            (1, SECOND * 901, None),
            (6, SECOND, None),
        ];
        for (number, asked, expected) in cases {
            assert_eq!(delay(&backoff, number, 0, &busy(Some(asked))), expected, "{asked:?}");
        }
        let patient = backoff.max_elapsed(SECOND * 86_400);
        for (asked, expected) in [(3600, Some(SECOND * 3600)), (3601, None)] {
            assert_eq!(delay(&patient, 1, 0, &busy(Some(SECOND * asked))), expected, "{asked}");
        }
    }

    #[test]
    fn no_wait_is_shorter_than_a_tenth_of_the_first_whatever_the_server_says() {
        for asked in [Duration::ZERO, Duration::from_millis(1)] {
            let error = busy(Some(asked));
            let attempt = Attempt::new(1, Duration::ZERO, &error);
            assert_eq!(Backoff::default().delay(&attempt, 0), Some(SECOND / 10));
        }
    }

    #[test]
    fn waits_count_against_the_time_allowed() {
        let backoff = Backoff::default().jitter(false);
        assert_eq!(delay(&backoff, 1, 899, &busy(None)), Some(SECOND));
        assert_eq!(delay(&backoff, 1, 900, &busy(None)), None);
        assert_eq!(delay(&backoff, 2, 700, &busy(Some(SECOND * 200))), Some(SECOND * 200));
        assert_eq!(delay(&backoff, 2, 701, &busy(Some(SECOND * 200))), None);
    }

    #[test]
    fn only_what_can_pass_is_tried_again() {
        let statuses = [400, 401, 403, 404, 408, 410, 425, 429, 500, 501, 502, 503, 504];
        let again: Vec<_> = statuses
            .into_iter()
            .filter(|&status| {
                let error = Error::status(StatusCode::from_u16(status).unwrap());
                delay(&Backoff::default(), 1, 0, &error).is_some()
            })
            .collect();
        assert_eq!(again, [408, 425, 429, 500, 502, 503, 504]);
        for (kind, expected) in [
            (ErrorKind::Connect, true),
            (ErrorKind::Timeout, true),
            (ErrorKind::Interrupted, true),
            (ErrorKind::Incomplete, true),
            (ErrorKind::Unexpected, true),
            (ErrorKind::TooLarge, false),
            (ErrorKind::Redirect, false),
            (ErrorKind::Request, false),
            (ErrorKind::Io, false),
        ] {
            let error = Error::new(kind, "x");
            assert_eq!(delay(&Backoff::default(), 1, 0, &error).is_some(), expected, "{kind:?}");
            assert_eq!(delay(&Backoff::none(), 1, 0, &error), None);
        }
    }

    #[test]
    fn extreme_settings_do_not_overflow() {
        let backoff = Backoff::default()
            .retries(u32::MAX)
            .factor(u32::MAX)
            .first(Duration::MAX)
            .cap(Duration::MAX)
            .max_elapsed(Duration::MAX)
            .max_retry_after(Duration::MAX);
        assert!(delay(&backoff, u32::MAX, 1, &busy(None)).is_some());
        assert!(delay(&backoff, u32::MAX, 1, &busy(Some(Duration::MAX))).is_some());
        assert_eq!(backoff.max_attempts(), Some(u32::MAX));
    }
}
