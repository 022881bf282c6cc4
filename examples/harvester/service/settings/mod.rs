//! How an installation is set up.

mod engine;
mod log;
mod mail;
mod payloads;
mod provide;
mod secret;
mod span;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use chrono::TimeDelta;
use resync_core::transport::without_credentials;
use serde::{Deserialize, Serialize};
use url::Url;

pub(crate) use self::engine::{Network, Scheduler, Worker};
pub(crate) use self::log::{Format as LogFormat, Log};
pub(crate) use self::mail::Mail;
pub(crate) use self::payloads::Payloads;
pub(crate) use self::provide::Provide;
pub(crate) use self::secret::Secret;
use super::env;
use crate::accounts::Limits;
use crate::report::Failure;

/// How an installation is set up: what its configuration file can say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// The database: `sqlite:FILE`, or `postgres://user@host/database`.
    pub(crate) db: String,
    /// Where metadata is kept: `database`, `folder:/srv/payloads`, or `s3://bucket/prefix`.
    pub(crate) payloads: Payloads,
    /// Which key seals the passwords of sources.
    pub(crate) secret: Secret,
    /// The pages.
    pub(crate) web: Web,
    /// Logging in.
    pub(crate) login: Login,
    /// Asking sources.
    pub(crate) network: Network,
    /// Doing runs.
    pub(crate) worker: Worker,
    /// Asking for runs, and forgetting old ones.
    pub(crate) scheduler: Scheduler,
    /// Reports.
    pub(crate) mail: Mail,
    /// What is given out.
    pub(crate) provide: Provide,
    /// What is said of what happens.
    pub(crate) log: Log,
}

/// How pages are reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Web {
    /// Where they are served. Only this machine reaches the loopback address; put a proxy with TLS in
    /// front of it for others.
    pub(crate) listen: SocketAddr,
    /// The address that people use, if a proxy stands in between: `https://harvest.example.org/`.
    /// Empty: none does.
    pub(crate) public_url: String,
    /// How long answers under way may take when the service stops, in seconds.
    pub(crate) grace: u32,
}

/// How long sessions go on, and how often somebody may try to log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Login {
    /// A session is over after so many hours without a page
    pub(crate) session_hours: u32,
    /// and after so many days.
    pub(crate) session_days: u32,
    /// So many attempts as one user
    pub(crate) attempts_per_name: u32,
    /// and so many from one address
    pub(crate) attempts_per_address: u32,
    /// within so many minutes.
    pub(crate) attempts_minutes: u32,
    /// For how many days it is kept who did what.
    pub(crate) audit_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            db: "sqlite:harvest.db".to_owned(),
            payloads: Payloads::default(),
            secret: Secret::default(),
            web: Web::default(),
            login: Login::default(),
            network: Network::default(),
            worker: Worker::default(),
            scheduler: Scheduler::default(),
            mail: Mail::default(),
            provide: Provide::default(),
            log: Log::default(),
        }
    }
}

impl Default for Web {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        Self { listen, public_url: String::new(), grace: 10 }
    }
}

impl Default for Login {
    fn default() -> Self {
        Self {
            session_hours: 12,
            session_days: 7,
            attempts_per_name: 5,
            attempts_per_address: 30,
            attempts_minutes: 15,
            audit_days: 365,
        }
    }
}

impl Settings {
    /// The settings of a file, if one is named, with those of the environment over them.
    ///
    /// # Errors
    /// If the file cannot be read, or something in it or in the environment makes no sense.
    pub(crate) fn load(
        file: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let mut table = match file {
            Some(path) => read(path)?,
            None => toml::Table::new(),
        };
        env::overlay(&Self::default(), &mut table, variable)?;
        let from = file.map_or("the environment".into(), |path| path.display().to_string());
        let settings: Self = toml::Value::Table(table)
            .try_into()
            .map_err(|error| Failure::usage(format!("{from}: {}", on_one_line(&error))))?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), Failure> {
        let login = &self.login;
        let least = [
            ("session-hours", login.session_hours),
            ("session-days", login.session_days),
            ("attempts-per-name", login.attempts_per_name),
            ("attempts-per-address", login.attempts_per_address),
            ("attempts-minutes", login.attempts_minutes),
            ("audit-days", login.audit_days),
        ];
        if let Some((name, _)) = least.iter().find(|(_, value)| *value == 0) {
            return Err(Failure::usage(format!("login.{name} is 0; it must be at least 1")));
        }
        if !self.web.public_url.is_empty() {
            self.public_url()?;
        }
        self.payloads.check()?;
        self.network.check()?;
        self.worker.check()?;
        self.scheduler.check()?;
        self.mail.check()?;
        self.provide.check()?;
        self.log.check()
    }

    /// The address that others use, if a proxy stands in between.
    pub(crate) fn public_base(&self) -> Option<Url> {
        self.public_url().ok()
    }

    fn public_url(&self) -> Result<Url, Failure> {
        match Url::parse(&self.web.public_url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
            _ => Err(Failure::usage(
                "web.public-url is written like https://harvest.example.org/, or left empty",
            )),
        }
    }

    /// Whether browsers reach the pages by https only.
    pub(crate) fn is_secure(&self) -> bool {
        self.public_url().is_ok_and(|url| url.scheme() == "https")
    }

    /// The limits of accounts.
    pub(crate) fn limits(&self) -> Limits {
        let login = &self.login;
        Limits {
            session_idle: TimeDelta::hours(login.session_hours.into()),
            session_longest: TimeDelta::days(login.session_days.into()),
            attempts_per_name: login.attempts_per_name,
            attempts_per_address: login.attempts_per_address,
            attempts_within: TimeDelta::minutes(login.attempts_minutes.into()),
            audit_kept: TimeDelta::days(login.audit_days.into()),
        }
    }

    /// The same without secrets, to be shown.
    pub(crate) fn without_secrets(&self) -> Self {
        let mut shown = Self {
            mail: self.mail.clone().without_secrets(),
            secret: self.secret.clone().without_secrets(),
            ..self.clone()
        };
        if let Ok(url) = Url::parse(&self.db)
            && url.has_host()
        {
            shown.db = without_credentials(&url).into();
        }
        shown
    }
}

/// What a file says.
///
/// # Errors
/// If it cannot be read, or is no TOML.
pub(super) fn read(path: &Path) -> Result<toml::Table, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{shown} cannot be read: {error}")))?;
    text.parse().map_err(|error| Failure::usage(format!("{shown}: {error}")))
}

fn on_one_line(error: &impl ToString) -> String {
    error.to_string().trim().replace('\n', ": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        file
    }

    /// The settings, or what is wrong with them, of a file and an environment.
    fn load(text: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
        let file = written(text);
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::load(Some(file.path()), variable)
            .map_err(|failure| failure.text().unwrap_or_default())
    }

    #[test]
    fn the_environment_goes_over_the_file_and_the_file_over_what_is_usual() {
        let file = "db = \"sqlite:a.db\"\n[web]\nlisten = \"127.0.0.1:9000\"\n";
        let settings = load(file, &[]).unwrap();
        assert_eq!((settings.db.as_str(), settings.web.listen.port()), ("sqlite:a.db", 9000));
        assert_eq!(settings.login, Login::default());
        let variables =
            [("HARVESTER_WEB_LISTEN", "127.0.0.1:9001"), ("HARVESTER_LOGIN_SESSION_HOURS", "3")];
        let settings = load(file, &variables).unwrap();
        assert_eq!((settings.web.listen.port(), settings.login.session_hours), (9001, 3));
    }

    #[test]
    fn lists_and_times_can_be_set_in_the_environment() {
        let variables = [
            ("HARVESTER_MAIL_ADMINISTRATORS", "a@x.org, b@x.org"),
            ("HARVESTER_NETWORK_RETRY_DELAY", "500ms"),
        ];
        let settings = load("", &variables).unwrap();
        assert_eq!(settings.mail.administrators, ["a@x.org", "b@x.org"]);
        assert_eq!(settings.network.retry_delay.to_string(), "500ms");
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        let shown = toml::to_string(&Settings::default().without_secrets()).unwrap();
        assert_eq!(load(&shown, &[]).unwrap(), Settings::default());
    }

    #[test]
    fn only_this_machine_is_served_unless_it_is_said() {
        assert!(Settings::default().web.listen.ip().is_loopback());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (file, variables, why) in [
            ("dbb = \"x\"", &[][..], "dbb"),
            ("[web]\nlisten = \"here\"", &[], "listen"),
            ("[login]\nsession-hours = 0", &[], "session-hours"),
            ("[web]\npublic-url = \"ftp://x\"", &[], "public-url"),
            ("= ", &[], "line 1"),
            ("payloads = \"cellar\"", &[], "folder:/srv/payloads"),
            ("", &[("HARVESTER_LOGIN_AUDIT_DAYS", "soon")], "HARVESTER_LOGIN_AUDIT_DAYS"),
            ("[worker]\nlease = \"soon\"", &[], "lease"),
            ("[worker]\nconcurrency = 0", &[], "worker.concurrency"),
            ("[network]\nlocal-hosts = [\"a b\"]", &[], "local-hosts"),
            ("[scheduler]\nruns-days = 0", &[], "runs-days"),
            ("[log]\nfilter = \"ours=loud\"", &[], "log.filter"),
            ("[log]\nformat = \"xml\"", &[], "format"),
            ("[provide]\nat-once = 0", &[], "provide.at-once"),
            ("[provide]\nadmin = \"me\"", &[], "provide.admin"),
            ("[provide]\nnamespace = \"a b\"", &[], "provide.namespace"),
            ("[mail]\nserver = \"mail\"\nfrom = \"nobody\"", &[], "nobody"),
        ] {
            let message = load(file, variables).unwrap_err();
            assert!(message.contains(why), "{file}: {message}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let mut settings =
            Settings { db: "postgres://me:secret@db/harvest".to_owned(), ..Settings::default() };
        settings.mail.password = "secret".to_owned();
        assert!(!format!("{:?}", settings.mail).contains("\"secret\""));
        settings.secret.key = "secret".to_owned();
        assert!(!format!("{:?}", settings.secret).contains("\"secret\""));
        let shown = toml::to_string(&settings.without_secrets()).unwrap();
        assert!(
            !shown.contains("\"secret\"")
                && !shown.contains("me:secret")
                && shown.contains("postgres://db/harvest"),
            "{shown}"
        );
    }
}
