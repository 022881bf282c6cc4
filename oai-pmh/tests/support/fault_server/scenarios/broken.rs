//! One bad record among good ones: in its markup, or in the server that is to deliver it.

use super::super::exchange::{Exchange, Repo};
use super::super::pages;
use super::super::reply::Reply;
use super::Expect::*;
use super::records::{MARC, dc, five, marc};
use super::{Scenario, row};

pub(super) const SCENARIOS: &[Scenario] = &[
    row(
        "broken_record",
        "a mismatched tag in record two; GetRecord has it right",
        Records(5),
        |x| broken(x, &dc(MISMATCHED), Get::Works),
    )
    .repaired()
    .title("AB 1"),
    row("broken_record_stays", "the same, and GetRecord has it wrong, too", FOUR, |x| {
        broken(x, &dc(MISMATCHED), Get::Same)
    })
    .repaired(),
    row("broken_record_gone", "the same, and GetRecord does not know it", FOUR, |x| {
        broken(x, &dc(MISMATCHED), Get::Unknown)
    })
    .repaired(),
    row("unclosed_tag", "a title that is not closed; GetRecord has it right", Records(5), |x| {
        broken(x, &dc("<dc:title>AB 2"), Get::Works)
    })
    .repaired(),
    row("unclosed_tag_stays", "the same, and GetRecord has it wrong, too", FOUR, |x| {
        broken(x, &dc("<dc:title>AB 2"), Get::Same)
    })
    .repaired(),
    row("broken_attribute", "an attribute without its closing quote", FOUR, |x| {
        broken(x, &dc(r#"<dc:title lang="en>AB 2</dc:title>"#), Get::Same)
    })
    .repaired(),
    row("stray_less_than", "`a < b` in a title", FOUR, |x| {
        broken(x, &dc("<dc:title>a < b</dc:title>"), Get::Same)
    })
    .repaired(),
    row("unbound_prefix", "a prefix that nobody declared", FOUR, |x| {
        broken(x, "<metadata><dc:title>AB 2</dc:title></metadata>", Get::Same)
    })
    .perhaps_repaired(),
    row("unclosed_record", "record two has no end tag of its own", Records(5), |x| {
        let reply = broken(x, UNCLOSED, Get::Works);
        reply.replace(&format!("{UNCLOSED}</record>"), UNCLOSED)
    })
    .repaired(),
    row("broken_marcxml", "the same with MARC 21, whose root is called record", FOUR, |x| {
        let spoilt = MARC.replace("</subfield>", "</subfeld>");
        let mut repo = Repo { page_size: 3, ..Repo::of((1..=5).map(|n| marc(n, MARC)).collect()) };
        repo.items[1] = marc(2, &spoilt);
        x.serve(&repo)
    })
    .repaired(),
    row("broken_first_last", "the first and last records of a page are broken", TWO_LOST, |x| {
        let mut repo = five();
        repo.items[0].content = dc(MISMATCHED);
        repo.items[2].content = dc(MISMATCHED);
        x.serve(&repo)
    })
    .repaired(),
    row("broken_all", "every record of page one is broken", LAST_TWO, |x| {
        let mut repo = five();
        for item in &mut repo.items[..3] {
            item.content = dc(MISMATCHED);
        }
        x.serve(&repo)
    })
    .repaired(),
    row(
        "poisoned_page",
        "500 for every page that would hold record 23; 40 in all",
        POISONED,
        |x| poisoned(x, &forty(), 23, Get::Fails),
    )
    .perhaps_repaired(),
    row("poisoned_get_works", "the same, but GetRecord delivers it", Records(40), |x| {
        poisoned(x, &forty(), 23, Get::Works)
    })
    .perhaps_repaired(),
    row("poisoned_first_page", "the same with record 1: no page one", POISONED, |x| {
        poisoned(x, &forty(), 1, Get::Fails)
    })
    .perhaps_repaired(),
    row("poisoned_last_page", "the same with record 40", POISONED, |x| {
        poisoned(x, &forty(), 40, Get::Fails)
    })
    .perhaps_repaired(),
    row("poisoned_same_second", "the same; five records share its second", POISONED, |x| {
        let mut repo = forty();
        let datestamp = repo.items[22].datestamp.clone();
        for item in &mut repo.items[20..25] {
            item.datestamp.clone_from(&datestamp);
        }
        poisoned(x, &repo, 23, Get::Fails)
    })
    .perhaps_repaired(),
    row("poisoned_day", "the same in a repository of days, eight records each", POISONED, |x| {
        let mut repo = Repo { day_granularity: true, ..forty() };
        repo.items.iter_mut().for_each(|item| item.datestamp.truncate(10));
        poisoned(x, &repo, 23, Get::Fails)
    })
    .perhaps_repaired(),
];

const FOUR: super::Expect = RecordsWithErrors { ok: 4, broken: 1 };
const TWO_LOST: super::Expect = RecordsWithErrors { ok: 3, broken: 2 };
const LAST_TWO: super::Expect = RecordsWithErrors { ok: 2, broken: 3 };
const POISONED: super::Expect = RecordsWithErrors { ok: 39, broken: 1 };

const MISMATCHED: &str = "<dc:title>AB 2</dc:titel>";
const UNCLOSED: &str = "<metadata><note xmlns='urn:n'>2</note></metadata>";

/// What GetRecord makes of the bad record.
#[derive(Clone, Copy, PartialEq)]
enum Get {
    Works,
    Same,
    Unknown,
    Fails,
}

/// Five records on two pages; the second record has this content in lists.
fn broken(x: &mut Exchange<'_>, content: &str, get: Get) -> Reply {
    let mut repo = five();
    if !x.is("GetRecord") || get == Get::Same {
        repo.items[1].content = content.into();
    } else if get == Get::Unknown {
        repo.items.remove(1);
    }
    x.serve(&repo)
}

/// Forty records, eight a day, ten a page.
fn forty() -> Repo {
    Repo { page_size: 10, ..Repo::of(pages::items(40, 8, |n| format!("AB {n}"))) }
}

/// A server that stumbles over one record whenever it has to write its metadata.
fn poisoned(x: &mut Exchange<'_>, repo: &Repo, n: usize, get: Get) -> Reply {
    let poison = format!("oai:x:{n}");
    let crash = || Reply::html(500, "<html><body>NullPointerException</body></html>");
    if x.is("GetRecord") && x.argument("identifier") == poison && get == Get::Fails {
        return crash();
    }
    if x.is("ListRecords") {
        return match x.page(repo) {
            Ok(page) if page.items.iter().any(|item| item.identifier == poison) => crash(),
            Ok(page) => x.write(&page),
            Err(reply) => reply,
        };
    }
    x.serve(repo)
}
