//! Runs that are asked for, done by workers: on a file, and on a server if `DATABASE_URL` names one.
#![allow(clippy::unwrap_used, clippy::field_reassign_with_default)]

/// Each scenario on a file and on a server.
macro_rules! scenarios {
    ($($name:ident)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let world = crate::world::World::in_a_file().await;
                super::$name(&world).await;
                world.close().await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some(world) = crate::world::World::in_a_schema().await else { return };
                super::$name(&world).await;
                world.close().await;
            })+
        }
    };
}

mod absent;
mod aside;
mod crash;
mod cut;
mod deliveries;
mod documents;
mod failures;
mod hands;
mod net;
#[path = "../support/postgres.rs"]
mod postgres_schema;
mod timeline;
mod world;
