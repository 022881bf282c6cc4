//! What people are told by mail when runs are over.
#![cfg(unix)]

use std::path::Path;

use crate::common::Repository;
use crate::mail::{Letter, MailServer};
use crate::process::{Process, Site, until};

const KEEPER: &str = "keeper@site.example.org";
const ADMINISTRATOR: &str = "admin@harvest.example.org";

fn service(site: &Site<'_>, server: &MailServer, folder: &Path) -> Process {
    let settings = format!(
        "[mail]\nserver = \"127.0.0.1\"\nport = {}\nfrom = \"Harvester <h@harvest.example.org>\"\n\
         administrators = [\"{ADMINISTRATOR}\"]\nretry-delay = \"1s\"\n",
        server.port()
    );
    std::fs::write(folder.join("mail.toml"), settings).unwrap();
    let mut service =
        site.start(&["all", "--listen", "127.0.0.1:0", "--config", "mail.toml", "--retries", "0"]);
    service.line();
    service
}

fn letters(server: &MailServer, count: usize) -> Vec<Letter> {
    until(|| Some(server.letters()).filter(|letters| letters.len() >= count))
}

fn to<'a>(letters: &'a [Letter], address: &str) -> Vec<&'a Letter> {
    letters.iter().filter(|letter| letter.to == [address]).collect()
}

#[test]
fn contact_and_administrator_are_told_and_a_letter_that_is_refused_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    let repository = Repository::of(20, 10).serve();
    let url = format!("url={}", repository.url());
    let add = ["source", "add", "maps", "--title", "Maps", "--site-contact", KEEPER];
    let server = MailServer::start(1);
    let service = service(&site, &server, folder.path());
    site.do_(&[&add[..], &["--option", &url]].concat());
    site.do_(&["run", "start", "maps", "--wait"]);

    let all = letters(&server, 2);
    for address in [KEEPER, ADMINISTRATOR] {
        let [letter] = to(&all, address)[..] else { panic!("{address}: {all:?}") };
        assert!(letter.text.contains("Subject: Report from Metacat Harvester: "), "{letter:?}");
        assert!(letter.text.contains("NO ERRORS WERE DETECTED DURING THIS HARVEST"), "{letter:?}");
    }
    let run = site.runs("maps").remove(0);
    let sent = |events: Vec<(String, String)>, code: &str| {
        events.iter().filter(|(it, _)| it == code).count()
    };
    until(|| (sent(site.events(&run), "ReportSent") == 2).then_some(()));
    assert_eq!(sent(site.events(&run), "ReportFailed"), 1);
    assert_eq!(service.stop().status, 0);
}

/// I-022.
#[test]
fn a_fault_at_the_source_goes_to_its_contacts_and_others_to_the_administrators() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    let server = MailServer::start(0);
    let service = service(&site, &server, folder.path());
    // Nobody listens there.
    let away = ["source", "add", "away", "--option", "url=http://127.0.0.1:9/oai"];
    site.do_(&[&away[..], &["--site-contact", KEEPER]].concat());
    let lost = ["source", "add", "lost", "--option", "url=http://127.0.0.1:9/other"];
    site.do_(&lost);
    site.run(&["run", "start", "away", "lost", "--wait"]);
    let all = letters(&server, 2);
    let [of_away] = to(&all, KEEPER)[..] else { panic!("{all:?}") };
    assert!(of_away.text.contains("A TOTAL OF 1 ERROR WAS DETECTED"), "{of_away:?}");
    // Its contacts are not known.
    let [of_lost] = to(&all, ADMINISTRATOR)[..] else { panic!("{all:?}") };
    assert!(of_lost.text.contains("other"), "{of_lost:?}");
    assert_eq!(service.stop().status, 0);
    assert_eq!(server.letters().len(), 2);
}
