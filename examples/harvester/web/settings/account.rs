//! One's own account.

use axum::Form;
use axum::extract::State;
use maud::{Markup, html};
use serde::Deserialize;

use super::people::oneself;
use super::{Tab, page as settings_page, role_name};
use crate::accounts::{OpenSession, User};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Table, Tone, action, badge, card, facts, moment};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;
use crate::words::Words;

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let user = oneself(&visitor)?;
    let sessions = app.accounts.sessions(user, app.now()).await?;
    let body = html! {
        section.card { (who(words, user)) }
        (card(words.text("login.password"), &html! {
            p { (words.text("settings.password-what")) }
            p { a.button href="/password" { (words.text("password.submit")) } }
        }))
        (card(words.text("settings.looks"), &layout::preferences(&visitor)))
        (card(words.text("settings.sessions"), &html! {
            p { (words.text("settings.sessions-what")) }
            (table(&visitor, &sessions))
        }))
    };
    Ok(settings_page(&visitor, Tab::Account, words.text("settings.account"), &html! {}, &body))
}

fn who(words: Words, user: &User) -> Markup {
    let mut all = vec![
        (words.text("login.name"), html! { (user.name) }),
        (words.text("user.role"), html! { (role_name(words, user.role)) }),
    ];
    if user.role.owns() {
        all.push((words.text("user.site"), html! { (user.site()) }));
    }
    if let Some(mail) = &user.mail {
        all.push((words.text("user.mail"), html! { (mail) }));
    }
    facts(&all)
}

fn table(visitor: &Visitor, sessions: &[OpenSession]) -> Markup {
    let words = visitor.words;
    let mut table = Table::new(words.text("settings.sessions"))
        .column(words.text("session.began"))
        .column(words.text("session.used"))
        .column(words.text("audit.from"))
        .column(words.text("session.browser"))
        .column(words.text("list.actions"));
    for session in sessions {
        let is_this = visitor.session() == Some(session.key.as_str());
        table.row(vec![
            moment(session.began),
            moment(session.used),
            html! { (session.address) },
            html! { div.detail { (session.agent) } },
            html! {
                @if is_this { (badge(Tone::Good, words.text("session.this"))) }
                @else {
                    (action(visitor, "/settings/sessions/end", ("key", &session.key),
                        words.text("session.end")))
                }
            },
        ]);
    }
    table.show()
}

#[derive(Debug, Deserialize)]
pub(super) struct Ended {
    key: String,
}

pub(super) async fn end_session(
    State(app): State<App>,
    visitor: Visitor,
    Form(ended): Form<Ended>,
) -> Result<Done, Problem> {
    let user = oneself(&visitor)?;
    if app.accounts.end_session(user, &ended.key).await? {
        visitor.did(&app, "session.end", &user.name).await;
    }
    Ok(Done::go(&app, "/settings").saying("session-ended"))
}
