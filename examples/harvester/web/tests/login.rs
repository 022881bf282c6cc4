//! Logging in and out, language and colours.

use super::*;

async fn with_admin(world: &World) {
    let secret =
        world.app.accounts.add_user("admin", Role::Administrator, Utc::now()).await.unwrap();
    let accounts = &world.app.accounts;
    accounts.change_password("admin", secret.reveal(), "long enough", Utc::now()).await.unwrap();
}

#[tokio::test]
async fn whoever_logs_in_comes_to_what_they_asked_for_in_a_new_session() {
    let world = World::new().await;
    with_admin(&world).await;
    let mut browser = Browser::default();
    let asked = world.get(&browser, "/sources?text=a%20b").await;
    assert_eq!(asked.location(), "/login?next=%2Fsources%3Ftext%3Da%2520b");
    let page = world.get(&browser, asked.location()).await;
    assert!(page.body.contains(r#"name="next" value="/sources?text=a%20b""#), "{}", page.body);

    browser.cookies.push(("harvester-session".to_owned(), "fixed-by-somebody-else".to_owned()));
    let fields = [("name", "admin"), ("password", "long enough"), ("next", "/sources?text=a%20b")];
    let answer = world.post(&browser, "/login", &fields).await;
    assert_eq!(answer.location(), "/sources?text=a%20b");
    let cookie = answer.headers[SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    browser.take(&answer);
    assert_ne!(browser.cookies[0].1, "fixed-by-somebody-else");
    let page = world.get(&browser, "/sources").await;
    assert!(page.body.contains("Logged in as admin"), "{}", page.body);
    assert_eq!(page.headers["cache-control"], "no-store");

    let csrf = page.body.split(r#"name="csrf" value=""#).nth(1).unwrap();
    browser.csrf = csrf.split('"').next().unwrap().to_owned();
    let old = browser.clone();
    let answer = world.post(&browser, "/logout", &[]).await;
    assert_eq!(answer.location(), "/login");
    browser.take(&answer);
    let page = world.get(&browser, "/login").await;
    assert!(page.body.contains("You are logged out."), "{}", page.body);
    // Said once.
    browser.take(&page);
    assert!(!world.get(&browser, "/login").await.body.contains("You are logged out."));
    assert!(world.get(&old, "/sources").await.location().starts_with("/login"));

    let audit = world.app.accounts.audited(&AuditQuery::default(), 9).await.unwrap();
    let deeds: Vec<_> = audit.iter().map(|entry| entry.deed.what.as_str()).collect();
    assert_eq!(deeds, ["logout", "login"]);
}

#[tokio::test]
async fn a_wrong_login_says_what_is_missing_and_too_many_have_to_wait() {
    let world = World::new().await;
    with_admin(&world).await;
    let nobody = Browser::default();
    let empty = world.post(&nobody, "/login", &[]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(empty.body.contains("Invalid login: no Username specified."));
    assert!(empty.body.contains("Invalid login: no Password specified."));
    for _ in 0..5 {
        let wrong = world.post(&nobody, "/login", &[("name", "admin"), ("password", "x")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.body.contains("The user name or the password is wrong."));
    }
    let fields = [("name", "admin"), ("password", "long enough")];
    let waits = world.post(&nobody, "/login", &fields).await;
    assert_eq!(waits.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(waits.body.contains("Too many attempts. Try again in 15 min."), "{}", waits.body);
}

#[tokio::test]
async fn pages_speak_the_language_that_was_chosen_or_else_the_browsers() {
    let world = World::new().await;
    let mut browser = Browser::default().with("accept-language", "cs-CZ,cs;q=0.9");
    assert!(world.get(&browser, "/login").await.body.contains(r#"<html lang="cs""#));
    let sent = [("language", "ja"), ("back", "/login")];
    let answer = world.post(&browser, "/preferences", &sent).await;
    assert_eq!(answer.location(), "/login");
    browser.take(&answer);
    let page = world.get(&browser, "/login").await.body;
    assert!(page.contains(r#"<html lang="ja""#) && page.contains("ユーザー名"), "{page}");
    browser.take(&world.post(&browser, "/preferences", &[("theme", "dark")]).await);
    let missing = world.get(&browser, "/nothing/here").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.body.contains(r#"data-theme="dark""#));
    assert!(missing.body.contains("ここには何もありません。"), "{}", missing.body);
}
