//! Lists that do not end, do not add up, or fail on the way.

use super::super::exchange::{Exchange, Page, Repo, Token};
use super::super::pages::{self, Item, resumption_token};
use super::super::reply::{Delivery, Reply};
use super::Expect::*;
use super::{Scenario, row};

pub(super) const SCENARIOS: &[Scenario] = &[
    row("same_token", "the same token for ever", Truncated { at_least: 2 }, |x| {
        endless(x, |n| (if n == 0 { 0..2 } else { 2..3 }, "e1".into()))
    })
    .at_most(4),
    row(
        "endless_new_tokens",
        "the same page, always with a new token",
        Truncated { at_least: 2 },
        |x| endless(x, |n| (0..2, format!("e{}", n + 1))),
    )
    .at_most(20),
    row(
        "token_cycle",
        "two pages whose tokens lead to each other",
        Truncated { at_least: 3 },
        |x| endless(x, |n| if n % 2 == 0 { (0..2, "e1".into()) } else { (2..3, "e2".into()) }),
    )
    .at_most(10),
    row(
        "endless_empty_pages",
        "empty pages, always with a new token",
        Truncated { at_least: 2 },
        |x| endless(x, |n| (if n == 0 { 0..2 } else { 0..0 }, format!("e{}", n + 1))),
    )
    .at_most(50),
    row(
        "far_beyond_size",
        "300 announced, new ones for ever",
        NotComplete { at_least: 300 },
        far_beyond,
    )
    .at_most(200),
    row("empty_list", "<ListRecords/> in place of noRecordsMatch", Empty, |x| {
        if x.lists() {
            return x.reply(&format!("<{}/>", x.argument("verb")));
        }
        x.serve(&Repo::default())
    })
    .perhaps_repaired(),
    row("empty_list_then_more", "page one is empty but has a token", Records(3), |x| {
        if x.lists() && !x.resumes() {
            return x.write_list("", &resumption_token("first"));
        }
        if x.argument("resumptionToken") == "first" {
            let items = Repo::default().items;
            return x.write(&Page { items, start: 0, token: String::new() });
        }
        x.serve(&Repo::default())
    })
    .perhaps_repaired(),
    row("empty_page_mid", "an empty page between two full ones", Records(3), |x| {
        endless(x, |n| match n {
            0 => (0..2, "e1".into()),
            1 => (0..0, "e2".into()),
            _ => (2..3, String::new()),
        })
    })
    .perhaps_repaired(),
    row("dup_across_pages", "page two repeats the last record of page one", Ended(3), |x| {
        endless(x, |n| if n == 0 { (0..2, "e1".into()) } else { (1..3, String::new()) })
    }),
    row("shuffled", "records are not in the order of their datestamps", Records(6), |x| {
        let mut items = pages::items(6, 1, |n| format!("AB {n}"));
        for (n, other) in [(0, 4), (1, 5), (2, 3)] {
            items.swap(n, other);
        }
        x.serve(&Repo::of(items))
    }),
    row("cursor_page_number", "cursor counts pages", Ended(5), |x| {
        sized(x, |t| (t.cursor / 2).to_string(), |t| t.size.to_string())
    }),
    row("size_right", "cursor and completeListSize are right", Records(5), |x| {
        sized(x, |t| t.cursor.to_string(), |t| t.size.to_string())
    }),
    row("size_zero", "completeListSize is 0", Ended(5), |x| {
        sized(x, |t| t.cursor.to_string(), |_| "0".into())
    }),
    row("size_too_small", "completeListSize is 4, five come", Ended(5), |x| {
        sized(x, |t| t.cursor.to_string(), |_| "4".into())
    }),
    row("size_too_large", "completeListSize is 100, five come", Suspicious(5), |x| {
        sized(x, |t| t.cursor.to_string(), |_| "100".into())
    }),
    row("size_changing", "completeListSize grows and settles on what came", Ended(5), |x| {
        sized(x, |t| t.cursor.to_string(), |t| (t.size - 2 + t.cursor / 2).to_string())
    }),
    row("size_garbage", "cursor and completeListSize are no numbers", Records(5), |x| {
        sized(x, |_| "-1".into(), |_| "many".into())
    })
    .perhaps_repaired(),
    row("html200_mid_once", "an HTML page with status 200 in mid-list, once", Records(3), |x| {
        if x.resumes() && x.once("html") {
            return Reply::html(200, "<!DOCTYPE html><html><body><p>Please wait</p></body></html>");
        }
        x.serve(&Repo::default())
    }),
    row("rate_exceeded_once", "`Rate exceeded.` with status 200, once", Records(3), |x| {
        if x.resumes() && x.once("rate") {
            return Reply::text(200, "Rate exceeded.");
        }
        x.serve(&Repo::default())
    }),
    row(
        "missing_list",
        "page two has neither a list nor an error",
        Truncated { at_least: 2 },
        |x| {
            if x.resumes() { x.reply("") } else { x.serve(&Repo::default()) }
        },
    ),
    row("gone_mid", "page two is 404", Truncated { at_least: 2 }, |x| {
        if x.resumes() { Reply::html(404, "<html/>") } else { x.serve(&Repo::default()) }
    }),
    row(
        "r500_mid_always",
        "every token is answered 500",
        CompleteOrTruncated { all: 3, at_least: 2 },
        |x| {
            if x.resumes() { Reply::html(500, "<html/>") } else { x.serve(&Repo::default()) }
        },
    ),
    row(
        "cut_mid_always",
        "page two ends in mid-record",
        CompleteOrTruncated { all: 3, at_least: 2 },
        |x| {
            let reply = x.serve(&Repo::default());
            let resumes = x.resumes();
            reply.edit(|page| match page.find("</dc:title>") {
                Some(at) if resumes => page[..at].into(),
                _ => page.into(),
            })
        },
    ),
    row(
        "every_10th_503",
        "50 pages, every tenth is 503 with Retry-After once",
        Records(1000),
        |x| every_tenth(x, |_| Reply::html(503, "<html/>").header("Retry-After", "0")),
    )
    .at_most(56),
    row("every_10th_reset", "every tenth is reset once", Records(1000), |x| {
        every_tenth(x, |reply| reply.delivery(Delivery::Reset { at: 0 }))
    })
    .at_most(56),
    row(
        "every_10th_cut_length",
        "every tenth is half of its Content-Length once",
        Records(1000),
        |x| {
            every_tenth(x, |reply| {
                let at = reply.half();
                reply.delivery(Delivery::Cut { at })
            })
        },
    )
    .at_most(56),
    row(
        "every_10th_cut_chunked",
        "every tenth lacks half of its chunks once",
        Records(1000),
        |x| {
            every_tenth(x, |reply| {
                let cut_at = Some(reply.half());
                reply.delivery(Delivery::Chunked { cut_at })
            })
        },
    )
    .at_most(56),
    row("every_10th_cut_close", "every tenth ends with the connection once", Records(1000), |x| {
        every_tenth(x, |reply| {
            let at = reply.half();
            reply.delivery(Delivery::UntilClose { at })
        })
    })
    .at_most(56),
];

/// The `n`th page is made of these records and leads to this token.
fn endless(x: &mut Exchange<'_>, page: fn(usize) -> (std::ops::Range<usize>, String)) -> Reply {
    let repo = Repo::default();
    if !x.lists() {
        return x.serve(&repo);
    }
    let (items, token) = page(x.token_number());
    let token = if token.is_empty() { token } else { resumption_token(&token) };
    x.write(&Page { items: repo.items[items].to_vec(), start: 0, token })
}

/// Pages of a hundred records that nobody has seen before.
fn far_beyond(x: &mut Exchange<'_>) -> Reply {
    if !x.lists() {
        return x.serve(&Repo::default());
    }
    let page = x.token_number();
    let items = (1..=100).map(|n| Item::new(page * 100 + n, 1000, "AB")).collect();
    let start = page * 100;
    let token = format!(
        r#"<resumptionToken cursor="{start}" completeListSize="300">e{}</resumptionToken>"#,
        page + 1,
    );
    x.write(&Page { items, start, token })
}

/// Five records on three pages, the last with an empty token; the attributes are made to order.
fn sized(
    x: &mut Exchange<'_>,
    cursor: fn(&Token<'_>) -> String,
    size: fn(&Token<'_>) -> String,
) -> Reply {
    let repo = Repo {
        token_element: |t| format!("<!--{}/{}-->{}", t.cursor, t.size, resumption_token(t.text)),
        end_element: |t| {
            format!("<!--{}/{}--><resumptionToken></resumptionToken>", t.cursor, t.size)
        },
        ..Repo::of(pages::items(5, 1, |n| format!("AB {n}")))
    };
    let reply = x.serve(&repo);
    reply.edit(|page| {
        let Some((head, rest)) = page.split_once("<!--") else { return page.into() };
        let Some((numbers, tail)) = rest.split_once("--><resumptionToken") else {
            return page.into();
        };
        let (start, total) = numbers.split_once('/').expect("two numbers");
        let number = |text: &str| text.parse().expect("a number");
        let token = Token { text: "", cursor: number(start), size: number(total) };
        let attributes =
            format!(r#" cursor="{}" completeListSize="{}""#, cursor(&token), size(&token));
        format!("{head}<resumptionToken{attributes}{tail}")
    })
}

/// A thousand records on fifty pages; the answer to every tenth goes wrong the first time.
fn every_tenth(x: &mut Exchange<'_>, spoil: fn(Reply) -> Reply) -> Reply {
    let repo = Repo {
        page_size: 20,
        ..Repo::of(pages::items(1000, 50, |n| format!("Record number {n}")))
    };
    let page = if x.lists() { x.page(&repo) } else { return x.serve(&repo) };
    match page {
        Ok(page) if page.start / 20 % 10 == 9 && x.once(&page.start.to_string()) => {
            spoil(x.write(&page))
        }
        Ok(page) => x.write(&page),
        Err(reply) => reply,
    }
}
