//! Who did what, as a table (RFC 4180) that goes on for as long as there is something.

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::audit::Wanted;
use crate::accounts::{AccountError, Accounts, AuditEntry, AuditQuery};
use crate::web::app::App;
use crate::web::problem::Problem;

/// So many entries are read at a time.
const AT_ONCE: u16 = 500;
const HEADER: &str = "time,who,what,about,from\r\n";

/// Everything that is looked for, read while it is sent.
pub(super) async fn download(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    // The first are read before anything is promised.
    let first = next(&app.accounts, wanted.query()).await?;
    let rest = stream::try_unfold((app, Some(first)), |(app, page)| async move {
        let Some((text, query)) = page else { return Ok(None) };
        let page = match query {
            Some(query) => Some(next(&app.accounts, query).await?),
            None => None,
        };
        Ok::<_, AccountError>(Some((Bytes::from(text), (app, page))))
    });
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
    ];
    Ok((headers, Body::from_stream(rest)).into_response())
}

/// The rows of the next entries, and what is behind them.
async fn next(
    accounts: &Accounts,
    query: AuditQuery,
) -> Result<(String, Option<AuditQuery>), AccountError> {
    let entries = accounts.audited(&query, AT_ONCE.into()).await?;
    let mut text = if query.before.is_none() { HEADER.to_owned() } else { String::new() };
    text.extend(entries.iter().map(row));
    let last = entries.last().filter(|_| entries.len() == usize::from(AT_ONCE));
    let behind = last.map(|last| AuditQuery { before: Some(last.key.clone()), ..query });
    Ok((text, behind))
}

fn row(AuditEntry { time, deed, .. }: &AuditEntry) -> String {
    let time = time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let who = deed.who.as_deref().unwrap_or_default();
    let cells = [&time, who, &deed.what, &deed.about, &deed.address].map(cell);
    format!("{}\r\n", cells.join(","))
}

/// A cell. What a spreadsheet would reckon out stays a text.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn nothing_leaves_its_cell_and_nothing_is_reckoned_out() {
        for (text, expected) in [
            ("admin", "admin"),
            ("a,b", "\"a,b\""),
            ("say \"x\"\r\n", "\"say \"\"x\"\"\r\n\""),
            ("=HYPERLINK(\"http://evil.example\")", "\"'=HYPERLINK(\"\"http://evil.example\"\")\""),
            ("-1", "'-1"),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
