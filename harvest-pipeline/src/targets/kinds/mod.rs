//! The kinds of targets that come with this crate.

mod folder;

use serde::Deserialize;

use self::folder::{Folder, Form};
#[cfg(feature = "http-post")]
use crate::parsers::Bibliographic;
use crate::registry::{Kind, Receiver, Registry};

/// The kinds of targets that come with this crate: a URL that records are posted to, a folder, and
/// objects in a bucket, as far as its features have them.
#[must_use]
pub fn kinds() -> Registry<Receiver> {
    let kinds = Registry::empty();
    #[cfg(feature = "http-post")]
    let kinds = kinds.with(http_post());
    let kinds = kinds.with(folder());
    #[cfg(feature = "object-store")]
    let kinds = kinds.with(bucket());
    kinds
}

/// A folder on the machine of the worker.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct FolderOptions {
    /// The folder, on the machine where the worker runs. It is made if it is missing.
    #[schemars(extend("x-privileged" = true))]
    path: std::path::PathBuf,
    /// What is written: the metadata of each record as a file of its own, or a file for each batch.
    #[serde(default)]
    form: Form,
}

fn folder() -> Kind<Receiver> {
    Kind::of_target("folder", "Folder", |options: FolderOptions, _| {
        Ok(Box::new(Folder { path: options.path, form: options.form }))
    })
}

/// A URL that takes records.
#[cfg(feature = "http-post")]
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct PostOptions {
    /// Where the records are sent: a batch is the body of one POST request.
    url: url::Url,
    /// One JSON array instead of JSON Lines.
    #[serde(default)]
    array: bool,
    /// Besides the metadata, send what was read in it.
    #[serde(default)]
    parsed: bool,
}

#[cfg(feature = "http-post")]
fn http_post() -> Kind<Receiver> {
    use crate::sinks::HttpPost;

    fn boxed<F: crate::sinks::LineForm<Bibliographic>>(
        post: HttpPost<F>,
        array: bool,
    ) -> Box<Receiver> {
        if array { Box::new(post.as_array()) } else { Box::new(post) }
    }
    Kind::of_target("http-post", "HTTP POST", |options: PostOptions, transport| {
        if !matches!(options.url.scheme(), "http" | "https") {
            return Err(format!("{} is no http or https URL", options.url));
        }
        let post = HttpPost::new(options.url, transport);
        Ok(match options.parsed {
            true => boxed(post.with_record(), options.array),
            false => boxed(post, options.array),
        })
    })
    .with_sign_in()
}

/// Objects in a bucket.
#[cfg(feature = "object-store")]
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct BucketOptions {
    /// Where the objects go: `s3://bucket/prefix`, or `file:///folder`. Keys, region and endpoint are
    /// taken from the environment of the worker (`AWS_ACCESS_KEY_ID` and so on).
    url: url::Url,
    /// Besides the metadata, write what was read in it.
    #[serde(default)]
    parsed: bool,
}

#[cfg(feature = "object-store")]
fn bucket() -> Kind<Receiver> {
    use crate::bucket::Bucket;
    use crate::sinks::Objects;

    Kind::of_target("bucket", "Bucket of objects", |options: BucketOptions, _| {
        let bucket = Bucket::open(&options.url, std::env::vars());
        let objects = Objects::new(bucket.map_err(|error| error.to_string())?);
        Ok(if options.parsed { Box::new(objects.with_record()) } else { Box::new(objects) })
    })
}
