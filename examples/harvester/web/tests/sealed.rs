//! Passwords in forms and in the API: set, kept, taken away, and never shown.

use harvest_pipeline::secrets::{Place, Sealed, Vault, VaultError};
use serde_json::Value;

use super::*;

const HUSH: &str = "correct-horse-battery";
const FORM: [(&str, &str); 6] = [
    ("title", "Library"),
    ("id", "library"),
    ("kind", "oai-pmh"),
    ("options.url", "https://library.example/oai"),
    ("options.user", "me"),
    ("rhythm", "manual"),
];

/// Turns secrets around, which is enough to tell where they are.
#[derive(Debug)]
pub(super) struct Turned;

impl Vault for Turned {
    fn seal(&self, place: Place<'_>, secret: &str) -> Result<Sealed, VaultError> {
        let turned: String = secret.chars().rev().collect();
        Ok(Sealed::new(format!("{place} {turned}")))
    }

    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<String, VaultError> {
        let turned = sealed.envelope().strip_prefix(&format!("{place} "));
        let turned = turned.ok_or_else(|| VaultError::new("it is another's"))?;
        Ok(turned.chars().rev().collect())
    }

    fn is_current(&self, _: &Sealed) -> bool {
        true
    }
}

/// The form with other values.
fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = FORM.into_iter().filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
    kept.chain(changes.iter().copied()).collect()
}

/// What the password is, if there is one.
async fn password(world: &World) -> Option<String> {
    let source = world.store.source(&"library".into()).await.unwrap().unwrap().definition;
    let value = source.options.get("password")?;
    let sealed = Sealed::of(value).unwrap_or_else(|| panic!("it is in clear: {value}"));
    Some(Turned.open(Place::of_source("library", "password"), &sealed).unwrap())
}

/// A world with a source that has a password.
async fn world() -> (World, Browser) {
    let world = World::in_one_database().await;
    let admin = world.user("admin", Role::Administrator).await;
    let made = world.post(&admin, "/sources/new", &with(&[("options.password", HUSH)])).await;
    assert_eq!(made.location(), "/sources/library", "{}", made.body);
    (world, admin)
}

#[tokio::test]
async fn a_password_is_on_no_page_and_in_no_answer() {
    let (world, admin) = world().await;
    let program = world.program("olga", Role::Operator).await;
    assert_eq!(password(&world).await.as_deref(), Some(HUSH));
    let request = harvest_pipeline::store::RunRequest::new(
        "library",
        harvest_pipeline::store::RunKind::Harvest,
    );
    world.store.request_run(&request).await.unwrap();
    let turned: String = HUSH.chars().rev().collect();
    for page in
        ["/sources", "/sources/library", "/sources/library/edit", "/runs/1", "/runs", "/records"]
    {
        let page = world.get(&admin, page).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.body.contains(HUSH) && !page.body.contains(&turned), "{}", page.body);
    }
    for path in ["/api/sources", "/api/sources/library", "/api/runs", "/api/runs/1", "/api/kinds"] {
        let answer = world.get(&program, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(!answer.body.contains(HUSH) && !answer.body.contains(&turned), "{}", answer.body);
    }
    let edit = world.get(&admin, "/sources/library/edit").await.body;
    assert!(edit.contains("Set, and not shown.") && edit.contains("Remove: Password"), "{edit}");
    assert!(world.get(&admin, "/sources/library").await.body.contains("set, not shown"));
    let source = world.get(&program, "/api/sources/library").await.json();
    assert_eq!(source["secrets"], json!(["password"]));
    // A form that is sent back with what is wrong does not have it either.
    let wrong = with(&[("options.password", HUSH), ("title", "")]);
    let page = world.post(&admin, "/sources/library/edit", &wrong).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!page.body.contains(HUSH), "{}", page.body);
}

#[tokio::test]
async fn a_password_left_blank_stays_another_replaces_it_and_a_box_takes_it_away() {
    let (world, admin) = world().await;
    let set = ("options.password.set", "on");
    let save = async |changes: &[(&str, &str)]| {
        world.post(&admin, "/sources/library/edit", &with(changes)).await
    };
    let kept = save(&[("options.password", ""), ("title", "The library"), set]).await;
    assert_eq!(kept.location(), "/sources/library", "{}", kept.body);
    assert_eq!(password(&world).await.as_deref(), Some(HUSH));
    save(&[("options.password", "another one")]).await;
    assert_eq!(password(&world).await.as_deref(), Some("another one"));
    save(&[("options.password.remove", "on"), set]).await;
    assert_eq!(password(&world).await, None);
}

#[tokio::test]
async fn a_password_is_not_sent_where_somebody_else_points_it() {
    let (world, _) = world().await;
    let operator = world.user("operator", Role::Operator).await;
    let elsewhere = ("options.url", "https://mine.example/oai");
    let page = world.post(&operator, "/sources/library/edit", &with(&[elsewhere])).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("The address leads elsewhere."), "{}", page.body);
    let connect = with(&[elsewhere, ("connect", "on")]);
    let page = world.post(&operator, "/sources/library/edit", &connect).await;
    assert!(page.body.contains("The address leads elsewhere."), "{}", page.body);
    let program = world.program("olga", Role::Operator).await;
    let mut sent = world.get(&program, "/api/sources/library").await.json()["definition"].clone();
    sent["options"]["url"] = "https://mine.example/oai".into();
    let refused = world.send(&program, "PUT", "/api/sources/library", &sent).await;
    assert!(refused.problem().contains("leads elsewhere"), "{}", refused.body);
    // Nor can what is sealed be sent in, or moved to another source.
    let source = world.store.source(&"library".into()).await.unwrap().unwrap().definition;
    sent["options"]["password"] = source.options["password"].clone();
    let refused = world.send(&program, "PUT", "/api/sources/other", &sent).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.body);
    // The store itself sees to it, whoever forgets.
    let mut moved = source;
    moved.options["url"] = "https://mine.example/oai".into();
    let error = world.store.change_source(&moved).await.unwrap_err();
    assert!(error.to_string().contains("leads elsewhere"), "{error}");
    let gone = with(&[elsewhere, ("options.password.remove", "on")]);
    let saved = world.post(&operator, "/sources/library/edit", &gone).await;
    assert_eq!(saved.location(), "/sources/library", "{}", saved.body);
}

#[tokio::test]
async fn by_the_api_a_password_stays_unless_it_is_set_or_null() {
    let (world, _) = world().await;
    let program = world.program("olga", Role::Operator).await;
    let path = "/api/sources/library";
    let mut sent = world.get(&program, path).await.json()["definition"].clone();
    assert_eq!(sent["options"].get("password"), None);
    sent["title"] = "The library".into();
    assert_eq!(world.send(&program, "PUT", path, &sent).await.status, StatusCode::OK);
    assert_eq!(password(&world).await.as_deref(), Some(HUSH));
    sent["options"]["password"] = "another".into();
    let set = world.send(&program, "PUT", path, &sent).await;
    assert!(set.status == StatusCode::OK && !set.body.contains("another"), "{}", set.body);
    assert_eq!(password(&world).await.as_deref(), Some("another"));
    sent["options"]["password"] = Value::Null;
    assert_eq!(world.send(&program, "PUT", path, &sent).await.json()["secrets"], json!([]));
    assert_eq!(password(&world).await, None);
}

#[tokio::test]
async fn a_password_in_an_address_is_refused_by_forms_and_taken_out_of_it_by_the_api() {
    let (world, admin) = world().await;
    let address = format!("https://me:{HUSH}@other.example/oai");
    let page = world.post(&admin, "/sources/new", &with(&[("options.url", &address)])).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.body.contains("in their own fields") && !page.body.contains(HUSH),
        "{}",
        page.body
    );
    let program = world.program("olga", Role::Operator).await;
    let sent = json!({ "title": "Other", "kind": "oai-pmh", "options": { "url": address } });
    let made = world.send(&program, "PUT", "/api/sources/other", &sent).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert!(!made.body.contains(HUSH), "{}", made.body);
    assert_eq!(made.json()["definition"]["options"]["url"], "https://other.example/oai");
    assert_eq!(made.json()["secrets"], json!(["password"]));
    // WEKO's form and Metacat's do not take them.
    let index = world.app.accounts.add_index("Index", "", None, Utc::now()).await.unwrap();
    let fields = [
        ("repository_name", "Library"),
        ("base_url", &address),
        ("status", "manual"),
        ("interval", "1"),
        ("target_index", &index.id.to_string()),
        ("resync_mode", "baseline"),
        ("saving_format", "JPCOAR-XML"),
    ];
    let page = world.post(&admin, "/resync/create", &fields).await;
    assert!(page.body.contains("in their own fields"), "{}", page.body);
    let contact = world.user("GCE", Role::SiteContact).await;
    let fields =
        [("contacts", "a@x.org"), ("list", &address), ("frequency", "1"), ("unit", "days")];
    let page = world.post(&contact, "/sites", &fields).await;
    assert!(page.body.contains("in their own fields"), "{}", page.body);
}

/// What only administrators may set, by every way there is.
#[tokio::test]
async fn only_an_administrator_lets_a_list_lead_into_the_local_network() {
    let world = World::in_one_database().await;
    let admin = world.user("admin", Role::Administrator).await;
    let operator = world.user("operator", Role::Operator).await;
    let contact = world.user("contact", Role::SiteContact).await;
    let program = world.program("olga", Role::Operator).await;
    let field = "options.allow_local";
    let url = "https://site.example/list.xml";
    let typed = |id: &'static str| {
        with(&[
            ("id", id),
            ("kind", "document-list"),
            ("options.url", url),
            ("options.user", ""),
            (field, "on"),
        ])
    };
    let allowed = async |id: &str| {
        let source = world.store.source(&id.into()).await.unwrap().unwrap();
        source.definition.options["allow_local"] == true
    };
    for (who, id) in [(&operator, "by-operator"), (&contact, "by-contact")] {
        assert!(!world.get(who, "/sources/options?kind=document-list").await.body.contains(field));
        let mut fields = typed(id);
        let own = format!("https://{id}.example/list.xml");
        fields.iter_mut().filter(|(name, _)| *name == "options.url").for_each(|it| it.1 = &own);
        let made = world.post(who, "/sources/new", &fields).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.body);
        assert!(!allowed(id).await, "{id}");
    }
    let options = json!({ "url": "https://b.example/list.xml", "allow_local": true });
    let sent = json!({ "title": "Site", "kind": "document-list", "options": options });
    let refused = world.send(&program, "PUT", "/api/sources/by-program", &sent).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.problem().contains("Only administrators can set allow_local"));

    assert!(world.get(&admin, "/sources/options?kind=document-list").await.body.contains(field));
    let made = world.post(&admin, "/sources/new", &typed("site")).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.body);
    assert!(allowed("site").await);
    // Others keep it with the address, and lose it with another.
    let mut fields = typed("site");
    fields.retain(|(name, _)| *name != field);
    fields.push(("description", "changed"));
    world.post(&operator, "/sources/site/edit", &fields).await;
    assert!(allowed("site").await);
    fields.iter_mut().filter(|(name, _)| *name == "options.url").for_each(|it| {
        it.1 = "https://mine.example/list.xml";
    });
    let moved = world.post(&operator, "/sources/site/edit", &fields).await;
    assert_eq!(moved.status, StatusCode::SEE_OTHER, "{}", moved.body);
    assert!(!allowed("site").await);
}
