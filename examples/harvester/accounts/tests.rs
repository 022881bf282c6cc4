//! What holds on SQLite and, where `DATABASE_URL` names one, on PostgreSQL.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::audit::AuditEntry;
use super::documents::{DocumentError, Documents, Search};
use super::*;

/// A database of its own for a test, and what keeps it.
struct Database {
    url: String,
    _folder: tempfile::TempDir,
}

impl Database {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("accounts.db").display());
        Self { url, _folder: folder }
    }

    /// A schema of its own in PostgreSQL.
    async fn postgres(name: &str) -> Option<Self> {
        let Ok(server) = std::env::var("DATABASE_URL") else {
            eprintln!(
                "SKIPPED: DATABASE_URL names no PostgreSQL, so accounts are not tested there"
            );
            return None;
        };
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&server).await.unwrap();
        for statement in ["DROP SCHEMA IF EXISTS {} CASCADE", "CREATE SCHEMA {}"] {
            let statement = statement.replace("{}", name);
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap();
        }
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-csearch_path%3D{name}");
        Some(Self { url, _folder: tempfile::tempdir().unwrap() })
    }
}

macro_rules! on_every_database {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::Database::sqlite().url).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                let schema = concat!("accounts_", stringify!($name));
                if let Some(database) = super::Database::postgres(schema).await {
                    super::$name(&database.url).await;
                }
            })*
        }
    };
}

on_every_database!(
    no_change_is_lost_when_two_are_made_at_once,
    lists_go_on_behind_a_key_in_both_directions,
    the_first_start_creates_an_administrator_once,
    a_session_is_over_when_idle_locked_or_after_a_new_password,
    attempts_are_limited_by_name_and_by_address,
    a_token_is_good_until_it_expires_or_is_revoked,
    the_last_administrator_stays,
    what_was_done_is_told_last_first,
    what_was_done_is_found_by_person_action_thing_and_time,
    nothing_of_a_user_who_is_removed_is_left,
    a_role_that_says_nothing_is_not_alive,
);

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn from(address: &str) -> Caller {
    Caller { address: address.to_owned(), agent: "tests".to_owned() }
}

async fn accounts(url: &str) -> Accounts {
    Accounts::open(url, Limits::default()).await.unwrap()
}

async fn no_change_is_lost_when_two_are_made_at_once(url: &str) {
    let documents = Documents::open(url).await.unwrap();
    documents.insert("thing", "a", &json!({ "n": 1 }), now()).await.unwrap();
    let again = documents.insert("thing", "a", &json!({}), now()).await;
    assert!(matches!(again, Err(DocumentError::Taken { .. })), "{again:?}");

    let mut first = documents.get::<serde_json::Value>("thing", "a").await.unwrap().unwrap();
    let mut second = first.clone();
    first.body["n"] = json!(2);
    documents.replace("thing", &first, now()).await.unwrap();
    second.body["n"] = json!(3);
    let lost = documents.replace("thing", &second, now()).await;
    assert!(matches!(lost, Err(DocumentError::Changed { .. })), "{lost:?}");
    let kept = documents.get::<serde_json::Value>("thing", "a").await.unwrap().unwrap();
    assert_eq!(kept.body["n"], 2);
    assert!(documents.remove("thing", "a").await.unwrap());
    assert!(!documents.remove("thing", "a").await.unwrap());
}

async fn lists_go_on_behind_a_key_in_both_directions(url: &str) {
    let documents = Documents::open(url).await.unwrap();
    // By code point: capitals first, whatever the language of the database.
    for key in ["b", "Z", "é", "a"] {
        documents.insert("thing", key, &(), now()).await.unwrap();
    }
    documents.insert("other", "a", &(), now()).await.unwrap();
    let keys = |found: Vec<Document<()>>| found.into_iter().map(|it| it.key).collect::<Vec<_>>();
    assert_eq!(keys(documents.after("thing", None, 2).await.unwrap()), ["Z", "a"]);
    assert_eq!(keys(documents.after("thing", Some("a"), 9).await.unwrap()), ["b", "é"]);
    let before = |key| Search { before: key, ..Search::default() };
    assert_eq!(keys(documents.search("thing", &before(None), 3).await.unwrap()), ["é", "b", "a"]);
    let found = documents.search("thing", &before(Some("a")), 9).await.unwrap();
    assert_eq!(keys(found), ["Z"]);
    assert_eq!(documents.purge("thing", now() + TimeDelta::seconds(1)).await.unwrap(), 4);
}

async fn the_first_start_creates_an_administrator_once(url: &str) {
    let accounts = accounts(url).await;
    let (name, secret) = accounts.begin(now()).await.unwrap().unwrap();
    assert_eq!(accounts.begin(now()).await.unwrap(), None);
    let (_, user) = accounts.login(name, secret.reveal(), &from("::1"), now()).await.unwrap();
    assert!(user.role == Role::Administrator && user.must_change);

    let short = accounts.change_password(name, secret.reveal(), "short", now()).await;
    assert!(matches!(short, Err(AccountError::Password)), "{short:?}");
    let wrong = accounts.change_password(name, "wrong", "long enough", now()).await;
    assert!(matches!(wrong, Err(AccountError::WrongPassword)), "{wrong:?}");
    accounts.change_password(name, secret.reveal(), "long enough", now()).await.unwrap();
    let old = accounts.login(name, secret.reveal(), &from("::1"), now()).await;
    assert!(matches!(old, Err(LoginError::Refused)), "{old:?}");
    let (_, user) = accounts.login("ADMIN", "long enough", &from("::1"), now()).await.unwrap();
    assert!(!user.must_change);
}

/// A user with the password `long enough`.
async fn user(accounts: &Accounts, name: &str, role: Role) -> User {
    let secret = accounts.add_user(name, role, now()).await.unwrap();
    accounts.change_password(name, secret.reveal(), "long enough", now()).await.unwrap();
    accounts.user(name).await.unwrap().unwrap().body
}

async fn a_session_is_over_when_idle_locked_or_after_a_new_password(url: &str) {
    let accounts = accounts(url).await;
    user(&accounts, "admin", Role::Administrator).await;
    user(&accounts, "GCE", Role::SiteContact).await;
    let login = async || {
        let session = accounts.login("gce", "long enough", &from("::1"), now()).await.unwrap();
        session.0.reveal().to_owned()
    };
    let token = login().await;
    let session = accounts.session(&token, now()).await.unwrap().unwrap();
    assert_eq!(session.user.name, "GCE");
    assert!(session.wrote(session.csrf()) && !session.wrote("") && !session.wrote("x"));
    assert!(accounts.session("made up", now()).await.unwrap().is_none());

    // It is kept going by being used, for a week.
    let mut then = now();
    while then < now() + TimeDelta::days(7) {
        assert!(accounts.session(&token, then).await.unwrap().is_some(), "{then}");
        then += TimeDelta::hours(11);
    }
    assert!(accounts.session(&token, then).await.unwrap().is_none());
    let token = login().await;
    let later = now() + TimeDelta::hours(13);
    assert!(accounts.session(&token, later).await.unwrap().is_none());

    let token = login().await;
    accounts.logout(&token).await.unwrap();
    assert!(accounts.session(&token, now()).await.unwrap().is_none());

    let token = login().await;
    accounts.reset_password("gce", now()).await.unwrap();
    assert!(accounts.session(&token, now()).await.unwrap().is_none());

    let secret = accounts.reset_password("gce", now()).await.unwrap();
    let (token, _) = accounts.login("gce", secret.reveal(), &from("::1"), now()).await.unwrap();
    let mut locked = accounts.user("gce").await.unwrap().unwrap();
    locked.body.locked = true;
    accounts.change_user(&locked, now()).await.unwrap();
    assert!(accounts.session(token.reveal(), now()).await.unwrap().is_none());
    let refused = accounts.login("gce", secret.reveal(), &from("::1"), now()).await;
    assert!(matches!(refused, Err(LoginError::Refused)), "{refused:?}");
    accounts.tidy(now() + TimeDelta::days(400)).await.unwrap();
}

async fn attempts_are_limited_by_name_and_by_address(url: &str) {
    let limits = Limits { attempts_per_address: 8, ..Limits::default() };
    let accounts = Accounts::open(url, limits).await.unwrap();
    user(&accounts, "gce", Role::SiteContact).await;
    for _ in 0..5 {
        let refused = accounts.login("gce", "wrong", &from("::1"), now()).await;
        assert!(matches!(refused, Err(LoginError::Refused)), "{refused:?}");
    }
    // Not even the right one is looked at, from wherever it comes.
    let throttled = accounts.login("GCE", "long enough", &from("::2"), now()).await;
    assert!(matches!(throttled, Err(LoginError::Throttled(_))), "{throttled:?}");
    let later = now() + TimeDelta::minutes(15);
    accounts.login("gce", "long enough", &from("::1"), later).await.unwrap();

    for n in 0..8 {
        let refused = accounts.login(&format!("nobody{n}"), "wrong", &from("::3"), later).await;
        assert!(matches!(refused, Err(LoginError::Refused)), "{n}: {refused:?}");
    }
    let throttled = accounts.login("gce", "long enough", &from("::3"), later).await;
    assert!(matches!(throttled, Err(LoginError::Throttled(_))), "{throttled:?}");
}

async fn a_token_is_good_until_it_expires_or_is_revoked(url: &str) {
    let accounts = accounts(url).await;
    let user = user(&accounts, "gce", Role::SiteContact).await;
    let tomorrow = now() + TimeDelta::days(1);
    let new = NewToken { purpose: "backup".to_owned(), role: None, expires: Some(tomorrow) };
    let token = accounts.add_token(&user, new, now()).await.unwrap();
    let (holder, bound) = accounts.token_user(token.reveal(), now()).await.unwrap().unwrap();
    assert_eq!((holder.name.as_str(), bound), ("gce", Role::SiteContact));
    assert!(accounts.token_user(token.reveal(), tomorrow).await.unwrap().is_none());
    assert!(accounts.token_user("hvt_made-up", now()).await.unwrap().is_none());

    let listed = accounts.tokens(Some("gce"), None, 9).await.unwrap();
    assert_eq!((listed[0].1.purpose.as_str(), listed[0].1.used), ("backup", Some(now())));
    assert!(!listed[0].0.contains(token.reveal()));
    assert!(accounts.tokens(Some("somebody else"), None, 9).await.unwrap().is_empty());
    assert!(accounts.revoke_token(&listed[0].0).await.unwrap());
    assert!(!accounts.revoke_token(&listed[0].0).await.unwrap());
    assert!(accounts.token_user(token.reveal(), now()).await.unwrap().is_none());
}

async fn the_last_administrator_stays(url: &str) {
    let accounts = accounts(url).await;
    user(&accounts, "one", Role::Administrator).await;
    let mut one = accounts.user("one").await.unwrap().unwrap();
    one.body.role = Role::Viewer;
    let refused = accounts.change_user(&one, now()).await;
    assert!(matches!(refused, Err(AccountError::LastAdministrator)), "{refused:?}");
    user(&accounts, "two", Role::Administrator).await;
    accounts.change_user(&one, now()).await.unwrap();

    for name in ["", "a b", "tab\t", &"x".repeat(65)] {
        let refused = accounts.add_user(name, Role::Viewer, now()).await;
        assert!(matches!(refused, Err(AccountError::Name)), "{name:?}");
    }
    let refused = accounts.remove_user("two", now()).await;
    assert!(matches!(refused, Err(AccountError::LastAdministrator)), "{refused:?}");
    let taken = accounts.add_user("ONE", Role::Viewer, now()).await;
    assert!(matches!(taken, Err(AccountError::NameTaken(_))), "{taken:?}");
}

async fn what_was_done_is_told_last_first(url: &str) {
    let accounts = accounts(url).await;
    for n in 0..3 {
        let deed = Deed {
            who: Some("admin".to_owned()),
            what: "source.change".to_owned(),
            about: n.to_string(),
            address: "::1".to_owned(),
        };
        accounts.audit(&deed, now() + TimeDelta::seconds(n)).await.unwrap();
    }
    let first = accounts.audited(&AuditQuery::default(), 2).await.unwrap();
    let about = |entries: &[AuditEntry]| {
        entries.iter().map(|entry| entry.deed.about.clone()).collect::<Vec<_>>()
    };
    assert_eq!(about(&first), ["2", "1"]);
    let before = AuditQuery { before: Some(first[1].key.clone()), ..AuditQuery::default() };
    let rest = accounts.audited(&before, 2).await.unwrap();
    assert_eq!(about(&rest), ["0"]);
    assert_eq!(rest[0].time, now());
}

async fn what_was_done_is_found_by_person_action_thing_and_time(url: &str) {
    let accounts = accounts(url).await;
    for (n, who, what) in
        [(0, Some("Eva"), "source.change"), (1, None, "login.refused"), (2, Some("jan"), "source")]
    {
        let deed = Deed {
            who: who.map(str::to_owned),
            what: what.to_owned(),
            about: format!("Library {n} 100%_"),
            address: "::1".to_owned(),
        };
        accounts.audit(&deed, now() + TimeDelta::days(n)).await.unwrap();
    }
    let found = async |query: AuditQuery| {
        let found = accounts.audited(&query, 9).await.unwrap();
        found.iter().map(|entry| (entry.time - now()).num_days()).collect::<Vec<_>>()
    };
    let all = AuditQuery::default;
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(found(all()).await, [2, 1, 0]);
    assert_eq!(found(AuditQuery { who: some("eva"), ..all() }).await, [0]);
    assert_eq!(found(AuditQuery { what: some("source."), ..all() }).await, [0]);
    assert_eq!(found(AuditQuery { what: some("source"), ..all() }).await, [2, 0]);
    assert_eq!(found(AuditQuery { about: some("library 1"), ..all() }).await, [1]);
    assert_eq!(found(AuditQuery { about: some("100%_"), ..all() }).await, [2, 1, 0]);
    assert_eq!(found(AuditQuery { about: some("1__%"), ..all() }).await, [] as [i64; 0]);
    let since = Some(now() + TimeDelta::days(1));
    assert_eq!(found(AuditQuery { since, ..all() }).await, [2, 1]);
    assert_eq!(found(AuditQuery { until: since, ..all() }).await, [0]);
    let one = AuditQuery { since, until: Some(now() + TimeDelta::days(2)), ..all() };
    assert_eq!(found(one).await, [1]);
}

async fn nothing_of_a_user_who_is_removed_is_left(url: &str) {
    let accounts = accounts(url).await;
    user(&accounts, "admin", Role::Administrator).await;
    let gce = user(&accounts, "gce", Role::SiteContact).await;
    let new = NewToken { purpose: "backup".to_owned(), role: None, expires: None };
    let token = accounts.add_token(&gce, new, now()).await.unwrap();
    let session = accounts.begin_session(&gce, &from("::1"), now()).await.unwrap();
    accounts.remove_user("GCE", now()).await.unwrap();
    assert!(accounts.user("gce").await.unwrap().is_none());
    assert!(accounts.sessions(&gce, now()).await.unwrap().is_empty());
    assert!(accounts.tokens(Some("gce"), None, 9).await.unwrap().is_empty());
    let gone = accounts.remove_user("gce", now()).await;
    assert!(matches!(gone, Err(AccountError::NoUser(_))), "{gone:?}");
    // Another of the same name is somebody else.
    user(&accounts, "gce", Role::Administrator).await;
    assert!(accounts.token_user(token.reveal(), now()).await.unwrap().is_none());
    assert!(accounts.session(session.reveal(), now()).await.unwrap().is_none());
}

async fn a_role_that_says_nothing_is_not_alive(url: &str) {
    let accounts = accounts(url).await;
    let mut presence = Presence {
        role: "worker".to_owned(),
        name: "one".to_owned(),
        version: "0.1".to_owned(),
        since: now(),
        heard: now(),
    };
    accounts.say(&presence).await.unwrap();
    presence.heard = now() + TimeDelta::seconds(15);
    accounts.say(&presence).await.unwrap();
    let present = accounts.present(now() + TimeDelta::seconds(74)).await.unwrap();
    assert_eq!(present, [presence.clone()]);
    assert!(presence.is_alive(now() + TimeDelta::seconds(74)));
    assert!(!presence.is_alive(now() + TimeDelta::seconds(76)));
    assert!(accounts.present(now() + TimeDelta::days(2)).await.unwrap().is_empty());
    accounts.go(&presence).await.unwrap();
    assert!(accounts.present(now()).await.unwrap().is_empty());
    let engine = accounts.engine().await.unwrap();
    assert!(engine.size > 0 && engine.version.contains("SQL"), "{engine:?}");
}
