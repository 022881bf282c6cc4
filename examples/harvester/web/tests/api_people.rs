//! The API of users, tokens, one's own account, the installation; and versions of what is changed.

use std::time::Duration;

use harvest_pipeline::filters::{Expression, Test};
use serde_json::Value;

use super::api::library;
use super::*;

#[tokio::test]
async fn an_administrator_manages_users_and_tokens() {
    let world = World::new().await;
    let administrator = world.program("root", Role::Administrator).await;
    let new = json!({ "name": "vera", "role": "viewer" });
    let made = world.send(&administrator, "POST", "/api/users", &new).await;
    assert_eq!((made.status, made.location()), (StatusCode::CREATED, "/api/users/vera"));
    assert!(made.json()["password"].as_str().is_some_and(|password| password.len() > 9));
    let twice = world.send(&administrator, "POST", "/api/users", &new).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    let lock = json!({ "role": "administrator", "locked": true });
    let last = world.send(&administrator, "PUT", "/api/users/root", &lock).await;
    assert!(last.problem().contains("yourself"), "{}", last.body);

    let token = json!({ "user": "root", "purpose": "a script" });
    let token = world.send(&administrator, "POST", "/api/tokens", &token).await.json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let program = Browser::default().with("authorization", bearer);
    let listed = world.get(&program, "/api/tokens").await;
    assert!(listed.status == StatusCode::OK && !listed.body.contains("hvt_"), "{}", listed.body);
    let path = format!("/api/tokens/{}", token["key"].as_str().unwrap());
    assert_eq!(
        world.send(&administrator, "DELETE", &path, &Value::Null).await.status.as_u16(),
        204
    );
    assert_eq!(world.get(&program, "/api/tokens").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_change_of_what_somebody_else_changed_meanwhile_is_refused() {
    let world = World::new().await;
    let root = world.program("root", Role::Administrator).await;
    let new = json!({ "name": "vera", "role": "viewer" });
    world.send(&root, "POST", "/api/users", &new).await;
    let rules = json!({ "expressions": [Expression::new("title", Test::Exists)] });
    let other_rules = json!({ "expressions": [Expression::new("date", Test::Exists)] });
    let mut renamed = library();
    renamed["title"] = "Renamed".into();
    world.send(&root, "PUT", "/api/filter-sets/Maps", &rules).await;
    world.send(&root, "PUT", "/api/sources/library", &library()).await;
    for (path, first, second) in [
        ("/api/users/vera", json!({ "role": "operator" }), json!({ "role": "viewer" })),
        ("/api/filter-sets/Maps", other_rules, rules),
        ("/api/sources/library", renamed, library()),
    ] {
        let read = world.get(&root, path).await;
        let version = read.headers["etag"].to_str().unwrap().to_owned();
        assert_eq!(world.get(&root, path).await.headers["etag"], version.as_str(), "{path}");
        let mine = root.clone().with("if-match", &version);
        let done = world.send(&mine, "PUT", path, &first).await;
        assert_eq!(done.status, StatusCode::OK, "{path}: {}", done.body);
        let next = done.headers["etag"].to_str().unwrap().to_owned();
        assert_ne!(next, version, "{path}");
        for method in ["PUT", "DELETE"] {
            let lost = world.send(&mine, method, path, &second).await;
            assert_eq!(lost.status, StatusCode::PRECONDITION_FAILED, "{method} {path}");
            lost.problem();
        }
        assert_eq!(world.get(&root, path).await.headers["etag"], next.as_str(), "{path}");
        let only_new = root.clone().with("if-none-match", "*");
        if path != "/api/users/vera" {
            let taken = world.send(&only_new, "PUT", path, &second).await;
            assert_eq!(taken.status, StatusCode::PRECONDITION_FAILED, "{path}");
        }
        let mine = root.clone().with("if-match", format!("\"other\", {next}"));
        let done = world.send(&mine, "PUT", path, &second).await;
        assert_eq!(done.status, StatusCode::OK, "{path}: {}", done.body);
        let gone = root.clone().with("if-match", done.headers["etag"].to_str().unwrap());
        assert_eq!(world.send(&gone, "DELETE", path, &Value::Null).await.status.as_u16(), 204);
        let none = world.send(&root.clone().with("if-match", "*"), "PUT", path, &second).await;
        assert!(none.status.is_client_error(), "{path}");
    }
}

#[tokio::test]
async fn somebody_manages_their_own_account_and_sees_who_they_are() {
    let world = World::new().await;
    let vera = world.program("vera", Role::Viewer).await;
    let who = world.get(&vera, "/api/account").await.json();
    assert_eq!((&who["name"], &who["role"]), (&json!("vera"), &json!("viewer")));
    let sessions = world.get(&vera, "/api/account/sessions").await.json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
    assert_eq!(sessions["items"][0]["current"], false);
    let passwords = json!({ "old": "wrong", "new": "another of my own" });
    let refused = world.send(&vera, "POST", "/api/account/password", &passwords).await;
    assert!(refused.problem().contains("old: "), "{}", refused.body);
    let made = json!({ "purpose": "mine", "role": "viewer" });
    let made = world.send(&vera, "POST", "/api/tokens", &made).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let tokens = world.get(&vera, "/api/tokens").await.json();
    assert_eq!(tokens["items"].as_array().unwrap().len(), 2);
    for (sent, why) in [
        (json!({ "purpose": " " }), "purpose"),
        (json!({ "purpose": "x", "role": "operator" }), "role"),
        (json!({ "purpose": "x", "expires": "2001-01-01T00:00:00Z" }), "expires"),
    ] {
        let refused = world.send(&vera, "POST", "/api/tokens", &sent).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{sent}");
        assert!(refused.problem().contains(why), "{}", refused.body);
    }
}

#[tokio::test]
async fn the_installation_says_what_it_is_and_no_secrets() {
    let world = World::in_one_database().await;
    let root = world.program("root", Role::Administrator).await;
    let minute = Duration::from_secs(60);
    world.store.leave_alone("slow.example", minute).await.unwrap();
    let now = Utc::now();
    let presence = crate::accounts::Presence {
        role: "worker".to_owned(),
        name: "w<1>".to_owned(),
        version: "0.1".to_owned(),
        since: now,
        heard: now - chrono::TimeDelta::seconds(90),
    };
    world.app.accounts.say(&presence).await.unwrap();
    let setup = world.get(&root, "/api/installation").await.json();
    assert!(setup["database"].as_str().unwrap().starts_with("SQLite 3"), "{setup}");
    assert_eq!(setup["roles"][0]["alive"], false);
    assert_eq!(setup["waiting_hosts"][0]["host"], "slow.example");
    let admin = world.user("admin", Role::Administrator).await;
    let page = world.get(&admin, "/settings/installation").await.body;
    assert!(page.contains("w&lt;1&gt;") && page.contains("Silent"), "{page}");
    assert!(page.contains("slow.example") && page.contains("No mail server is set"), "{page}");
    let mail = json!({ "to": "a@b.example" });
    let refused = world.send(&root, "POST", "/api/installation/mail", &mail).await;
    assert!(refused.problem().contains("mail.server"), "{}", refused.body);
    world.app.accounts.go(&presence).await.unwrap();
    let setup = world.get(&root, "/api/installation").await.json();
    assert_eq!(setup["roles"], json!([]));
}
