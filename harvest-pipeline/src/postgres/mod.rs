//! What is kept in PostgreSQL.

pub(crate) mod schema;
