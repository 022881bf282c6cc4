//! Resumption tokens: how they are written, how long they live, what they forget.

use super::super::exchange::{Cursor, Exchange, Repo, Token};
use super::super::pages::{self, escape};
use super::super::reply::{Delivery, Reply};
use super::Expect::*;
use super::{Ask, Scenario, row};

pub(super) const SCENARIOS: &[Scenario] = &[
    row("basic", "two pages, no element at the end", Records(3), |x| x.serve(&Repo::default()))
        .title("AB 1")
        .at_most(2),
    row("identifiers", "the same for ListIdentifiers", Records(3), |x| x.serve(&Repo::default()))
        .ask(Ask::Identifiers)
        .at_most(2),
    row("empty_token_attrs", "ends with an empty token that has attributes", Records(3), |x| {
        x.serve(&Repo { token_element: counted, end_element: counted, ..Repo::default() })
    })
    .at_most(2),
    row("empty_token_plain", "ends with <resumptionToken/>", Records(3), |x| {
        x.serve(&Repo { end_element: |_| "<resumptionToken/>".into(), ..Repo::default() })
    })
    .at_most(2),
    row("empty_token_blank", "ends with a token of white space", Records(3), |x| {
        let end_element = |_: &Token<'_>| "<resumptionToken>\n    </resumptionToken>".into();
        x.serve(&Repo { end_element, ..Repo::default() })
    })
    .perhaps_repaired()
    .at_most(2),
    row("token_whitespace", "line ends and spaces round the token", Records(3), |x| {
        let token_element =
            |t: &Token<'_>| format!("<resumptionToken>\n      {} \n    </resumptionToken>", t.text);
        x.serve(&Repo { token_element, ..Repo::default() })
    })
    .perhaps_repaired(),
    row("token_special", "the token has characters that a query reserves", Records(3), |x| {
        x.serve(&Repo { token_text: |_| "a+b/c=d&e%20f g|é;#?".into(), ..Repo::default() })
    }),
    row("token_pctenc", "the token looks percent-encoded and is not", Records(3), |x| {
        x.serve(&Repo { token_text: |_| "from%3D2024%26skip%253D2".into(), ..Repo::default() })
    }),
    row("token_verbatim", "the server does not decode tokens", VERBATIM, verbatim),
    row("cdata_token", "the token is a CDATA section", Records(3), |x| {
        let token_element =
            |t: &Token<'_>| format!("<resumptionToken><![CDATA[{}]]></resumptionToken>", t.text);
        x.serve(&Repo { token_text: |_| "a&b<c".into(), token_element, ..Repo::default() })
    }),
    row("token_dup", "two equal token elements", Records(3), |x| {
        let token_element = |t: &Token<'_>| pages::resumption_token(t.text).repeat(2);
        x.serve(&Repo { token_element, ..Repo::default() })
    })
    .perhaps_repaired(),
    row("token_dup_differing", "two different tokens, the second unknown", TWO_OR_THREE, |x| {
        let token_element =
            |t: &Token<'_>| pages::resumption_token(t.text) + &pages::resumption_token("other");
        x.serve(&Repo { token_element, ..Repo::default() })
    })
    .perhaps_repaired(),
    row("token_expired_attr", "its expirationDate is past, but it works", Records(3), |x| {
        let token_element = |t: &Token<'_>| {
            let date = "2001-01-01T00:00:00Z";
            format!(r#"<resumptionToken expirationDate="{date}">{}</resumptionToken>"#, t.text)
        };
        x.serve(&Repo { token_element, ..Repo::default() })
    }),
    row("token_single_use", "a token may be asked for once", Records(3), |x| {
        x.serve(&Repo { single_use: true, ..Repo::default() })
    })
    .at_most(2),
    row("token_single_use_cut", "once only, and that answer was cut off", Records(3), |x| {
        let reply = x.serve(&Repo { single_use: true, ..Repo::default() });
        if x.resumes() && x.once("cut") {
            let at = reply.half();
            return reply.delivery(Delivery::Cut { at });
        }
        reply
    }),
    row("badtok_mid_once", "the token is refused; after a restart it works", Records(3), |x| {
        if x.resumes() && x.once("bad") {
            return x.error("badResumptionToken", "expired");
        }
        x.serve(&Repo { single_use: true, ..Repo::default() })
    }),
    row("badtok_mid", "every token is refused", TWO_OR_THREE, |x| {
        if x.resumes() {
            return x.error("badResumptionToken", "expired");
        }
        x.serve(&Repo::default())
    })
    .at_most(20),
    row("norec_on_resume", "a token leads to noRecordsMatch", Ended(2), |x| {
        if x.resumes() {
            return x.error("noRecordsMatch", "");
        }
        x.serve(&Repo::default())
    }),
    row(
        "norec_on_resume_short",
        "the same, but three were announced",
        NotComplete { at_least: 2 },
        |x| {
            if x.resumes() {
                return x.error("noRecordsMatch", "");
            }
            x.serve(&Repo { token_element: counted, ..Repo::default() })
        },
    ),
    row("token_to_empty_page", "the last page has a token, to an empty page", Ended(3), |x| {
        if x.argument("resumptionToken") == "beyond" {
            return x.write_list("", "<resumptionToken/>");
        }
        let end_element = |_: &Token<'_>| pages::resumption_token("beyond");
        x.serve(&Repo { end_element, ..Repo::default() })
    }),
    row("session_cookie", "tokens work only with the session's cookie", Records(3), |x| {
        let cookie = x.request.header("cookie").unwrap_or_default();
        if x.resumes() && !cookie.contains("JSESSIONID=k7") {
            return x.error("badResumptionToken", "no session");
        }
        x.serve(&Repo::default()).header("Set-Cookie", "JSESSIONID=k7; Path=/s; HttpOnly")
    }),
    row("token_wrong_verb", "a ListRecords token goes on as ListIdentifiers", WRONG_VERB, |x| {
        let resumes = x.resumes();
        match x.page(&Repo::default()) {
            Ok(page) if resumes && x.is("ListRecords") => {
                let headers: String = page.items.iter().map(|item| item.header()).collect();
                x.reply(&format!("<ListIdentifiers>{headers}</ListIdentifiers>"))
            }
            _ => x.serve(&Repo::default()),
        }
    }),
    row("token_loses_set", "page two and on come from all sets", LOSES, |x| {
        x.serve(&forgetful(|cursor| Cursor { set: String::new(), ..cursor }))
    })
    .ask(Ask::RecordsInSet("b")),
    row("token_loses_from", "page two and on come from the whole time", LOSES, |x| {
        x.serve(&forgetful(|cursor| Cursor { from: String::new(), ..cursor }))
    })
    .ask(Ask::RecordsFrom("2024-01-04")),
    row("long_token_414", "a long GET is answered 414, POST works", Records(3), |x| {
        long_token(x, 414)
    }),
    row("long_token_413", "a long GET is answered 413, POST works", Records(3), |x| {
        long_token(x, 413)
    }),
    row("very_long_token", "5 kB of token; a GET of it is reset", Records(3), |x| {
        if x.request.method == "GET" && x.request.target.len() > 4096 {
            return Reply::text(400, "").delivery(Delivery::Reset { at: 0 });
        }
        x.serve(&Repo { token_text: |_| "0123456789".repeat(500), ..Repo::default() })
    }),
];

const TWO_OR_THREE: super::Expect = CompleteOrTruncated { all: 3, at_least: 2 };
const VERBATIM: super::Expect = TWO_OR_THREE;
const WRONG_VERB: super::Expect = Truncated { at_least: 2 };
const LOSES: super::Expect = NotComplete { at_least: 2 };

/// A token element, empty or not, with attributes that are right.
fn counted(token: &Token<'_>) -> String {
    format!(
        r#"<resumptionToken cursor="{}" completeListSize="{}">{}</resumptionToken>"#,
        token.cursor,
        token.size,
        escape(token.text),
    )
}

/// Nine records, of which three are in set `b` and six are of 4 January or later.
fn forgetful(remember: fn(Cursor) -> Cursor) -> Repo {
    let items = pages::items(9, 1, |n| format!("AB {n}"));
    Repo { remember, ..Repo::of(items) }
}

/// The token `next!2` has to come as it is: `next%212` is another one to this server.
fn verbatim(x: &mut Exchange<'_>) -> Reply {
    if x.resumes() && !x.request.raw_query.contains("resumptionToken=next!2") {
        return x.error("badResumptionToken", "unknown");
    }
    x.serve(&Repo { token_text: |_| "next!2".into(), ..Repo::default() })
}

fn long_token(x: &mut Exchange<'_>, status: u16) -> Reply {
    if x.request.method == "GET" && x.request.target.len() > 512 {
        return Reply::text(status, "too long\n");
    }
    x.serve(&Repo { token_text: |_| "0123456789".repeat(60), ..Repo::default() })
}
