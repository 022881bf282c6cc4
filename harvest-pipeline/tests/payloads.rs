//! What every archive of payloads has to keep to, and each of them asked.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use std::path::PathBuf;

use harvest_pipeline::Bucket;
use harvest_pipeline::payloads::{
    ContentAddress, MemoryPayloads, ObjectPayloads, PayloadError, PayloadStore,
};

async fn keeps_the_contract(store: &dyn PayloadStore) {
    let large = "žluťoučký kůň ".repeat(100_000);
    let noise: Vec<u8> = (0..50_000_u32).map(|n| (n * n % 251) as u8).collect();
    let payloads: [&[u8]; 4] = [b"", b"<dc/>", large.as_bytes(), &noise];

    for payload in payloads {
        let address = ContentAddress::of(payload);
        assert!(!store.contains(&address).await.unwrap());
        assert_eq!(store.get(&address).await.unwrap(), None);
        store.remove(&address).await.unwrap();

        assert_eq!(store.put(payload).await.unwrap(), address);
        assert_eq!(store.put(payload).await.unwrap(), address);
        assert!(store.contains(&address).await.unwrap());
        assert!(store.get(&address).await.unwrap().as_deref() == Some(payload));
    }
    let [first, second] = [ContentAddress::of(payloads[0]), ContentAddress::of(payloads[1])];
    store.remove(&first).await.unwrap();
    assert!(!store.contains(&first).await.unwrap());
    assert!(store.contains(&second).await.unwrap());
    store.put(payloads[0]).await.unwrap();
    assert_eq!(store.get(&first).await.unwrap().as_deref(), Some(payloads[0]));
}

#[tokio::test]
async fn the_archive_in_memory_keeps_the_contract() {
    keeps_the_contract(&MemoryPayloads::new()).await;
}

#[tokio::test]
async fn the_archive_in_a_bucket_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    for bucket in [Bucket::in_memory(), Bucket::folder(folder.path().join("b")).unwrap()] {
        keeps_the_contract(&ObjectPayloads::new(bucket.clone())).await;
        keeps_the_contract(&ObjectPayloads::new(bucket.below("another/archive"))).await;
    }
}

#[tokio::test]
async fn many_can_put_the_same_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = ObjectPayloads::new(Bucket::folder(folder.path()).unwrap());
    let puts = (0..20).map(|_| store.put(b"<dc>the same</dc>"));
    let addresses = futures_util::future::try_join_all(puts).await.unwrap();
    let read = store.get(&addresses[0]).await.unwrap().unwrap();
    assert_eq!(read, b"<dc>the same</dc>");
    assert_eq!(files(folder.path().into()).len(), 1);
}

#[tokio::test]
async fn a_damaged_object_is_an_error_that_names_it_and_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = ObjectPayloads::new(Bucket::folder(folder.path()).unwrap());
    let payload = b"<dc>what was here before</dc>";
    let address = store.put(payload).await.unwrap();
    let [file] = &files(folder.path().into())[..] else { panic!() };
    let whole = std::fs::read(file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    for damaged in [&whole[..whole.len() - 3], &flipped, b"", b"<dc>what was here before</dc>"] {
        std::fs::write(file, damaged).unwrap();
        let error = store.get(&address).await.unwrap_err();
        assert!(matches!(error, PayloadError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(&address.to_string()[2..]), "{error}");
    }
    store.remove(&address).await.unwrap();
    store.put(payload).await.unwrap();
    assert_eq!(store.get(&address).await.unwrap().unwrap(), payload);
}

#[tokio::test]
async fn what_is_larger_than_the_limit_is_neither_stored_nor_unpacked() {
    let bucket = Bucket::in_memory();
    let (small, large) =
        (ObjectPayloads::new(bucket.clone()).limit(100), ObjectPayloads::new(bucket));
    let payload = vec![b' '; 101];
    assert!(matches!(small.put(&payload).await, Err(PayloadError::Unavailable { .. })));
    let address = large.put(&payload).await.unwrap();
    assert!(matches!(small.get(&address).await, Err(PayloadError::Damaged { .. })));
    assert_eq!(large.get(&address).await.unwrap().unwrap(), payload);
}

fn files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(path) } else { vec![path] }).collect()
}
