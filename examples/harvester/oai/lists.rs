//! Lists: records and identifiers, printed as they come.

use oai_pmh::parse::ListItem;
use oai_pmh::{Client, Header, List, Page, Record, Verdict};

use crate::args::ListArgs;
use crate::findings::Findings;
use crate::json;
use crate::output::Output;
use crate::progress::{Console, Position, count, counted, took};
use crate::report::{Failure, Status};

pub(super) async fn records(
    client: &Client,
    args: &ListArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let selection = client.adapt(args.selection.selection()?).await?;
    print(client.list_records(selection), json::record as fn(&mut Vec<u8>, &Record), console).await
}

pub(super) async fn identifiers(
    client: &Client,
    args: &ListArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let selection = client.adapt(args.selection.selection()?).await?;
    let list = client.list_identifiers(selection);
    print(list, json::header as fn(&mut Vec<u8>, &Header), console).await
}

/// Prints a list as JSON Lines, a page at a time.
async fn print<T: ListItem>(
    mut list: List<T>,
    line: fn(&mut Vec<u8>, &T),
    console: &Console,
) -> Result<Status, Failure> {
    let mut output = Output::stdout();
    let ended = follow(&mut list, "records", true, console, |page, findings| {
        let mut lines = output.buffer();
        // Each is given back before the output, which may be slow, is waited for.
        for item in std::mem::take(&mut page.items) {
            match item {
                Ok(item) => line(&mut lines, &item),
                Err(broken) => findings.failed(&broken),
            }
        }
        output.write(lines)
    })
    .await;
    output.finish()?;
    ended
}

/// Follows a list to its end, with a progress bar, and says what it thinks of it. `page` takes each
/// page, and says whether it wants another.
pub(super) async fn follow<T: ListItem>(
    list: &mut List<T>,
    label: &str,
    prints: bool,
    console: &Console,
    mut page: impl FnMut(&mut Page<T>, &mut Findings) -> bool,
) -> Result<Status, Failure> {
    let progress = console.progress(label, prints);
    let mut findings = Findings::new(console);
    let ended = loop {
        match list.next_page().await {
            None => break Ok(true),
            Some(Err(error)) => break Err(error),
            Some(Ok(mut next)) => {
                findings.repaired(&next.issues);
                if !page(&mut next, &mut findings) {
                    break Ok(false);
                }
                let summary = list.summary();
                progress.show(Position {
                    records: summary.items + summary.failed,
                    pages: summary.pages,
                    announced: summary.announced,
                });
            }
        }
    };
    let elapsed = progress.elapsed();
    drop(progress);
    findings.summarise();
    if ended? {
        let summary = list.summary();
        if let Verdict::Suspicious(reasons) = &summary.verdict {
            for reason in reasons {
                console.warning(&format!("the list may be incomplete: {reason}"));
            }
        } else {
            let (number, pages) = (count(summary.items), counted(summary.pages, "page"));
            console.aside(&format!("{number} {label} on {pages} in {}: complete", took(elapsed)));
        }
    }
    Ok(match findings.failures() {
        0 => Status::Complete,
        _ => Status::RecordErrors,
    })
}
