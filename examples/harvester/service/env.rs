//! Settings in the environment: `HARVESTER_WEB_LISTEN` is `listen` in `[web]`. Lists are written with
//! commas.

use serde::Serialize;
use toml::{Table, Value};

use crate::report::Failure;

const PREFIX: &str = "HARVESTER";

/// The variable of a setting: `HARVESTER_WEB_LISTEN` for `web.listen`.
pub(super) fn variable(name: &str) -> String {
    format!("{PREFIX}_{}", name.to_uppercase().replace(['.', '-'], "_"))
}

/// Puts the variables that there are over a table of settings. Which there can be, and what they
/// hold, the usual settings say.
///
/// # Errors
/// If a variable holds something else.
pub(super) fn overlay(
    usual: &impl Serialize,
    table: &mut Table,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Failure> {
    let usual = Table::try_from(usual)
        .map_err(|error| Failure::new(format!("the settings cannot be listed: {error}")))?;
    walk(PREFIX, &usual, table, &variable)
}

fn walk(
    prefix: &str,
    usual: &Table,
    table: &mut Table,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<(), Failure> {
    for (key, value) in usual {
        let name = format!("{prefix}_{}", key.to_uppercase().replace('-', "_"));
        if let Value::Table(inner) = value {
            let below = table.entry(key).or_insert_with(|| Table::new().into());
            if let Value::Table(below) = below {
                walk(&name, inner, below, variable)?;
            }
        } else if let Some(text) = variable(&name) {
            table.insert(key.clone(), parsed(&name, &text, value)?);
        }
    }
    Ok(())
}

/// The text as a value of the same type.
fn parsed(name: &str, text: &str, like: &Value) -> Result<Value, Failure> {
    let value = match like {
        Value::Integer(_) => text.trim().parse().ok().map(Value::Integer),
        Value::Boolean(_) => text.trim().parse().ok().map(Value::Boolean),
        Value::Array(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        _ => Some(Value::String(text.to_owned())),
    };
    value.ok_or_else(|| Failure::usage(format!("{name} is not written like {like}")))
}
