//! Where an installation keeps things: all in the database that its settings name.

use std::sync::Arc;

use chrono::Utc;
use harvest_pipeline::secrets::{Secrets, Vault};
use harvest_pipeline::store::{SqlStore, SqlStoreOptions, Store};
use harvest_pipeline::{Catalogue, Registry, targets};

use super::settings::Settings;
use super::vault::KeyVault;
use crate::accounts::Accounts;
use crate::database::Records;
use crate::report::Failure;

/// Where an installation keeps things.
#[derive(Debug)]
pub(crate) struct Stores {
    /// Sources, runs, and what happened.
    pub(crate) store: Arc<dyn Store>,
    /// The records.
    pub(crate) catalogue: Arc<dyn Catalogue>,
    /// Who may use it.
    pub(crate) accounts: Accounts,
    /// What seals and opens the secrets of sources.
    pub(super) vault: KeyVault,
    sql: SqlStore,
    records: Records,
}

/// Whether a command can begin a database, or works with one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Sets something up: the first of it can be in a new database.
    Any,
    /// Reads or changes what is there: a name that was mistyped must not become an empty database.
    Existing,
}

impl Stores {
    /// Opens the database.
    ///
    /// # Errors
    /// If it cannot be opened, or is not there and should be.
    pub(crate) async fn open(settings: &Settings, need: Need) -> Result<Self, Failure> {
        let (records, accounts) = open(settings, need).await?;
        let vault = KeyVault::of(settings, accounts.documents()).await?;
        let sealing: Arc<dyn Vault> = Arc::new(vault.clone());
        let options = SqlStoreOptions::new().with_secrets(Secrets::new(
            Registry::standard(),
            targets::kinds(),
            sealing,
        ));
        let sql = SqlStore::open_with(&settings.db, options).await?;
        let catalogue = records.catalogue();
        Ok(Self { store: Arc::new(sql.clone()), catalogue, accounts, vault, sql, records })
    }

    /// Makes sure that secrets can be sealed and opened. The first time, those are sealed that stand in
    /// the database in clear.
    ///
    /// # Errors
    /// If the key is missing or another one; the message says what to do.
    pub(crate) async fn unlock(&self) -> Result<(), Failure> {
        self.vault.check()?;
        if !self.vault.is_begun() {
            self.sql.seal_anew().await?;
            self.vault.remember(self.accounts.documents()).await?;
        }
        Ok(())
    }

    /// Changes to another key; how many sources and runs have secrets that are sealed anew.
    ///
    /// # Errors
    /// If one of the two keys is missing, or the key or the database cannot be written.
    pub(super) async fn rotate_key(&self) -> Result<u64, Failure> {
        self.unlock().await?;
        self.vault.rotate()?;
        let sealed = self.sql.seal_anew().await?;
        self.vault.remember(self.accounts.documents()).await?;
        Ok(sealed)
    }

    /// Creates the first administrator in a new database. Where standard error is a log, the password
    /// goes to standard output.
    ///
    /// # Errors
    /// If that cannot be kept.
    pub(crate) async fn welcome(&self, as_log: bool) -> Result<(), Failure> {
        if let Some((name, secret)) = self.accounts.begin(Utc::now()).await? {
            // Not by the console: this must be seen even where nothing else is to be said.
            let text = format!(
                "\n  Log in as {name} with the password {}\n  It is shown this once, and you will \
                 be asked to change it.\n\n",
                secret.reveal()
            );
            // A log that programs read and others keep is no place for it.
            match as_log {
                true => crate::output::print(text)?,
                false => eprint!("{text}"),
            }
        }
        Ok(())
    }

    /// Closes the database, when nothing else uses it any more.
    ///
    /// # Errors
    /// If what is left to write cannot be.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.sql.close().await;
        Ok(self.records.close().await?)
    }
}

/// The accounts alone.
///
/// # Errors
/// If they cannot be opened.
pub(super) async fn accounts(settings: &Settings, need: Need) -> Result<Accounts, Failure> {
    let (records, accounts) = open(settings, need).await?;
    records.close().await?;
    Ok(accounts)
}

/// The catalogue first: a file that has tables, but none of a catalogue, is not taken for one.
async fn open(settings: &Settings, need: Need) -> Result<(Records, Accounts), Failure> {
    let records = match need {
        Need::Any => Records::open(&settings.db).await?,
        Need::Existing => Records::open_existing(&settings.db).await?,
    };
    let records = records.keeping(&settings.payloads)?;
    Ok((records, Accounts::open(&settings.db, settings.limits()).await?))
}
