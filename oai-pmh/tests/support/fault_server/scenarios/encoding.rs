//! Bytes and characters.

use super::super::exchange::{Exchange, Repo};
use super::super::reply::Reply;
use super::Expect::*;
use super::{Scenario, row};

pub(super) const SCENARIOS: &[Scenario] = &[
    row("ctrl_char", "a raw U+000B in the title", Records(3), |x| {
        x.serve(&Repo::titled("A\u{b}B"))
    })
    .repaired()
    .title("AB 1"),
    row("ctrl_ref", "a reference to U+0001 in the title", Records(3), |x| {
        x.serve(&Repo::titled("A&#x1;B"))
    })
    .repaired()
    .title("AB 1"),
    row("surrogate_ref", "references to half characters and to U+FFFE", Records(3), |x| {
        x.serve(&Repo::titled("A&#55349;&#xfffe;B"))
    })
    .repaired()
    .title("AB 1"),
    row("bad_utf8", "a byte of Latin-1 in UTF-8", Records(3), |x| {
        cafe(x).edit_bytes(|page| splice(page, "é", b"\xe9"))
    })
    .repaired()
    .title("café 1"),
    row("cp1252_as_utf8", "windows-1252 declared as UTF-8", Records(3), |x| {
        let reply = x.serve(&Repo::titled("“café” €"));
        let reply = reply.edit_bytes(|page| splice(page, "“café” €", b"\x93caf\xe9\x94 \x80"));
        reply.content_type("text/xml")
    })
    .repaired()
    .title("“café” € 1"),
    row("latin1_decl", "Latin-1, declared, without a charset in HTTP", Records(3), |x| {
        cafe(x).replace(r#""UTF-8""#, r#""ISO-8859-1""#).latin1().content_type("text/xml")
    })
    .title("café 1"),
    row("euc_jp_decl", "EUC-JP, declared", Records(3), |x| {
        let reply = x.serve(&Repo::titled("日本語")).replace(r#""UTF-8""#, r#""EUC-JP""#);
        let reply = reply.edit_bytes(|page| splice(page, "日本語", b"\xc6\xfc\xcb\xdc\xb8\xec"));
        reply.content_type("text/xml")
    })
    .title("日本語 1"),
    row("utf8_nocharset", "UTF-8 without a charset in HTTP", Records(3), |x| {
        cafe(x).content_type("text/xml")
    })
    .title("café 1"),
    row("no_declaration", "no XML declaration", Records(3), |x| {
        cafe(x).edit(|page| page.split_once("?>").expect("declared").1.trim_start().into())
    })
    .perhaps_repaired()
    .title("café 1"),
    row("charset_latin1_utf8", "HTTP says Latin-1; it is UTF-8 and declared so", Records(3), |x| {
        cafe(x).content_type("text/xml; charset=ISO-8859-1")
    })
    .perhaps_repaired()
    .title("café 1"),
    row(
        "charset_utf8_latin1",
        "HTTP says UTF-8; Latin-1 is declared, UTF-8 it is",
        Records(3),
        |x| cafe(x).replace(r#""UTF-8""#, r#""ISO-8859-1""#),
    )
    .perhaps_repaired()
    .title("café 1"),
    row(
        "charset_latin1_right",
        "UTF-8 is declared; it is Latin-1, as HTTP says",
        Records(3),
        |x| cafe(x).latin1().content_type("text/xml; charset=ISO-8859-1"),
    )
    .perhaps_repaired()
    .title("café 1"),
    row("charset_unknown", "HTTP and declaration name an encoding nobody knows", Records(3), |x| {
        let reply = cafe(x).replace(r#""UTF-8""#, r#""x-none""#);
        reply.content_type("text/xml; charset=x-none")
    })
    .perhaps_repaired()
    .title("café 1"),
    row("utf16le_bom", "UTF-16, little-endian, with its mark", Records(3), |x| {
        let reply = cafe(x).replace(r#""UTF-8""#, r#""UTF-16""#);
        reply
            .edit(|page| format!("\u{feff}{page}"))
            .edit_bytes(|page| utf16(page, u16::to_le_bytes))
            .content_type("text/xml")
    })
    .title("café 1"),
    row("utf16be_nobom", "UTF-16, big-endian, without a mark", Records(3), |x| {
        let reply = cafe(x).replace(r#""UTF-8""#, r#""UTF-16BE""#);
        reply.edit_bytes(|page| utf16(page, u16::to_be_bytes)).content_type("application/xml")
    })
    .perhaps_repaired()
    .title("café 1"),
    row("bom_ws", "a byte order mark, then line ends", Records(3), |x| {
        cafe(x).edit(|page| format!("\u{feff}\n\n{page}"))
    })
    .repaired()
    .title("café 1"),
    row("bom", "a byte order mark, as it may be", Records(3), |x| {
        cafe(x).edit(|page| format!("\u{feff}{page}"))
    })
    .title("café 1"),
    row("leading_newline", "a line end before the XML declaration", Records(3), |x| {
        cafe(x).edit(|page| format!("\n{page}"))
    })
    .repaired()
    .title("café 1"),
];

fn cafe(x: &mut Exchange<'_>) -> Reply {
    x.serve(&Repo::titled("café"))
}

/// Replaces text by bytes that are not UTF-8.
fn splice(page: &[u8], text: &str, bytes: &[u8]) -> Vec<u8> {
    let page = std::str::from_utf8(page).expect("pages are UTF-8");
    let parts: Vec<&[u8]> = page.split(text).map(str::as_bytes).collect();
    parts.join(bytes)
}

fn utf16(page: &[u8], order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let page = std::str::from_utf8(page).expect("pages are UTF-8");
    page.encode_utf16().flat_map(order).collect()
}
