//! `harvester resync check`: what is wrong with a source, and what to do about it.

use super::*;

#[test]
fn what_is_broken_is_checked_all_the_same() {
    let source = Source::published();
    let list = source.site().join("resourcelist.xml");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, &text[..text.len() - 20]).unwrap();
    let ran = source.run(&["check", &source.server.url("resourcelist.xml")]);
    assert_eq!(ran.status, 4, "{}", ran.stderr);
    assert_has(&ran.stdout, &[" error   truncated (XML) ", "1 error,"]);
    // Where the source has it is told by the one that leads there.
    fs::copy(source.site().join("changelist.xml"), &list).unwrap();
    let ran = source.run(&["check", &source.url()]);
    assert_eq!(ran.status, 4, "{}", ran.stdout);
    let wrong = "error   other-capability (§9) it is a changelist, and listed as a resourcelist \
                 in http://";
    assert_has(&ran.stdout, &[wrong]);
}

#[test]
fn the_check_compares_some_resources_with_what_the_list_says() {
    let source = Source::published();
    let before = source.run(&["check", &source.url(), "--json"]);
    let summary = before.lines().pop().unwrap();
    assert_eq!((before.status, &summary["resources"]), (0, &json!(3)), "{}", before.stdout);
    let none = source.run(&["check", &source.url(), "--json", "--sample", "0"]);
    assert_eq!(none.lines().pop().unwrap()["resources"], 0);

    // As long as before, and of the same time: only its digest tells.
    let (name, text) = FILES[0];
    let path = source.site().join(name);
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "x".repeat(text.len())).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    for (name, _) in &FILES[1..] {
        source.remove(name);
    }
    let all = ["check", &*source.url(), "--sample", "100"];
    let ran = source.run(&all);
    assert_eq!(ran.status, 4, "{}", ran.stdout);
    let missing = FILES.len() - 1;
    assert_eq!(ran.stdout.matches("error   resource-missing (§10) ").count(), missing);
    assert_eq!(ran.stdout.matches("error   resource-differs (§7.2) ").count(), 1, "{}", ran.stdout);
    // What to do is told once.
    let to_do = ran.stdout.find("\nTo do:\n").unwrap();
    assert_eq!(ran.stdout[to_do..].matches("resource-missing").count(), 1);
    let ran = source.run(&[&all[..], &["--json"]].concat());
    let lines = ran.lines();
    let found = lines.iter().find(|it| it["code"] == "resource-differs").unwrap();
    assert_eq!(found["url"], source.server.url(name));
    assert!(found["fix"].is_string());
}

#[test]
fn the_check_compares_documents_with_each_other() {
    let source = Source::published();
    let rewrite = |name: &str, from: &str, to: &str| {
        let path = source.site().join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        fs::write(&path, text.replace(from, to)).unwrap();
    };
    let part = fs::read_to_string(source.site().join("changelist.xml")).unwrap();
    let from = part.split("from=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let index = format!(
        "<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
         xmlns:rs='http://www.openarchives.org/rs/terms/'><rs:ln rel='up' href='{}'/>\
         <rs:md capability='changelist' from=\"{from}\"/><sitemap><loc>{}</loc>\
         <rs:md from=\"{from}\"/></sitemap></sitemapindex>",
        source.server.url("capabilitylist.xml"),
        source.server.url("changelist-00001.xml"),
    );
    source.write("changelist-00001.xml", &part);
    source.write("changelist.xml", &index);
    // The part of the index says that it begins later than the index says.
    rewrite("changelist-00001.xml", &format!("from=\"{from}\""), "from=\"2999-01-01T00:00:00Z\"");
    let ran = source.run(&["check", &source.url()]);
    assert_eq!(
        ran.stdout.matches("warning part-times (§12) from is 2999-").count(),
        1,
        "{}",
        ran.stdout
    );
    // And the index, too: then the changes after the Resource List are lost.
    rewrite("changelist.xml", &format!("from=\"{from}\""), "from=\"2999-01-01T00:00:00Z\"");
    let ran = source.run(&["check", &source.url()]);
    assert_eq!(ran.stdout.matches("warning changes-late (§12) ").count(), 1, "{}", ran.stdout);
    assert!(!ran.stdout.contains("part-times"), "{}", ran.stdout);
}

#[test]
fn the_check_compares_archives_with_what_they_lead_to() {
    let source = Source::new(&[]);
    let document = |md: &str, entries: &str| {
        format!(
            "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
             xmlns:rs='http://www.openarchives.org/rs/terms/'><rs:ln rel='up' href='{}'/>\
             <rs:md {md}/>{entries}</urlset>",
            source.server.url("capabilitylist.xml"),
        )
    };
    let (from, until) = ("from='2024-01-01T00:00:00Z'", "until='2024-02-01T00:00:00Z'");
    source.write("old.xml", &document(&format!("capability='changelist' {from} {until}"), ""));
    let archive = |until: &str| {
        let url = source.server.url("old.xml");
        let entry = format!("<url><loc>{url}</loc><rs:md {from} {until}/></url>");
        source.write("archive.xml", &document("capability='changelist-archive'", &entry));
        source.run(&["check", &source.server.url("archive.xml")])
    };
    let ran = archive(until);
    assert!(!ran.stdout.contains("part-times"), "{}", ran.stdout);
    let ran = archive("until='2024-03-01T00:00:00Z'");
    let told = "warning part-times (§12) until is 2024-02-01T00:00:00Z, and 2024-03-01T00:00:00Z";
    assert_eq!(ran.stdout.matches(told).count(), 1, "{}", ran.stdout);
}

#[test]
fn the_check_compares_packages_with_the_copies_of_their_manifests() {
    let source = Source::published();
    assert_eq!(source.publish(&["--dump"]).status, 0);
    let dump = source.site().join("resourcedump.xml");
    let text = fs::read_to_string(&dump).unwrap();
    let name = text.split("<loc>").nth(1).unwrap().split("</loc>").next().unwrap();
    let name = name.strip_prefix(&source.server.url("")).unwrap();
    let package = fs::File::open(source.site().join(name)).unwrap();
    let mut package = resync_core::dump::Package::open(package).unwrap();
    let manifest = resync_core::document::Document::collect(package.manifest().unwrap()).unwrap();
    let mut entries = String::new();
    for entry in &manifest.entries {
        let (loc, md) = (&entry.loc, &entry.md);
        let (path, length) = (md.path.as_ref().unwrap(), md.length.unwrap());
        let (hash, kind) = (md.hash.as_str(), md.media_type.as_ref().unwrap());
        entries += &format!(
            "<url><loc>{loc}</loc><rs:md path=\"{path}\" length=\"{length}\" hash=\"{hash}\" \
             type=\"{kind}\"/></url>"
        );
    }
    let at = manifest.head.md.at.as_ref().unwrap();
    let copy = format!(
        "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:rs=\"http://www.openarchives.org/rs/terms/\"><rs:md \
         capability=\"resourcedump-manifest\" at=\"{at}\"/>{entries}</urlset>"
    );
    let link = "<rs:ln rel=\"contents\" href=\"{}\"/></url>";
    let link = link.replace("{}", &source.server.url("contents.xml"));
    fs::write(&dump, text.replace("</url>", &link)).unwrap();

    source.write("contents.xml", &copy);
    let ran = source.run(&["check", &source.url()]);
    assert!(!ran.stdout.contains("contents-differ"), "{}", ran.stdout);
    source.write("contents.xml", &copy.replacen("length=\"", "length=\"1", 1));
    let ran = source.run(&["check", &source.url()]);
    assert_eq!(ran.status, 4);
    assert_has(&ran.stdout, &["error   contents-differ (§11) ", "is listed otherwise in the copy"]);
}
