//! Records, headers, and what a repository says of itself.

use super::super::exchange::{Exchange, Repo};
use super::super::pages::{self, DC, Item, dublin_core, title};
use super::super::reply::Reply;
use super::Expect::*;
use super::{Ask, Scenario, row};

pub(super) const SCENARIOS: &[Scenario] = &[
    row("deleted", "deleted records, without metadata and with an empty one", Records(3), |x| {
        let mut repo = Repo::default();
        for (item, content) in repo.items.iter_mut().zip(["", "<metadata/>"]) {
            item.deleted = true;
            item.content = content.into();
        }
        x.serve(&repo)
    })
    .perhaps_repaired(),
    row("deleted_with_metadata", "a deleted record that kept its metadata", Records(3), |x| {
        let mut repo = Repo::default();
        repo.items[1].deleted = true;
        x.serve(&repo)
    })
    .perhaps_repaired(),
    row("status_odd", "status=\"active\", and status=\"Deleted\" on a record of no content", Records(3), |x| {
        let mut repo = Repo::default();
        repo.items[1].content = String::new();
        for (item, status) in repo.items.iter_mut().zip(["active", "Deleted"]) {
            let header = item.header();
            item.odd_header =
                Some(header.replace("<header>", &format!(r#"<header status="{status}">"#)));
        }
        x.serve(&repo)
    })
    .perhaps_repaired(),
    row("no_metadata_alive", "a record that is alive but has no metadata", Records(3), |x| {
        x.serve(&Repo::with_second(""))
    })
    .perhaps_repaired(),
    row("empty_metadata_alive", "a record that is alive but whose metadata is empty", Records(3), |x| {
        x.serve(&Repo::with_second("<metadata>\n      </metadata>"))
    })
    .perhaps_repaired(),
    row("about_nested", "two abouts, with elements called record and metadata inside", Records(3), |x| {
        let about = r#"<about><p:provenance xmlns:p="http://www.openarchives.org/OAI/2.0/provenance"><p:originDescription harvestDate="2024-01-01T00:00:00Z" altered="true"><p:record><p:metadata>m</p:metadata></p:record></p:originDescription></p:provenance></about>"#;
        let rights = r#"<about><rights xmlns="http://www.openarchives.org/OAI/2.0/rights/"><rightsReference ref="http://example.org/cc0"/></rights></about>"#;
        x.serve(&Repo::with_second(format!("{}{about}{rights}", dublin_core(&title("AB 2")))))
    }),
    row("about_many", "fifty abouts", Records(3), |x| {
        let about = |n| format!(r#"<about><a xmlns="urn:a">{n}</a></about>"#);
        let abouts: String = (0..50).map(about).collect();
        x.serve(&Repo::with_second(dublin_core(&title("AB 2")) + &abouts))
    }),
    row("ws_ident", "line ends round identifier, datestamp and setSpec", Records(3), |x| {
        let reply = x.serve(&Repo::default());
        ["identifier", "datestamp", "setSpec"].iter().fold(reply, |reply, name| {
            reply
                .replace(&format!("<{name}>"), &format!("<{name}>\n    "))
                .replace(&format!("</{name}>"), &format!("\n  </{name}>"))
        })
    })
    .perhaps_repaired(),
    row("identifier_special", "identifiers with & + spaces and letters beyond ASCII", Records(3), |x| {
        x.serve(&special_identifiers())
    })
    .perhaps_repaired(),
    row("identifier_special_get", "GetRecord of `oai:x:a&b+c d%2Fé`", Records(1), |x| {
        x.serve(&special_identifiers())
    })
    .perhaps_repaired()
    .ask(Ask::Record("oai:x:a&b+c d%2Fé")),
    row("set_illegal", "setSpecs with characters that they must not have", Records(3), |x| {
        let mut repo = Repo::default();
        repo.items[1].sets = vec!["Ústav A/1", "x y", "", ":"];
        x.serve(&repo)
    })
    .perhaps_repaired(),
    row("datestamp_day_only", "days although Identify says seconds", Records(3), |x| {
        stamped(x, ["2024-01-01", "2024-01-02", "2024-01-03"])
    })
    .perhaps_repaired(),
    row("datestamp_fractions", "fractions of seconds", Records(3), |x| {
        stamped(x, ["2024-01-01T12:00:00.5Z", "2024-01-02T12:00:00.123456Z", "2024-01-03T12:00:00Z"])
    })
    .perhaps_repaired(),
    row("datestamp_offset", "offsets in place of Z, and neither", Records(3), |x| {
        stamped(x, ["2024-01-01T12:00:00+09:00", "2024-01-02T12:00:00", "2024-01-03 12:00:00Z"])
    })
    .perhaps_repaired(),
    row("datestamp_garbage", "no dates at all; the records are still records", Records(3), |x| {
        stamped(x, ["yesterday", "", "0000-00-00T00:00:00Z"])
    })
    .perhaps_repaired(),
    row("no_header", "a record without a header", RecordsWithErrors { ok: 2, broken: 1 }, |x| {
        without_header(x, "")
    })
    .repaired(),
    row("no_identifier", "a header without an identifier", RecordsWithErrors { ok: 2, broken: 1 }, |x| {
        without_header(x, "<header><datestamp>2024-01-02T12:00:00Z</datestamp></header>")
    })
    .repaired(),
    row("dc_extras", "oai_dc:dc with elements of other namespaces and nested ones", Records(3), |x| {
        let extras = r#"<dcterms:issued xmlns:dcterms="http://purl.org/dc/terms/">2024</dcterms:issued><dc:isReferencedBy>no such element</dc:isReferencedBy><dc:description><p>HTML <b>inside</b></p></dc:description>"#;
        x.serve(&Repo::with_second(dublin_core(&format!("{}{extras}", title("AB 2")))))
    })
    .perhaps_repaired(),
    row("marcxml", "metadata whose root is called record, too", Records(3), |x| {
        let repo = Repo::of((1..=3).map(|n| marc(n, MARC)).collect());
        x.serve(&repo)
    }),
    row("identify_no_granularity", "Identify lacks its granularity", Identified, |x| {
        identify(x, "")
    })
    .repaired()
    .ask(Ask::Identify),
    row("identify_mixed_case", "granularity in the wrong letters", Identified, |x| {
        identify(x, "<granularity>YYYY-MM-DDTHH:MM:SSZ</granularity>")
    })
    .perhaps_repaired()
    .ask(Ask::Identify),
    row("identify_descriptions", "six descriptions and two compressions", Identified, |x| {
        identify(x, DESCRIPTIONS)
    })
    .ask(Ask::Identify),
    row("identify_500", "Identify fails; the lists work", Records(3), |x| {
        if x.is("Identify") { Reply::html(500, "<html/>") } else { x.serve(&Repo::default()) }
    }),
    row("day_repository", "days only; seconds are a badArgument", Records(2), |x| {
        let mut repo = Repo { day_granularity: true, ..Repo::default() };
        repo.items.iter_mut().for_each(|item| item.datestamp.truncate(10));
        x.serve(&repo)
    })
    .ask(Ask::RecordsFrom("2024-01-02")),
    row("seconds_refused", "Identify says seconds, but they are a badArgument", Records(2), |x| {
        if x.is("Identify") {
            return x.serve(&Repo::default());
        }
        x.serve(&Repo { day_granularity: true, ..Repo::default() })
    })
    .perhaps_repaired()
    .ask(Ask::RecordsFrom("2024-01-02T00:00:00Z")),
];

fn special_identifiers() -> Repo {
    let mut repo = Repo::default();
    for (item, identifier) in repo.items.iter_mut().zip(["oai:x:a&b+c d%2Fé", "oai:x:日本<\">#?"])
    {
        item.identifier = identifier.into();
    }
    repo
}

fn stamped(x: &mut Exchange<'_>, datestamps: [&str; 3]) -> Reply {
    let mut repo = Repo::default();
    for (item, datestamp) in repo.items.iter_mut().zip(datestamps) {
        item.datestamp = datestamp.into();
    }
    x.serve(&repo)
}

fn without_header(x: &mut Exchange<'_>, header: &str) -> Reply {
    let mut repo = Repo::default();
    repo.items[1].odd_header = Some(header.into());
    // Who asks for it by name finds the same.
    x.serve(&repo)
}

fn identify(x: &mut Exchange<'_>, rest: &str) -> Reply {
    if x.is("Identify") { x.identify(rest) } else { x.serve(&Repo::default()) }
}

/// A record of MARC 21 in the default namespace: `</record>` ends it and the item around it.
pub(super) const MARC: &str = r#"<record xmlns="http://www.loc.gov/MARC21/slim"><leader>00000nam a2200000 a 4500</leader><datafield tag="245" ind1="1" ind2="0"><subfield code="a">AB</subfield></datafield></record>"#;

pub(super) fn marc(n: usize, metadata: &str) -> Item {
    let content = format!("<metadata>{metadata}</metadata>");
    Item { content, ..Item::new(n, 1, "") }
}

const DESCRIPTIONS: &str = r#"<granularity>YYYY-MM-DDThh:mm:ssZ</granularity>
    <compression>gzip</compression>
    <compression>deflate</compression>
    <description><oai-identifier xmlns="http://www.openarchives.org/OAI/2.0/oai-identifier"><scheme>oai</scheme><repositoryIdentifier>x.example.org</repositoryIdentifier><delimiter>:</delimiter><sampleIdentifier>oai:x.example.org:1</sampleIdentifier></oai-identifier></description>
    <description><friends xmlns="http://www.openarchives.org/OAI/2.0/friends/"><baseURL>http://a.example.org/oai</baseURL><baseURL>http://b.example.org/oai</baseURL></friends></description>
    <description><branding xmlns="http://www.openarchives.org/OAI/2.0/branding/"><collectionIcon><url>http://a.example.org/icon.png</url><width>88</width><height>31</height></collectionIcon></branding></description>
    <description><rightsManifest xmlns="http://www.openarchives.org/OAI/2.0/rights/" appliesTo="http://www.openarchives.org/OAI/2.0/entity#metadata"><rights><rightsReference>http://example.org/cc0</rightsReference></rights></rightsManifest></description>
    <description><eprints xmlns="http://www.openarchives.org/OAI/1.1/eprints"><metadataPolicy/><dataPolicy><text>open</text></dataPolicy></eprints></description>
    <description><toolkit xmlns="http://oai.dlib.vt.edu/OAI/metadata/toolkit"><title>none</title></toolkit></description>"#;

/// Dublin Core inside its own root, for scenarios that spoil the inside.
pub(super) fn dc(inside: &str) -> String {
    format!("<metadata>{DC}{inside}</oai_dc:dc></metadata>")
}

/// Five records on two pages of three; the second is to be spoilt.
pub(super) fn five() -> Repo {
    Repo { page_size: 3, ..Repo::of(pages::items(5, 1, |n| format!("AB {n}"))) }
}
