//! WEKO's records, run in earnest against a source on loopback.

use std::collections::HashMap;
use std::sync::Mutex;

use axum::http::Uri;
use axum::routing::any;
use harvest_pipeline::engine::{Installation, Worker};
use harvest_pipeline::{RunId, RunState};
use oai_pmh::transport::{HttpTransport, Transport};

use super::connect::serve;
use super::*;

/// A source that publishes what it is told to, and an installation that collects from it.
struct Weko {
    world: World,
    admin: Browser,
    index: String,
    worker: Worker,
    site: String,
    files: Arc<Mutex<HashMap<String, String>>>,
}

impl Weko {
    async fn new() -> Self {
        let world = World::in_one_database().await;
        let admin = world.user("admin", Role::Administrator).await;
        let index = world.app.accounts.add_index("Index", "", None, Utc::now()).await.unwrap();
        let files = Arc::<Mutex<HashMap<String, String>>>::default();
        let shared = Arc::clone(&files);
        let answer = async move |uri: Uri| match shared.lock().unwrap().get(uri.path()) {
            Some(file) => (StatusCode::OK, [(CONTENT_TYPE, "application/xml")], file.clone()),
            None => (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/plain")], String::new()),
        };
        let site = serve(Router::new().fallback(any(answer))).await;
        let network = |_: &SourceDefinition| {
            let transport = HttpTransport::builder().build().map_err(|error| error.to_string())?;
            Ok(Arc::new(transport) as Arc<dyn Transport>)
        };
        let (store, catalogue) = (Arc::clone(&world.store), Arc::clone(&world.app.catalogue));
        let worker = Worker::new(Installation::new(store, catalogue, network), "tests");
        Self { world, admin, index: index.id.to_string(), worker, site, files }
    }

    /// The form of a manual record in this mode for this list.
    fn form(&self, mode: &str, list: &str) -> Vec<(&'static str, String)> {
        vec![
            ("repository_name", "Library".to_owned()),
            ("base_url", format!("{}{list}", self.site)),
            ("status", "manual".to_owned()),
            ("interval", "1".to_owned()),
            ("target_index", self.index.clone()),
            ("resync_mode", mode.to_owned()),
            ("saving_format", "JPCOAR-XML".to_owned()),
        ]
    }

    async fn save(&self, path: &str, mode: &str, list: &str) {
        let form = self.form(mode, list);
        let fields: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let saved = self.world.post(&self.admin, path, &fields).await;
        assert_eq!(saved.location(), "/resync", "{}", saved.body);
    }

    /// Presses Sync or Import, does it, and gives how it ended and the running logs.
    async fn press(&self, action: &str) -> (RunState, String) {
        let path = format!("/resync/resync-000001/{action}");
        let pressed = self.world.post(&self.admin, &path, &[]).await;
        assert_eq!(pressed.status, StatusCode::SEE_OTHER, "{}", pressed.body);
        let ended: Vec<(RunId, RunState)> = self.worker.run_waiting().await.unwrap();
        let detail = self.world.get(&self.admin, "/resync/resync-000001").await.body;
        let logs = detail.split("id=\"logs\"").nth(1).unwrap();
        // The newest is the first.
        let row = logs.split("<tbody>").nth(1).unwrap().split("</tr>").next().unwrap();
        (ended.last().unwrap().1, row.to_owned())
    }

    /// Publishes resources, each with its content, in a Resource List.
    fn publish(&self, resources: &[(&str, &str)]) {
        let mut files = self.files.lock().unwrap();
        let mut list = String::new();
        for (name, title) in resources {
            let file = format!(
                "<oai_dc:dc xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" \
                 xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>{title}</dc:title>\
                 </oai_dc:dc>"
            );
            let (site, length) = (&self.site, file.len());
            let digest = crate::accounts::fingerprint(&file);
            list += &format!(
                "<url><loc>{site}/{name}.xml</loc><lastmod>2024-01-01T00:00:00Z</lastmod>\
                 <rs:md length=\"{length}\" hash=\"sha-256:{digest}\" type=\"application/xml\"/></url>"
            );
            files.insert(format!("/{name}.xml"), file);
        }
        let md = "capability=\"resourcelist\" at=\"2024-01-02T00:00:00Z\"";
        files.insert("/resourcelist.xml".to_owned(), urlset(md, &list));
    }

    /// Publishes a Change List.
    fn publish_changes(&self) {
        let change = format!(
            "<url><loc>{}/a.xml</loc><lastmod>2024-01-03T00:00:00Z</lastmod>\
             <rs:md change=\"updated\" datetime=\"2024-01-03T00:00:00Z\"/></url>",
            self.site
        );
        let md = "capability=\"changelist\" from=\"2024-01-01T00:00:00Z\"";
        let list = urlset(md, &change);
        self.files.lock().unwrap().insert("/changelist.xml".to_owned(), list);
    }

    async fn live(&self) -> u64 {
        let summary = self.world.app.catalogue.summary(&"resync-000001".into()).await.unwrap();
        summary.map_or(0, |summary| summary.live)
    }
}

fn urlset(md: &str, entries: &str) -> String {
    format!(
        "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:rs=\"http://www.openarchives.org/rs/terms/\"><rs:md {md}/>{entries}</urlset>"
    )
}

/// The numbers of a row: its own, then processed, created, updated, deleted and errors.
fn numbers(row: &str) -> Vec<String> {
    let cells = row.split("<td class=\"number\">").skip(1);
    cells.map(|cell| cell.split('<').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_04_a_baseline_of_a_change_list_fails_and_the_log_says_why_and_where() {
    let weko = Weko::new().await;
    weko.publish_changes();
    weko.save("/resync/create", "baseline", "/changelist.xml").await;
    let (state, row) = weko.press("sync").await;
    assert_eq!(state, RunState::Failed);
    assert!(row.contains("Failed") && row.contains(">sync<"), "{row}");
    let message = row.rsplit("<td>").next().unwrap();
    assert!(message.contains(&format!("href=\"{}/changelist.xml\"", weko.site)), "{message}");
    assert!(!message.starts_with('<'), "there is a message: {message}");
    assert_eq!(weko.live().await, 0);
}

#[tokio::test]
async fn a_05_an_incremental_of_a_resource_list_fails_and_the_log_says_why_and_where() {
    let weko = Weko::new().await;
    weko.publish(&[("a", "Maps")]);
    weko.save("/resync/create", "incremental", "/resourcelist.xml").await;
    let (state, row) = weko.press("sync").await;
    assert_eq!(state, RunState::Failed);
    assert!(row.contains("Failed"), "{row}");
    let message = row.rsplit("<td>").next().unwrap();
    assert!(message.contains(&format!("href=\"{}/resourcelist.xml\"", weko.site)), "{message}");
    assert!(!message.starts_with('<'), "there is a message: {message}");
}

#[tokio::test]
async fn a_06_an_audit_counts_what_is_new_changed_and_gone_and_imports_nothing() {
    let weko = Weko::new().await;
    weko.publish(&[("a", "Maps"), ("b", "Letters")]);
    weko.save("/resync/create", "baseline", "/resourcelist.xml").await;
    assert_eq!(weko.press("sync").await.0, RunState::Succeeded);
    assert_eq!(weko.press("import").await.0, RunState::Succeeded);
    assert_eq!(weko.live().await, 2);

    weko.publish(&[("a", "Old maps"), ("c", "Views")]);
    weko.save("/resync/resync-000001/edit", "audit", "/resourcelist.xml").await;
    let (state, row) = weko.press("sync").await;
    assert_eq!(state, RunState::Succeeded);
    assert_eq!(numbers(&row)[2..], ["1", "1", "1", "0"], "{row}");
    assert_eq!(weko.live().await, 2, "nothing was imported, nothing deleted");
    let detail = weko.world.get(&weko.admin, "/resync/resync-000001").await.body;
    assert!(detail.contains(">Sync</button>") && !detail.contains(">Import</button>"), "{detail}");
    let refused = weko.world.post(&weko.admin, "/resync/resync-000001/import", &[]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_07_sync_then_import_and_an_import_without_a_sync_processes_nothing() {
    let weko = Weko::new().await;
    weko.publish(&[("a", "Maps"), ("b", "Letters")]);
    weko.save("/resync/create", "baseline", "/resourcelist.xml").await;
    let (state, row) = weko.press("import").await;
    assert_eq!(state, RunState::Succeeded, "{row}");
    assert!(row.contains("Successful") && row.contains(">import<"), "{row}");
    assert_eq!(numbers(&row)[1..], ["0", "0", "0", "0", "0"], "{row}");

    let (state, row) = weko.press("sync").await;
    assert!(state == RunState::Succeeded && row.contains(">sync<"), "{row}");
    assert_eq!((&*numbers(&row)[1], weko.live().await), ("2", 0), "{row}");
    let (state, row) = weko.press("import").await;
    assert_eq!(state, RunState::Succeeded);
    assert_eq!(numbers(&row)[1..], ["2", "2", "0", "0", "0"], "{row}");
    assert_eq!(weko.live().await, 2);
    // What was imported is not imported again.
    let (_, row) = weko.press("import").await;
    assert_eq!(numbers(&row)[1], "0", "{row}");
}

#[tokio::test]
async fn a_09_while_nothing_is_open_nobody_asks_and_other_tabs_never_do() {
    let weko = Weko::new().await;
    weko.publish(&[("a", "Maps")]);
    weko.save("/resync/create", "baseline", "/resourcelist.xml").await;
    let page = "/resync/resync-000001";
    weko.world.post(&weko.admin, &format!("{page}/sync"), &[]).await;
    let poll = "hx-trigger=\"every 3s\"";
    assert!(weko.world.get(&weko.admin, page).await.body.contains(poll));
    for tab in ["/resync", "/resync/create", &format!("{page}/edit")] {
        assert!(!weko.world.get(&weko.admin, tab).await.body.contains(poll), "{tab}");
    }
    weko.worker.run_waiting().await.unwrap();
    // The part that the page asks for says that it is over: what is put in its place asks no more.
    let part = weko.world.get(&weko.admin, &format!("{page}/logs")).await.body;
    assert!(!part.contains(poll) && part.contains("Successful"), "{part}");
}
