//! How the installation is: what is set and from where, what is alive, what waits.

use std::time::Duration;

use axum::Form;
use axum::extract::State;
use chrono::TimeDelta;
use harvest_pipeline::reports::Report;
use harvest_pipeline::store::WaitingHost;
use maud::{Markup, html};
use serde::Deserialize;

use super::{Place, Tab, page as settings_page};
use crate::accounts::{Engine, Presence};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout::{self, csrf};
use crate::web::parts::form::{self, Errors, Field, is_mail};
use crate::web::parts::{Table, Tone, badge, card, duration, facts, moment, nothing};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many hosts that wait are named.
const HOSTS: usize = 50;

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let engine = app.accounts.engine().await?;
    let present = app.accounts.present(app.now()).await?;
    let waiting = app.store.waiting_hosts(HOSTS).await?;
    let body = html! {
        section.card { (versions(&app, words, &engine)) }
        (card(words.text("installation.roles"), &roles(&app, words, &present)))
        (card(words.text("installation.hosts"), &hosts(words, &waiting)))
        (card(words.text("installation.mail"), &mail(&app, &visitor)))
        (card(words.text("installation.settings"), &settings(&app, words)))
    };
    let title = words.text("settings.installation");
    Ok(settings_page(&visitor, Tab::Installation, title, &html! {}, &body))
}

fn versions(app: &App, words: Words, engine: &Engine) -> Markup {
    let mut all = vec![
        (words.text("installation.version"), html! { (env!("CARGO_PKG_VERSION")) }),
        (words.text("installation.database"), html! { (engine.version) }),
        (words.text("installation.database-size"), html! { (size(engine.size)) }),
    ];
    if let Some((free, whole)) = app.setup.folder.as_deref().and_then(disk) {
        let space =
            words.fill("installation.disk-free", &[("free", &size(free)), ("whole", &size(whole))]);
        all.push((words.text("installation.disk"), html! { (space) }));
    }
    facts(&all)
}

/// How many bytes are free, and how many there are, where this folder is.
#[cfg(unix)]
pub(crate) fn disk(folder: &std::path::Path) -> Option<(u64, u64)> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some((found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize))
}

#[cfg(not(unix))]
pub(crate) fn disk(_: &std::path::Path) -> Option<(u64, u64)> {
    None
}

/// So many bytes, in the largest unit of which there is one: `1.5 GiB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let nth = (bytes.max(1).ilog2() / 10).min(4);
    match nth {
        0 => format!("{bytes} B"),
        _ => {
            let tenths = u128::from(bytes) * 10 / (1 << (10 * nth));
            format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[nth as usize])
        }
    }
}

fn roles(app: &App, words: Words, present: &[Presence]) -> Markup {
    let mut table = Table::new(words.text("installation.roles"))
        .column(words.text("installation.role"))
        .column(words.text("installation.process"))
        .column(words.text("installation.version"))
        .column(words.text("installation.since"))
        .column(words.text("installation.heard"))
        .column(words.text("source.status"));
    for one in present {
        let silent = app.now() - one.heard;
        let ago = duration(words, silent);
        table.row(vec![
            html! {
                (words.find(&format!("installation.role-name.{}", one.role)).unwrap_or(&one.role))
            },
            html! { (one.name) },
            html! { (one.version) },
            moment(one.since),
            html! { (words.fill("installation.ago", &[("time", &ago)])) },
            match one.is_alive(app.now()) {
                true => badge(Tone::Good, words.text("installation.alive")),
                false => badge(Tone::Bad, words.text("installation.silent")),
            },
        ]);
    }
    match table.is_empty() {
        true => nothing(words.text("installation.no-roles"), &html! {}),
        false => table.show(),
    }
}

fn hosts(words: Words, waiting: &[WaitingHost]) -> Markup {
    let mut table = Table::new(words.text("installation.hosts"))
        .column(words.text("installation.host"))
        .column(words.text("installation.turn"))
        .column(words.text("installation.alone"));
    let length = |time: Duration| duration(words, TimeDelta::from_std(time).unwrap_or_default());
    for host in waiting {
        table.row(vec![
            html! { (host.host) },
            html! { (length(host.wait())) },
            html! { @if host.alone.is_zero() { "–" } @else { (length(host.alone)) } },
        ]);
    }
    html! {
        p { (words.text("installation.hosts-what")) }
        @if table.is_empty() { (nothing(words.text("installation.no-hosts"), &html! {})) }
        @else { (table.show()) }
    }
}

fn mail(app: &App, visitor: &Visitor) -> Markup {
    let words = visitor.words;
    if app.setup.mailer.is_none() {
        return html! { p.quiet { (words.text("installation.no-mail")) } };
    }
    let own = visitor.user().and_then(|user| user.mail.clone());
    let to = own.or_else(|| app.setup.administrators.first().cloned()).unwrap_or_default();
    html! {
        form method="post" action="/settings/installation/mail" {
            (csrf(visitor))
            (Field::text("to", words.text("installation.mail-to")).required().value(to)
                .show(words, &Errors::none()))
            (form::submit(words.text("installation.mail-send")))
        }
    }
}

fn settings(app: &App, words: Words) -> Markup {
    let mut table = Table::new(words.text("installation.settings"))
        .column(words.text("installation.setting"))
        .column(words.text("installation.value"))
        .column(words.text("installation.place"));
    for setting in &app.setup.settings {
        let place = words.find(&format!("installation.from.{}", setting.place.as_str()));
        table.row(vec![
            html! { code { (setting.name) } },
            html! { code { (setting.value) } },
            html! {
                span.quiet[setting.place == Place::Default] { (place.unwrap_or_default()) }
            },
        ]);
    }
    html! {
        @match &app.setup.file {
            Some(file) => p { (words.text("installation.file")) " " code { (file.display()) } },
            None => p.quiet { (words.text("installation.no-file")) },
        }
        (table.show())
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Tried {
    #[serde(default)]
    to: String,
}

/// Sends a mail that says that mail is sent.
pub(super) async fn try_mail(
    State(app): State<App>,
    visitor: Visitor,
    Form(tried): Form<Tried>,
) -> Result<Done, Problem> {
    send_test(&app, &visitor, tried.to.trim()).await?;
    Ok(Done::go(&app, "/settings/installation").saying("mail-sent"))
}

/// Sends a mail that says that mail is sent.
///
/// # Errors
/// If no mail server is set, or it does not take the mail.
pub(crate) async fn send_test(app: &App, visitor: &Visitor, to: &str) -> Result<(), Problem> {
    let words = visitor.words;
    let Some(mailer) = &app.setup.mailer else {
        return Err(Problem::refused(words.text("installation.no-mail")));
    };
    let to = to.to_owned();
    if !is_mail(&to) {
        let field = words.text("installation.mail-to");
        return Err(Problem::refused(words.fill("form.mail", &[("field", &field)])));
    }
    let by = visitor.name().unwrap_or_default();
    let text = words.fill("installation.mail-text", &[("name", &by)]);
    let report = Report::plain(words.text("installation.mail-subject"), text);
    if let Err(error) = mailer.send(&report, std::slice::from_ref(&to)).await {
        return Err(Problem::refused(error.to_string()));
    }
    visitor.did(app, "mail.test", &to).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_told_in_the_largest_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
