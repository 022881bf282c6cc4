//! `harvester user`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::accounts::Role;

pub(super) const LONG: &str = "\
Manages who may use the admin system, from the machine that it runs on: the way back in for whoever \
has lost the last password.";

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// The users there are
    List(UserSettings),
    /// Add a user; the password that is printed is good for the first login
    Add(AddUserArgs),
    /// Give a user a new password that is good for the next login; all sessions end
    Reset(UserArgs),
    /// Keep a user out; all sessions end, and tokens are not taken any more
    Lock(UserArgs),
    /// Let a user in again
    Unlock(UserArgs),
    /// Remove a user, with all sessions and tokens
    Remove(UserArgs),
    /// Make a token for a program that uses the API in a user's name; it is printed once
    Token(TokenArgs),
    /// The tokens there are, each with the key that revokes it
    Tokens(UserSettings),
    /// Revoke a token
    Revoke(RevokeArgs),
    /// Who did what, the last first
    Log(LogArgs),
}

/// What every one of them takes.
#[derive(Debug, Args)]
pub(crate) struct UserSettings {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "HARVESTER_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    /// The user's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) settings: UserSettings,
}

#[derive(Debug, Args)]
pub(crate) struct AddUserArgs {
    #[command(flatten)]
    pub(crate) user: UserArgs,
    /// What the user is: administrator, operator, site-contact or viewer
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub(crate) role: Role,
    /// The owner of the sources that a site contact looks after; without, the user's name
    #[arg(long, value_name = "NAME")]
    pub(crate) site: Option<String>,
    /// Where reports go
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) mail: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    pub(crate) user: UserArgs,
    /// What it is for
    #[arg(long = "for", value_name = "TEXT")]
    pub(crate) purpose: String,
    /// It may do no more than this role; without, all that its user may
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub(crate) role: Option<Role>,
    /// It is good for so many days; without, until it is revoked
    #[arg(long, value_name = "N")]
    pub(crate) days: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The token's key, as `harvester user tokens` prints it
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) settings: UserSettings,
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// So many lines
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) lines: u32,
    #[command(flatten)]
    pub(crate) settings: UserSettings,
}

fn role(text: &str) -> Result<Role, String> {
    let found = Role::ALL.into_iter().find(|role| role.as_str() == text);
    found.ok_or_else(|| "write administrator, operator, site-contact or viewer".to_owned())
}
