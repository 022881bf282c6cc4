//! An OAI-PMH repository: Identify, formats, sets.

use std::sync::Arc;

use oai_pmh::{Client, Container, Datestamp, ErrorCode, Granularity, Identify};
use url::Url;

use super::{Choice, Failed, Found, MOST_SETS, Way, broken};

pub(super) async fn describe(url: &Url, way: &Way) -> Result<Found, Failed> {
    let client = Client::with_transport(url.clone(), Arc::clone(way));
    let identified = client.identify().await.map_err(broken)?;
    let mut found = of(url, &identified.body);
    found.warnings.extend(identified.issues.iter().map(ToString::to_string));
    match client.list_metadata_formats(None).await {
        Ok(reply) => {
            let formats = reply.body.into_iter();
            let choice =
                |it: oai_pmh::MetadataFormat| Choice { value: it.prefix, name: it.namespace };
            found.formats = formats.map(choice).collect();
        }
        Err(error) => found.warnings.push(format!("ListMetadataFormats: {error}")),
    }
    sets(&client, &mut found).await;
    Ok(found.on_lines())
}

fn of(url: &Url, identify: &Identify) -> Found {
    let descriptions = identify.descriptions.iter();
    let described = descriptions.filter_map(|it| match &it.container {
        Container::Branding(branding) => branding.title.clone(),
        _ => None,
    });
    Found {
        kind: "oai-pmh".to_owned(),
        url: crate::network::shown(url).into(),
        name: identify.repository_name.clone(),
        description: described.collect::<Vec<_>>().join(" "),
        administrators: identify.admin_emails.clone(),
        earliest: identify.earliest_datestamp.as_ref().map(Datestamp::to_string),
        granularity: Some(match identify.granularity {
            Granularity::Day => "day",
            Granularity::Second => "second",
        }),
        deleted: Some(identify.deleted_record.name()),
        ..Found::default()
    }
}

/// Lists sets page by page, as far as there are not too many.
async fn sets(client: &Client, found: &mut Found) {
    let mut list = client.list_sets();
    while let Some(page) = list.next_page().await {
        match page {
            Ok(page) => found.sets.extend(
                page.items
                    .into_iter()
                    .flatten()
                    .map(|set| Choice { value: set.spec, name: set.name }),
            ),
            Err(error) if error.has_code(&ErrorCode::NoSetHierarchy) => return,
            Err(error) => {
                found.warnings.push(format!("ListSets: {error}"));
                return;
            }
        }
        if found.sets.len() >= MOST_SETS {
            found.sets.truncate(MOST_SETS);
            found.warnings.push(format!("there are more sets than the first {MOST_SETS}"));
            return;
        }
    }
}
