//! Whether the records of a source are given out.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Whether the records of a source are listed for those who harvest from here: a switch for the time
/// in which they are being checked. On, unless somebody turned it off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Output {
    /// They are.
    #[default]
    On,
    /// They are not; each can still be had by its name.
    #[non_exhaustive]
    Off {
        /// Since when.
        since: DateTime<Utc>,
    },
}

impl Output {
    /// Turned on or off; what is off stays so since then.
    #[must_use]
    pub fn turned(self, on: bool, now: DateTime<Utc>) -> Self {
        match (self, on) {
            (_, true) => Self::On,
            (off @ Self::Off { .. }, false) => off,
            (Self::On, false) => Self::Off { since: now },
        }
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_on(self) -> bool {
        self == Self::On
    }

    /// Since when it is off.
    #[must_use]
    pub fn off_since(self) -> Option<DateTime<Utc>> {
        match self {
            Self::On => None,
            Self::Off { since } => Some(since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_off_stays_so_since_it_was_turned_off() {
        let (then, now) = (DateTime::UNIX_EPOCH, Utc::now());
        let off = Output::default().turned(false, then);
        assert_eq!(off.turned(false, now).off_since(), Some(then));
        assert!(off.turned(true, now).is_on());
        let kept = serde_json::to_string(&off).unwrap();
        assert_eq!(serde_json::from_str::<Output>(&kept).unwrap(), off);
        assert_eq!(serde_json::from_str::<Output>("\"on\"").unwrap(), Output::On);
    }
}
