//! A folder of one's own, served as a source.

use std::sync::Arc;

use serde_json::json;
use url::Url;

use super::word;
use crate::args::{GlobalArgs, ServeArgs};
use crate::output;
use crate::progress::Console;
use crate::report::{Failure, Status};
use crate::serve::shelf::FolderShelf;
use crate::serve::source::Source;
use crate::serve::{listen, serve};
use crate::signals::stop_on_signals;

pub(super) async fn run(
    args: &ServeArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let folder = args.folder.display();
    let unreadable = |error| {
        Failure::new(format!("{folder} cannot be published: {error}"))
            .with_advice("Name a folder that can be read and written, and that nobody publishes.")
    };
    let shelf = FolderShelf::open(&args.folder).map_err(unreadable)?;
    let listener = listen(args.listen).await?;
    let base = match &args.base_url {
        Some(url) => url.clone(),
        None => {
            let address = listener.local_addr().map_err(unreadable)?;
            Url::parse(&format!("http://{address}/"))
                .map_err(|error| Failure::new(format!("{address} is no address: {error}")))?
        }
    };
    let mut source = Source::new(Arc::new(shelf), &args.folder, base).dumps(args.dump);
    if args.hub {
        source = source.hub();
    }
    source.publish().await.map_err(unreadable)?;
    let start = source.description();
    output::print(match global.json {
        true => format!("{}\n", json!({"event": "serving", "description": start})),
        false => format!(
            "serving {folder}; others start at {start}\n  harvester resync explore {}\n",
            word(&start)
        ),
    })?;
    let stop = stop_on_signals(console);
    let publishing = source.keep_published(args.every, |done| match done {
        Ok(done) if done.created + done.updated + done.deleted > 0 => console.notice(&format!(
            "published: {} created, {} updated, {} deleted",
            done.created, done.updated, done.deleted
        )),
        Ok(_) => {}
        Err(error) => console.warning(&format!("{folder} cannot be published: {error}")),
    });
    tokio::select! {
        served = serve(listener, source.router(), stop.cancelled_owned()) => served?,
        () = publishing => {}
    }
    Ok(Status::Complete)
}
