//! One user: what they are, and what can be done with them.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::{fields, fill, not_done, read, refused, state};
use crate::accounts::{Document, User};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::confirm::Question;
use crate::web::layout::{self, csrf};
use crate::web::parts::form::{self, Errors};
use crate::web::parts::{action, card, facts, moment};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::settings::people::{self, is_oneself, known};
use crate::web::settings::{
    Tab, in_path, page as settings_page, role_name, told_once, user_address,
};
use crate::web::sources::Typed;
use crate::web::visitor::Visitor;

pub(in crate::web::settings) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<layout::Page, Problem> {
    let user = known(&app, &name).await?;
    show(&app, &visitor, &user, &fill(&user.body.standing()), &Errors::none()).await
}

pub(in crate::web::settings) async fn save(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let user = known(&app, &name).await?;
    let typed = Typed::from(sent);
    let mut errors = Errors::none();
    if let Some(mut standing) = read(words, &typed, &mut errors) {
        standing.locked = user.body.locked;
        match people::change(&app, &visitor, user.clone(), standing).await {
            Ok(()) => {
                let address = user_address(&user.body.name);
                return Ok(Done::go(&app, address).saying("user-changed").into_response());
            }
            Err(error) => errors = refused(words, error)?,
        }
    }
    let page = show(&app, &visitor, &user, &typed, &errors).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

async fn show(
    app: &App,
    visitor: &Visitor,
    user: &Document<User>,
    typed: &Typed,
    errors: &Errors,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let sessions = app.accounts.sessions(&user.body, app.now()).await?.len() as u64;
    let address = user_address(&user.body.name);
    let name = in_path(&user.body.name).to_string();
    let body = html! {
        section.card {
            (facts(&[
                (words.text("source.status"), state(words, &user.body)),
                (words.text("user.role"), html! { (role_name(words, user.body.role)) }),
                (words.text("settings.sessions"), html! { (words.number(sessions)) }),
                (words.text("user.changed"), moment(user.updated)),
            ]))
            p {
                a href={ "/settings/audit?who=" (name) } { (words.text("user.deeds")) }
                " · "
                a href={ "/settings/tokens?user=" (name) } { (words.text("settings.tokens")) }
            }
        }
        (card(words.text("user.change"), &html! {
            form method="post" action=(address) {
                (csrf(visitor))
                (errors.summary(words))
                (fields(words, typed, errors))
                (form::submit(words.text("form.save")))
            }
        }))
    };
    let buttons = buttons(visitor, &user.body, &address);
    Ok(settings_page(visitor, Tab::Users, &user.body.name, &buttons, &body))
}

/// Nobody keeps themselves out.
fn buttons(visitor: &Visitor, user: &User, address: &str) -> Markup {
    let words = visitor.words;
    let (to, label) = match user.locked {
        true => ("unlocked", "user.unlock"),
        false => ("locked", "user.lock"),
    };
    html! {
        @if !is_oneself(visitor, user) {
            (action(visitor, &format!("{address}/lock"), ("to", to), words.text(label)))
            a.button href={ (address) "/password" } { (words.text("user.reset")) }
            a.button.danger href={ (address) "/delete" } { (words.text("user.delete")) }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(in crate::web::settings) struct Locked {
    to: String,
}

pub(in crate::web::settings) async fn lock(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(sent): Form<Locked>,
) -> Result<Done, Problem> {
    let user = known(&app, &name).await?;
    let mut standing = user.body.standing();
    let notice = match sent.to.as_str() {
        "locked" => "user-locked",
        "unlocked" => "user-unlocked",
        other => return Err(Problem::bad_request(other)),
    };
    standing.locked = sent.to == "locked";
    let address = user_address(&user.body.name);
    let changed = people::change(&app, &visitor, user, standing).await;
    changed.map_err(|error| not_done(visitor.words, error))?;
    Ok(Done::go(&app, address).saying(notice))
}

pub(in crate::web::settings) async fn ask_reset(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let user = known(&app, &name).await?.body;
    let title = words.fill("user.confirm-reset", &[("name", &user.name)]);
    let what = words.text("user.confirm-reset-what");
    Ok(ask(&visitor, &user, &title, what, "password", words.text("user.reset")))
}

pub(in crate::web::settings) async fn reset(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let user = known(&app, &name).await?.body;
    let secret = people::reset(&app, &visitor, &user).await;
    let secret = secret.map_err(|error| not_done(words, error))?;
    let address = user_address(&user.name);
    let body = html! {
        (told_once(&visitor, words.text("user.password-once"), secret.reveal()))
        p { a.button href=(address) { (words.text("user.to")) } }
    };
    Ok(settings_page(&visitor, Tab::Users, &user.name, &html! {}, &body))
}

pub(in crate::web::settings) async fn ask_delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let user = known(&app, &name).await?.body;
    let title = words.fill("user.confirm-delete", &[("name", &user.name)]);
    let what = words.text("user.confirm-delete-what");
    Ok(ask(&visitor, &user, &title, what, "delete", words.text("user.delete")))
}

pub(in crate::web::settings) async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Done, Problem> {
    let user = known(&app, &name).await?.body;
    let removed = people::remove(&app, &visitor, &user).await;
    removed.map_err(|error| not_done(visitor.words, error))?;
    Ok(Done::go(&app, "/settings/users").saying("user-deleted"))
}

fn ask(
    visitor: &Visitor,
    user: &User,
    title: &str,
    what: &str,
    action: &str,
    label: &str,
) -> layout::Page {
    let back = user_address(&user.name);
    let action = format!("{back}/{action}");
    let section = Section::Settings;
    Question { title, what, action: &action, label, back: &back, section }.page(visitor)
}
