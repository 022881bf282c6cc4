//! The works as the resources of a ResourceSync source, one file each.

use std::io;
use std::sync::PoisonError;

use async_trait::async_trait;
use resync_core::publish::{self, Resource};
use sha2::{Digest as _, Sha256};

use super::library::Shared;
use super::world::{Languages, Work, dublin_core};
use crate::serve::shelf::{Content, Representation, Resources, Shelf};

const MEDIA_TYPE: &str = "application/xml";

/// The works of a world that are not gone, in Dublin Core.
pub(super) struct Files(pub(super) Shared);

fn file(seed: u64, number: u64, version: u32) -> Vec<u8> {
    dublin_core::write(&Work::new(seed, number, version, Languages::All)).into_bytes()
}

#[async_trait]
impl Shelf for Files {
    fn resources(&self, base: &str) -> io::Result<Resources> {
        let holdings = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let base = format!("{base}records/");
        Ok(Box::new((0..holdings.total()).filter_map(move |number| {
            let held = holdings.get(number).filter(|held| !held.deleted)?;
            let bytes = file(holdings.seed(), number, held.version);
            let uri = format!("{base}{number:07}.xml");
            let mut resource = Resource::new(uri, publish::Content::Bytes(bytes));
            resource.modified = Some(held.datestamp.into());
            resource.media_type = Some(MEDIA_TYPE.to_owned());
            Some(Ok(resource))
        })))
    }

    async fn open(&self, path: &str) -> io::Result<Option<Representation>> {
        let number = path.strip_prefix("records/").and_then(|it| it.strip_suffix(".xml"));
        let number = number.filter(|number| number.len() == 7).and_then(|it| it.parse().ok());
        let holdings = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let held = number.and_then(|number| holdings.get(number)).filter(|held| !held.deleted);
        let seed = holdings.seed();
        Ok(held.map(|held| {
            let bytes = file(seed, held.number, held.version);
            let tag =
                Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            Representation {
                content: Content::Bytes(bytes),
                media_type: MEDIA_TYPE.to_owned(),
                modified: Some(held.datestamp.into()),
                tag,
                may_be_packed: false,
            }
        }))
    }
}
