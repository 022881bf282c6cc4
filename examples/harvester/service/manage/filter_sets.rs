//! `harvester filter-set`

use std::fmt::Write;
use std::fs;

use harvest_pipeline::filters::{FilterSet, Match};
use harvest_pipeline::store::{Store, StoreError};
use serde_json::json;

use crate::args::{AddFilterSetArgs, FilterSetCommand};
use crate::output::one_line;
use crate::report::Failure;
use crate::service::clerk::Clerk;

/// Manages filter sets; what is to be printed.
///
/// # Errors
/// If there is no such set, what is asked for makes no sense, or the database cannot be used.
pub(in crate::service) async fn run(
    command: &FilterSetCommand,
    store: &dyn Store,
    clerk: Clerk<'_>,
    as_json: bool,
) -> Result<String, Failure> {
    match command {
        FilterSetCommand::Add(args) => {
            let set = set(args)?;
            let is_new = store.filter_set(set.name()).await?.is_none();
            store.put_filter_set(&set).await?;
            let what = if is_new { "filter-set.create" } else { "filter-set.change" };
            clerk.did(what, set.name()).await;
            Ok(String::new())
        }
        FilterSetCommand::List(_) => {
            let mut text = String::new();
            for set in store.filter_sets().await? {
                // Writing to a text cannot fail.
                let _ = match as_json {
                    true => writeln!(text, "{}", json!(set)),
                    false => writeln!(text, "{}", line(&set)),
                };
            }
            Ok(text)
        }
        FilterSetCommand::Show(args) => {
            let set = store.filter_set(&args.name).await?;
            let set = set.ok_or_else(|| StoreError::missing("filter set", &args.name))?;
            Ok(match as_json {
                true => format!("{}\n", json!(set)),
                false => format!("{:#}\n", json!(set)),
            })
        }
        FilterSetCommand::Remove(args) => {
            store.remove_filter_set(&args.name).await?;
            clerk.did("filter-set.delete", &args.name).await;
            Ok(String::new())
        }
    }
}

fn line(set: &FilterSet) -> String {
    let written = json!(set);
    let conditions = written["expressions"].as_array().map_or(0, Vec::len);
    let how = if set.combine() == Match::All { "all" } else { "any" };
    let format = set.format().unwrap_or("any format");
    one_line(&format!("{}  {format}  {how} of {conditions}", set.name()))
}

fn set(args: &AddFilterSetArgs) -> Result<FilterSet, Failure> {
    if let Some(file) = &args.file {
        let shown = file.display();
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::new(format!("{shown} cannot be read: {error}")))?;
        return serde_json::from_str(&text)
            .map_err(|error| Failure::usage(format!("{shown}: {error}")));
    }
    let wrong = |error: harvest_pipeline::filters::FilterError| Failure::usage(error.to_string());
    let combine = if args.all { Match::All } else { Match::Any };
    let name = args.name.as_deref().unwrap_or_default();
    let mut set = FilterSet::new(name, combine, args.conditions.clone()).map_err(wrong)?;
    if let Some(format) = &args.format {
        set = set.for_format(format);
    }
    if args.case_sensitive {
        set = set.case_sensitive().map_err(wrong)?;
    }
    Ok(set)
}
