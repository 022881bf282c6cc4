//! Settings: one's own account, tokens, users, who did what, and how the installation is.
//!
//! ```text
//! account       one's own: password, language, colours, sessions
//! tokens        for programs: one's own, and for administrators those of all
//! users         who may use it: list ── detail  one of them, and what can be done with them
//!                                    └─ create  a new one
//! audit         who did what ── csv  the same as a table
//! installation  what is set and from where, what is alive, what waits ── setup  what is set
//! people        what is done with users and tokens, by these pages and by the API alike
//! ```

mod account;
mod audit;
mod csv;
pub(crate) mod installation;
pub(crate) mod people;
mod setup;
mod tokens;
mod users;

use maud::{Markup, html};

pub(crate) use self::setup::{Place, Setting, Setup};
use super::layout;
use super::route::Route;
use super::section::Section;
use super::sources::in_path;
use super::visitor::Visitor;
use crate::accounts::{Permission, Role};
use crate::words::Words;

pub(super) fn routes() -> Vec<Route> {
    use Permission::{Administer, View};
    vec![
        Route::get("/settings", View, account::page),
        Route::post("/settings/sessions/end", View, account::end_session),
        Route::get("/settings/tokens", View, tokens::page),
        Route::post("/settings/tokens", View, tokens::create),
        Route::get("/settings/tokens/{key}/revoke", View, tokens::ask_revoke),
        Route::post("/settings/tokens/{key}/revoke", View, tokens::revoke),
        Route::get("/settings/users", Administer, users::list::page),
        Route::get("/settings/new-user", Administer, users::create::ask),
        Route::post("/settings/new-user", Administer, users::create::create),
        Route::get("/settings/users/{user}", Administer, users::detail::page),
        Route::post("/settings/users/{user}", Administer, users::detail::save),
        Route::post("/settings/users/{user}/lock", Administer, users::detail::lock),
        Route::get("/settings/users/{user}/password", Administer, users::detail::ask_reset),
        Route::post("/settings/users/{user}/password", Administer, users::detail::reset),
        Route::get("/settings/users/{user}/delete", Administer, users::detail::ask_delete),
        Route::post("/settings/users/{user}/delete", Administer, users::detail::delete),
        Route::get("/settings/audit", Administer, audit::page),
        Route::get("/settings/audit.csv", Administer, csv::download),
        Route::get("/settings/installation", Administer, installation::page),
        Route::post("/settings/installation/mail", Administer, installation::try_mail),
    ]
}

/// The pages of the section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Account,
    Tokens,
    Users,
    Audit,
    Installation,
}

impl Tab {
    const ALL: [Self; 5] =
        [Self::Account, Self::Tokens, Self::Users, Self::Audit, Self::Installation];

    fn path(self) -> &'static str {
        match self {
            Self::Account => "/settings",
            Self::Tokens => "/settings/tokens",
            Self::Users => "/settings/users",
            Self::Audit => "/settings/audit",
            Self::Installation => "/settings/installation",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Account => "settings.account",
            Self::Tokens => "settings.tokens",
            Self::Users => "settings.users",
            Self::Audit => "settings.audit",
            Self::Installation => "settings.installation",
        }
    }

    fn needs(self) -> Permission {
        match self {
            Self::Account | Self::Tokens => Permission::View,
            Self::Users | Self::Audit | Self::Installation => Permission::Administer,
        }
    }
}

/// A page of the section, with what can be done beside its heading.
fn page(
    visitor: &Visitor,
    here: Tab,
    title: &str,
    actions: &Markup,
    body: &Markup,
) -> layout::Page {
    let words = visitor.words;
    let body = html! {
        nav.tabs aria-label=(words.text("section.settings")) {
            @for tab in Tab::ALL.into_iter().filter(|tab| visitor.may(tab.needs())) {
                a href=(tab.path()) aria-current=[(tab == here).then_some("page")] {
                    (words.text(tab.key()))
                }
            }
        }
        (body)
    };
    layout::with_actions(visitor, title, Some(Section::Settings), actions, &body)
}

/// The address of a user's page.
fn user_address(name: &str) -> String {
    format!("/settings/users/{}", in_path(name))
}

/// The name of a role.
fn role_name(words: Words, role: Role) -> &'static str {
    words.find(&format!("role.{}", role.as_str())).unwrap_or(role.as_str())
}

/// Something that is told once: a password, a token.
fn told_once(visitor: &Visitor, what: &str, secret: &str) -> Markup {
    html! {
        div.notice role="status" {
            p { (what) }
            p { code.secret { (secret) } }
            p { (visitor.words.text("settings.told-once")) }
        }
    }
}
