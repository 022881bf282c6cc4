//! Strangers, and secrets.

use super::*;

#[tokio::test]
async fn other_origins_are_asked_only_when_they_are_named_and_never_told_a_secret() {
    let mut world = World::new();
    world.list(&evil("{stranger}/evil"));
    let report = world.baseline().await.unwrap();
    assert_eq!((report.created, report.failed), (1, 1));
    let message = &report.failures[0].message;
    assert!(
        message.contains(&format!("naming its origin, {}", world.stranger.base())),
        "{message}"
    );

    let stranger = world.stranger.url("/");
    world.copy.set(|options| options.allowed = vec![stranger]);
    let report = world.mirror_and_keep_asked().await;
    assert_eq!((report.created, report.failed), (1, 0), "{:?}", report.failures);
    let path = format!("~host/http-127.0.0.1~{}/evil", world.stranger.port());
    assert_eq!(world.copy.read(&path).unwrap(), EVIL);
}

impl World {
    /// A run after which it is certain that the stranger was asked, without the token.
    async fn mirror_and_keep_asked(&self) -> Report {
        let report = self.copy.baseline().await;
        let asked = self.stranger.asked();
        assert!(!asked.is_empty());
        assert!(asked.iter().all(|asked| !asked.head.contains(TOKEN)), "{asked:?}");
        assert!(self.source.asked().iter().all(|asked| asked.head.contains(TOKEN)));
        self.check(&Ok(report.clone()));
        report
    }
}

#[tokio::test]
async fn redirects_lead_nowhere_that_was_not_named() {
    for status in [301, 302, 303, 307, 308] {
        let world = World::new();
        let to = |to: &str| Reply::status(status).header("Location", to);
        let stranger = world.stranger.base();
        world
            .source
            .put("/1", to(&format!("{stranger}/evil")))
            .put("/2", to("file:///etc/passwd"))
            .put("/3", to("ftp://127.0.0.1/evil"))
            .put("/4", to("/4"))
            .put("/5", to("/6"))
            .put("/6", to("/5"))
            .put("/7", to("/8?1"))
            .put("/8?1", to("/8?2"))
            .put("/8?2", to("/8?3"))
            .put("/8?3", to("/8?4"))
            .put("/8?4", to("/8?5"))
            .put("/8?5", to("/8?6"))
            .put("/9", to("http://["))
            .put("/10", to("data:text/plain,evil"));
        let locs = ["/1", "/2", "/3", "/4", "/5", "/6", "/7", "/9", "/10"];
        world.list(&locs.map(evil).concat());
        let report = world.baseline().await.unwrap();
        assert_eq!((report.created, report.failed), (1, 9), "{status}");
        assert_eq!(world.copy.files(), ["good"]);
        for (loc, text) in [
            ("/1", "is on the local network"),
            ("/2", "redirected to file"),
            ("/3", "redirected to ftp"),
            ("/4", "redirected in a circle"),
            ("/5", "redirected in a circle"),
            ("/7", "redirected more than"),
            ("/9", "which is no URL"),
            ("/10", "redirected to data"),
        ] {
            let at = world.source.url(loc);
            let failure = report.failures.iter().find(|it| it.uri == at.as_str()).unwrap();
            assert!(failure.message.contains(text), "{status} {loc}: {}", failure.message);
        }
        assert!(world.stranger.asked().is_empty(), "nothing is sent there");
    }
}

#[tokio::test]
async fn a_list_that_is_redirected_to_a_stranger_is_refused() {
    let world = World::new();
    world.stranger.document("/list.xml", list(&evil("/evil")));
    let to = format!("{}/list.xml", world.stranger.base());
    world.source.put("/list.xml", Reply::redirect(&to));
    let error = world.baseline().await.unwrap_err().to_string();
    assert!(error.contains("is on the local network"), "{error}");
    assert!(world.stranger.asked().is_empty());
    assert_eq!(world.copy.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_part_at_a_strangers_is_refused() {
    let world = World::new();
    world.stranger.document("/part.xml", list(&evil("/evil")));
    let part = format!("{}/part.xml", world.stranger.base());
    world.source.document("/list.xml", index("capability=\"resourcelist\"", &[(&part, "")]));
    let error = world.baseline().await.unwrap_err().to_string();
    assert!(error.contains("is on the local network"), "{error}");
    assert!(error.contains(&world.stranger.base()), "{error}");
    assert!(world.stranger.asked().is_empty());
}

#[tokio::test]
async fn secrets_in_addresses_are_not_told() {
    let world = World::new();
    let host = world.source.base().replace("http://", "");
    world.source.put("/evil", Reply::status(404));
    world.list(&evil(&format!("http://me:pass-word@{host}/evil")));
    let report = world.baseline().await.unwrap();
    assert_eq!(report.failed, 1);
    assert!(!report.failures[0].message.contains("pass-word"), "{:?}", report.failures);
    assert!(world.copy.files() == ["good"]);
}

#[tokio::test]
async fn the_password_in_the_address_of_the_source_is_not_written_down() {
    let world = World::new();
    world.list("");
    let mut url = world.source.url("/list.xml");
    url.set_username("me").unwrap();
    url.set_password(Some("pass-word")).unwrap();
    for _ in 0..2 {
        let report = world.copy.mirror().baseline(&url).await.unwrap();
        assert!(!format!("{report:?}").contains("pass-word"), "{report:?}");
        assert!(report.notices.iter().any(|text| text.contains("user name and password")));
    }
    let own = world.copy.folder().join(".resync");
    for file in std::fs::read_dir(own).unwrap() {
        let path = file.unwrap().path();
        let content = std::fs::read(&path).unwrap_or_default();
        assert!(!content.windows(9).any(|part| part == b"pass-word"), "{}", path.display());
    }
}
