//! Who did what: every change leaves one entry, and what is refused leaves none.

use std::collections::BTreeSet;
use std::time::Duration;

use harvest_pipeline::filters::{Expression, Test};
use harvest_pipeline::reports::{Mailer, Security};
use harvest_pipeline::store::{Ending, Held, RunKind, RunRequest};
use harvest_pipeline::{RunId, Ticket};
use serde_json::Value;

use super::mail::MailServer;
use super::plant::Plant;
use super::*;
use crate::accounts::{AuditEntry, Document, User};
use crate::service::letters::Letters;
use crate::web::{routes, sources};

const LEASE: Duration = Duration::from_secs(3600);

/// Routes that change nothing here: a browser's own cookies, and what is only reckoned out.
const CHANGING_NOTHING: [(&str, &str); 6] = [
    ("POST", "/preferences"),
    ("POST", "/sites/list"),
    ("POST", "/sites/list/upload"),
    ("POST", "/sites/check"),
    ("POST", "/api/filter-set-preview"),
    ("POST", "/api/connect"),
];

type Fields<'a> = &'a [(&'a str, &'a str)];

/// Asks for one change after another as an administrator, and looks what is entered.
struct Book {
    plant: Plant,
    mail: MailServer,
    admin: Browser,
    covered: BTreeSet<(String, &'static str)>,
}

impl Book {
    async fn open() -> Self {
        let mail = MailServer::start(0);
        let mailer = Mailer::new("127.0.0.1", mail.port(), Security::None, None, "h@x.example");
        let setup = Setup { mailer: mailer.ok(), ..Setup::default() };
        let plant = Plant::over(World::set_up(setup).await);
        let admin = plant.world.user("root", Role::Administrator).await;
        Self { plant, mail, admin, covered: BTreeSet::new() }
    }

    fn world(&self) -> &World {
        &self.plant.world
    }

    async fn entries(&self) -> Vec<AuditEntry> {
        let accounts = &self.world().app.accounts;
        accounts.audited(&AuditQuery::default(), 10_000).await.unwrap()
    }

    /// Sends a form to a route, whose names in braces stand for these.
    async fn form(
        &mut self,
        (route, names): (&'static str, &[&str]),
        fields: Fields<'_>,
        (what, about): (&str, &str),
    ) -> Answer {
        let path = filled(route, names);
        let before = self.entries().await.len();
        let csrf = [("csrf", "another")];
        let forged = [&csrf, fields].concat();
        let forged = self.world().post_as_it_is(&self.admin, &path, &forged).await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(self.entries().await.len(), before, "{path}: what is refused is no deed");
        let answer = self.world().post(&self.admin, &path, fields).await;
        self.check(("POST", route), before, &answer, (what, about)).await;
        answer
    }

    /// Sends JSON to a route of the API.
    async fn json(
        &mut self,
        method: &str,
        (route, names): (&'static str, &[&str]),
        body: Value,
        (what, about): (&str, &str),
    ) -> Answer {
        let path = filled(route, names);
        let before = self.entries().await.len();
        let forged = self.world().send(&self.admin, method, &path, &body).await;
        assert_eq!(forged.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(self.entries().await.len(), before, "{path}: what is refused is no deed");
        let meant = self.admin.clone().with("x-csrf-token", &self.admin.csrf);
        let answer = self.world().send(&meant, method, &path, &body).await;
        self.check((method, route), before, &answer, (what, about)).await;
        answer
    }

    async fn check(
        &mut self,
        (method, route): (&str, &'static str),
        before: usize,
        answer: &Answer,
        (what, about): (&str, &str),
    ) {
        let is_done = answer.status.is_success() || answer.status.is_redirection();
        assert!(is_done, "{method} {route}: {} {}", answer.status, answer.body);
        let entries = self.entries().await;
        let new: Vec<_> = entries[..entries.len() - before]
            .iter()
            .map(|entry| {
                let deed = &entry.deed;
                let who = deed.who.as_deref().unwrap_or_default();
                (who, deed.what.as_str(), deed.about.as_str(), deed.address.as_str())
            })
            .collect();
        assert_eq!(new, [("root", what, about, "127.0.0.1")], "{method} {route}");
        self.covered.insert((method.to_owned(), route));
    }

    async fn ask(&self, source: &str) -> RunId {
        let request = RunRequest::new(source, RunKind::Harvest);
        self.world().store.request_run(&request).await.unwrap().run()
    }

    async fn cancel(&self, run: RunId) {
        self.world().store.cancel_run(run).await.unwrap();
    }

    /// A run that waits for somebody to agree.
    async fn held(&self, source: &str) -> String {
        let (run, ticket) = self.going_on(source).await;
        self.world().store.end_run(ticket, &Ending::Held(Held::new(9, 10))).await.unwrap();
        run
    }

    /// A run that a worker has.
    async fn going_on(&self, source: &str) -> (String, Ticket) {
        self.ask(source).await;
        let claimed = self.world().store.claim_run("tests", LEASE).await.unwrap();
        let (ticket, run) = claimed.unwrap();
        (run.id.to_string(), ticket)
    }

    /// Its worker pauses it, as it was asked to.
    async fn pause(&self, ticket: Ticket) {
        self.world().store.end_run(ticket, &Ending::Paused).await.unwrap();
    }

    async fn user(&self, name: &str) -> Document<User> {
        self.world().app.accounts.user(name).await.unwrap().unwrap()
    }

    /// A session or token of the administrator besides the one that is used: its key.
    async fn session(&self) -> String {
        let (accounts, user) = (&self.world().app.accounts, self.user("root").await.body);
        let secret = accounts.begin_session(&user, &Caller::default(), Utc::now()).await.unwrap();
        crate::accounts::fingerprint(secret.reveal())
    }

    async fn token(&self) -> String {
        let (accounts, user) = (&self.world().app.accounts, self.user("root").await.body);
        let secret = accounts.add_token(&user, for_tests(), Utc::now()).await.unwrap();
        crate::accounts::fingerprint(secret.reveal())
    }

    async fn log_in(&mut self, password: &str) {
        let mut browser = Browser::default();
        let before = self.entries().await.len();
        let fields = [("name", "root"), ("password", password)];
        let answer = self.world().post(&browser, "/login", &fields).await;
        self.check(("POST", "/login"), before, &answer, ("login", "root")).await;
        browser.take(&answer);
        self.admin = self.with_csrf(browser).await;
    }

    /// A browser that knows what its forms must send along.
    async fn with_csrf(&self, mut browser: Browser) -> Browser {
        let token = browser.cookies.iter().find(|(name, _)| name == "harvester-session").unwrap();
        let session = self.world().app.accounts.session(&token.1, Utc::now()).await.unwrap();
        browser.csrf = session.unwrap().csrf().to_owned();
        browser
    }
}

/// A path with its names in braces filled in.
fn filled(route: &str, names: &[&str]) -> String {
    let mut names = names.iter();
    let parts = route.split('/').map(|part| match part.starts_with('{') {
        true => form_urlencoded::byte_serialize(names.next().unwrap().as_bytes()).collect(),
        false => part.to_owned(),
    });
    parts.collect::<Vec<String>>().join("/")
}

#[tokio::test]
async fn every_change_leaves_one_entry_with_person_action_and_thing() {
    let mut book = Book::open().await;
    sources_and_runs(&mut book).await;
    decisions_and_failures(&mut book).await;
    filter_sets(&mut book).await;
    targets_and_reports(&mut book).await;
    weko_and_metacat(&mut book).await;
    people(&mut book).await;
    mail(&mut book).await;
    api_of_sources_and_runs(&mut book).await;
    api_of_people(&mut book).await;
    oneself(&mut book).await;

    let known: BTreeSet<_> =
        CHANGING_NOTHING.iter().map(|(method, path)| ((*method).to_owned(), *path)).collect();
    let forgotten: Vec<_> = routes::table()
        .into_iter()
        .filter(|route| !route.method.is_safe())
        .map(|route| (route.method.to_string(), route.path))
        .filter(|route| !book.covered.contains(route) && !known.contains(route))
        .collect();
    assert!(forgotten.is_empty(), "nobody looks what these leave in the audit log: {forgotten:?}");
}

async fn sources_and_runs(book: &mut Book) {
    let fields = [
        ("title", "Library"),
        ("id", "library"),
        ("kind", "oai-pmh"),
        ("options.url", "https://library.example/oai"),
    ];
    book.form(("/sources/new", &[]), &fields, ("source.create", "library")).await;
    let definition = book.world().store.source(&"library".into()).await.unwrap().unwrap();
    let filled = sources::filled(&definition.definition);
    let filled: Vec<_> = filled.iter().map(|(name, value)| (&**name, &**value)).collect();
    let one: &[&str] = &["library"];
    book.form(("/sources/{id}/edit", one), &filled, ("source.change", "library")).await;
    let status = ("/sources/{id}/status", one);
    book.form(status, &[("to", "paused")], ("source.paused", "library")).await;
    book.form(status, &[("to", "active")], ("source.active", "library")).await;
    book.form(("/sources/{id}/clear", one), &[], ("source.clear", "library")).await;
    let output = ("/sources/{id}/output", one);
    book.form(output, &[("to", "off")], ("source.output-off", "library")).await;
    book.form(output, &[("to", "on")], ("source.output-on", "library")).await;
    let run = ("/sources/{id}/run", one);
    for (ask, what) in
        [("harvest", "run.harvest"), ("full", "run.full"), ("dry-run", "run.dry-run")]
    {
        book.form(run, &[("ask", ask)], (what, "library")).await;
        let open = book.world().store.source(&"library".into()).await.unwrap().unwrap().open_run;
        let open = open.unwrap().to_string();
        book.form(("/sources/{id}/stop", one), &[], ("run.cancel", &open)).await;
    }
    book.form(("/sources/{id}/backfill", one), &[("run", "")], ("run.backfill", "library")).await;
    let open = book.world().store.source(&"library".into()).await.unwrap().unwrap().open_run;
    let open = open.unwrap().to_string();
    book.form(("/runs/{run}/cancel", &[&open]), &[], ("run.cancel", &open)).await;
    book.form(("/runs/{run}/again", &[&open]), &[], ("run.full", "library")).await;
    book.cancel(book.ask("library").await).await;

    let (run, ticket) = book.going_on("library").await;
    book.form(("/runs/{run}/pause", &[&run]), &[], ("run.pause", &run)).await;
    book.pause(ticket).await;
    book.form(("/runs/{run}/resume", &[&run]), &[], ("run.resume", &run)).await;
    book.cancel(RunId(run.parse().unwrap())).await;
    book.form(("/imports", &[]), &[("source", "library")], ("run.harvest", "library")).await;
    book.cancel(book.ask("library").await).await;

    // What is asked for twice is done once.
    book.ask("library").await;
    let before = book.entries().await.len();
    let again = book.world().post(&book.admin, "/sources/library/run", &[("ask", "harvest")]).await;
    assert!(again.status.is_redirection() && book.entries().await.len() == before);
    book.cancel(book.ask("library").await).await;
    book.form(("/sources/{id}/archive", one), &[], ("source.archived", "library")).await;
    book.world().source("unused").await;
    book.form(("/sources/{id}/delete", &["unused"]), &[], ("source.delete", "unused")).await;
}

async fn decisions_and_failures(book: &mut Book) {
    book.plant.source("one", None).await;
    book.plant.put("one", "a", "a");
    let first = book.plant.harvest("one").await.to_string();
    let run = book.held("one").await;
    book.form(("/runs/{run}/reject", &[&run]), &[], ("run.reject", &run)).await;
    let run = book.held("one").await;
    book.form(("/runs/{run}/approve", &[&run]), &[], ("run.approve", &run)).await;
    book.cancel(RunId(run.parse().unwrap())).await;

    book.plant.put("one", "b", "b");
    let mut dry = RunRequest::new("one", RunKind::Harvest);
    dry.dry_run = true;
    let dry = book.world().store.request_run(&dry).await.unwrap().run().to_string();
    book.plant.work().await;
    book.form(("/runs/{run}/apply", &[&dry]), &[], ("run.import", "one")).await;
    book.plant.work().await;
    book.form(("/runs/{run}/undo", &[&first]), &[], ("run.undo", &first)).await;

    book.plant.put_xml("one", "broken", "no xml");
    book.plant.put_xml("one", "worse", "no xml");
    book.plant.put_xml("one", "worst", "no xml");
    book.plant.harvest("one").await;
    let errors = book.world().app.catalogue.errors(&"one".into(), false).await.unwrap();
    let key = errors[0].key.as_str();
    let about = format!("one: {key}");
    let fields = [("source", "one"), ("key", key)];
    book.form(("/failures/dismiss", &[]), &fields, ("record.dismiss", &about)).await;
    let (key, route) = (errors[1].key.as_str(), "/api/sources/{source}/errors/{key}");
    let about = format!("one: {key}");
    let names: &[&str] = &["one", key];
    book.json("DELETE", (route, names), Value::Null, ("record.dismiss", &about)).await;
    let fields = [("source", "one")];
    book.form(("/failures/replay", &[]), &fields, ("run.replay", "one")).await;
    book.plant.work().await;
}

async fn filter_sets(book: &mut Book) {
    let row = [("field", "title"), ("not", ""), ("operation", "contains"), ("value", "map")];
    let head = [("name", "Maps"), ("match", "all"), ("then", "save")];
    let fields = [&head[..], &row].concat();
    let deed = ("filter-set.create", "Maps");
    book.form(("/filter-sets/new", &[]), &fields, deed).await;
    let deed = ("filter-set.change", "Maps");
    book.form(("/filter-sets/{set}/edit", &["Maps"]), &fields, deed).await;
    let deed = ("filter-set.delete", "Maps");
    book.form(("/filter-sets/{set}/delete", &["Maps"]), &[], deed).await;

    let route: (&str, &[&str]) = ("/api/filter-sets/{name}", &["Maps"]);
    let rules = json!({ "expressions": [Expression::new("title", Test::Contains("map".into()))] });
    book.json("PUT", route, rules.clone(), ("filter-set.create", "Maps")).await;
    book.json("PUT", route, rules, ("filter-set.change", "Maps")).await;
    book.json("DELETE", route, Value::Null, ("filter-set.delete", "Maps")).await;
}

async fn targets_and_reports(book: &mut Book) {
    let folder = book.world().folder.path().join("room").display().to_string();
    let fields = [
        ("title", "Room"),
        ("name", "room"),
        ("kind", "folder"),
        ("options.path", &*folder),
        ("options.form", "xml"),
        ("issues", "warnings"),
        ("withdrawal", "never"),
    ];
    let name: &[&str] = &["room"];
    book.form(("/targets/new", &[]), &fields, ("target.create", "room")).await;
    book.form(("/targets/{target}/edit", name), &fields, ("target.change", "room")).await;
    book.form(("/targets/{target}/deliver", name), &[], ("target.deliver", "room")).await;
    book.form(("/targets/{target}/delete", name), &[], ("target.delete", "room")).await;
    let letters = Letters(book.world().app.accounts.documents().clone());
    let letter = json!({
        "runs": [7], "to": ["keeper@library.example"], "for_administrators": false, "attempts": 1,
        "next": Utc::now(),
    });
    let sent = json!({ "letter": letter, "at": Utc::now(), "failure": null });
    letters.0.insert("letters-sent", "1 report", &sent, Utc::now()).await.unwrap();
    let fields = [("sent", "1 report")];
    book.form(("/targets/reports", &[]), &fields, ("report.again", "1 report")).await;

    let route: (&str, &[&str]) = ("/api/targets/{target}", &["room"]);
    let room = json!({ "title": "Room", "kind": "folder", "options": { "path": folder } });
    book.json("PUT", route, room.clone(), ("target.create", "room")).await;
    book.json("PUT", route, room, ("target.change", "room")).await;
    let deliver = ("/api/targets/{target}/deliver", name);
    book.json("POST", deliver, json!({}), ("target.deliver", "room")).await;
    book.json("DELETE", route, Value::Null, ("target.delete", "room")).await;
    book.plant.work().await;
}

async fn weko_and_metacat(book: &mut Book) {
    let accounts = book.world().app.accounts.clone();
    let answer = [("name", "Theses"), ("name_ja", ""), ("parent", "")];
    // Its number is the time, and known only then.
    let before = book.entries().await.len();
    let made = book.world().post(&book.admin, "/resync/indexes", &answer).await;
    let index = accounts.indexes().await.unwrap().remove(0).id.to_string();
    let deed = ("index.create", index.as_str());
    book.check(("POST", "/resync/indexes"), before, &made, deed).await;
    let fields = [("id", index.as_str()), ("name", "Root"), ("name_ja", "")];
    let deed = ("index.rename", index.as_str());
    book.form(("/resync/indexes/rename", &[]), &fields, deed).await;
    let moved = [("id", index.as_str()), ("parent", "")];
    let deed = ("index.move", index.as_str());
    book.form(("/resync/indexes/move", &[]), &moved, deed).await;
    let empty = accounts.add_index("Empty", "", None, Utc::now()).await.unwrap().id.to_string();
    let route = ("/resync/indexes/{index}/delete", &[empty.as_str()][..]);
    book.form(route, &[], ("index.delete", empty.as_str())).await;

    let fields = [
        ("repository_name", "Library"),
        ("base_url", "https://library.example/resync/1/resourcelist.xml"),
        ("status", "automatic"),
        ("interval", "1"),
        ("target_index", index.as_str()),
        ("resync_mode", "baseline"),
        ("saving_format", "JPCOAR-XML"),
    ];
    let id = "resync-000001";
    let name: &[&str] = &[id];
    book.form(("/resync/create", &[]), &fields, ("resync.create", id)).await;
    book.form(("/resync/{name}/edit", name), &fields, ("resync.change", id)).await;
    book.form(("/resync/{name}/running", name), &[("to", "off")], ("resync.off", id)).await;
    let open = async |book: &Book| {
        let source = book.world().store.source(&id.into()).await.unwrap().unwrap();
        if let Some(run) = source.open_run {
            book.cancel(run).await;
        }
    };
    open(book).await;
    book.form(("/resync/{name}/running", name), &[("to", "on")], ("resync.on", id)).await;
    open(book).await;
    book.form(("/resync/{name}/sync", name), &[], ("resync.collect", id)).await;
    open(book).await;
    book.form(("/resync/{name}/import", name), &[], ("resync.import", id)).await;
    open(book).await;
    book.form(("/resync/{name}/delete", name), &[], ("resync.delete", id)).await;

    let fields = [
        ("contacts", "root@lter.example"),
        ("list", "https://root.example/list.xml"),
        ("frequency", "2"),
        ("unit", "weeks"),
    ];
    book.form(("/sites", &[]), &fields, ("site.register", "site-root")).await;
    book.form(("/sites/unregister", &[]), &[], ("site.unregister", "site-root")).await;
    let fields = [("scope", "mine")];
    book.form(("/sites/list/defaults", &[]), &fields, ("site.defaults", "site-root")).await;
}

async fn people(book: &mut Book) {
    let fields = [("name", "vera"), ("role", "viewer"), ("site", ""), ("mail", "")];
    book.form(("/settings/new-user", &[]), &fields, ("user.create", "vera")).await;
    let vera: &[&str] = &["vera"];
    let fields = [("role", "operator"), ("site", ""), ("mail", "vera@library.example")];
    book.form(("/settings/users/{user}", vera), &fields, ("user.change", "vera")).await;
    let lock = ("/settings/users/{user}/lock", vera);
    book.form(lock, &[("to", "locked")], ("user.lock", "vera")).await;
    book.form(lock, &[("to", "unlocked")], ("user.unlock", "vera")).await;
    let reset = ("/settings/users/{user}/password", vera);
    book.form(reset, &[], ("user.reset", "vera")).await;
    book.form(("/settings/users/{user}/delete", vera), &[], ("user.delete", "vera")).await;
    let fields = [("purpose", "a script"), ("role", "viewer"), ("expires", "")];
    let deed = ("token.create", "root: a script");
    book.form(("/settings/tokens", &[]), &fields, deed).await;
    let key = book.token().await;
    let revoke: (&str, &[&str]) = ("/settings/tokens/{key}/revoke", &[&key]);
    book.form(revoke, &[], ("token.revoke", "root: tests")).await;
    let key = book.session().await;
    let end = ("/settings/sessions/end", &[][..]);
    book.form(end, &[("key", &key)], ("session.end", "root")).await;
}

async fn mail(book: &mut Book) {
    let to = "keeper@library.example";
    let route = ("/settings/installation/mail", &[][..]);
    book.form(route, &[("to", to)], ("mail.test", to)).await;
    let route: (&str, &[&str]) = ("/api/installation/mail", &[]);
    book.json("POST", route, json!({ "to": to }), ("mail.test", to)).await;
    let letters = book.mail.letters();
    assert_eq!(letters.len(), 2);
    assert!(letters.iter().all(|letter| letter.to == [to]), "{letters:?}");
    assert!(letters[0].text.contains("root asked for this mail"), "{letters:?}");
}

async fn api_of_sources_and_runs(book: &mut Book) {
    let route: (&str, &[&str]) = ("/api/sources/{source}", &["archive"]);
    let definition = json!({
        "title": "Archive", "kind": "oai-pmh", "options": { "url": "https://archive.example/oai" },
    });
    book.json("PUT", route, definition.clone(), ("source.create", "archive")).await;
    book.json("PUT", route, definition, ("source.change", "archive")).await;
    for (route, what) in [
        ("/api/sources/{source}/pause", "source.paused"),
        ("/api/sources/{source}/archive", "source.archived"),
        ("/api/sources/{source}/resume", "source.active"),
    ] {
        book.json("POST", (route, &["archive"]), Value::Null, (what, "archive")).await;
    }
    let asked = json!({ "kind": "audit" });
    let runs: (&str, &[&str]) = ("/api/sources/{source}/runs", &["archive"]);
    let run = book.json("POST", runs, asked, ("run.audit", "archive")).await.json();
    let run = run["run"]["id"].to_string();
    book.cancel(RunId(run.parse().unwrap())).await;
    let (run, ticket) = book.going_on("archive").await;
    let (pause, resume) = ("/api/runs/{run}/pause", "/api/runs/{run}/resume");
    book.json("POST", (pause, &[&run]), Value::Null, ("run.pause", &run)).await;
    book.pause(ticket).await;
    book.json("POST", (resume, &[&run]), Value::Null, ("run.resume", &run)).await;
    let cancel: (&str, &[&str]) = ("/api/runs/{run}/cancel", &[&run]);
    book.json("POST", cancel, Value::Null, ("run.cancel", &run)).await;
    for (route, what) in
        [("/api/runs/{run}/reject", "run.reject"), ("/api/runs/{run}/approve", "run.approve")]
    {
        let run = book.held("archive").await;
        book.json("POST", (route, &[&run]), Value::Null, (what, &run)).await;
    }
    book.world().source("spare").await;
    let route: (&str, &[&str]) = ("/api/sources/{source}", &["spare"]);
    book.json("DELETE", route, Value::Null, ("source.delete", "spare")).await;
}

async fn api_of_people(book: &mut Book) {
    let new = json!({ "name": "olga", "role": "viewer" });
    book.json("POST", ("/api/users", &[]), new, ("user.create", "olga")).await;
    let olga: (&str, &[&str]) = ("/api/users/{user}", &["olga"]);
    let changed = json!({ "role": "operator" });
    book.json("PUT", olga, changed, ("user.change", "olga")).await;
    let locked = json!({ "role": "operator", "locked": true });
    book.json("PUT", olga, locked, ("user.lock", "olga")).await;
    let reset: (&str, &[&str]) = ("/api/users/{user}/password", &["olga"]);
    book.json("POST", reset, Value::Null, ("user.reset", "olga")).await;
    book.json("DELETE", olga, Value::Null, ("user.delete", "olga")).await;
    let new = json!({ "purpose": "a script" });
    book.json("POST", ("/api/tokens", &[]), new, ("token.create", "root: a script")).await;
    let key = book.token().await;
    let token: (&str, &[&str]) = ("/api/tokens/{key}", &[&key]);
    book.json("DELETE", token, Value::Null, ("token.revoke", "root: tests")).await;
    let key = book.session().await;
    let session: (&str, &[&str]) = ("/api/account/sessions/{key}", &[&key]);
    book.json("DELETE", session, Value::Null, ("session.end", "root")).await;
}

/// Last, since sessions end with it.
async fn oneself(book: &mut Book) {
    let accounts = book.world().app.accounts.clone();
    let given = accounts.reset_password("root", Utc::now()).await.unwrap();
    book.log_in(given.reveal()).await;
    let new = "a password of my own";
    let fields = [("old", given.reveal()), ("new", new), ("again", new)];
    let changed = book.form(("/password", &[]), &fields, ("password.change", "root")).await;
    let mut browser = book.admin.clone();
    browser.take(&changed);
    book.admin = book.with_csrf(browser).await;
    let passwords = json!({ "old": new, "new": "another of my own" });
    let route: (&str, &[&str]) = ("/api/account/password", &[]);
    book.json("POST", route, passwords, ("password.change", "root")).await;
    book.log_in("another of my own").await;
    book.form(("/logout", &[]), &[], ("logout", "root")).await;
}

#[tokio::test]
async fn what_is_not_done_is_no_deed() {
    let book = Book::open().await;
    book.plant.source("one", None).await;
    book.plant.put("one", "a", "a");
    book.plant.harvest("one").await;
    let viewer = book.world().user("vera", Role::Viewer).await;
    for path in ["/sources/one/run", "/settings/new-user", "/settings/users/root/lock"] {
        let answer = book.world().post(&viewer, path, &[("ask", "harvest")]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    for (path, fields) in [
        ("/sources/none/run", &[("ask", "harvest")][..]),
        ("/sources/one/delete", &[]),
        ("/runs/1/approve", &[]),
        ("/runs/77/undo", &[]),
        ("/settings/new-user", &[("name", "a b"), ("role", "viewer")]),
        ("/settings/new-user", &[("name", "VERA"), ("role", "viewer")]),
        ("/settings/users/root", &[("role", "viewer")]),
        ("/settings/users/root/lock", &[("to", "locked")]),
        ("/settings/users/root/password", &[]),
        ("/settings/users/root/delete", &[]),
        ("/settings/users/nobody/delete", &[]),
        ("/settings/tokens", &[("purpose", "x"), ("expires", "2001-01-01")]),
        ("/settings/tokens/none/revoke", &[]),
        ("/settings/installation/mail", &[("to", "nobody")]),
    ] {
        let answer = book.world().post(&book.admin, path, fields).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
    }
    assert!(book.entries().await.is_empty(), "{:?}", book.entries().await);
    // Who tries to get in is worth knowing.
    let nobody = Browser::default();
    book.world().post(&nobody, "/login", &[("name", "root"), ("password", "x")]).await;
    let deed = book.entries().await.remove(0).deed;
    assert_eq!((deed.who, &*deed.what, &*deed.about), (None, "login.refused", "root"));
}

#[tokio::test]
async fn the_log_is_searched_by_person_action_thing_and_time_page_by_page() {
    let world = World::new().await;
    let admin = world.user("root", Role::Administrator).await;
    let day = |n: i64| DateTime::from_timestamp(1_700_000_000 + n * 86_400, 0).unwrap();
    for n in 0..250_i64 {
        let (who, what) =
            if n % 2 == 0 { ("Eva", "run.harvest") } else { ("jan", "source.change") };
        let deed = crate::accounts::Deed {
            who: Some(who.to_owned()),
            what: what.to_owned(),
            about: format!("=source-{n:03}, \"<b>\""),
            address: "10.0.0.7".to_owned(),
        };
        world.app.accounts.audit(&deed, day(n)).await.unwrap();
    }
    let get = async |query: &str| world.get(&admin, &format!("/settings/audit{query}")).await.body;
    let first = get("").await;
    assert!(first.contains("=source-249") && !first.contains("=source-149,"), "{first}");
    assert!(!first.contains("<b>") && first.contains("Source changed"));
    let next = first.split("href=\"/settings/audit?after=").nth(1).unwrap();
    let next = next.split('"').next().unwrap();
    let second = get(&format!("?after={next}")).await;
    assert!(second.contains("=source-149") && !second.contains("=source-150"), "{second}");

    let eva = get("?who=eva&what=run.&about=SOURCE-24").await;
    let found: Vec<_> = (0..250).filter(|n| eva.contains(&format!("=source-{n:03}"))).collect();
    assert_eq!(found, [240, 242, 244, 246, 248]);
    let (since, until) = (day(3).format("%Y-%m-%d"), day(5).format("%Y-%m-%d"));
    let days = get(&format!("?since={since}&until={until}")).await;
    let found: Vec<_> = (0..250).filter(|n| days.contains(&format!("=source-{n:03}"))).collect();
    assert_eq!(found, [3, 4, 5]);
    assert!(get("?who=nobody").await.contains("Nothing found."));

    let csv = world.get(&admin, "/settings/audit.csv?who=jan").await;
    assert_eq!(csv.headers[CONTENT_TYPE], "text/csv; charset=utf-8");
    let lines: Vec<_> = csv.body.lines().collect();
    assert_eq!((lines.len(), lines[0]), (126, "time,who,what,about,from"));
    let last = "2023-11-15T22:13:20.000Z,jan,source.change,\"'=source-001, \"\"<b>\"\"\",10.0.0.7";
    assert_eq!(lines[125], last);

    let api = world.get(&admin, "/api/audit?who=jan&limit=2").await.json();
    assert_eq!(api["items"][1]["time"], "2024-07-18T22:13:20Z", "{api}");
    let next = api["next"].as_str().unwrap().replace(' ', "%20");
    let more = world.get(&admin, &format!("/api/audit?who=jan&limit=2&after={next}")).await.json();
    assert!(more["items"][0]["about"].as_str().unwrap().contains("source-245"), "{more}");
}
