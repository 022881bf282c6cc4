//! Works as descriptions of data in the Ecological Metadata Language.

use chrono::{Datelike as _, Days};

use super::Work;
use super::work::Person;
use super::xml::{Xml, document};

/// The version that is written.
pub(crate) const NAMESPACE: &str = "https://eml.ecoinformatics.org/eml-2.2.0";

/// The document `scope.number.revision`; the revision is the version of the work.
pub(crate) fn write(work: &Work, scope: &str) -> String {
    let package = format!("{scope}.{}.{}", work.number, work.version);
    let attributes = [
        ("xmlns:eml", NAMESPACE),
        ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
        ("xsi:schemaLocation", &format!("{NAMESPACE} {NAMESPACE}/eml.xsd")),
        ("packageId", &package),
        ("system", "demo"),
        ("xml:lang", work.language.code),
    ];
    // Only the root is in a namespace.
    document("eml:eml", &attributes, |eml| {
        eml.node("dataset", &[], |dataset| {
            dataset.leaf("alternateIdentifier", &[("system", "https://doi.org")], work.doi());
            let first = work.issued.year();
            let title = format!("{}, {}, {first}", work.observation, work.station.name);
            dataset.leaf("title", &[], title);
            for person in &work.people {
                dataset.node("creator", &[], |creator| party(creator, work, person));
            }
            dataset.leaf("pubDate", &[], work.issued.to_string());
            dataset.leaf("language", &[], work.language.code3);
            dataset.node("abstract", &[], |text| {
                for sentence in &work.abstracts {
                    text.leaf("para", &[], sentence);
                }
            });
            dataset.node("keywordSet", &[], |set| {
                set.leaf("keyword", &[], work.observation);
                set.leaf("keyword", &[], work.topic.subject);
            });
            dataset.node("licensed", &[], |licensed| {
                licensed.leaf("licenseName", &[], "CC BY 4.0");
                licensed.leaf("url", &[], "https://creativecommons.org/licenses/by/4.0/");
            });
            coverage(dataset, work);
            if let Some(person) = work.people.first() {
                dataset.node("contact", &[], |contact| party(contact, work, person));
            }
            dataset.node("dataTable", &[], |table| {
                table.leaf("entityName", &[], format!("{package}.csv"));
                table.node("attributeList", &[], |list| {
                    list.node("attribute", &[], |attribute| {
                        attribute.leaf("attributeName", &[], "value");
                        attribute.leaf("attributeDefinition", &[], work.observation);
                        attribute.node("measurementScale", &[], |scale| {
                            scale.node("dateTime", &[], |time| {
                                time.leaf("formatString", &[], "YYYY-MM-DD");
                            });
                        });
                    });
                });
            });
        });
    })
}

fn party(party: &mut Xml, work: &Work, person: &Person) {
    party.node("individualName", &[], |name| {
        name.leaf("givenName", &[], person.given.text);
        name.leaf("surName", &[], person.family.text);
    });
    party.leaf("organizationName", &[], work.publisher);
}

fn coverage(dataset: &mut Xml, work: &Work) {
    let station = work.station;
    dataset.node("coverage", &[], |coverage| {
        coverage.node("geographicCoverage", &[], |area| {
            area.leaf("geographicDescription", &[], station.name);
            area.node("boundingCoordinates", &[], |bounds| {
                for (name, degrees) in [
                    ("westBoundingCoordinate", station.longitude),
                    ("eastBoundingCoordinate", station.longitude + 0.05),
                    ("northBoundingCoordinate", station.latitude + 0.05),
                    ("southBoundingCoordinate", station.latitude),
                ] {
                    bounds.leaf(name, &[], format!("{degrees:.2}"));
                }
            });
        });
        coverage.node("temporalCoverage", &[], |time| {
            time.node("rangeOfDates", &[], |range| {
                let begin = work.issued - Days::new(365 * u64::from(work.pages));
                for (name, date) in [("beginDate", begin), ("endDate", work.issued)] {
                    range.node(name, &[], |date_| {
                        date_.leaf("calendarDate", &[], date.to_string());
                    });
                }
            });
        });
    });
}
