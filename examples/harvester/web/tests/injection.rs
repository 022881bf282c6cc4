//! What people type stays what they typed.

use super::*;

const EVIL: &str = r#""><script>alert(1)</script><img src=x onerror=alert(1)>'"#;

#[tokio::test]
async fn texts_of_a_source_are_shown_as_texts_wherever_they_are_shown() {
    let world = World::new().await;
    let admin = world.user("admin", Role::Administrator).await;
    let mut definition =
        SourceDefinition::new("evil", "oai-pmh", json!({ "url": EVIL, "set": EVIL }));
    definition.title = EVIL.to_owned();
    definition.description = EVIL.to_owned();
    definition.owner = Some(EVIL.to_owned());
    definition.contacts = vec![EVIL.to_owned()];
    world.store.add_source(&definition).await.unwrap();
    for path in [
        "/",
        "/sources",
        "/sources/evil",
        "/sources/evil/edit",
        "/sources/evil/archive",
        "/sources/evil/delete",
    ] {
        let page = world.get(&admin, path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.body.contains("&lt;script&gt;"), "{path}");
        assert!(!page.body.contains("<script>") && !page.body.contains("<img"), "{path}");
    }
}

#[tokio::test]
async fn what_is_asked_for_is_shown_as_text() {
    let world = World::new().await;
    let admin = world.user("admin", Role::Administrator).await;
    let evil: String = form_urlencoded::byte_serialize(EVIL.as_bytes()).collect();
    for path in [
        format!("/sources?text={evil}&status={evil}&kind={evil}&after={evil}"),
        format!("/sources/options?kind=oai-pmh&options.url={evil}"),
        format!("/sources/{evil}"),
        format!("/login?next={evil}"),
    ] {
        let page = world.get(&admin, &path).await;
        assert!(!page.body.contains("<script>") && !page.body.contains("<img"), "{path}");
        assert!(!page.status.is_server_error(), "{path}");
    }
    let sent = [("title", EVIL), ("id", EVIL), ("kind", EVIL), ("contacts", EVIL)];
    let page = world.post(&admin, "/sources/new", &sent).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!page.body.contains("<script>"));
}

#[tokio::test]
async fn no_header_can_be_typed() {
    let world = World::new().await;
    let mut browser = world.user("admin", Role::Administrator).await;
    for back in ["/a\r\nX-Evil: 1", "//evil.example", "/\\evil.example", "https://evil.example"] {
        let answer = world.post(&browser, "/preferences", &[("back", back)]).await;
        assert_eq!(answer.location(), "/", "{back:?}");
        assert!(!answer.headers.contains_key("x-evil"));
    }
    let sent = [("language", "ja; Domain=evil"), ("theme", "dark\r\nX-Evil: 1")];
    let answer = world.post(&browser, "/preferences", &sent).await;
    assert!(!answer.headers.contains_key(SET_COOKIE), "{:?}", answer.headers);
    // A cookie that says what no page of ours would.
    browser.cookies.push(("harvester-notice".to_owned(), "run-queued:<b>".to_owned()));
    let page = world.get(&browser, "/sources").await.body;
    assert!(page.contains("Run &lt;b&gt; was queued."), "{page}");
    browser.cookies.pop();
    browser.cookies.push(("harvester-notice".to_owned(), "made.up".to_owned()));
    assert!(!world.get(&browser, "/sources").await.body.contains("made.up"));
}

#[tokio::test]
async fn an_id_that_is_an_address_has_a_page_of_its_own() {
    let world = World::new().await;
    let admin = world.user("admin", Role::Administrator).await;
    let id = "https://example.org/oai?set=a&b#c/../d e%2F日本";
    world.store.add_source(&SourceDefinition::new(id, "oai-pmh", json!({}))).await.unwrap();
    let list = world.get(&admin, "/sources").await.body;
    let href = list.split("href=\"/sources/https").nth(1).unwrap().split('"').next().unwrap();
    let page = world.get(&admin, &format!("/sources/https{href}")).await;
    assert_eq!(page.status, StatusCode::OK, "{href}");
    assert!(page.body.contains("日本"));
}
