//! Seeded OAI-PMH records in `oai_dc`.

mod datestamp;

use std::ops::Range;

pub(crate) use self::datestamp::{datestamp, parse_datestamp};

use crate::words::{CZECH, ENGLISH, JAPANESE, Language};

/// After so many records the text repeats; identifiers, datestamps and links never do.
const CYCLE: usize = 10_000;
/// 2015-01-01T00:00:00Z, the datestamp of record 0.
const FIRST: u64 = 1_420_070_400;
/// Seconds between one record's datestamp and the next one's.
const STEP: u64 = 31;
/// The width of a record's number in identifiers and links.
const DIGITS: usize = 7;

/// An unlimited, reproducible list of records of 2.2 kB on average.
///
/// Record `i` depends on the seed and `i` alone, so any page can be made without the others and
/// memory does not grow with the list. The text of ten thousand records is written once; making a
/// record is a copy with its number and datestamp put in, which is several times faster than
/// anything a client can do with it. The number is also part of the metadata (a handle and a DOI),
/// so that no two records have the same payload.
///
/// ```
/// let corpus = harvest_benches::Corpus::new(1);
/// let mut page = Vec::new();
/// corpus.write_records(999_000..999_002, &mut page);
/// assert!(String::from_utf8_lossy(&page).contains("<identifier>oai:bench.example:0999001<"));
/// assert_eq!(corpus.records_len(999_000..999_002), page.len() as u64);
/// ```
#[derive(Debug)]
pub struct Corpus {
    text: Vec<u8>,
    templates: Vec<Template>,
    /// `record_sums[n]` is the size of the first `n` records of a cycle.
    record_sums: Vec<u64>,
    header_sums: Vec<u64>,
}

#[derive(Debug)]
struct Template {
    record: Range<usize>,
    header: Range<usize>,
    deleted: bool,
    /// Where the number goes, as offsets into the text; a deleted record has it in one place only.
    numbers: [usize; 3],
    datestamp: usize,
}

impl Corpus {
    /// A list can have this many records before the numbers run out of digits.
    pub const MAX: u64 = 10_000_000;

    /// Set specs and set names.
    pub const SETS: [(&str, &str); 10] = [
        ("com_10084_1", "Faculty of Science &amp; Technology"),
        ("com_10084_2", "Filozofická fakulta"),
        ("com_10084_3", "理工学部"),
        ("col_10084_11", "Doctoral theses"),
        ("col_10084_12", "Diplomové práce"),
        ("col_10084_13", "学位論文"),
        ("col_10084_14", "Research data &amp; software"),
        ("col_10084_15", "Sborníky z konferencí"),
        ("col_10084_16", "紀要論文"),
        ("openaire", "OpenAIRE"),
    ];

    /// Writes the text of one cycle.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut text = Vec::with_capacity(CYCLE * 2_300);
        let templates: Vec<_> = (0..CYCLE as u64)
            .map(|index| Writer { out: &mut text, rng: Rng::new(seed, index) }.record())
            .collect();
        let sums = |size: fn(&Template) -> usize| {
            let mut sum = 0;
            let mut sums = vec![0];
            for template in &templates {
                sum += size(template) as u64;
                sums.push(sum);
            }
            sums
        };
        let record_sums = sums(|template| template.record.len());
        let header_sums = sums(|template| template.header.len());
        Self { text, templates, record_sums, header_sums }
    }

    /// Appends `<record>` elements.
    pub fn write_records(&self, indices: Range<u64>, out: &mut Vec<u8>) {
        for index in indices {
            self.write(index, |template| &template.record, out);
        }
    }

    /// Appends `<header>` elements.
    pub fn write_headers(&self, indices: Range<u64>, out: &mut Vec<u8>) {
        for index in indices {
            self.write(index, |template| &template.header, out);
        }
    }

    /// What [`Corpus::write_records`] would append, in bytes.
    #[must_use]
    pub fn records_len(&self, indices: Range<u64>) -> u64 {
        sum_of(&self.record_sums, indices)
    }

    /// What [`Corpus::write_headers`] would append, in bytes.
    #[must_use]
    pub fn headers_len(&self, indices: Range<u64>) -> u64 {
        sum_of(&self.header_sums, indices)
    }

    /// Whether the record is a tombstone.
    #[must_use]
    pub fn is_deleted(&self, index: u64) -> bool {
        self.template(index).deleted
    }

    /// The `ListRecords` response a repository would send for these records, not the last ones.
    #[must_use]
    pub fn page(&self, indices: Range<u64>) -> String {
        let mut page =
            Vec::from(envelope_start("verb=\"ListRecords\"", "http://bench.example/oai"));
        page.extend_from_slice(b"  <ListRecords>\n");
        self.write_records(indices.clone(), &mut page);
        page.extend_from_slice(
            format!(
                "    <resumptionToken completeListSize=\"{}\" cursor=\"{}\">{}</resumptionToken>\n  \
                 </ListRecords>\n</OAI-PMH>\n",
                Self::MAX,
                indices.start,
                indices.end
            )
            .as_bytes(),
        );
        String::from_utf8(page).expect("digits put into UTF-8 text leave it UTF-8")
    }

    /// The indices below `records` whose datestamps lie between two times, both included.
    #[must_use]
    pub fn window(records: u64, from: Option<u64>, until: Option<u64>) -> Range<u64> {
        let start = from.map_or(0, |from| from.saturating_sub(FIRST).div_ceil(STEP));
        let end = until.map_or(records, |until| match until.checked_sub(FIRST) {
            Some(seconds) => seconds / STEP + 1,
            None => 0,
        });
        start..end.min(records)
    }

    /// The index in an identifier of this corpus.
    #[must_use]
    pub fn index_of(identifier: &str) -> Option<u64> {
        let number = identifier.strip_prefix("oai:bench.example:")?;
        (number.len() == DIGITS).then(|| number.parse().ok())?
    }

    fn write(&self, index: u64, part: fn(&Template) -> &Range<usize>, out: &mut Vec<u8>) {
        let template = self.template(index);
        let part = part(template);
        let start = out.len();
        out.extend_from_slice(&self.text[part.clone()]);
        let record = &mut out[start..];

        let mut number = [b'0'; DIGITS];
        let mut rest = index;
        for digit in number.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        for at in template.numbers.iter().filter(|at| part.contains(at)) {
            record[at - part.start..][..DIGITS].copy_from_slice(&number);
        }
        let datestamp = datestamp(FIRST + STEP * index);
        record[template.datestamp - part.start..][..datestamp.len()].copy_from_slice(&datestamp);
    }

    fn template(&self, index: u64) -> &Template {
        assert!(index < Self::MAX, "the corpus ends at record {}", Self::MAX);
        &self.templates[index as usize % CYCLE]
    }
}

/// Everything up to the element named like the verb.
pub(crate) fn envelope_start(request_attributes: &str, base_url: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/ http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">
  <responseDate>2026-01-01T00:00:00Z</responseDate>
  <request {request_attributes}>{base_url}</request>
"#
    )
}

fn sum_of(sums: &[u64], indices: Range<u64>) -> u64 {
    let cycle = CYCLE as u64;
    let before = |index: u64| index / cycle * sums[CYCLE] + sums[(index % cycle) as usize];
    before(indices.end).saturating_sub(before(indices.start))
}

/// Writes one record's template.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    rng: Rng,
}

impl Writer<'_> {
    fn record(&mut self) -> Template {
        let start = self.out.len();
        let deleted = self.rng.one_in(33);
        self.push("    <record>\n");
        let header_start = self.out.len();
        self.push(if deleted {
            "      <header status=\"deleted\">\n        <identifier>oai:bench.example:"
        } else {
            "      <header>\n        <identifier>oai:bench.example:"
        });
        let number = self.number();
        self.push("</identifier>\n        <datestamp>");
        let datestamp = self.out.len();
        self.push("0000-00-00T00:00:00Z</datestamp>\n");
        let (community, collections) = Corpus::SETS.split_at(3);
        for (spec, _) in [self.rng.pick(community), self.rng.pick(collections)]
            .into_iter()
            .take(1 + usize::from(!self.rng.one_in(4)))
        {
            self.push("        <setSpec>");
            self.push(spec);
            self.push("</setSpec>\n");
        }
        self.push("      </header>\n");
        let header = header_start..self.out.len();

        let numbers = if deleted {
            [number; 3]
        } else {
            // The sizes are drawn so that records, tombstones included, come to 2.2 kB.
            let size = 1_588 + self.rng.below(1_080) as usize;
            let [handle, doi] = self.metadata(start + size);
            [number, handle, doi]
        };
        self.push("    </record>\n");
        Template { record: start..self.out.len(), header, deleted, numbers, datestamp }
    }

    /// Ends with the description that takes the record past `end`; says where the numbers go.
    fn metadata(&mut self, end: usize) -> [usize; 2] {
        let language = match self.rng.below(20) {
            0..8 => &ENGLISH,
            8..15 => &CZECH,
            _ => &JAPANESE,
        };
        self.push(concat!(
            "      <metadata>\n        <oai_dc:dc",
            " xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\"",
            " xmlns:dc=\"http://purl.org/dc/elements/1.1/\"",
            " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"",
            " xsi:schemaLocation=\"http://www.openarchives.org/OAI/2.0/oai_dc/",
            " http://www.openarchives.org/OAI/2.0/oai_dc.xsd\">\n",
        ));
        self.sentence("title", language, 4, 9);
        if language.code != "en" && !self.rng.one_in(3) {
            self.sentence("title", &ENGLISH, 4, 8);
        }
        for _ in 0..1 + self.rng.below(3) {
            let family = self.rng.pick(language.families);
            let given = self.rng.pick(language.givens);
            self.element("creator", None, &format!("{family}, {given}"));
        }
        for _ in 0..2 + self.rng.below(3) {
            let subject = self.rng.pick(language.subjects);
            self.element("subject", Some(language.code), subject);
        }
        let publisher = self.rng.pick(language.publishers);
        self.element("publisher", Some(language.code), publisher);
        let date = datestamp(631_152_000 + self.rng.below(1_100_000_000));
        let date = String::from_utf8_lossy(&date).into_owned();
        self.element("date", None, &date);
        self.element("date", None, &date[..4]);
        let kind = self.rng.pick(&["Article", "Thesis", "Dataset", "Text", "conferenceObject"]);
        self.element("type", None, kind);
        self.element("format", None, "application/pdf");
        self.push("          <dc:identifier>https://repository.bench.example/handle/10084/");
        let handle = self.number();
        self.push("</dc:identifier>\n          <dc:identifier>https://doi.org/10.5555/bench.");
        let doi = self.number();
        self.push("</dc:identifier>\n");
        self.element("language", None, language.code);
        self.element("rights", None, "http://creativecommons.org/licenses/by/4.0/");
        self.sentence("description", language, 10, 18);
        while self.out.len() < end {
            let language = if self.rng.one_in(3) { &ENGLISH } else { language };
            self.open("description", Some(language.code));
            let most = end.saturating_sub(self.out.len()).min(700);
            let full = self.out.len() + most;
            loop {
                self.words(language, 8, 16);
                self.push(language.stop);
                if self.out.len() >= full {
                    break;
                }
                self.push(language.space);
            }
            self.push("</dc:description>\n");
        }
        self.push("        </oai_dc:dc>\n      </metadata>\n");
        [handle, doi]
    }

    fn sentence(&mut self, name: &str, language: &Language, least: u64, most: u64) {
        self.open(name, Some(language.code));
        self.words(language, least, most);
        self.push("</dc:");
        self.push(name);
        self.push(">\n");
    }

    fn words(&mut self, language: &Language, least: u64, most: u64) {
        let count = least + self.rng.below(most - least + 1);
        for n in 0..count {
            let word = self.rng.pick(language.words);
            let mut letters = word.chars();
            match letters.next() {
                Some(first) if n == 0 => {
                    self.push(&first.to_uppercase().collect::<String>());
                    self.push(letters.as_str());
                }
                _ => self.push(word),
            }
            if n + 1 < count {
                self.push(language.space);
            }
        }
    }

    fn element(&mut self, name: &str, lang: Option<&str>, text: &str) {
        self.open(name, lang);
        self.push(text);
        self.push("</dc:");
        self.push(name);
        self.push(">\n");
    }

    fn open(&mut self, name: &str, lang: Option<&str>) {
        self.push("          <dc:");
        self.push(name);
        if let Some(lang) = lang {
            self.push(" xml:lang=\"");
            self.push(lang);
            self.push("\"");
        }
        self.push(">");
    }

    fn number(&mut self) -> usize {
        let at = self.out.len();
        self.push("0000000");
        at
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

/// SplitMix64.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        Self(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ index.wrapping_mul(0xBF58_476D_1CE4_E5B9))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_reproducible_one_by_one() {
        let (one, two) = (Corpus::new(7), Corpus::new(7));
        let (mut together, mut apart) = (Vec::new(), Vec::new());
        one.write_records(123_450..123_460, &mut together);
        for index in 123_450..123_460 {
            two.write_records(index..index + 1, &mut apart);
        }
        assert_eq!(together, apart);

        let mut other = Vec::new();
        Corpus::new(8).write_records(123_450..123_460, &mut other);
        assert_ne!(together, other);
    }

    #[test]
    fn records_come_to_2200_bytes_and_some_are_deleted() {
        let corpus = Corpus::new(1);
        let mean = corpus.records_len(0..100_000) / 100_000;
        assert!((2_180..2_220).contains(&mean), "{mean}");
        let deleted = (0..10_000).filter(|&index| corpus.is_deleted(index)).count();
        assert!((200..400).contains(&deleted), "{deleted}");
    }

    #[test]
    fn lengths_are_known_without_writing() {
        let corpus = Corpus::new(1);
        let mut out = Vec::new();
        corpus.write_records(9_990..20_010, &mut out);
        assert_eq!(corpus.records_len(9_990..20_010), out.len() as u64);
        out.clear();
        corpus.write_headers(9_990..20_010, &mut out);
        assert_eq!(corpus.headers_len(9_990..20_010), out.len() as u64);
    }

    #[test]
    fn payloads_differ_although_the_text_repeats() {
        let corpus = Corpus::new(1);
        let metadata = |index: u64| {
            let mut out = Vec::new();
            corpus.write_records(index..index + 1, &mut out);
            let text = String::from_utf8(out).unwrap();
            text.split_once("<metadata>").map(|(_, metadata)| metadata.to_owned())
        };
        let live = (0..).find(|&index| !corpus.is_deleted(index)).unwrap();
        assert_ne!(metadata(live), metadata(live + CYCLE as u64));
    }

    #[test]
    fn a_page_is_well_formed() {
        let page = Corpus::new(1).page(1_000..2_000);
        let mut reader = quick_xml::Reader::from_str(&page);
        let mut records = 0;
        loop {
            match reader.read_event().unwrap() {
                quick_xml::events::Event::Start(start) if start.name().as_ref() == "record" => {
                    records += 1;
                }
                quick_xml::events::Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(records, 1_000);
    }

    #[test]
    fn datestamps_round_trip() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (FIRST, "2015-01-01T00:00:00Z"),
            (1_456_704_000, "2016-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
        ] {
            assert_eq!(String::from_utf8_lossy(&datestamp(unix)), text);
            assert_eq!(parse_datestamp(text), Some(unix));
        }
        assert_eq!(parse_datestamp("2015-01-01"), Some(FIRST));
        assert_eq!(parse_datestamp("2015-13-01"), None);
    }

    #[test]
    fn windows_include_both_ends() {
        assert_eq!(Corpus::window(100, Some(FIRST), Some(FIRST)), 0..1);
        assert_eq!(Corpus::window(100, Some(FIRST + 1), Some(FIRST + 2 * STEP)), 1..3);
        assert_eq!(Corpus::window(100, None, None), 0..100);
        assert!(Corpus::window(100, None, Some(FIRST - 1)).is_empty());
    }
}
