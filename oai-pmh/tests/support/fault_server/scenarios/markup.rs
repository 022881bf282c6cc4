//! XML that is odd, or almost XML.

use super::super::exchange::Repo;
use super::super::pages::{self, DC, ROOT, title};
use super::Expect::*;
use super::{Failure, Scenario, row};

pub(super) const SCENARIOS: &[Scenario] = &[
    row("nbsp_entity", "an entity that only HTML knows", Records(3), |x| {
        x.serve(&Repo::titled("A&nbsp;B"))
    })
    .repaired()
    .title("A\u{a0}B 1"),
    row("bare_amp", "an ampersand that begins nothing", Records(3), |x| {
        x.serve(&Repo::titled("A & B"))
    })
    .repaired()
    .title("A & B 1"),
    row("doctype_entity", "a document type that defines an entity", Fails(Failure::Xml), |x| {
        let dtd = r#"<!DOCTYPE OAI-PMH [<!ENTITY ab "AB">]>"#;
        x.serve(&Repo::titled("&ab;")).replace("?>\n", &format!("?>\n{dtd}\n"))
    }),
    row("doctype_external", "a document type without an internal subset", Records(3), |x| {
        let dtd = r#"<!DOCTYPE OAI-PMH SYSTEM "http://127.0.0.1:9/oai.dtd">"#;
        x.serve(&Repo::default()).replace("?>\n", &format!("?>\n{dtd}\n"))
    })
    .perhaps_repaired()
    .title("AB 1"),
    row("entity_bomb", "a billion laughs", Fails(Failure::Xml), |x| {
        let mut dtd = String::from("<!DOCTYPE lolz [\n<!ENTITY lol0 \"lol\">\n");
        for n in 1..=9 {
            dtd += &format!("<!ENTITY lol{n} \"{}\">\n", format!("&lol{};", n - 1).repeat(10));
        }
        x.serve(&Repo::titled("&lol9;")).replace("?>\n", &format!("?>\n{dtd}]>\n"))
    }),
    row("comment_in_title", "a comment inside a word", Records(3), |x| {
        x.serve(&Repo::titled("A<!--c-->B"))
    })
    .title("AB 1"),
    row("cdata_in_title", "text that goes in and out of CDATA", Records(3), |x| {
        x.serve(&Repo::titled("A<![CDATA[<&]]>B"))
    })
    .title("A<&B 1"),
    row("pi_in_title", "a processing instruction inside a word", Records(3), |x| {
        x.serve(&Repo::titled("A<?php echo ?>B"))
    })
    .title("AB 1"),
    row("trailing_garbage", "a PHP notice after the end", Records(3), |x| {
        let notice =
            "<br />\n<b>Notice</b>:  Undefined index: x in <b>/oai.php</b> on line <b>7</b><br>\n";
        x.serve(&Repo::default()).edit(|page| format!("{page}{notice}"))
    })
    .repaired(),
    row("leading_garbage", "a PHP notice before the declaration", Records(3), |x| {
        x.serve(&Repo::default())
            .edit(|page| format!("\nNotice: Undefined index on line 7\n{page}"))
    })
    .repaired(),
    row("prolog_in_metadata", "an XML declaration inside metadata", Records(3), |x| {
        let prolog = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
        x.serve(&Repo::default()).replace("<metadata>", &format!("<metadata>{prolog}"))
    })
    .repaired()
    .title("AB 1"),
    row("root_ns", "the metadata's namespaces are declared on the root", Records(3), |x| {
        let declarations = DC.trim_start_matches("<oai_dc:dc").trim_end_matches('>');
        let root = format!("{}{declarations}>", ROOT.trim_end_matches('>'));
        x.serve(&Repo::default()).replace(DC, "<oai_dc:dc>").replace(ROOT, &root)
    })
    .title("AB 1"),
    row("prefixed_root", "OAI-PMH's namespace has a prefix", Records(3), |x| {
        x.serve(&Repo::default()).edit(prefixed)
    })
    .title("AB 1"),
    row("no_ns", "OAI-PMH's namespace is missing", Records(3), |x| {
        x.serve(&Repo::default()).replace(r#" xmlns="http://www.openarchives.org/OAI/2.0/""#, "")
    })
    .repaired()
    .title("AB 1"),
    row("wrong_ns", "OAI-PMH's namespace is misspelt", Records(3), |x| {
        let right = r#" xmlns="http://www.openarchives.org/OAI/2.0/""#;
        let wrong = r#" xmlns="https://www.openarchives.org/OAI/2.0""#;
        x.serve(&Repo::default()).replace(right, wrong)
    })
    .repaired()
    .title("AB 1"),
    row("metadata_no_ns", "the metadata is in no namespace, and says so", Records(3), |x| {
        let dc = format!(r#"<metadata><dc xmlns="">{}</dc></metadata>"#, "<title>AB 2</title>");
        x.serve(&Repo::with_second(dc))
    }),
    row(
        "metadata_inherits",
        "the metadata inherits OAI-PMH's default namespace",
        Records(3),
        |x| x.serve(&Repo::with_second("<metadata><dc><title>AB 2</title></dc></metadata>")),
    ),
    row("two_children", "two elements inside one metadata", Records(3), |x| {
        let dc = |text| format!("{DC}{}</oai_dc:dc>", title(text));
        x.serve(&Repo::with_second(format!("<metadata>{}{}</metadata>", dc("AB 2"), dc("CD 2"))))
    })
    .perhaps_repaired(),
    row(
        "foreign_elements",
        "elements and text that do not belong between records",
        Records(3),
        |x| {
            let junk = "stray <extra xmlns=\"urn:x\"><record/></extra> text";
            x.serve(&Repo::default()).replace("</record>\n", &format!("</record>\n{junk}\n"))
        },
    )
    .perhaps_repaired(),
    row(
        "attributes_quoted",
        "attributes in single quotes, tags over several lines",
        Records(3),
        |x| {
            let record = "<record\n\t>";
            let deleted = "<header\n  status = 'deleted'\n  >";
            let mut repo = Repo::default();
            repo.items[1].deleted = true;
            repo.items[1].content = String::new();
            let reply = x.serve(&repo).replace("<record>", record);
            reply.replace(r#"<header status="deleted">"#, deleted)
        },
    ),
    row("xml_lang", "titles in several languages, in the order given", Records(3), |x| {
        let titles = r#"<dc:title xml:lang="ja">日本語</dc:title><dc:title xml:lang="cs">Žluťoučký kůň</dc:title><dc:title>AB 2</dc:title>"#;
        x.serve(&Repo::with_second(pages::dublin_core(titles)))
    }),
];

/// Gives every OAI-PMH element the prefix `oai:`; those of the metadata have one already.
fn prefixed(page: &str) -> String {
    let mut out = String::new();
    for (n, part) in page.split('<').enumerate() {
        let name = part.trim_start_matches('/').split(['>', ' ', '/']).next().unwrap_or_default();
        let own = n > 0 && !name.contains(':') && !name.starts_with('?');
        out += match (n, own, part.strip_prefix('/')) {
            (0, ..) => part.to_owned(),
            (_, true, Some(rest)) => format!("</oai:{rest}"),
            (_, true, None) => format!("<oai:{part}"),
            (_, false, _) => format!("<{part}"),
        }
        .as_str();
    }
    out.replacen(" xmlns=", " xmlns:oai=", 1)
}
