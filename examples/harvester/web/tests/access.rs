//! Who may ask for what: every kind of visitor over every route.

use super::*;
use crate::accounts::Permission;
use crate::web::route::Access;
use crate::web::routes;

/// A path of the table with what its names in braces stand for.
pub(super) fn filled(path: &str) -> String {
    let filled = path.replace("{id}", "one").replace("{name}", "style.css");
    let filled = filled.replace("{run}", "1").replace("{group}", "1").replace("{set}", "maps");
    let filled = filled.replace("{source}", "one").replace("{record}", "1");
    let filled = filled.replace("{user}", "nobody").replace("{identifier}", "1");
    filled.replace("{key}", "1").replace("{index}", "1")
}

#[tokio::test]
async fn every_visitor_gets_what_the_table_of_routes_says_and_nothing_else() {
    let world = World::new().await;
    world.source("one").await;
    let mut visitors = vec![("nobody".to_owned(), None, Browser::default())];
    for role in Role::ALL {
        visitors.push((
            role.as_str().to_owned(),
            Some(role),
            world.user(role.as_str(), role).await,
        ));
    }
    // In WEKO's words; an operator here.
    let repository = world.user("repository-administrator", Role::Operator).await;
    visitors.push(("repository administrator".to_owned(), Some(Role::Operator), repository));

    for (name, role, browser) in &visitors {
        for route in routes::table() {
            let path = filled(route.path);
            let what = format!("{name}: {} {path}", route.method);
            // A POST without a token shows who is let through, and changes nothing.
            let answer = match route.method.as_str() {
                "GET" => world.get(browser, &path).await,
                _ => world.send_as_it_is(browser, &route.method, &path, &[]).await,
            };
            let may = match route.access {
                Access::Open => true,
                Access::LoggedIn => role.is_some(),
                Access::With(permission) => role.is_some_and(|role| role.may(permission)),
            };
            let at_login = answer.location().starts_with("/login")
                || answer.status == StatusCode::UNAUTHORIZED;
            let forbidden = answer.body.contains("You may not do that.");
            match (may, role) {
                (false, None) => assert!(at_login, "{what}: {}", answer.status),
                (false, Some(_)) => assert!(forbidden, "{what}: {}", answer.status),
                (true, _) => {
                    assert!(!forbidden, "{what}");
                    assert!(!at_login || path == "/logout", "{what}");
                }
            }
            assert!(!answer.status.is_server_error(), "{what}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn every_route_that_is_not_open_needs_somebody() {
    let open: Vec<_> = routes::table().into_iter().filter(|it| it.access == Access::Open).collect();
    let paths: Vec<_> = open.iter().map(|route| (route.method.as_str(), route.path)).collect();
    assert_eq!(
        paths,
        [
            ("GET", "/assets/{name}"),
            ("GET", "/healthz"),
            ("GET", "/readyz"),
            ("GET", "/login"),
            ("POST", "/login"),
            ("POST", "/preferences"),
            ("GET", "/metrics"),
        ]
    );
}

#[tokio::test]
async fn a_site_contact_sees_and_changes_no_sources_of_others() {
    let world = World::new().await;
    world.owned_source("mine", "gce").await;
    world.owned_source("theirs", "and").await;
    let contact = world.user("gce", Role::SiteContact).await;
    let list = world.get(&contact, "/sources").await.body;
    assert!(list.contains("mine") && !list.contains("theirs"), "{list}");
    assert!(!world.get(&contact, "/").await.body.contains("theirs"));

    for route in routes::table() {
        if !route.path.contains("{id}") {
            continue;
        }
        for (id, is_there) in [("mine", true), ("theirs", false)] {
            let path = route.path.replace("{id}", id);
            let answer = match route.method.as_str() {
                "GET" => world.get(&contact, &path).await,
                _ if is_there => continue,
                _ => world.post(&contact, &path, &[("ask", "harvest"), ("to", "paused")]).await,
            };
            assert_eq!(answer.status == StatusCode::OK, is_there, "{path}: {}", answer.status);
            assert_eq!(answer.status == StatusCode::NOT_FOUND, !is_there, "{path}");
        }
    }
    // What they set up is theirs, whatever they say.
    let fields = [
        ("title", "New"),
        ("id", "third"),
        ("kind", "oai-pmh"),
        ("options.url", "https://third.example/"),
        ("owner", "and"),
    ];
    assert_eq!(world.post(&contact, "/sources/new", &fields).await.location(), "/sources/third");
    let source = world.store.source(&"third".into()).await.unwrap().unwrap();
    assert_eq!(source.definition.owner.as_deref(), Some("gce"));
}

#[tokio::test]
async fn with_a_password_for_one_login_nothing_but_changing_it_can_be_done() {
    let world = World::new().await;
    let accounts = &world.app.accounts;
    let (name, secret) = accounts.begin(Utc::now()).await.unwrap().unwrap();
    let mut browser = Browser::default();
    let login = [("name", name), ("password", secret.reveal())];
    let answer = world.post(&browser, "/login", &login).await;
    assert_eq!(answer.location(), "/password");
    browser.take(&answer);
    for path in ["/", "/sources", "/sources/new"] {
        assert_eq!(world.get(&browser, path).await.location(), "/password", "{path}");
    }
    let page = world.get(&browser, "/password").await;
    assert!(page.status == StatusCode::OK && page.body.contains("of your own"));
}

#[test]
fn every_permission_is_some_roles() {
    for permission in Permission::ALL {
        assert!(Role::Administrator.may(permission));
    }
}
