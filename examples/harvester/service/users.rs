//! `harvester user`

use std::fmt::Write;

use chrono::{TimeDelta, Utc};
use serde_json::json;

use super::clerk::Clerk;
use super::settings;
use super::stores::{Need, accounts};
use crate::accounts::{AccountError, Accounts, AuditQuery, NewToken, Standing};
use crate::args::{GlobalArgs, UserCommand};
use crate::output;
use crate::report::{Failure, Status};

/// Users are read so many at a time.
const AT_ONCE: i64 = 100;

/// Manages users.
///
/// # Errors
/// If there is no such user, or the accounts cannot be used.
pub(crate) async fn run(command: &UserCommand, global: &GlobalArgs) -> Result<Status, Failure> {
    let of = match command {
        UserCommand::List(settings) | UserCommand::Tokens(settings) => settings,
        UserCommand::Add(args) => &args.user.settings,
        UserCommand::Reset(args)
        | UserCommand::Lock(args)
        | UserCommand::Unlock(args)
        | UserCommand::Remove(args) => &args.settings,
        UserCommand::Token(args) => &args.user.settings,
        UserCommand::Revoke(args) => &args.settings,
        UserCommand::Log(args) => &args.settings,
    };
    let need = match command {
        UserCommand::Add(_) => Need::Any,
        _ => Need::Existing,
    };
    let accounts = accounts(&settings(of.config.as_deref(), global)?, need).await?;
    let clerk = Clerk(&accounts);
    let done: Result<String, AccountError> = match command {
        UserCommand::List(_) => list(&accounts, global.json).await,
        UserCommand::Add(args) => {
            let standing = Standing {
                site: args.site.clone(),
                mail: args.mail.clone(),
                ..Standing::from(args.role)
            };
            let secret = accounts.add_user(&args.user.name, standing, Utc::now()).await?;
            clerk.did("user.create", &args.user.name).await;
            Ok(format!("{}\n", secret.reveal()))
        }
        UserCommand::Remove(args) => {
            accounts.remove_user(&args.name, Utc::now()).await?;
            clerk.did("user.delete", &args.name).await;
            Ok(String::new())
        }
        UserCommand::Reset(args) => {
            let secret = accounts.reset_password(&args.name, Utc::now()).await?;
            clerk.did("user.reset", &args.name).await;
            Ok(format!("{}\n", secret.reveal()))
        }
        UserCommand::Lock(args) => {
            lock(&accounts, &args.name, true).await?;
            clerk.did("user.lock", &args.name).await;
            Ok(String::new())
        }
        UserCommand::Unlock(args) => {
            lock(&accounts, &args.name, false).await?;
            clerk.did("user.unlock", &args.name).await;
            Ok(String::new())
        }
        UserCommand::Token(args) => {
            let user = known(&accounts, &args.user.name).await?;
            let new = NewToken {
                purpose: args.purpose.clone(),
                role: args.role,
                expires: args.days.map(|days| Utc::now() + TimeDelta::days(days.into())),
            };
            let secret = accounts.add_token(&user.body, new, Utc::now()).await?;
            let about = format!("{}: {}", user.body.name, args.purpose);
            clerk.did("token.create", about).await;
            Ok(format!("{}\n", secret.reveal()))
        }
        UserCommand::Tokens(_) => tokens(&accounts, global.json).await,
        UserCommand::Revoke(args) => {
            let missing = || Failure::new(format!("there is no token {}", args.key));
            let token = accounts.token(&args.key).await?.ok_or_else(missing)?;
            accounts.revoke_token(&args.key).await?;
            clerk.did("token.revoke", format!("{}: {}", token.user, token.purpose)).await;
            Ok(String::new())
        }
        UserCommand::Log(args) => log(&accounts, args.lines, global.json).await,
    };
    output::print(done?)?;
    Ok(Status::Complete)
}

type User = crate::accounts::Document<crate::accounts::User>;

async fn known(accounts: &Accounts, name: &str) -> Result<User, Failure> {
    let user = accounts.user(name).await?;
    Ok(user.ok_or_else(|| AccountError::NoUser(name.to_owned()))?)
}

async fn lock(accounts: &Accounts, name: &str, locked: bool) -> Result<(), Failure> {
    let mut user = known(accounts, name).await?;
    user.body.locked = locked;
    Ok(accounts.change_user(&user, Utc::now()).await?)
}

async fn list(accounts: &Accounts, as_json: bool) -> Result<String, AccountError> {
    let mut text = String::new();
    let mut after: Option<String> = None;
    loop {
        let page = accounts.users(after.as_deref(), AT_ONCE).await?;
        for user in page.iter().map(|user| &user.body) {
            let line = match as_json {
                true => json!({
                    "name": user.name, "role": user.role, "mail": user.mail,
                    "locked": user.locked,
                })
                .to_string(),
                false => {
                    let locked = if user.locked { "  locked" } else { "" };
                    format!("{}  {}{locked}", user.name, user.role.as_str())
                }
            };
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{line}");
        }
        match page.last() {
            Some(last) => after = Some(last.key.clone()),
            None => return Ok(text),
        }
    }
}

async fn tokens(accounts: &Accounts, as_json: bool) -> Result<String, AccountError> {
    let mut text = String::new();
    for (key, token) in accounts.tokens(None, None, i64::MAX).await? {
        let line = match as_json {
            true => json!({ "key": key, "token": token }).to_string(),
            false => {
                let expires = token.expires.map(|at| format!("  until {}", at.to_rfc3339()));
                let purpose = output::one_line(&token.purpose);
                format!("{key}  {}  {purpose}{}", token.user, expires.unwrap_or_default())
            }
        };
        let _ = writeln!(text, "{line}");
    }
    Ok(text)
}

async fn log(accounts: &Accounts, lines: u32, as_json: bool) -> Result<String, AccountError> {
    let mut text = String::new();
    for entry in accounts.audited(&AuditQuery::default(), lines.into()).await? {
        let (time, deed) = (entry.time.to_rfc3339(), entry.deed);
        let line = match as_json {
            true => json!({ "key": entry.key, "time": time, "deed": deed }).to_string(),
            false => {
                let who = deed.who.as_deref().unwrap_or("-");
                output::one_line(&format!(
                    "{time}  {who}  {}  {}  {}",
                    deed.address, deed.what, deed.about
                ))
            }
        };
        let _ = writeln!(text, "{line}");
    }
    Ok(text)
}
