//! The pages, written out by hand: no library stands between a scenario and its bytes.

pub(super) const RESPONSE_DATE: &str = "2024-06-01T12:00:00Z";

/// The start tag of an orderly response.
pub(super) const ROOT: &str = r#"<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/ http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">"#;

/// The start tag of orderly metadata.
pub(super) const DC: &str = r#"<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/">"#;

/// An envelope round `content`; `request` is the request element.
pub(super) fn document(request: &str, content: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
{ROOT}
  <responseDate>{RESPONSE_DATE}</responseDate>
  {request}
{content}
</OAI-PMH>
"#
    )
}

pub(super) fn error(code: &str, message: &str) -> String {
    format!(r#"  <error code="{code}">{message}</error>"#)
}

pub(super) fn resumption_token(text: &str) -> String {
    format!("<resumptionToken>{}</resumptionToken>", escape(text))
}

/// `metadata` with Dublin Core, one element a line.
pub(super) fn dublin_core(elements: &str) -> String {
    format!("<metadata>{DC}{elements}</oai_dc:dc></metadata>")
}

pub(super) fn title(markup: &str) -> String {
    format!("<dc:title>{markup}</dc:title>")
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// A record, as far as a fault has not replaced part of it.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) identifier: String,
    pub(super) datestamp: String,
    pub(super) sets: Vec<&'static str>,
    pub(super) deleted: bool,
    /// What follows the header inside the record.
    pub(super) content: String,
    /// In place of the header built from the above.
    pub(super) odd_header: Option<String>,
}

impl Item {
    /// Record `n`, counted from 1, of a list with so many records a day.
    pub(super) fn new(n: usize, per_day: usize, markup: &str) -> Self {
        let (day, second) = ((n - 1) / per_day, (n - 1) % per_day);
        let (month, day) = (1 + day / 28, 1 + day % 28);
        Self {
            identifier: format!("oai:x:{n}"),
            datestamp: format!(
                "2024-{month:02}-{day:02}T12:{:02}:{:02}Z",
                second / 60,
                second % 60
            ),
            sets: vec![["a", "b", "a:c"][(n - 1) % 3]],
            deleted: false,
            content: dublin_core(&title(markup)),
            odd_header: None,
        }
    }

    pub(super) fn header(&self) -> String {
        if let Some(header) = &self.odd_header {
            return header.clone();
        }
        let status = if self.deleted { r#" status="deleted""# } else { "" };
        let sets: String =
            self.sets.iter().map(|set| format!("<setSpec>{set}</setSpec>")).collect();
        format!(
            "<header{status}><identifier>{}</identifier><datestamp>{}</datestamp>{sets}</header>",
            escape(&self.identifier),
            self.datestamp,
        )
    }

    pub(super) fn record(&self) -> String {
        format!("<record>{}{}</record>", self.header(), self.content)
    }
}

/// `count` records with so many a day; the title of each comes from its number.
pub(super) fn items(count: usize, per_day: usize, title: impl Fn(usize) -> String) -> Vec<Item> {
    (1..=count).map(|n| Item::new(n, per_day, &title(n))).collect()
}
