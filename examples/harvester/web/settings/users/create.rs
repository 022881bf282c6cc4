//! A new user.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::{fields, fill, read, refused};
use crate::accounts::{Role, Standing};
use crate::web::app::App;
use crate::web::layout::{self, csrf};
use crate::web::parts::form::{self, Errors, Field};
use crate::web::problem::Problem;
use crate::web::settings::{Tab, page as settings_page, people, told_once, user_address};
use crate::web::sources::Typed;
use crate::web::visitor::Visitor;

pub(in crate::web::settings) async fn ask(visitor: Visitor) -> layout::Page {
    page(&visitor, &fill(&Standing::from(Role::Viewer)), &Errors::none())
}

pub(in crate::web::settings) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    Form(sent): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let typed = Typed::from(sent);
    let mut errors = Errors::none();
    if let Some(standing) = read(words, &typed, &mut errors) {
        let name = typed.get("name");
        match people::add(&app, &visitor, name, standing).await {
            Ok(secret) => {
                let title = words.fill("user.created", &[("name", &name)]);
                let body = html! {
                    (told_once(&visitor, words.text("user.password-once"), secret.reveal()))
                    div.buttons {
                        a.button.primary href=(user_address(name)) { (words.text("user.to")) }
                        a.button href="/settings/new-user" { (words.text("user.new")) }
                    }
                };
                let page = settings_page(&visitor, Tab::Users, &title, &html! {}, &body);
                return Ok((StatusCode::CREATED, page).into_response());
            }
            Err(error) => errors = refused(words, error)?,
        }
    }
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&visitor, &typed, &errors)).into_response())
}

fn page(visitor: &Visitor, typed: &Typed, errors: &Errors) -> layout::Page {
    let words = visitor.words;
    let body = html! {
        form.wide method="post" action="/settings/new-user" {
            (csrf(visitor))
            (errors.summary(words))
            (Field::text("name", words.text("login.name")).required()
                .value(typed.get("name")).hint(words.text("user.name-hint"))
                .autocomplete("off").show(words, errors))
            (fields(words, typed, errors))
            (form::submit(words.text("user.create")))
        }
    };
    settings_page(visitor, Tab::Users, words.text("user.new"), &html! {}, &body)
}
