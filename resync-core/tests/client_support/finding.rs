//! Finding the documents of a source.

use super::*;

async fn found(source: &Source, at: &str) -> (What, String, Option<String>) {
    let found = client().discover(&source.text(at)).await.unwrap();
    let path = found.document.url().path().to_owned();
    (found.found_by, path, found.description.map(|url| url.path().to_owned()))
}

fn description() -> Option<String> {
    Some("/.well-known/resourcesync".to_owned())
}

#[tokio::test]
async fn any_document_of_the_source_leads_to_its_description() {
    let source = Source::start().await;
    source.usual().await;
    for at in ["/.well-known/resourcesync", "/c.xml", "/r.xml", "/h.xml", "/h2.xml"] {
        let expected = (What::Given, at.to_owned(), description());
        assert_eq!(found(&source, at).await, expected);
    }
    let known = "/.well-known/resourcesync".to_owned();
    assert_eq!(found(&source, "").await, (What::WellKnown, known.clone(), description()));
    assert_eq!(found(&source, "/no/page?a=1").await, (What::WellKnown, known, description()));
}

#[tokio::test]
async fn pages_and_headers_link_to_capability_lists() {
    let source = Source::start().await;
    source.usual().await;
    let page = html("<head><link rel='resourcesync' href='c.xml'></head>");
    source.answer("/page", page).await;
    let linked = ResponseTemplate::new(200)
        .set_body_string("%PDF-1.4")
        .insert_header("link", "</c.xml>; rel=\"resourcesync\", </x>; rel=next");
    source.answer("/file", linked).await;
    let list = "/c.xml".to_owned();
    assert_eq!(found(&source, "/page").await, (What::Page, list.clone(), description()));
    assert_eq!(found(&source, "/file").await, (What::Header, list, description()));
    // A page is what was looked for here, and is not asked for again.
    assert_eq!(source.asked("/page").await, 1);
}

#[tokio::test]
async fn robots_and_usual_names_are_tried_and_all_attempts_told() {
    let source = Source::start().await;
    source.answer("/sub/", html("")).await;
    source.put("/robots.txt", "User-agent: *\nSitemap: {}/plain.xml\n").await;
    source.put("/plain.xml", list("", "", &["/x"])).await;
    let discovered = client().discover(&source.text("/sub/")).await.unwrap();
    assert_eq!(discovered.found_by, What::NamedByRobots);
    let tried: Vec<_> = discovered.attempts.iter().map(|it| it.url.path()).collect();
    assert_eq!(
        tried,
        [
            "/sub/",
            "/sub/.well-known/resourcesync",
            "/.well-known/resourcesync",
            "/robots.txt",
            "/plain.xml",
            "/sub/resourcelist.xml",
            "/sub/sitemap.xml",
            "/sitemap.xml",
        ]
    );
    assert_eq!(discovered.attempts[0].outcome, Outcome::Nothing("a web page".to_owned()));
    assert_eq!(discovered.attempts[4].outcome, Outcome::Document(None));
    assert!(discovered.choose(None).unwrap().is_none());
    // What says that it is of ResourceSync is better than what does not.
    source.put("/sub/resourcelist.xml", list("resourcelist", "", &["/x"])).await;
    assert_eq!(found(&source, "/sub").await.0, What::UsualName);
}

#[tokio::test]
async fn usual_names_at_the_host_are_the_last_resort() {
    let source = Source::start().await;
    source.put("/sitemap.xml", list("", "", &["/x"])).await;
    let expected = (What::UsualName, "/sitemap.xml".to_owned(), None);
    assert_eq!(found(&source, "/a/b").await, expected);
}

#[tokio::test]
async fn nothing_found_says_what_was_tried() {
    let source = Source::start().await;
    let error = client().discover(&source.text("/a")).await.unwrap_err();
    let ErrorKind::NotFound { attempts, .. } = error.kind() else { panic!("{error}") };
    assert_eq!(attempts.len(), 7);
    assert!(error.to_string().contains("/robots.txt (robots.txt): the server answered 404"));
    for text in ["", "ftp://x.org/", "https://"] {
        let error = client().discover(text).await.unwrap_err();
        assert!(error.to_string().starts_with("Bad URL: "), "{error}");
    }
}

#[tokio::test]
async fn links_up_that_lead_in_a_circle_or_nowhere_are_told() {
    let source = Source::start().await;
    let up = |to: &str| format!("<rs:ln rel=\"up\" href=\"{to}\"/>");
    source
        .put("/a", list("resourcelist", &up("{}/b"), &["/x"]))
        .await
        .put("/b", list("capabilitylist", &up("a"), &["/a resourcelist"]))
        .await
        .put("/c", list("resourcelist", &up("{}/missing"), &["/x"]))
        .await;
    let circle = client().discover(&source.text("/a")).await.unwrap();
    let notices: Vec<_> = circle.notices.iter().map(|it| it.kind).collect();
    assert_eq!(notices, [NoticeKind::RelativeUrl, NoticeKind::WrongUp]);
    assert_eq!(circle.capability_lists[0].url, source.url("/b"));
    let nowhere = client().discover(&source.text("/c")).await.unwrap();
    assert_eq!(nowhere.notices[0].kind, NoticeKind::WrongUp);
}

#[tokio::test]
async fn a_link_up_that_leads_to_the_wrong_level_is_told_and_followed() {
    let source = Source::start().await;
    source.usual().await;
    let up = "<rs:ln rel=\"up\" href=\"{}/h.xml\"/>";
    source.put("/part.xml", list("changelist", up, &["/x"])).await;
    let url = source.text("/part.xml");
    let found = tokio::spawn(async move { client().discover(&url).await }).await.unwrap().unwrap();
    assert_eq!(found.notices[0].kind, NoticeKind::WrongUp);
    assert_eq!(found.description, Some(source.url("/.well-known/resourcesync")));
    let wanted = Wanted::new("incremental", [Capability::ChangeList]);
    let url = source.text("/part.xml");
    let resolved = tokio::spawn(async move { client().resolve(&url, &wanted).await });
    assert_eq!(resolved.await.unwrap().unwrap().capability_list, Some(source.url("/c.xml")));
}

#[tokio::test]
async fn a_page_may_link_to_several_sets_and_a_description_may_have_an_index() {
    let source = Source::start().await;
    source.usual().await;
    source.put("/c2.xml", list("capabilitylist", "", &["/r.xml resourcelist"])).await;
    let links = "<link rel=resourcesync href=/c.xml><link rel=resourcesync href=/c2.xml>";
    source.answer("/page", html(links)).await;
    let found = client().discover(&source.text("/page")).await.unwrap();
    assert_eq!(found.found_by, What::Page);
    let error = client().resolve(&source.text("/page"), &baseline()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SeveralSets { .. }), "{error}");
    let wanted = baseline().set(Some("2".to_owned()));
    let resolved = client().resolve(&source.text("/page"), &wanted).await.unwrap();
    assert_eq!(resolved.capability_list, Some(source.url("/c2.xml")));

    let descriptions = ["/.well-known/resourcesync", "/d2"];
    source.put("/all", index("description", "", &descriptions)).await;
    source.put("/d2", list("description", "", &["/c2.xml capabilitylist"])).await;
    let found = client().discover(&source.text("/all")).await.unwrap();
    let sets: Vec<_> = found.capability_lists.iter().map(|it| it.url.path()).collect();
    assert_eq!(sets, ["/c.xml", "/c2.xml"]);
}

#[tokio::test]
async fn several_sets_must_be_chosen_from() {
    let source = Source::start().await;
    let sets = list("description", "", &["/c1 capabilitylist", "/c2 capabilitylist"]).replace(
        "/c2</loc>",
        "/c2</loc><rs:ln rel=\"describedby\" href=\"https://x.org/theses\"/>",
    );
    source.put("/.well-known/resourcesync", sets).await;
    source.put("/c1", list("capabilitylist", "", &["/r1 resourcelist"])).await;
    source.put("/c2", list("capabilitylist", "", &["/r2 resourcelist"])).await;
    source.put("/r2", list("resourcelist", "", &["/x"])).await;
    let error = client().resolve(&source.text(""), &baseline()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SeveralSets { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("2 sets") && text.contains("https://x.org/theses"), "{text}");
    assert!(text.contains("choose one by its number"), "{text}");
    for choice in ["2", &source.text("/c2"), "https://x.org/theses"] {
        let wanted = baseline().set(Some(choice.to_owned()));
        let resolved = client().resolve(&source.text(""), &wanted).await.unwrap();
        assert_eq!(resolved.url, source.url("/r2"));
    }
    let wanted = baseline().set(Some("3".to_owned()));
    let error = client().resolve(&source.text(""), &wanted).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoSuchSet { .. }), "{error}");
}

#[tokio::test]
async fn what_is_wanted_is_reached_from_anywhere_above_or_taken_as_given() {
    let source = Source::start().await;
    source.usual().await;
    for at in ["", "/c.xml", "/.well-known/resourcesync", "/r.xml"] {
        let resolved = client().resolve(&source.text(at), &baseline()).await.unwrap();
        assert_eq!(resolved.url, source.url("/r.xml"), "{at}");
        assert_eq!(resolved.capability, Capability::ResourceList);
        let offers = resolved.capabilities.unwrap();
        assert_eq!(offers.change_list(), Some(&source.url("/h.xml")));
        assert_eq!(offers.archive(&Capability::ChangeList), Some(&source.url("/old.xml")));
        assert_eq!(offers.resource_dump(), None);
    }
    let wanted = Wanted::new("incremental", [Capability::ChangeList]);
    let resolved = client().resolve(&source.text(""), &wanted).await.unwrap();
    assert!(resolved.is_index);
}

#[tokio::test]
async fn the_address_of_something_else_is_refused() {
    let source = Source::start().await;
    source.usual().await;
    let error = client().resolve(&source.text("/h1.xml"), &baseline()).await.unwrap_err();
    let expected = format!(
        "Bad URL: {} is a changelist; baseline takes a resourcelist or a resourcedump",
        source.text("/h1.xml")
    );
    assert_eq!(error.to_string(), expected);
    let wanted = Wanted::new("incremental", [Capability::ChangeDump]);
    let error = client().resolve(&source.text("/c.xml"), &wanted).await.unwrap_err();
    let expected = format!(
        "Bad URL: {} offers resourcelist, changelist, changelist-archive; \
         incremental takes a changedump",
        source.text("/c.xml")
    );
    assert_eq!(error.to_string(), expected);
    // The Capability List promises what is not there.
    let list = list("capabilitylist", "", &["/h1.xml resourcelist"]);
    source.put("/false.xml", list).await;
    let error = client().resolve(&source.text("/false.xml"), &baseline()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WrongCapability { .. }), "{error}");
}

#[tokio::test]
async fn a_plain_sitemap_is_a_resource_list() {
    let source = Source::start().await;
    source.put("/sitemap.xml", list("", "", &["/x"])).await;
    let resolved = client().resolve(&source.text("/sitemap.xml"), &baseline()).await.unwrap();
    assert_eq!(resolved.capability, Capability::ResourceList);
    assert!(resolved.notices.iter().any(|it| it.kind == NoticeKind::NoCapability));
    let wanted = Wanted::new("incremental", [Capability::ChangeList]);
    let error = client().resolve(&source.text("/sitemap.xml"), &wanted).await.unwrap_err();
    assert!(error.to_string().contains("is a plain sitemap; incremental takes a changelist"));
}

#[tokio::test]
async fn what_was_given_and_is_broken_is_not_replaced_by_something_else() {
    let source = Source::start().await;
    source.usual().await;
    let whole = list("resourcelist", "", &["/a", "/b"]);
    source.put("/cut", &whole[..whole.len() - 20]).await;
    source.put("/dtd", format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{whole}")).await;
    source.answer("/busy", ResponseTemplate::new(503)).await;
    for (at, is_transient) in [("/cut", true), ("/busy", true), ("/dtd", false)] {
        let error = client().resolve(&source.text(at), &baseline()).await.unwrap_err();
        assert_eq!(error.is_transient(), is_transient, "{error}");
        assert!(error.to_string().contains(at), "{error}");
    }
}

#[cfg(feature = "notify")]
#[tokio::test]
async fn the_hub_of_a_source_is_found_where_its_documents_name_it() {
    let channel = async |source: &Source, at: &str| {
        let wanted = Wanted::new("follow", [Capability::ChangeList]);
        let found = client().resolve(&source.text(at), &wanted).await.unwrap();
        found.channel().map(|it| (it.hub, it.topic))
    };
    let pair = |hub: &str, topic: String| Some((hub.to_owned(), topic));
    let source = Source::start().await;
    source.usual().await;
    assert_eq!(channel(&source, "/c.xml").await, None);

    // In a link of the document, which is the topic unless it says otherwise.
    let hub = r#"<rs:ln rel="hub" href="https://hub.example/"/>"#;
    source.put("/own.xml", list("changelist", hub, &["/a"])).await;
    let topic = source.text("/own.xml");
    assert_eq!(channel(&source, "/own.xml").await, pair("https://hub.example/", topic));

    // In the headers that came with it, which are complete; relative addresses are completed.
    let links = "</hub>; rel=hub, </topic>; rel=self";
    let answer = ResponseTemplate::new(200)
        .set_body_raw(list("changelist", hub, &["/a"]), "application/xml")
        .insert_header("link", links);
    source.answer("/header.xml", answer).await;
    let expected = pair(&source.text("/hub"), source.text("/topic"));
    assert_eq!(channel(&source, "/header.xml").await, expected);

    // In the Capability List, which is what the standard wants.
    let entry = r#"<url><loc>{}/topic.xml</loc><rs:md capability="change-notification"/>
        <rs:ln rel="hub" href="https://other.example/"/></url></urlset>"#;
    let named = list("capabilitylist", "", &["/header.xml changelist"]);
    source.put("/named.xml", named.replace("</urlset>", entry)).await;
    let expected = pair("https://other.example/", source.text("/topic.xml"));
    assert_eq!(channel(&source, "/named.xml").await, expected);
}

#[tokio::test]
async fn no_redirect_is_followed_to_where_nobody_may_go() {
    let (source, other) = (Source::start().await, Source::start().await);
    other.put("/x.xml", list("resourcelist", "", &["/a"])).await;
    let to = ResponseTemplate::new(302).insert_header("location", other.text("/x.xml"));
    source.answer("/x.xml", to).await;
    let home = source.url("/").origin();
    let client = client().permit(move |url| match url.origin() == home {
        true => Ok(()),
        false => Err(format!("{url} is elsewhere")),
    });
    let error = client.open(&source.url("/x.xml")).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Forbidden { .. }), "{error}");
    assert!(error.to_string().contains(&other.text("/x.xml is elsewhere")), "{error}");
    assert_eq!(other.asked("/x.xml").await, 0);
}
