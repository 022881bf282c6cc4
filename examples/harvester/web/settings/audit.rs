//! Who did what to which thing, when, and from where.

use axum::extract::{Query, State};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use maud::{Markup, html};
use serde::Deserialize;
use url::form_urlencoded;

use super::{Tab, in_path, page as settings_page, user_address};
use crate::accounts::{AuditEntry, AuditQuery, Deed};
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Pager, Table, exact, nothing};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many entries are on a page.
const ON_A_PAGE: u8 = 100;

/// What actions begin with, and the keys of what they are about.
const GROUPS: [(&str, &str); 11] = [
    ("login", "login.title"),
    ("user.", "settings.users"),
    ("token.", "settings.tokens"),
    ("password.", "login.password"),
    ("source.", "section.sources"),
    ("run.", "section.runs"),
    ("record.", "section.records"),
    ("filter-set.", "section.filter-sets"),
    ("target.", "section.targets"),
    ("resync.", "section.resync"),
    ("site.", "section.sites"),
];

/// What is looked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    who: String,
    what: String,
    about: String,
    /// The first day,
    since: String,
    /// and the last.
    until: String,
    after: Option<String>,
}

impl Wanted {
    /// The query that it stands for; a day that is none is as if it had not been typed.
    pub(super) fn query(&self) -> AuditQuery {
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        AuditQuery {
            who: some(&self.who),
            what: some(&self.what),
            about: some(&self.about),
            since: begin(&self.since, 0),
            until: begin(&self.until, 1),
            before: self.after.clone(),
        }
    }

    fn filters(&self) -> [(&'static str, &str); 5] {
        [
            ("who", self.who.trim()),
            ("what", self.what.trim()),
            ("about", self.about.trim()),
            ("since", &self.since),
            ("until", &self.until),
        ]
    }
}

/// When the day begins that so many follow the one that was typed.
fn begin(day: &str, later: u64) -> Option<DateTime<Utc>> {
    let day = day.parse::<NaiveDate>().ok()?.checked_add_days(Days::new(later))?;
    Some(day.and_time(NaiveTime::MIN).and_utc())
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let mut entries = app.accounts.audited(&wanted.query(), i64::from(ON_A_PAGE) + 1).await?;
    let is_more = entries.len() > usize::from(ON_A_PAGE);
    entries.truncate(usize::from(ON_A_PAGE));
    let next = entries.last().filter(|_| is_more).map(|last| last.key.clone());
    let filters = wanted.filters();
    let pager = filters
        .iter()
        .fold(Pager::new("/settings/audit"), |pager, (name, value)| pager.filter(name, value));
    let body = html! {
        (search(words, &wanted))
        @if entries.is_empty() { (nothing(words.text("list.empty"), &html! {})) }
        @else {
            (table(words, &entries))
            (pager.show(words, wanted.after.is_none(), next.as_deref()))
        }
    };
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(filters.iter().filter(|(_, value)| !value.is_empty()))
        .finish();
    let actions = html! {
        a.button href={ "/settings/audit.csv?" (query) } { (words.text("audit.download")) }
    };
    Ok(settings_page(&visitor, Tab::Audit, words.text("settings.audit"), &actions, &body))
}

fn search(words: Words, wanted: &Wanted) -> Markup {
    html! {
        form.search role="search" action="/settings/audit" {
            label { (words.text("audit.who"))
                input type="search" name="who" value=(wanted.who); }
            label { (words.text("audit.what"))
                select name="what" {
                    option value="" { (words.text("list.all")) }
                    @for (group, key) in GROUPS {
                        option value=(group) selected[wanted.what == group] { (words.text(key)) }
                    }
                }
            }
            label { (words.text("audit.about"))
                input type="search" name="about" value=(wanted.about); }
            label { (words.text("audit.since"))
                input type="date" name="since" value=(wanted.since); }
            label { (words.text("audit.until"))
                input type="date" name="until" value=(wanted.until); }
            button { (words.text("list.show")) }
        }
    }
}

fn table(words: Words, entries: &[AuditEntry]) -> Markup {
    let mut table = Table::new(words.text("settings.audit"))
        .column(words.text("audit.time"))
        .column(words.text("audit.who"))
        .column(words.text("audit.what"))
        .column(words.text("audit.about"))
        .column(words.text("audit.from"));
    for AuditEntry { time, deed, .. } in entries {
        table.row(vec![
            exact(*time),
            html! {
                @match &deed.who {
                    Some(who) => (who),
                    None => span.quiet { (words.text("audit.nobody")) },
                }
            },
            html! {
                @match words.find(&format!("deed.{}", deed.what)) {
                    Some(name) => { (name) div.detail { (deed.what) } },
                    None => (deed.what),
                }
            },
            thing(deed),
            html! { (deed.address) },
        ]);
    }
    table.show()
}

/// What it was done to, with a link to it.
fn thing(deed: &Deed) -> Markup {
    let about = in_path(&deed.about);
    let is_number = deed.about.parse::<i64>().is_ok();
    let address = match deed.what.split_once('.').map_or(deed.what.as_str(), |(group, _)| group) {
        "run" if is_number => Some(format!("/runs/{about}")),
        "run" | "source" | "site" | "resync" => Some(format!("/sources/{about}")),
        "filter-set" => Some(format!("/filter-sets/{about}")),
        "user" => Some(user_address(&deed.about)),
        _ => None,
    };
    html! {
        @match address {
            Some(address) => a href=(address) { (deed.about) },
            None => (deed.about),
        }
    }
}
