//! What is set and where, for the page that shows it.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::env;
use super::settings::Settings;
use crate::database;
use crate::report::Failure;
use crate::web::{Place, Setting, Setup};

/// How an installation with these settings is set up, if they came from this file, the environment
/// and the command line.
///
/// # Errors
/// If the file cannot be read any more.
pub(crate) fn of(file: Option<&Path>, settings: &Settings) -> Result<Setup, Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    let written = file.map(super::settings::read).transpose()?.unwrap_or_default();
    let loaded = Settings::load(file, variable)?;
    Ok(Setup {
        file: file.map(Path::to_owned),
        settings: places(&written, &table(&loaded)?, settings, variable)?,
        folder: folder(&settings.db),
        mailer: settings.mail.mailer()?,
        administrators: settings.mail.administrators.clone(),
    })
}

/// Everything that can be set: what it is, and where that was said.
fn places(
    written: &Table,
    loaded: &Table,
    settings: &Settings,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Setting>, Failure> {
    let (shown, now) = (leaves(&table(&settings.without_secrets())?), leaves(&table(settings)?));
    let (written, loaded) = (leaves(written), leaves(loaded));
    let found = |leaves: &[Leaf], name: &str| {
        leaves.iter().find(|leaf| leaf.0 == name).map(|leaf| leaf.1.clone())
    };
    let setting = |((name, value), (_, now)): (Leaf, Leaf)| {
        let place = if found(&loaded, &name).as_ref() != Some(&now) {
            Place::CommandLine
        } else if variable(&env::variable(&name)).is_some() {
            Place::Environment
        } else if found(&written, &name).is_some() {
            Place::File
        } else {
            Place::Default
        };
        Setting { name, value: value.to_string(), place }
    };
    Ok(shown.into_iter().zip(now).map(setting).collect())
}

fn table(settings: &Settings) -> Result<Table, Failure> {
    Table::try_from(settings)
        .map_err(|error| Failure::new(format!("the settings cannot be listed: {error}")))
}

/// A setting by its full name, and its value.
type Leaf = (String, Value);

fn leaves(table: &Table) -> Vec<Leaf> {
    let mut all = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) => {
                let below = leaves(inner).into_iter();
                all.extend(below.map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            value => all.push((key.clone(), value.clone())),
        }
    }
    all
}

/// The folder that a database is in, if it is a file.
fn folder(db: &str) -> Option<PathBuf> {
    let file = database::sqlite(db).ok()?.strip_prefix("sqlite:")?;
    let file = file.split('?').next().unwrap_or(file);
    let file = Path::new(file.strip_prefix("//").unwrap_or(file));
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    Some(folder.map_or_else(|| PathBuf::from("."), Path::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_setting_is_the_last_that_has_a_say() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[web]\ngrace = 7\n[login]\naudit-days = 9\n").unwrap();
        let variable = |name: &str| {
            let known = ["HARVESTER_LOGIN_AUDIT_DAYS", "HARVESTER_MAIL_PASSWORD"];
            known.contains(&name).then(|| "8".to_owned())
        };
        let loaded = Settings::load(Some(file.path()), variable).unwrap();
        let mut settings = loaded.clone();
        settings.web.listen = "127.0.0.1:9".parse().unwrap();
        let written = super::super::settings::read(file.path()).unwrap();
        let all = places(&written, &table(&loaded).unwrap(), &settings, variable).unwrap();
        let one = |name: &str| {
            let found = all.iter().find(|setting| setting.name == name).unwrap();
            (found.value.as_str(), found.place)
        };
        assert_eq!(one("web.grace"), ("7", Place::File));
        assert_eq!(one("web.listen"), ("\"127.0.0.1:9\"", Place::CommandLine));
        assert_eq!(one("login.audit-days"), ("8", Place::Environment));
        assert_eq!(one("mail.password"), ("\"(not shown)\"", Place::Environment));
        assert_eq!(one("login.session-days"), ("7", Place::Default));
    }

    #[test]
    fn a_database_in_a_file_is_in_a_folder() {
        assert_eq!(folder("sqlite:/var/lib/h/h.db"), Some(PathBuf::from("/var/lib/h")));
        assert_eq!(folder("sqlite:h.db"), Some(PathBuf::from(".")));
        assert_eq!(folder("postgres://me@db/h"), None);
    }
}
