//! Where reports go, and how.

use harvest_pipeline::reports::{Mailer, Security, Style};
use serde::{Deserialize, Serialize};

use super::span::Span;
use crate::report::Failure;

/// How reports are sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Mail {
    /// The mail server's name. Empty: nothing is sent.
    pub(crate) server: String,
    /// Its port; 0: the usual one.
    pub(crate) port: u16,
    /// How the way there is kept from others.
    pub(crate) security: Way,
    /// Whom to log in as, if the server wants that,
    pub(crate) user: String,
    /// and with which password; best given in the environment, as HARVESTER_MAIL_PASSWORD.
    pub(crate) password: String,
    /// Who sends them: `Harvester <harvester@example.org>`.
    pub(crate) from: String,
    /// The addresses of those who run the installation.
    pub(crate) administrators: Vec<String>,
    /// In which words they are written: metacat or irdb.
    pub(crate) style: Words,
    /// How long after a failure it is tried again; doubles each time, up to 8 hours.
    pub(crate) retry_delay: Span,
}

/// How the way to the mail server is kept from others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    #[default]
    None,
    StartTls,
    Tls,
}

/// In which words reports are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Words {
    #[default]
    Metacat,
    Irdb,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            server: String::new(),
            port: 0,
            security: Way::default(),
            user: String::new(),
            password: String::new(),
            from: "harvester@localhost".to_owned(),
            administrators: Vec::new(),
            style: Words::default(),
            retry_delay: Span::seconds(60),
        }
    }
}

impl Mail {
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.mailer().map(drop)
    }

    /// What sends reports; `None` if nothing does.
    ///
    /// # Errors
    /// If the sender is no address, or the server's name cannot be used.
    pub(crate) fn mailer(&self) -> Result<Option<Mailer>, Failure> {
        if self.server.is_empty() {
            return Ok(None);
        }
        let (security, usual) = match self.security {
            Way::None => (Security::None, 25),
            Way::StartTls => (Security::StartTls, 587),
            Way::Tls => (Security::Tls, 465),
        };
        let port = if self.port == 0 { usual } else { self.port };
        let credentials =
            (!self.user.is_empty()).then(|| (self.user.clone(), self.password.clone()));
        Mailer::new(&self.server, port, security, credentials, &self.from)
            .map(Some)
            .map_err(|error| Failure::usage(format!("[mail]: {error}")))
    }

    pub(crate) fn style(&self) -> Style {
        match self.style {
            Words::Metacat => Style::Metacat,
            Words::Irdb => Style::Irdb,
        }
    }

    /// The same without its secret, to be shown.
    pub(super) fn without_secrets(mut self) -> Self {
        if !self.password.is_empty() {
            "(not shown)".clone_into(&mut self.password);
        }
        self
    }
}

impl std::fmt::Debug for Mail {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail")
            .field("server", &self.server)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}
