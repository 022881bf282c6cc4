//! What is published here is followed here.

use std::collections::BTreeMap;
use std::io;

use resync_core::document::{Datetime, Size};
use resync_core::publish::{Content, Publisher, Resource};

use super::*;

/// Publishes the resources into the source, in lists of three entries.
fn publish(source: &Source, dir: &tempfile::TempDir, at: &str, files: &BTreeMap<String, String>) {
    let base = format!("{}/", source.base().trim_end_matches('/'));
    let resources = files.iter().map(|(name, text)| {
        source.put(&format!("/{name}"), Reply::ok(text));
        let content = Content::Bytes(text.clone().into_bytes());
        Ok::<_, io::Error>(Resource::new(format!("{base}{name}"), content))
    });
    Publisher::new(dir.path(), &base)
        .unwrap()
        .size(Size { entries: 3, ..Size::default() })
        .at(Datetime::read(at).unwrap())
        .publish(resources)
        .unwrap();
    for file in fs::read_dir(dir.path()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.starts_with('.') {
            source.document(&format!("/{name}"), fs::read_to_string(&path).unwrap());
        }
    }
}

/// With a copy that is kept up with at each of these publications, and one that misses some: none
/// loses a change, though lists fill up and are closed in between, and within one second.
#[tokio::test]
async fn no_change_is_lost_when_lists_are_closed() {
    let (source, dir) = (Source::start(), tempfile::tempdir().unwrap());
    let mut files: BTreeMap<_, _> =
        (0..3).map(|n| (format!("{n}.txt"), "first".to_owned())).collect();
    publish(&source, &dir, "2024-01-01T00:00:00.1Z", &files);
    let copy = || all_may_go(Copy::of(&source, "/resourcelist.xml"));
    let (always, seldom) = (copy(), copy());
    for copy in [&always, &seldom] {
        assert_eq!(copy.baseline().await.created, 3);
    }
    let times = ["00.2", "00.3", "00.4", "07", "08", "08", "08.5", "09", "09", "12"];
    for (round, (time, count)) in times.iter().zip([4, 1, 2, 3, 1, 1, 4, 0, 7, 1]).enumerate() {
        for n in 0..count {
            files.insert(format!("{n}.txt"), format!("round {round}"));
            files.remove(&format!("{}.txt", (n + 3) % 7));
        }
        publish(&source, &dir, &format!("2024-01-01T00:00:{time}Z"), &files);
        let copies = [Some(&always), (round % 4 == 3).then_some(&seldom)];
        for copy in copies.into_iter().flatten() {
            let report = copy.follow("/changelist.xml").await;
            assert_eq!(report.failed, 0, "round {round}: {report:?}");
            let copied: BTreeMap<_, _> = copy
                .files()
                .into_iter()
                .map(|name| (name.clone(), copy.read(&name).unwrap()))
                .collect();
            assert_eq!(copied, files, "round {round}");
        }
    }
    assert!(dir.path().join("changelist-00006.xml").exists());
}
