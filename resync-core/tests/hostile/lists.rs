//! Lists, indexes and histories that are broken or have no end.

use super::*;

/// What a run over a broken list comes to.
enum Ends {
    /// It is copied, and a notice says this.
    Noticed(&'static str),
    /// It is copied as if nothing was odd.
    Copied,
    /// Another resource fails, and says this.
    Failed(&'static str),
    /// The run fails, and says this.
    Refused(&'static str),
}

use Ends::{Copied, Failed, Noticed, Refused};

fn utf16(text: &str, is_little: bool, has_mark: bool) -> Vec<u8> {
    let mark = has_mark.then_some(0xfeff_u16);
    let units = mark.into_iter().chain(text.encode_utf16());
    units.flat_map(|it| if is_little { it.to_le_bytes() } else { it.to_be_bytes() }).collect()
}

type Broken = fn(&Source) -> Reply;

/// A list of the good one, with something in front of the root.
fn prefixed(source: &Source, prefix: &str, more: &str) -> Reply {
    let xml = fill(source, list(&format!("{}{more}", good())));
    Reply::ok(xml.replacen("<urlset", &format!("{prefix}<urlset"), 1))
}

#[rustfmt::skip]
const LISTS: &[(&str, Broken, Ends)] = &[
    ("entity bomb", |source| {
        let mut dtd = "<!DOCTYPE urlset [<!ENTITY a0 \"evil\">".to_owned();
        for n in 1..12 {
            let inner = format!("&a{};", n - 1).repeat(10);
            write!(dtd, "<!ENTITY a{n} \"{inner}\">").unwrap();
        }
        prefixed(source, &format!("{dtd}]>"), "<url><loc>&a11;</loc></url>")
    }, Refused("brings a document type definition of its own")),
    ("external entity", |source| {
        let dtd = "<!DOCTYPE urlset [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>";
        prefixed(source, dtd, "<url><loc>{}/&x;</loc></url>")
    }, Refused("brings a document type definition of its own")),
    ("external subset", |source| {
        let dtd = "<!DOCTYPE urlset SYSTEM \"http://evil.example/x.dtd\">";
        prefixed(source, dtd, "")
    }, Noticed("a document type declaration")),
    ("an address of 10 MB", |source| {
        Reply::ok(fill(source, list(&(good() + &evil(&format!("/{}", "x".repeat(10 << 20)))))))
    }, Refused("a value is too long")),
    ("100000 attributes", |source| {
        let many: String = (0..100_000).map(|n| format!(" a{n}=\"\"")).collect();
        Reply::ok(fill(source, list(&(good() + &evil("/evil").replace("<rs:md", &format!("<rs:md{many}"))))))
    }, Refused("an element has too many attributes")),
    ("an attribute of 10 MB", |source| {
        let long = "x".repeat(10 << 20);
        Reply::ok(fill(source, list(&(good() + &entry("/evil", &format!("<rs:md hash=\"{long}\"/>"))))))
    }, Refused("an entry has more than 4194304 bytes")),
    ("100000 links in an entry", |source| {
        let many = "<rs:ln rel=\"duplicate\" href=\"{}/x\"/>".repeat(100_000);
        Reply::ok(fill(source, list(&(good() + &entry("/evil", &format!("{}{many}", md(EVIL)))))))
    }, Copied),
    ("20000 links of the list", |source| {
        let many = "<rs:ln rel=\"up\" href=\"{}/x\"/>".repeat(20_000);
        Reply::ok(fill(source, list(&(many + &good()))))
    }, Noticed("leads to no document")),
    ("elements 100000 deep", |source| {
        let (open, close) = ("<x>".repeat(100_000), "</x>".repeat(100_000));
        Reply::ok(fill(source, list(&(good() + &entry("/evil", &format!("{open}{close}"))))))
    }, Refused("elements are nested too deeply")),
    ("a gzip bomb", |_| {
        Reply::ok(gzip(&[b' '; 1 << 20], 1100)).header("Content-Encoding", "gzip")
    }, Refused("is larger than")),
    ("a gzip bomb, not announced", |_| Reply::ok(gzip(&[b' '; 1 << 20], 1100)), Refused("is larger than")),
    ("a packed list", |source| {
        Reply::ok(gzip(fill(source, list(&good())).as_bytes(), 1)).header("Content-Encoding", "gzip")
    }, Copied),
    ("a packed list that is cut off", |source| {
        let packed = gzip(fill(source, list(&good())).as_bytes(), 1);
        Reply::ok(&packed[..packed.len() / 2]).header("Content-Encoding", "gzip")
    }, Refused("the packed answer ends too early")),
    ("a web page", |_| Reply::html(), Refused("(as given): a web page")),
    ("a web page that never ends", |_| Reply::ok("<html><p>".repeat(1000)).endless(), Refused("larger than")),
    ("nothing", |_| Reply::ok(""), Refused("(as given): an empty answer")),
    ("zeros", |_| Reply::ok(vec![0; 10_000]), Refused("(as given): an empty answer")),
    ("other XML", |_| Reply::ok("<?xml version=\"1.0\"?><feed/>"), Refused("(as given): no document, but")),
    ("JSON", |_| Reply::ok("{\"urls\": []}"), Refused("(as given): no document, but")),
    ("an error", |_| Reply::status(500), Refused("the server answered 500")),
    ("no such list", |_| Reply::status(404), Refused("the server answered 404")),
    ("another kind of list", |source| Reply::ok(fill(source, changes("", &[good()]))), Refused("is a changelist; baseline takes")),
    ("a length that is negative", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<rs:md length=\"-1\"/>")))))
    }, Noticed("illegal-value: length: \"-1\"")),
    ("a length that is too large", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<rs:md length=\"18446744073709551616\"/>")))))
    }, Noticed("illegal-value: length")),
    ("the largest length", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<rs:md length=\"18446744073709551615\"/>")))))
    }, Failed("the source says 18446744073709551615 bytes")),
    ("a time that is none", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<lastmod>yesterday</lastmod>")))))
    }, Noticed("illegal-value: lastmod: \"yesterday\"")),
    ("a time that never was", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<lastmod>2024-02-31T25:61:00Z</lastmod>")))))
    }, Noticed("illegal-value: lastmod")),
    ("the year 292277026596", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<lastmod>292277026596-01-01</lastmod>")))))
    }, Noticed("illegal-value: lastmod")),
    ("the year 0 and the year 9999", |source| {
        let (first, last) = ("<lastmod>0000-01-01</lastmod>", "<lastmod>9999-12-31</lastmod>");
        Reply::ok(fill(source, list(&(good() + &entry("/evil", first) + &entry("/evil2", last)))))
    }, Copied),
    ("a list made at no time", |source| {
        Reply::ok(fill(source, list(&good()).replace("2024-01-01T00:00:00Z", "now")))
    }, Noticed("illegal-value: at: \"now\"")),
    ("a digest of an unknown kind only", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<rs:md hash=\"crc32:00000000\"/>")))))
    }, Copied),
    ("a digest that is none", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<rs:md hash=\"md5:xyz sha-256:\"/>")))))
    }, Noticed("illegal-value: hash: \"md5:xyz\"")),
    ("UTF-16, little", |source| Reply::ok(utf16(&fill(source, list(&good())).replace("UTF-8", "UTF-16"), true, true)), Copied),
    ("UTF-16, big", |source| Reply::ok(utf16(&fill(source, list(&good())).replace("UTF-8", "UTF-16"), false, true)), Copied),
    ("UTF-16 without a mark", |source| Reply::ok(utf16(&fill(source, list(&good())).replace("UTF-8", "UTF-16"), true, false)), Copied),
    ("a mark in front", |source| Reply::ok(format!("\u{feff}{}", fill(source, list(&good())))), Copied),
    ("blanks in front", |source| Reply::ok(format!("\n\n {}", fill(source, list(&good())))), Noticed("white space before the declaration")),
    ("Latin-1 that is said to be UTF-8", |source| {
        let xml = fill(source, list(&(good() + &evil("/caf\u{e9}"))));
        Reply::ok(xml.chars().map(|c| u8::try_from(c).unwrap()).collect::<Vec<_>>())
    }, Noticed("the byte 0xE9 is not UTF-8")),
    ("an unknown encoding", |source| Reply::ok(fill(source, list(&good())).replace("UTF-8", "x-klingon")), Copied),
    ("characters that XML does not have", |source| {
        Reply::ok(fill(source, list(&(good() + &evil("/e&#0;vil\u{1}")))))
    }, Noticed("the character U+0001 is forbidden")),
    ("an end that does not match", |source| {
        Reply::ok(fill(source, list(&(good() + "<url><loc>{}/evil</url></loc>"))))
    }, Refused("</url> where </loc> should be")),
    ("something behind the end", |source| {
        Reply::ok(format!("{}<script>evil()</script>", fill(source, list(&good()))))
    }, Noticed("after the end")),
    ("the list twice", |source| {
        let xml = fill(source, list(&good()));
        Reply::ok(format!("{xml}{xml}"))
    }, Noticed("after the end")),

];

#[tokio::test]
async fn a_list_may_be_anything() {
    let mut wrong = String::new();
    for (what, broken, expected) in LISTS {
        let world = World::new();
        world.source.put("/list.xml", broken(&world.source));
        let started = std::time::Instant::now();
        let result = world.baseline().await;
        if started.elapsed() > Duration::from_secs(30) {
            writeln!(wrong, "{what:?} took {:?}", started.elapsed()).unwrap();
        }
        let has_good = world.copy.read("good").is_some_and(|text| text == "good");
        let is_right = match (expected, &result) {
            (Copied, Ok(report)) => has_good && report.failed == 0 && report.notices.is_empty(),
            (Noticed(text), Ok(report)) => {
                has_good && report.failed == 0 && report.notices.iter().any(|it| it.contains(text))
            }
            (Failed(text), Ok(report)) => {
                has_good && report.failed == 1 && report.failures[0].message.contains(text)
            }
            (Refused(text), Err(error)) => error.to_string().contains(text),
            _ => false,
        };
        if !is_right {
            let text = match result {
                Ok(report) => format!("Ok {:?} {:?}", report.failures, report.notices),
                Err(error) => format!("Err {error}"),
            };
            let short: String = text.chars().take(600).collect();
            writeln!(wrong, "{what:?}: {has_good} {short}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_little_memory();
}

#[tokio::test]
async fn indexes_that_lead_in_circles_or_too_deep_come_to_an_end() {
    let of = |part: &str| index("capability=\"resourcelist\"", &[(part, ""), ("/good.xml", "")]);
    let world = World::new();
    world.source.document("/list.xml", of("/list.xml")).document("/good.xml", list(&good()));
    let report = world.baseline().await.unwrap();
    assert_eq!(report.created, 1);
    assert!(report.notices.iter().any(|text| text.contains("listed more than once")));

    let world = World::new();
    world
        .source
        .document("/good.xml", list(&good()))
        .document("/list.xml", of("/1.xml"))
        .document("/1.xml", of("/list.xml"));
    let report = world.baseline().await.unwrap();
    assert_eq!(report.created, 1);
    assert!(report.notices.iter().any(|text| text.contains("listed more than once")));

    // Each has another one below it.
    let world = World::new();
    world.source.document("/list.xml", of("/0.xml")).document("/good.xml", list(&good()));
    for n in 0..20 {
        world.source.document(&format!("/{n}.xml"), of(&format!("/{}.xml", n + 1)));
    }
    let error = world.baseline().await.unwrap_err().to_string();
    assert!(error.contains("levels"), "{error}");
    assert!(world.source.asked().len() < 20);
}

#[tokio::test]
async fn an_index_of_too_many_parts_is_refused() {
    let parts = |capability: &str| {
        let parts = "<sitemap><loc>/x</loc></sitemap>".repeat(200_001);
        index(&format!("capability=\"{capability}\""), &[]).replace("</sitemapindex>", &parts)
            + "</sitemapindex>"
    };
    let world = World::new();
    world.list("");
    world.baseline().await.unwrap();
    world.source.document("/changes.xml", parts("changelist"));
    world.source.document("/list.xml", parts("resourcelist"));
    world.source.asked();
    for error in [world.baseline().await.unwrap_err(), world.follow().await.unwrap_err()] {
        assert!(error.to_string().contains("more than 200000 lists"), "{error}");
    }
    assert!(!world.source.paths().contains(&"/x".to_owned()));
    assert_little_memory();
}

#[tokio::test]
async fn histories_that_lead_in_circles_come_to_an_end() {
    let world = World::new();
    world.list("");
    world.baseline().await.unwrap();
    let of = |part: &str| index("capability=\"changelist\"", &[(part, "")]);
    world.source.document("/changes.xml", of("/1.xml")).document("/1.xml", of("/changes.xml"));
    let error = world.follow().await.unwrap_err().to_string();
    assert!(error.contains("lead in a circle"), "{error}");

    let world = World::new();
    world.list("");
    world.baseline().await.unwrap();
    world.source.document("/changes.xml", of("/0.xml"));
    for n in 0..50 {
        world.source.document(&format!("/{n}.xml"), of(&format!("/{}.xml", n + 1)));
    }
    world.source.asked();
    let error = world.follow().await.unwrap_err().to_string();
    assert!(error.contains("levels"), "{error}");
    assert!(world.source.asked().len() < 20);
}
