//! Logging in and out, one's own password, language and colours.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::answer::{Done, ours};
use super::app::App;
use super::cookie::Cookie;
use super::layout::{self, csrf};
use super::parts::form::{self, Errors, Field};
use super::problem::Problem;
use super::route::{Access, Route};
use super::visitor::{Theme, Visitor};
use crate::accounts::{AccountError, LoginError, SHORTEST_PASSWORD};
use crate::words::Language;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/login", Access::Open, ask),
        Route::post("/login", Access::Open, log_in),
        Route::post("/logout", Access::LoggedIn, log_out),
        Route::get("/password", Access::LoggedIn, ask_password),
        Route::post("/password", Access::LoggedIn, change_password),
        Route::post("/preferences", Access::Open, prefer),
    ]
}

#[derive(Debug, Default, Deserialize)]
struct Credentials {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    /// Where to go then.
    #[serde(default)]
    next: String,
}

async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    Query(known): Query<Credentials>,
) -> Response {
    if visitor.user().is_some() {
        return Done::go(&app, ours(&known.next)).into_response();
    }
    login_page(&visitor, &known, &Errors::none()).into_response()
}

fn login_page(visitor: &Visitor, known: &Credentials, errors: &Errors) -> layout::Page {
    let words = visitor.words;
    let body = html! {
        form.narrow method="post" action="/login" {
            (csrf(visitor))
            input type="hidden" name="next" value=(known.next);
            (errors.summary(words))
            (Field::text("name", words.text("login.name")).required().value(&known.name)
                .autocomplete("username").show(words, errors))
            (Field::password("password", words.text("login.password"))
                .autocomplete("current-password").show(words, errors))
            (form::submit(words.text("login.submit")))
        }
    };
    layout::page(visitor, words.text("login.title"), None, &body)
}

async fn log_in(
    State(app): State<App>,
    visitor: Visitor,
    Form(sent): Form<Credentials>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let mut errors = Errors::none();
    if sent.name.is_empty() {
        errors.add("name", words.text("login.no-name"));
    }
    if sent.password.is_empty() {
        errors.add("password", words.text("login.no-password"));
    }
    if !errors.is_empty() {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, login_page(&visitor, &sent, &errors))
            .into_response());
    }
    let (status, said) =
        match app.accounts.login(&sent.name, &sent.password, &visitor.caller(), app.now()).await {
            Ok((token, user)) => {
                // The session from before, whosever it was, is over.
                let address = if user.must_change { "/password" } else { ours(&sent.next) };
                let mut response = Done::go(&app, address).into_response();
                Cookie::Session.set(token.reveal(), app.secure, response.headers_mut());
                visitor.did_as(Some(user.name.clone()), &app, "login", &user.name).await;
                return Ok(response);
            }
            Err(LoginError::Refused) => {
                (StatusCode::UNPROCESSABLE_ENTITY, words.text("login.refused").to_owned())
            }
            Err(LoginError::Throttled(wait)) => {
                let minutes = wait.as_secs().div_ceil(60);
                let said = words.fill("login.throttled", &[("minutes", &minutes)]);
                (StatusCode::TOO_MANY_REQUESTS, said)
            }
            Err(LoginError::Account(error)) => return Err(error.into()),
        };
    visitor.did(&app, "login.refused", sent.name.chars().take(64).collect::<String>()).await;
    errors.add("", said);
    Ok((status, login_page(&visitor, &sent, &errors)).into_response())
}

async fn log_out(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(token) = Cookie::Session.of(&headers) {
        app.accounts.logout(token).await?;
    }
    visitor.did(&app, "logout", visitor.name().unwrap_or_default()).await;
    let mut response = Done::go(&app, "/login").saying("logged-out").into_response();
    Cookie::Session.clear(app.secure, response.headers_mut());
    Ok(response)
}

#[derive(Debug, Deserialize)]
struct Passwords {
    #[serde(default)]
    old: String,
    #[serde(default)]
    new: String,
    #[serde(default)]
    again: String,
}

async fn ask_password(visitor: Visitor) -> layout::Page {
    password_page(&visitor, &Errors::none())
}

fn password_page(visitor: &Visitor, errors: &Errors) -> layout::Page {
    let words = visitor.words;
    let hint = words.fill("password.hint", &[("least", &SHORTEST_PASSWORD)]);
    let first = visitor.user().is_some_and(|user| user.must_change);
    let field = |name: &'static str, label: &str, autocomplete| -> Field {
        Field::password(name, label).autocomplete(autocomplete)
    };
    let body: Markup = html! {
        form.narrow method="post" action="/password" {
            (csrf(visitor))
            @if first { p { (words.text("password.first")) } }
            (errors.summary(words))
            (field("old", words.text("password.old"), "current-password").show(words, errors))
            (field("new", words.text("password.new"), "new-password").hint(&hint).show(words, errors))
            (field("again", words.text("password.again"), "new-password").show(words, errors))
            (form::submit(words.text("password.submit")))
        }
    };
    layout::page(visitor, words.text("password.title"), None, &body)
}

async fn change_password(
    State(app): State<App>,
    visitor: Visitor,
    Form(sent): Form<Passwords>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let user = visitor.user().ok_or_else(Problem::forbidden)?;
    let mut errors = Errors::none();
    if sent.new != sent.again {
        errors.add("again", words.text("password.differ"));
    } else {
        match app.accounts.change_password(&user.name, &sent.old, &sent.new, app.now()).await {
            Ok(()) => {}
            Err(AccountError::WrongPassword) => errors.add("old", words.text("password.wrong")),
            Err(AccountError::Password) => {
                let least = [("least", &SHORTEST_PASSWORD as &dyn std::fmt::Display)];
                errors.add("new", words.fill("password.unacceptable", &least));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if !errors.is_empty() {
        let page = password_page(&visitor, &errors);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    visitor.did(&app, "password.change", &user.name).await;
    let user = app.accounts.user(&user.name).await?.ok_or_else(Problem::forbidden)?;
    let token = app.accounts.begin_session(&user.body, &visitor.caller(), app.now()).await?;
    let mut response = Done::go(&app, "/").saying("password-changed").into_response();
    Cookie::Session.set(token.reveal(), app.secure, response.headers_mut());
    Ok(response)
}

#[derive(Debug, Deserialize)]
struct Preferences {
    language: Option<String>,
    theme: Option<String>,
    /// Where they come from.
    #[serde(default)]
    back: String,
}

async fn prefer(State(app): State<App>, Form(sent): Form<Preferences>) -> Response {
    let mut response = Done::go(&app, ours(&sent.back)).into_response();
    if let Some(language) = sent.language.as_deref().and_then(Language::of_tag) {
        Cookie::Language.set(language.tag(), app.secure, response.headers_mut());
    }
    if let Some(theme) = sent.theme.as_deref().and_then(Theme::of) {
        Cookie::Theme.set(theme.as_str(), app.secure, response.headers_mut());
    }
    response
}
