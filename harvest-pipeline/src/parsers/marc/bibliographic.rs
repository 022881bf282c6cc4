//! MARC 21 into [`Bibliographic`]: one processor for each thing a record says.

use super::processor::{FieldProcessor, Marc, MarcBuilder};
use super::punctuation::{ended, joined, text, with_between};
use super::record::MarcField;
use super::{agents, dates};
use crate::parser::{Issue, IssueLevel};
use crate::parsers::bibliographic::{
    Bibliographic, Description, DescriptionKind, File, Identifier, Relation, Term, Title,
    TitleKind, is_short,
};

/// The processors that make MARC 21 into [`Bibliographic`], to be added to or built as they are.
///
/// | fields | become |
/// |---|---|
/// | 001, 020, 022, 024 | identifiers (`ControlNumber`, `ISBN`, `ISSN`, `DOI`, …) |
/// | 008, 041 | the year of publication, languages |
/// | 100, 110, 111, 700, 710, 711 | creators and contributors |
/// | 130, 240, 245, 246 | titles |
/// | 250, 260, 264, 300 | edition, publishers and dates, extent |
/// | 500, 502, 505, 520 | descriptions |
/// | 506, 540 | access and rights |
/// | 648, 650, 651, 653, 655 | subjects and types |
/// | 773 | the host |
/// | 856 | files and relations |
/// | 880 | what it says in another script, as the field it stands for |
///
/// ISBD punctuation at the end of a value is cut off.
///
/// ```
/// use harvest_pipeline::parsers::{Bibliographic, Marc, MarcField, marc_to_bibliographic};
///
/// let parser = marc_to_bibliographic()
///     .on(&["STA"], |field: &MarcField<'_>, work: &mut Bibliographic| {
///         work.formats.extend(field.get('a').map(str::to_owned));
///     })
///     .build()?;
/// # let _: Marc<Bibliographic> = parser;
/// # Ok::<_, harvest_pipeline::parsers::TagTakenTwice>(())
/// ```
pub fn marc_to_bibliographic() -> MarcBuilder<Bibliographic> {
    Marc::builder()
        .processor(Takes(&["001", "020", "022", "024"], identifier))
        .processor(Takes(&["008"], dates::fixed_field))
        .processor(Takes(&["041"], languages))
        .processor(Takes(&["100", "110", "111", "700", "710", "711"], agents::agent))
        .processor(Takes(&["130", "240", "245", "246"], title))
        .processor(Takes(&["250", "300"], edition))
        .processor(Takes(&["260", "264"], dates::publication))
        .processor(Takes(&["500", "502", "505", "520"], description))
        .processor(Takes(&["506", "540"], rights))
        .processor(Takes(&["648", "650", "651", "653", "655"], subject))
        .processor(Takes(&["773"], host))
        .processor(Takes(&["856"], link))
        .processor(Takes(&["880"], other_script))
}

/// What a field brings into the record; the tag is given, as 880 stands for others.
pub(super) type Process =
    fn(tag: &str, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue>;

struct Takes(&'static [&'static str], Process);

impl FieldProcessor<Bibliographic> for Takes {
    fn tags(&self) -> &[&str] {
        self.0
    }

    fn process(&self, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue> {
        (self.1)(field.tag(), field, work)
    }

    fn name(&self) -> &str {
        "Bibliographic"
    }
}

/// The issue of a field that was left out, as it lacks what makes it one.
pub(super) fn left_out(tag: &str, lacks: &str) -> Vec<Issue> {
    vec![Issue::new(IssueLevel::FieldError, tag, format!("left out: it has no {lacks}"))]
}

fn identifier(tag: &str, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue> {
    if tag == "001" {
        let number = field.value().unwrap_or_default().trim();
        if number.is_empty() {
            return left_out(tag, "value");
        }
        work.identifiers.push(Identifier::new("ControlNumber", number));
        return Vec::new();
    }
    // A record may have cancelled numbers (z) only, which identify something else.
    let Some(value) = field.get('a').filter(|value| !value.is_empty()) else {
        return if field.get('z').is_some() { Vec::new() } else { left_out(tag, "subfield a") };
    };
    let first = value.split([' ', '(']).next().unwrap_or(value);
    let (scheme, value) = match (tag, field.indicators()[0]) {
        ("020", _) => ("ISBN", first),
        ("022", _) => ("ISSN", first),
        (_, '0') => ("ISRC", value),
        (_, '1') => ("UPC", value),
        (_, '2') => ("ISMN", value),
        (_, '3') => ("EAN", value),
        (_, '7') => (field.get('2').unwrap_or_default(), value),
        _ => ("", value),
    };
    let id = match scheme {
        "" => Identifier::guessed(ended(value)),
        "doi" | "hdl" | "urn" | "uri" => Identifier::new(scheme.to_uppercase(), ended(value)),
        scheme => Identifier::new(scheme, ended(value)),
    };
    work.identifiers.push(id);
    Vec::new()
}

fn languages(_: &str, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue> {
    // Old records have several codes in one subfield: engfre.
    let codes = field.all('a').chain(field.all('d')).flat_map(|codes| match codes.len() {
        6.. if codes.len() % 3 == 0 && codes.is_ascii() => {
            (0..codes.len()).step_by(3).map(|at| &codes[at..at + 3]).collect()
        }
        _ => vec![codes],
    });
    codes.filter(|code| !code.is_empty()).for_each(|code| work.add_language(code));
    Vec::new()
}

fn title(tag: &str, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue> {
    let kind = match tag {
        "245" => TitleKind::Main,
        "246" => TitleKind::Alternative,
        _ => TitleKind::Uniform,
    };
    let title = joined(field, "abnp");
    if title.is_empty() {
        return left_out(tag, "title");
    }
    work.titles.push(Title::new(text(title)).of_kind(kind));
    Vec::new()
}

fn edition(tag: &str, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue> {
    let value = joined(field, "ab");
    if value.is_empty() {
        return Vec::new();
    }
    match tag {
        "250" => work.version = Some(Term::new(text(value))),
        _ => work.extents.push(text(joined(field, "abc"))),
    }
    Vec::new()
}

fn description(tag: &str, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue> {
    let kind = match tag {
        "505" => DescriptionKind::TableOfContents,
        "520" => DescriptionKind::Abstract,
        _ => DescriptionKind::Note,
    };
    let said = field.subfields().filter(|(code, _)| "abgrt".contains(*code));
    let said = with_between(" ", said.map(|(_, value)| value));
    if !said.is_empty() {
        work.descriptions.push(Description::new(kind, text(said)));
    }
    Vec::new()
}

fn rights(tag: &str, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue> {
    let (terms, uri) = (joined(field, "af"), field.get('u').map(str::to_owned));
    let words = if terms.is_empty() { uri.clone().unwrap_or_default() } else { terms };
    if words.is_empty() {
        return left_out(tag, "terms");
    }
    let scheme = field.get('2').map(str::to_owned);
    let term = Term { text: text(words), scheme, uri };
    match tag {
        "506" => work.access = Some(term),
        _ => work.rights.push(term),
    }
    Vec::new()
}

fn subject(tag: &str, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue> {
    let scheme = match (field.get('2'), tag, field.indicators()[1]) {
        (Some(named), ..) => Some(named),
        (None, "653", _) => None,
        (None, _, '0') => Some("LCSH"),
        (None, _, '2') => Some("MeSH"),
        (None, _, '5') => Some("CASH"),
        (None, _, '6') => Some("RVM"),
        _ => None,
    };
    let uri = field.all('0').chain(field.all('1')).find(|id| id.starts_with("http"));
    // They go to each word.
    let (scheme, uri) = (scheme.filter(|name| is_short(name)), uri.filter(|uri| is_short(uri)));
    // 653 has a word in each subfield, the others one heading in parts.
    let mut words: Vec<String> = match tag {
        "653" => field.all('a').map(|word| ended(word).to_owned()).collect(),
        _ => vec![heading(field)],
    };
    words.retain(|word| !word.is_empty());
    if words.is_empty() {
        return left_out(tag, "heading");
    }
    let taken = if tag == "655" { &mut work.types } else { &mut work.subjects };
    taken.extend(words.into_iter().map(|word| Term {
        text: text(word),
        scheme: scheme.map(str::to_owned),
        uri: uri.map(str::to_owned),
    }));
    Vec::new()
}

/// A heading with its subdivisions, as libraries write it: `Women authors--Czechia--19th century`.
fn heading(field: &MarcField<'_>) -> String {
    let parts = field.subfields().filter(|(code, _)| "abvxyz".contains(*code));
    with_between("--", parts.map(|(_, part)| ended(part)))
}

fn host(tag: &str, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue> {
    let title = field.get('t').or(field.get('a')).or(field.get('p')).map(ended);
    if title.is_none() && field.get('g').is_none() && field.get('x').is_none() {
        return left_out(tag, "title, ISSN or part");
    }
    let host = work.host_mut();
    host.titles.extend(title.map(text));
    let ids = [('x', "ISSN"), ('z', "ISBN"), ('w', "ControlNumber")];
    for (code, scheme) in ids {
        host.identifiers.extend(field.all(code).map(|value| Identifier::new(scheme, ended(value))));
    }
    if let Some(part) = field.get('g').filter(|part| !part.is_empty()) {
        host.part = Some(part.to_owned());
    }
    // Enumeration and first page, coded: 12:3<45
    if let Some(coded) = field.get('q') {
        let (numbers, page) = coded.split_once('<').unwrap_or((coded, ""));
        let mut numbers = numbers.split(':').filter(|n| !n.is_empty());
        host.volume = numbers.next().map(str::to_owned);
        host.issue = numbers.next().map(str::to_owned);
        host.first_page = Some(page.to_owned()).filter(|page| !page.is_empty());
    }
    Vec::new()
}

fn link(tag: &str, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue> {
    if field.get('u').is_none() {
        return left_out(tag, "address (subfield u)");
    }
    for url in field.all('u').filter(|url| !url.is_empty()) {
        if field.indicators()[1] == '2' {
            let identifiers = vec![Identifier::new("URI", url)];
            work.relations.push(Relation { identifiers, ..Relation::default() });
            continue;
        }
        work.files.push(File {
            url: url.to_owned(),
            kind: field.get('3').map(|kind| ended(kind).to_owned()),
            label: field.get('y').or(field.get('z')).map(str::to_owned),
            media_type: field.get('q').map(str::to_owned),
            sizes: field.all('s').map(str::to_owned).collect(),
            ..File::default()
        });
    }
    Vec::new()
}

/// The same in the script of the original: subfield 6 begins with the tag it stands for.
fn other_script(_: &str, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue> {
    let tag = field.get('6').and_then(|link| link.get(..3)).unwrap_or_default();
    match tag {
        "100" | "110" | "111" | "700" | "710" | "711" => agents::in_other_script(tag, field, work),
        "130" | "240" | "245" | "246" => title(tag, field, work),
        "260" | "264" => dates::publication(tag, field, work),
        "500" | "505" | "520" => description(tag, field, work),
        "650" | "651" | "653" | "655" => subject(tag, field, work),
        "773" => host(tag, field, work),
        _ => Vec::new(),
    }
}
