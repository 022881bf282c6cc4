//! The store that forgets does what every store must do.

use std::sync::Arc;

use harvest_pipeline::store::{ManualClock, MemoryStore};
use harvest_pipeline::testing::Subject;

async fn in_memory(clock: ManualClock) -> Option<Subject> {
    Some(Subject::new(Arc::new(MemoryStore::with_clock(clock))))
}

harvest_pipeline::store_contract!(in_memory);
