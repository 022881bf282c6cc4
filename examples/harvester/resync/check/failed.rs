use crate::report::Failure;

/// Why a document could not be had.
pub(super) enum Failed {
    Net(resync_core::Error),
    Forbidden(String),
}

impl From<resync_core::Error> for Failed {
    fn from(error: resync_core::Error) -> Self {
        Self::Net(error)
    }
}

impl Failed {
    /// Whether there may well be what was meant, which nothing found elsewhere may replace.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Net(error) => error.is_transient(),
            Self::Forbidden(_) => true,
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::Net(error) => error.to_string(),
            Self::Forbidden(why) => why.clone(),
        }
    }

    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::Net(error) => error.into(),
            Self::Forbidden(why) => {
                Failure::new(why).with_advice("Name its origin with --allow-origin.")
            }
        }
    }
}
