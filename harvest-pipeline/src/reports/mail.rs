//! Sending reports by SMTP.

use std::fmt;
use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::Report;

/// How long a server may take for each step.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How the way to the mail server is kept from others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Security {
    /// Not at all: for a server on this machine.
    #[default]
    None,
    /// By TLS that is asked for after the greeting, and insisted on.
    StartTls,
    /// By TLS from the first byte.
    Tls,
}

/// Sends reports.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// A report could not be sent.
#[derive(Debug, thiserror::Error)]
#[error("the report could not be sent to {to}: {why}")]
pub struct MailError {
    to: String,
    why: String,
}

impl Mailer {
    /// Sends through this server, as this sender.
    ///
    /// # Errors
    /// If the sender is no mail address, or the server's name cannot be used.
    pub fn new(
        server: &str,
        port: u16,
        security: Security,
        credentials: Option<(String, String)>,
        from: &str,
    ) -> Result<Self, MailError> {
        let cannot = |why: String| MailError { to: server.to_owned(), why };
        let from = from.parse().map_err(|error| cannot(format!("{from:?}: {error}")))?;
        let builder = match security {
            Security::None => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server),
            Security::StartTls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(server)
                .map_err(|error| cannot(error.to_string()))?,
            Security::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(server)
                .map_err(|error| cannot(error.to_string()))?,
        };
        let builder = builder.port(port).timeout(Some(TIMEOUT));
        let builder = match credentials {
            Some((user, password)) => builder.credentials(Credentials::new(user, password)),
            None => builder,
        };
        Ok(Self { transport: builder.build(), from })
    }

    /// Sends a report to these addresses, all in one mail.
    ///
    /// # Errors
    /// If one is no address, or the server does not take the mail.
    pub async fn send(&self, report: &Report, to: &[String]) -> Result<(), MailError> {
        let all = to.join(", ");
        let cannot = |why: String| MailError { to: all.clone(), why };
        if to.is_empty() {
            return Ok(());
        }
        let mut message = Message::builder().from(self.from.clone()).subject(&*report.subject);
        for address in to {
            let mailbox: Mailbox =
                address.trim().parse().map_err(|error| cannot(format!("{address:?}: {error}")))?;
            message = message.to(mailbox);
        }
        let body = MultiPart::alternative_plain_html(report.text.clone(), report.html.clone());
        let message = message.multipart(body).map_err(|error| cannot(error.to_string()))?;
        self.transport.send(message).await.map_err(|error| cannot(error.to_string()))?;
        Ok(())
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("from", &self.from).finish_non_exhaustive()
    }
}
