//! What an aggregator such as IRDB asks of a JPCOAR record, as a table.

use std::sync::LazyLock;

use super::words;
use crate::parsers::formats::check::{Check, Level, Rule};
use crate::parsers::formats::tree::Name;

/// The rules, in the order in which their findings are told. A field error takes effect before the
/// rules below it are asked.
#[rustfmt::skip]
pub(super) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| vec![
    rule("dc:title", Level::Record, Check::Present),
    rule("dc:title", Level::Record, Check::OncePerLanguage),
    rule("dc:title", Level::Record, Check::ReadingHasOriginal),
    rule("dc:type", Level::Record, Check::Present),
    rule("dc:type", Level::Record, Check::OneOf(words::RESOURCE_TYPES)),
    rule("creator", Level::Record, Check::PresentIf("dc:type", words::THESES)),
    rule("identifierRegistration", Level::Record, Check::Attribute("identifierType", words::REGISTRATION_AGENCIES)),

    rule("datacite:date", Level::Field, Check::Attribute("dateType", words::DATE_TYPES)),
    rule("identifier", Level::Field, Check::Attribute("identifierType", words::IDENTIFIER_TYPES)),
    rule("sourceIdentifier", Level::Field, Check::Attribute("identifierType", words::SOURCE_IDENTIFIER_TYPES)),
    rule("subject", Level::Field, Check::FormIf("subjectScheme", "NDC", is_ndc, "digits and full stops")),
    rule("creator/creatorName", Level::Field, Check::OncePerLanguage),
    rule("creator/affiliation/affiliationName", Level::Field, Check::OncePerLanguage),
    rule("contributor/contributorName", Level::Field, Check::OncePerLanguage),
    rule("contributor/affiliation/affiliationName", Level::Field, Check::OncePerLanguage),
    rule("fundingReference/funderName", Level::Field, Check::Present),
    rule("geoLocation/geoLocationPoint/pointLongitude", Level::Field, Check::Between(-180.0, 180.0)),
    rule("geoLocation/geoLocationPoint/pointLatitude", Level::Field, Check::Between(-90.0, 90.0)),
    rule("geoLocation/geoLocationBox/westBoundLongitude", Level::Field, Check::Between(-180.0, 180.0)),
    rule("geoLocation/geoLocationBox/eastBoundLongitude", Level::Field, Check::Between(-180.0, 180.0)),
    rule("geoLocation/geoLocationBox/southBoundLatitude", Level::Field, Check::Between(-90.0, 90.0)),
    rule("geoLocation/geoLocationBox/northBoundLatitude", Level::Field, Check::Between(-90.0, 90.0)),
    rule("accessRights", Level::Field, Check::AtMostOne),
    rule("dc:type", Level::Field, Check::AtMostOne),
    rule("datacite:version", Level::Field, Check::AtMostOne),
    rule("oaire:version", Level::Field, Check::AtMostOne),
    rule("volume", Level::Field, Check::AtMostOne),
    rule("issue", Level::Field, Check::AtMostOne),
    rule("numPages", Level::Field, Check::AtMostOne),
    rule("pageStart", Level::Field, Check::AtMostOne),
    rule("pageEnd", Level::Field, Check::AtMostOne),
    rule("dissertationNumber", Level::Field, Check::AtMostOne),
    rule("dateGranted", Level::Field, Check::AtMostOne),

    rule("accessRights", Level::Warning, Check::OneOf(words::ACCESS_RIGHTS)),
    rule("description", Level::Warning, Check::Attribute("descriptionType", words::DESCRIPTION_TYPES)),
    rule("datacite:date", Level::Warning, Check::Form(is_w3cdtf, "a date such as 2024-05-31")),
    rule("dateGranted", Level::Warning, Check::Form(is_w3cdtf, "a date such as 2024-05-31")),
    rule("dc:language", Level::Warning, Check::Form(is_iso_639_3, "a language code of ISO 639-3")),
    rule("creator/nameIdentifier", Level::Warning, Check::Attribute("nameIdentifierScheme", words::NAME_IDENTIFIER_SCHEMES)),
    rule("numPages", Level::Warning, Check::Form(is_number, "a number")),
    rule("pageStart", Level::Warning, Check::Form(is_number, "a number")),
    rule("pageEnd", Level::Warning, Check::Form(is_number, "a number")),
    rule("file/URI", Level::Warning, Check::Form(is_web_address, "an http or https address")),
    rule("", Level::Warning, Check::InOrder(words::ORDER.map(Name::new).to_vec())),
]);

/// What 2.0 and later ask for besides.
pub(super) static RULES_FROM_2: LazyLock<[Rule; 1]> =
    LazyLock::new(|| [rule("identifier", Level::Warning, Check::Present)]);

fn rule(path: &'static str, level: Level, check: Check) -> Rule {
    Rule::new(path, level, check)
}

fn is_ndc(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn is_iso_639_3(value: &str) -> bool {
    value.len() == 3 && value.bytes().all(|b| b.is_ascii_lowercase())
}

fn is_number(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit())
}

fn is_web_address(value: &str) -> bool {
    value.starts_with("http://") || value.starts_with("https://")
}

/// A year, month, day, or point in time.
fn is_w3cdtf(value: &str) -> bool {
    let (date, time) =
        value.split_once('T').map_or((value, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-');
    let mut number = |length: usize| match parts.next() {
        Some(part) if part.len() == length && is_number(part) => part.parse::<u16>().map(Some),
        Some(_) => "".parse().map(Some),
        None => Ok(None),
    };
    let (Ok(Some(_)), Ok(month), Ok(day)) = (number(4), number(2), number(2)) else {
        return false;
    };
    let is_date = month.is_none_or(|month| (1..=12).contains(&month))
        && day.is_none_or(|day| (1..=31).contains(&day))
        && parts.next().is_none();
    let is_time = time.is_none_or(|time| {
        let digits = time.bytes().filter(u8::is_ascii_digit).count();
        day.is_some() && digits >= 4 && time.as_bytes().get(2) == Some(&b':')
    });
    is_date && is_time
}

#[cfg(test)]
mod tests {
    use super::is_w3cdtf;

    #[test]
    fn dates_are_told_from_what_is_none() {
        for good in ["2024", "2024-05", "2024-05-31", "2024-05-31T10:00:00Z", "2024-05-31T10:00"] {
            assert!(is_w3cdtf(good), "{good}");
        }
        for bad in [
            "",
            "24",
            "2024-13",
            "2024-05-32",
            "2024/05/31",
            "2024-05-31-1",
            "2024T10:00",
            "2024-",
            "平成6年",
        ] {
            assert!(!is_w3cdtf(bad), "{bad}");
        }
    }
}
