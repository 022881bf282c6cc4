//! `Client`: documents fetched, followed, found and shown.

#![cfg(feature = "reqwest")]
#![allow(clippy::unwrap_used)]

mod client_support;
#[path = "client_support/finding.rs"]
mod finding;

use http::StatusCode;
use resync_core::ErrorKind as NetKind;
use resync_core::client::{
    Error, ErrorKind, Explore, Fetched, NoticeKind, Outcome, Validators, WalkLimits, Wanted, What,
};
use resync_core::document::{Capability, Datetime};
use resync_core::transport::BodyLimits;
use url::Url;
use wiremock::matchers::{header, headers, path};
use wiremock::{Mock, ResponseTemplate};

use self::client_support::{Source, client, index, list};

fn html(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(format!("<!DOCTYPE html><html>{body}"), "text/html")
}

fn net(error: &Error) -> NetKind {
    error.net().unwrap_or_else(|| panic!("{error}")).kind()
}

fn baseline() -> Wanted {
    Wanted::new("baseline", [Capability::ResourceList, Capability::ResourceDump])
}

/// The paths of all lists below a document, and what went wrong.
async fn walk(source: &Source, at: &str) -> (Vec<String>, Vec<String>, Vec<NoticeKind>) {
    let mut documents = client().documents(&source.url(at));
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    while let Some(leaf) = documents.next().await {
        match leaf {
            Ok(leaf) => found.push(leaf.document.url().path().to_owned()),
            Err(error) => errors.push(error.to_string()),
        }
    }
    let notices = documents.notices().iter().map(|it| it.kind).collect();
    (found, errors, notices)
}

mod fetching {
    use super::*;

    #[tokio::test]
    async fn a_document_comes_with_its_head_and_what_to_ask_by_the_next_time() {
        let source = Source::start().await;
        let body = list("resourcelist", "", &["https://x.org/a"]);
        let answer = ResponseTemplate::new(200)
            .set_body_raw(body, "text/xml; charset=utf-8")
            .insert_header("etag", "\"1\"")
            .insert_header("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT");
        Mock::given(path("/r"))
            .and(header("if-none-match", "\"1\""))
            // The matcher takes a comma for the end of a value.
            .and(headers("if-modified-since", vec!["Mon", "01 Jan 2024 00:00:00 GMT"]))
            .respond_with(ResponseTemplate::new(304))
            .mount(&source.0)
            .await;
        source.answer("/r", answer).await;
        let client = client();
        let Fetched::Document(opened) = client.fetch(&source.url("/r"), None).await.unwrap() else {
            panic!("not fetched");
        };
        assert_eq!(opened.capability(), Some(&Capability::ResourceList));
        assert_eq!(opened.charset(), Some("utf-8"));
        let mut reader = opened.reader().unwrap();
        let entry = reader.next_part().unwrap().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.loc, "https://x.org/a");
        let again = client.fetch(&source.url("/r"), Some(opened.validators())).await.unwrap();
        assert!(matches!(again, Fetched::NotModified));
        let none = Validators::default();
        let fetched = client.fetch(&source.url("/r"), Some(&none)).await.unwrap();
        assert!(matches!(fetched, Fetched::Document(_)));
    }

    #[tokio::test]
    async fn a_304_that_nobody_asked_for_is_an_error() {
        let source = Source::start().await;
        source.answer("/r", ResponseTemplate::new(304)).await;
        let error = client().open(&source.url("/r")).await.unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::NOT_MODIFIED));
    }

    #[tokio::test]
    async fn what_is_no_document_is_asked_for_again_and_then_refused() {
        let source = Source::start().await;
        let whole = list("resourcelist", "", &["/a", "/b"]);
        let cases = [
            ("/html", "<html><body>Busy".to_owned(), NetKind::Unexpected),
            ("/xhtml", "<?xml version='1.0'?><html><p/></html>".to_owned(), NetKind::Unexpected),
            ("/json", "{\"error\": \"<b>\"}".to_owned(), NetKind::Unexpected),
            ("/xml", "<OAI-PMH></OAI-PMH>".to_owned(), NetKind::Unexpected),
            ("/empty", " \n".to_owned(), NetKind::Incomplete),
            ("/cut", whole[..whole.len() - 4].to_owned(), NetKind::Incomplete),
            ("/cut-in-entry", whole[..whole.len() - 30].to_owned(), NetKind::Incomplete),
            ("/cut-in-head", whole[..90].to_owned(), NetKind::Incomplete),
        ];
        for (at, body, kind) in cases {
            source.put(at, body).await;
            let error = client().open(&source.url(at)).await.unwrap_err();
            assert_eq!(net(&error), kind, "{error}");
            assert!(error.is_transient());
            assert!(error.to_string().contains(at), "{error}");
            assert_eq!(source.asked(at).await, 2, "{at}");
        }
    }

    #[tokio::test]
    async fn whole_documents_of_all_forms_are_taken() {
        let source = Source::start().await;
        let ns = "xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'";
        let utf16: Vec<u8> =
            list("resourcelist", "", &["/a"]).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let cases = [
            ("/empty", format!("<urlset {ns}/>").into_bytes()),
            (
                "/prefix",
                b"<s:urlset xmlns:s='http://www.sitemaps.org/schemas/sitemap/0.9'></s:urlset >"
                    .to_vec(),
            ),
            ("/behind", format!("<urlset {ns}></urlset>{}", " ".repeat(100_000)).into_bytes()),
            ("/utf16", [b"\xFF\xFE".to_vec(), utf16].concat()),
            (
                "/late-head",
                format!(
                    "<urlset {ns} xmlns:rs='http://www.openarchives.org/rs/terms/'>\
                <url><loc>https://x.org/</loc></url><rs:md capability='changelist'/></urlset>"
                )
                .into_bytes(),
            ),
        ];
        for (at, body) in cases {
            source.answer(at, ResponseTemplate::new(200).set_body_bytes(body)).await;
            let opened = client().open(&source.url(at)).await.unwrap();
            if at == "/late-head" {
                assert_eq!(opened.capability(), Some(&Capability::ChangeList));
            }
        }
    }

    #[tokio::test]
    async fn what_is_missing_too_large_or_not_allowed_is_not_asked_for_again() {
        let source = Source::start().await;
        source.put("/r", list("resourcelist", "", &["/a"])).await;
        let moved = ResponseTemplate::new(302).insert_header("location", "/r");
        source.answer("/moved", moved).await;

        let error = client().open(&source.url("/missing")).await.unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
        assert!(error.to_string().contains("404 Not Found: http"), "{error}");
        let small = client().limits(BodyLimits::default().max(100));
        assert_eq!(net(&small.open(&source.url("/r")).await.unwrap_err()), NetKind::TooLarge);

        let moved = |url: &Url| match url.path() {
            "/r" => Err("it is elsewhere".to_owned()),
            _ => Ok(()),
        };
        let strict = client().permit(moved);
        for at in ["/r", "/moved"] {
            let error = strict.open(&source.url(at)).await.unwrap_err();
            let expected = format!("{} is not followed: it is elsewhere", source.text("/r"));
            assert_eq!(error.to_string(), expected);
        }
        assert_eq!(source.asked("/r").await, 1);
    }
}

mod following {
    use super::*;

    #[tokio::test]
    async fn all_lists_below_a_description_come_in_order() {
        let source = Source::start().await;
        source.usual().await;
        let all = ["/r.xml", "/h1.xml", "/h2.xml"];
        let (found, errors, notices) = walk(&source, "/.well-known/resourcesync").await;
        assert_eq!((found, errors, notices), (all.map(str::to_owned).into(), vec![], vec![]));
        assert_eq!(walk(&source, "/r.xml").await.0, ["/r.xml"]);

        let mut walk = client().documents(&source.url("/c.xml"));
        let first = tokio::spawn(async move { walk.next().await }).await.unwrap();
        assert!(first.unwrap().is_ok());

        let mut changes = client().documents(&source.url("/c.xml")).only([Capability::ChangeList]);
        let first = changes.next().await.unwrap().unwrap();
        assert_eq!(first.document.url().path(), "/h1.xml");
        assert_eq!(first.expected, Some(Capability::ChangeList));
        assert_eq!(first.parents.len(), 2);
    }

    #[tokio::test]
    async fn circles_are_errors_and_what_is_listed_twice_is_read_once() {
        let source = Source::start().await;
        source
            .put("/i", index("resourcelist", "", &["/a", "/i", "/j", "/a", "/b", "/k"]))
            .await
            .put("/j", index("resourcelist", "", &["/i", "/moved"]))
            .await
            .put("/a", list("resourcelist", "", &["/x"]))
            .await
            .put("/b", list("resourcelist", "", &["/y"]))
            .await
            .answer("/moved", ResponseTemplate::new(302).insert_header("location", "/i"))
            .await
            .answer("/k", ResponseTemplate::new(302).insert_header("location", "/b"))
            .await;
        let (found, errors, notices) = walk(&source, "/i").await;
        assert_eq!(found, ["/a", "/b"]);
        assert_eq!(errors.len(), 3, "{errors:?}");
        for error in errors {
            assert!(error.starts_with("the documents lead in a circle"), "{error}");
        }
        assert_eq!(notices, [NoticeKind::Repeated]);
        assert_eq!(source.asked("/a").await, 1);
    }

    #[tokio::test]
    async fn neither_too_deep_nor_too_many_documents_are_followed() {
        let source = Source::start().await;
        for n in 0..4 {
            source
                .put(&format!("/{n}"), index("resourcelist", "", &[&format!("/{}", n + 1)]))
                .await;
        }
        source.put("/4", list("resourcelist", "", &["/x"])).await;
        let walk = |limits| client().documents(&source.url("/0")).limits(limits);
        assert!(walk(WalkLimits::default()).next().await.unwrap().is_ok());
        let error = walk(WalkLimits::default().depth(3)).next().await.unwrap().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooDeep { limit: 3, .. }), "{error}");
        let mut few = walk(WalkLimits::default().documents(2));
        let error = few.next().await.unwrap().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooMany { limit: 2, .. }), "{error}");
        assert!(few.next().await.is_none());
    }

    #[tokio::test]
    async fn quirks_are_understood_and_told() {
        let source = Source::start().await;
        source
            // An index written as a list; relative addresses; one part of another kind.
            .put("/d/i", list("changelist", "", &["p1 changelist", "../p2 changelist", "/p3"]))
            .await
            .put("/d/p1", list("changelist", "", &["/x"]))
            .await
            .put("/p2", list("resourcelist", "", &["/x"]))
            .await
            .put("/p3", list("", "", &["/x"]))
            .await
            .put("/weko", list("resourcesync", "", &["/cap capability"]))
            .await
            .put("/cap", list("capability", "", &["/p2 resourcelist", "/p3 resourcelist"]))
            .await;
        let (found, errors, notices) = walk(&source, "/d/i").await;
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(found, ["/d/p1", "/p2", "/p3"]);
        use NoticeKind::{
            IndexAsList, NoCapability, OddCapability, OtherCapability, RelativeUrl, SeveralEntries,
        };
        assert_eq!(notices, [IndexAsList, RelativeUrl, OtherCapability, NoCapability]);
        let (found, _, notices) = walk(&source, "/weko").await;
        assert_eq!(found, ["/p2", "/p3"]);
        assert_eq!(notices, [OddCapability, OddCapability, SeveralEntries, NoCapability]);
    }

    #[tokio::test]
    async fn what_was_over_before_is_left_out() {
        let source = Source::start().await;
        let parts = [
            "/1 until=\"2024-01-01T00:00:00Z\"",
            "/2 until=\"2024-02-01T00:00:00Z\"",
            "/3 until=\"2024-02-01\"",
            "/4",
            "/5",
        ];
        source.put("/i", index("changelist", "", &parts)).await;
        for at in ["/2", "/3", "/5"] {
            source.put(at, list("changelist", "", &["/x"])).await;
        }
        let closed = list("changelist", "", &["/x"])
            .replace("\"changelist\"", "\"changelist\" until=\"2024-01-01T00:00:00Z\"");
        source.put("/4", closed).await;
        let since = Datetime::read("2024-02-01T00:00:00Z");
        let mut walk = client().documents(&source.url("/i")).since(since);
        let mut found = Vec::new();
        while let Some(leaf) = walk.next().await {
            found.push(leaf.unwrap().document.url().path().to_owned());
        }
        // The date may be meant to include the day.
        assert_eq!(found, ["/3", "/5"]);
        assert_eq!(walk.skipped(), 3);
        assert_eq!(source.asked("/1").await, 0);
    }

    #[tokio::test]
    async fn hosts_that_are_not_allowed_are_refused_by_name() {
        let source = Source::start().await;
        let parts = ["https://evil.example/p", "ftp://x.org/p", "/p"];
        source.put("/i", index("resourcelist", "", &parts)).await;
        source.put("/p", list("resourcelist", "", &["/x"])).await;
        let host = source.url("/").host_str().unwrap().to_owned();
        let strict = client().permit(move |url| match url.host_str() {
            Some(it) if it == host => Ok(()),
            _ => Err("not the source's host".to_owned()),
        });
        let mut walk = strict.documents(&source.url("/i"));
        let error = walk.next().await.unwrap().unwrap_err().to_string();
        assert_eq!(error, "https://evil.example/p is not followed: not the source's host");
        let error = walk.next().await.unwrap().unwrap_err().to_string();
        assert!(error.starts_with("Bad URL: \"ftp://x.org/p\": named by http"), "{error}");
        assert!(walk.next().await.unwrap().is_ok());
        assert!(walk.next().await.is_none());
    }
}

mod showing {
    use super::*;

    #[tokio::test]
    async fn a_source_is_shown_as_a_tree() {
        let source = Source::start().await;
        source.usual().await;
        let entries = ["/a length=\"7\" type=\"text/xml\"", "/b length=\"3\" type=\"text/xml\""];
        let body = list("resourcelist", "", &entries)
            .replace("\"resourcelist\"", "\"resourcelist\" at=\"2024-01-01T00:00:00Z\"")
            .replace("/b</loc>", "/b</loc><lastmod>2023-05-05</lastmod>");
        let source2 = Source::start().await;
        source2.put("/r.xml", &body).await;
        let node = client().explore(&source2.url("/r.xml"), &Explore::default()).await;
        assert_eq!((node.entries, node.bytes), (2, 10));
        assert_eq!(node.media_types, ["text/xml"]);
        assert_eq!(node.lastmod, Datetime::read("2023-05-05"));
        assert_eq!(node.at, Datetime::read("2024-01-01T00:00:00Z"));
        assert!(node.size > 100 && node.error.is_none());

        let url = source.url("/.well-known/resourcesync");
        let tree = client().explore(&url, &Explore::default()).await;
        let set = &tree.children[0];
        assert_eq!(set.children.len(), 3);
        assert!(set.children[1].is_index);
        assert!(set.children[2].error.as_ref().unwrap().contains("404"));
        let text = tree.to_string();
        assert!(
            text.contains("    http") && text.contains("(a changelist index, 2 entries"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn of_long_indexes_the_first_and_the_last_part_are_looked_at() {
        let source = Source::start().await;
        let parts: Vec<String> = (0..20).map(|n| format!("/p{n}")).collect();
        let names: Vec<&str> = parts.iter().map(String::as_str).collect();
        source.put("/i", index("resourcelist", "", &names)).await;
        for part in &parts {
            source.put(part, list("resourcelist", "", &["/x"])).await;
        }
        let options = Explore::default();
        let node = client().explore(&source.url("/i"), &options).await;
        let seen: Vec<_> = node.children.iter().map(|it| it.url.path()).collect();
        assert_eq!((seen, node.omitted, node.entries), (vec!["/p0", "/p19"], 18, 20));
        assert!(node.to_string().contains("… 18 more"));
        let node = client().explore(&source.url("/i"), &options.full(true)).await;
        assert_eq!((node.children.len(), node.omitted), (20, 0));
        let node = client().explore(&source.url("/i"), &options.full(true).documents(5)).await;
        assert_eq!(node.children.iter().filter(|it| it.error.is_some()).count(), 16);
    }

    #[tokio::test]
    async fn circles_end() {
        let source = Source::start().await;
        source.put("/i", index("resourcelist", "", &["/i"])).await;
        let url = source.url("/i");
        let explored = async move { client().explore(&url, &Explore::default()).await };
        // Which also says that it can be sent to another thread.
        let node = tokio::spawn(explored).await.unwrap();
        assert!(node.children[0].error.as_ref().unwrap().contains("circle"));
    }
}
