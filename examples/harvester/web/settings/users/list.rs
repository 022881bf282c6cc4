//! The list of users.

use axum::extract::{Query, State};
use maud::html;
use serde::Deserialize;

use super::state;
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Pager, Table, moment};
use crate::web::problem::Problem;
use crate::web::settings::{Tab, page as settings_page, role_name, user_address};
use crate::web::visitor::Visitor;

/// So many users are on a page.
const ON_A_PAGE: u8 = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::web::settings) struct Wanted {
    after: Option<String>,
}

pub(in crate::web::settings) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let mut users = app.accounts.users(wanted.after.as_deref(), i64::from(ON_A_PAGE) + 1).await?;
    let is_more = users.len() > usize::from(ON_A_PAGE);
    users.truncate(usize::from(ON_A_PAGE));
    let next = users.last().filter(|_| is_more).map(|last| last.key.clone());
    let mut table = Table::new(words.text("settings.users"))
        .column(words.text("login.name"))
        .column(words.text("user.role"))
        .column(words.text("user.site"))
        .column(words.text("user.mail"))
        .column(words.text("source.status"))
        .column(words.text("user.changed"));
    for user in &users {
        let (changed, user) = (user.updated, &user.body);
        table.row(vec![
            html! { a href=(user_address(&user.name)) { (user.name) } },
            html! { (role_name(words, user.role)) },
            html! { @if user.role.owns() { (user.site()) } },
            html! { (user.mail.as_deref().unwrap_or_default()) },
            state(words, user),
            moment(changed),
        ]);
    }
    let pager = Pager::new("/settings/users");
    let body = html! {
        (table.show())
        (pager.show(words, wanted.after.is_none(), next.as_deref()))
    };
    let actions = html! {
        a.button.primary href="/settings/new-user" { (words.text("user.new")) }
    };
    Ok(settings_page(&visitor, Tab::Users, words.text("settings.users"), &actions, &body))
}
