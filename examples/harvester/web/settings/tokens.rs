//! Tokens, for programs that use the API in somebody's name.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use maud::{Markup, html};
use serde::Deserialize;

use super::people::{self, Refused, oneself};
use super::{Tab, in_path, page as settings_page, role_name, told_once, user_address};
use crate::accounts::{NewToken, Permission, Role, Token, User};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::confirm::Question;
use crate::web::layout::{self, csrf};
use crate::web::parts::form::{self, Errors, Field};
use crate::web::parts::{Pager, Table, Tone, badge, card, moment, moment_or, nothing};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::sources::Typed;
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many tokens are on a page.
const ON_A_PAGE: u8 = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// Whose; administrators choose.
    user: String,
    after: Option<String>,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    show(&app, &visitor, &wanted, &Typed::default(), &Errors::none(), &html! {}).await
}

pub(super) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let user = oneself(&visitor)?;
    let (typed, wanted) = (Typed::from(fields), Wanted::default());
    let mut errors = Errors::none();
    let new = NewToken {
        purpose: typed.get("purpose").to_owned(),
        role: role(&typed, user, words, &mut errors),
        expires: end_of_day(typed.get("expires"), words, &mut errors),
    };
    if errors.is_empty() {
        let made = people::add_token(&app, &visitor, user, new).await;
        let (field, key) = match made {
            Ok((secret, _)) => {
                let said = told_once(&visitor, words.text("token.made"), secret.reveal());
                let fresh = Typed::default();
                return show(&app, &visitor, &wanted, &fresh, &errors, &said).await;
            }
            Err(Refused::Purpose) => ("purpose", "token.no-purpose"),
            Err(Refused::Role) => ("role", "token.wrong-role"),
            Err(Refused::Expires) => ("expires", "token.past"),
            Err(Refused::Account(error)) => return Err(error.into()),
        };
        errors.add(field, words.text(key));
    }
    show(&app, &visitor, &wanted, &typed, &errors, &html! {}).await
}

/// What bounds it: a role, or nothing if all is allowed.
fn role(typed: &Typed, user: &User, words: Words, errors: &mut Errors) -> Option<Role> {
    let chosen = typed.some("role")?;
    let role = people::lendable(user).find(|role| role.as_str() == chosen);
    if role.is_none() {
        errors.add("role", words.text("token.wrong-role"));
    }
    role
}

/// The end of a day that was typed; `None` if none was.
fn end_of_day(text: &str, words: Words, errors: &mut Errors) -> Option<DateTime<Utc>> {
    if text.is_empty() {
        return None;
    }
    let next = text.parse::<NaiveDate>().ok().and_then(|day| day.checked_add_days(Days::new(1)));
    let end = next.map(|day| day.and_time(NaiveTime::MIN).and_utc());
    if end.is_none() {
        errors.add("expires", words.fill("form.date", &[("field", &words.text("token.expires"))]));
    }
    end
}

async fn show(
    app: &App,
    visitor: &Visitor,
    wanted: &Wanted,
    typed: &Typed,
    errors: &Errors,
    said: &Markup,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let own = oneself(visitor)?;
    let administers = visitor.may(Permission::Administer);
    let user = match wanted.user.trim() {
        _ if !administers => Some(own.name.as_str()),
        "" => None,
        user => Some(user),
    };
    let mut tokens =
        app.accounts.tokens(user, wanted.after.as_deref(), i64::from(ON_A_PAGE) + 1).await?;
    let is_more = tokens.len() > usize::from(ON_A_PAGE);
    tokens.truncate(usize::from(ON_A_PAGE));
    let next = tokens.last().filter(|_| is_more).map(|(key, _)| key.clone());
    let pager = Pager::new("/settings/tokens").filter("user", wanted.user.trim());
    let body = html! {
        (said)
        p { (words.text("token.what")) " " a href="/api" { "API" } }
        @if administers {
            form.search role="search" action="/settings/tokens" {
                label { (words.text("token.user"))
                    input type="search" name="user" value=(wanted.user); }
                button { (words.text("list.show")) }
            }
        }
        @if tokens.is_empty() { (nothing(words.text("token.none"), &html! {})) }
        @else {
            (table(app, visitor, &tokens))
            (pager.show(words, wanted.after.is_none(), next.as_deref()))
        }
        (card(words.text("token.new"), &form(visitor, own, typed, errors)))
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let title = words.text("settings.tokens");
    let page = settings_page(visitor, Tab::Tokens, title, &html! {}, &body);
    Ok((status, page).into_response())
}

fn form(visitor: &Visitor, user: &User, typed: &Typed, errors: &Errors) -> Markup {
    let words = visitor.words;
    let all = (String::new(), words.text("token.all").to_owned());
    let lendable = people::lendable(user)
        .map(|role| (role.as_str().to_owned(), role_name(words, role).to_owned()));
    let roles = [all].into_iter().chain(lendable).collect();
    html! {
        form method="post" action="/settings/tokens" {
            (csrf(visitor))
            (errors.summary(words))
            div.row {
                (Field::text("purpose", words.text("token.purpose")).required()
                    .value(typed.get("purpose")).show(words, errors))
                (Field::choice("role", words.text("token.role"), roles)
                    .value(typed.get("role")).hint(words.text("token.role-hint"))
                    .show(words, errors))
                (Field::date("expires", words.text("token.expires"))
                    .value(typed.get("expires")).hint(words.text("token.expires-hint"))
                    .show(words, errors))
            }
            (form::submit(words.text("token.create")))
        }
    }
}

fn table(app: &App, visitor: &Visitor, tokens: &[(String, Token)]) -> Markup {
    let words = visitor.words;
    let mut table = Table::new(words.text("settings.tokens"))
        .column(words.text("token.purpose"))
        .column(words.text("token.user"))
        .column(words.text("token.role"))
        .column(words.text("token.created"))
        .column(words.text("token.expires"))
        .column(words.text("token.used"))
        .column(words.text("list.actions"));
    for (key, token) in tokens {
        let role = token.role.map(|role| role_name(words, role));
        table.row(vec![
            html! { (token.purpose) },
            html! {
                @if visitor.may(Permission::Administer) {
                    a href=(user_address(&token.user)) { (token.user) }
                } @else { (token.user) }
            },
            html! { (role.unwrap_or(words.text("token.all"))) },
            moment(token.created),
            html! {
                @if people::is_over(token.expires, app.now()) {
                    (badge(Tone::Bad, words.text("token.expired"))) " "
                }
                (moment_or(token.expires, words.text("time.never")))
            },
            moment_or(token.used, words.text("time.never")),
            html! {
                a.button.danger href={ "/settings/tokens/" (in_path(key)) "/revoke" } {
                    (words.text("token.revoke"))
                }
            },
        ]);
    }
    table.show()
}

pub(super) async fn ask_revoke(
    State(app): State<App>,
    visitor: Visitor,
    Path(key): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let token = people::known_token(&app, &visitor, &key).await?;
    let question = Question {
        title: &words.fill("token.confirm", &[("name", &token.purpose)]),
        what: words.text("token.confirm-what"),
        action: &format!("/settings/tokens/{}/revoke", in_path(&key)),
        label: words.text("token.revoke"),
        back: "/settings/tokens",
        section: Section::Settings,
    };
    Ok(question.page(&visitor))
}

pub(super) async fn revoke(
    State(app): State<App>,
    visitor: Visitor,
    Path(key): Path<String>,
) -> Result<Done, Problem> {
    people::revoke_token(&app, &visitor, &key).await?;
    Ok(Done::go(&app, "/settings/tokens").saying("token-revoked"))
}
