//! The OAI-PMH half of the server: from a query to a response body.

use std::{
    fmt::Write as _,
    io,
    ops::{ControlFlow, Range},
};

use crate::{
    corpus::{Corpus, datestamp, envelope_start, parse_datestamp},
    server::Config,
};

/// Pages are rendered and written in blocks that stay in the processor's cache.
pub(crate) const BLOCK: usize = 256 * 1_024;

/// The corpus, cut into lists and pages.
#[derive(Debug)]
pub(crate) struct Repository {
    corpus: Corpus,
    config: Config,
}

impl Repository {
    pub(crate) fn new(config: Config) -> Self {
        Self { corpus: Corpus::new(config.seed), config }
    }

    /// The whole list of records, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.corpus.records_len(0..self.config.records)
    }

    /// The queries a client sends to get the whole list.
    pub(crate) fn chain(&self) -> impl Iterator<Item = String> {
        let records = self.config.records;
        (0..records).step_by(self.config.page as usize).map(move |next| match next {
            0 => "verb=ListRecords&metadataPrefix=oai_dc".to_owned(),
            _ => {
                let token = Token { next, window: 0..records }.render();
                format!("verb=ListRecords&resumptionToken={token}")
            }
        })
    }

    pub(crate) fn answer(&self, base_url: &str, query: &str) -> Answer<'_> {
        let arguments = Arguments::parse(query);
        let verb = arguments.get("verb").unwrap_or_default();
        let result = match verb {
            "Identify" => Ok(self.identify(base_url)),
            "ListMetadataFormats" => Ok(METADATA_FORMATS.to_owned()),
            "ListSets" => Ok(sets()),
            "GetRecord" => self.get_record(&arguments),
            "ListRecords" | "ListIdentifiers" => match self.list(verb, base_url, &arguments) {
                Ok(answer) => return answer,
                Err(error) => Err(error),
            },
            _ => Err(("badVerb", "there are six verbs")),
        };
        match result {
            Ok(payload) => {
                let attributes = format!("verb=\"{verb}\"");
                self.text(envelope_start(&attributes, base_url) + &payload + "</OAI-PMH>\n")
            }
            Err((code, message)) => self.text(format!(
                "{}  <error code=\"{code}\">{message}</error>\n</OAI-PMH>\n",
                envelope_start("", base_url)
            )),
        }
    }

    fn list(
        &self,
        verb: &str,
        base_url: &str,
        arguments: &Arguments,
    ) -> Result<Answer<'_>, (&'static str, &'static str)> {
        let (token, attributes) = match arguments.get("resumptionToken") {
            Some(text) => {
                let token = Token::parse(text, self.config.records)
                    .ok_or(("badResumptionToken", "not one of ours"))?;
                (token, format!("verb=\"{verb}\" resumptionToken=\"{text}\""))
            }
            None => {
                let prefix = arguments.get("metadataPrefix").ok_or(NO_PREFIX)?;
                if prefix != "oai_dc" {
                    return Err(("cannotDisseminateFormat", "oai_dc only"));
                }
                if arguments.get("set").is_some() {
                    return Err(("badArgument", "this server does not select by set"));
                }
                let window = self.window(arguments)?;
                let token = Token { next: window.start, window };
                (token, format!("verb=\"{verb}\" metadataPrefix=\"oai_dc\""))
            }
        };

        let Token { next, window } = token;
        let end = (next + self.config.page).min(window.end);
        let mut tail = String::new();
        if end < window.end || (next > window.start && !self.config.no_end_token) {
            let text = match end < window.end {
                true => Token { next: end, window: window.clone() }.render(),
                false => String::new(),
            };
            let (size, cursor) = (window.end - window.start, next - window.start);
            let _ = writeln!(
                tail,
                "    <resumptionToken completeListSize=\"{size}\" cursor=\"{cursor}\">{text}\
                 </resumptionToken>"
            );
        }
        let _ = write!(tail, "  </{verb}>\n</OAI-PMH>\n");
        Ok(Answer {
            corpus: &self.corpus,
            head: envelope_start(&attributes, base_url) + &format!("  <{verb}>\n"),
            headers_only: verb == "ListIdentifiers",
            indices: next..end,
            tail,
        })
    }

    fn window(&self, arguments: &Arguments) -> Result<Range<u64>, (&'static str, &'static str)> {
        let bound = |name: &str| match arguments.get(name) {
            Some(text) => match parse_datestamp(text) {
                Some(unix) => Ok(Some((unix, text.len() == 10))),
                None => Err(("badArgument", "not a datestamp")),
            },
            None => Ok(None),
        };
        let from = bound("from")?.map(|(unix, _)| unix);
        let until = bound("until")?.map(|(unix, day)| if day { unix + 86_399 } else { unix });
        let window = Corpus::window(self.config.records, from, until);
        if window.is_empty() {
            return Err(("noRecordsMatch", "nothing in that window"));
        }
        Ok(window)
    }

    fn get_record(&self, arguments: &Arguments) -> Result<String, (&'static str, &'static str)> {
        if arguments.get("metadataPrefix").ok_or(NO_PREFIX)? != "oai_dc" {
            return Err(("cannotDisseminateFormat", "oai_dc only"));
        }
        let index = arguments
            .get("identifier")
            .and_then(Corpus::index_of)
            .filter(|&index| index < self.config.records)
            .ok_or(("idDoesNotExist", "no such record"))?;
        let mut record = Vec::new();
        self.corpus.write_records(index..index + 1, &mut record);
        Ok(format!("  <GetRecord>\n{}  </GetRecord>\n", String::from_utf8_lossy(&record)))
    }

    fn text(&self, head: String) -> Answer<'_> {
        let corpus = &self.corpus;
        Answer { corpus, head, headers_only: false, indices: 0..0, tail: String::new() }
    }

    fn identify(&self, base_url: &str) -> String {
        let compression =
            if self.config.gzip { "    <compression>gzip</compression>\n" } else { "" };
        let earliest = datestamp(parse_datestamp("2015-01-01").unwrap_or_default());
        format!(
            "  <Identify>
    <repositoryName>Bench &amp; Test Repository</repositoryName>
    <baseURL>{base_url}</baseURL>
    <protocolVersion>2.0</protocolVersion>
    <adminEmail>admin@bench.example</adminEmail>
    <earliestDatestamp>{}</earliestDatestamp>
    <deletedRecord>persistent</deletedRecord>
    <granularity>YYYY-MM-DDThh:mm:ssZ</granularity>
{compression}  </Identify>
",
            String::from_utf8_lossy(&earliest)
        )
    }
}

const NO_PREFIX: (&str, &str) = ("badArgument", "metadataPrefix is missing");

const METADATA_FORMATS: &str = "  <ListMetadataFormats>
    <metadataFormat>
      <metadataPrefix>oai_dc</metadataPrefix>
      <schema>http://www.openarchives.org/OAI/2.0/oai_dc.xsd</schema>
      <metadataNamespace>http://www.openarchives.org/OAI/2.0/oai_dc/</metadataNamespace>
    </metadataFormat>
  </ListMetadataFormats>
";

fn sets() -> String {
    let mut text = "  <ListSets>\n".to_owned();
    for (spec, name) in Corpus::SETS {
        let _ = write!(
            text,
            "    <set>\n      <setSpec>{spec}</setSpec>\n      <setName>{name}</setName>\n    </set>\n"
        );
    }
    text + "  </ListSets>\n"
}

/// A response body: records, or headers, between two pieces of text.
pub(crate) struct Answer<'a> {
    corpus: &'a Corpus,
    head: String,
    headers_only: bool,
    indices: Range<u64>,
    tail: String,
}

impl Answer<'_> {
    pub(crate) fn len(&self) -> u64 {
        let list = match self.headers_only {
            true => self.corpus.headers_len(self.indices.clone()),
            false => self.corpus.records_len(self.indices.clone()),
        };
        (self.head.len() + self.tail.len()) as u64 + list
    }

    /// Writes what is in `block`, and the first `limit` bytes of the body after it.
    pub(crate) fn write(
        &self,
        mut limit: u64,
        block: &mut Vec<u8>,
        sink: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut sent_before = block.len();
        let mut flush = |block: &mut Vec<u8>| {
            let body = (block.len() - sent_before) as u64;
            if body > limit {
                block.truncate(sent_before + limit as usize);
            }
            sink(block)?;
            limit -= body.min(limit);
            block.clear();
            sent_before = 0;
            Ok::<_, io::Error>(match limit {
                0 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
        };
        block.extend_from_slice(self.head.as_bytes());
        for index in self.indices.clone() {
            match self.headers_only {
                true => self.corpus.write_headers(index..index + 1, block),
                false => self.corpus.write_records(index..index + 1, block),
            }
            if block.len() >= BLOCK && flush(block)?.is_break() {
                return Ok(());
            }
        }
        block.extend_from_slice(self.tail.as_bytes());
        let _ = flush(block)?;
        Ok(())
    }
}

/// Which part of the list is left; `next.start.end`.
struct Token {
    next: u64,
    window: Range<u64>,
}

impl Token {
    fn parse(text: &str, records: u64) -> Option<Self> {
        let mut numbers = text.splitn(3, '.').map(|number| number.parse::<u64>().ok());
        let (next, start, end) = (numbers.next()??, numbers.next()??, numbers.next()??);
        (start < next && next < end && end <= records).then_some(Self { next, window: start..end })
    }

    fn render(&self) -> String {
        format!("{}.{}.{}", self.next, self.window.start, self.window.end)
    }
}

struct Arguments(Vec<(String, String)>);

impl Arguments {
    fn parse(query: &str) -> Self {
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        };
        Self(query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect())
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next(), bytes.next()].map(Option::unwrap_or_default);
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                u8::from_str_radix(digits, 16).unwrap_or(b'?')
            }
            _ => byte,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}
