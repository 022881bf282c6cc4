//! How the installation is set up: what is set, and where it was set.

use std::path::PathBuf;

use harvest_pipeline::reports::Mailer;

/// How the installation is set up, without secrets.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    /// The configuration file, if one is named.
    pub(crate) file: Option<PathBuf>,
    /// Everything that can be set.
    pub(crate) settings: Vec<Setting>,
    /// The folder that the database is in, if it is a file.
    pub(crate) folder: Option<PathBuf>,
    /// What sends mail, if something does.
    pub(crate) mailer: Option<Mailer>,
    /// Where mail for administrators goes.
    pub(crate) administrators: Vec<String>,
}

/// Something that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its name in the file: `web.listen`.
    pub(crate) name: String,
    /// Its value, as it would be written there.
    pub(crate) value: String,
    /// Where it was set.
    pub(crate) place: Place,
}

/// Where something was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere: it is as it usually is.
    Default,
    /// In the configuration file.
    File,
    /// In the environment.
    Environment,
    /// On the command line.
    CommandLine,
}

impl Place {
    /// As it is called in the keys of words, and by the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::CommandLine => "command-line",
        }
    }
}
