//! Options that not everybody may see or set: what becomes of them when a source is changed.

use harvest_pipeline::Kind;
use harvest_pipeline::secrets;
use harvest_pipeline::store::SourceDefinition;
use serde_json::Value;

use crate::accounts::Permission;
use crate::web::visitor::Visitor;

/// An option that cannot be set like this.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) option: String,
    pub(super) message: String,
}

/// Settles options that somebody typed or sent: a secret that is not mentioned stays as it was, and so
/// does what only administrators may set, as long as the address leads to the same place.
///
/// # Errors
/// If a secret is no text or would go elsewhere, or they set what they may not.
pub(super) fn settle(
    visitor: &Visitor,
    kind: &Kind,
    before: Option<&SourceDefinition>,
    options: &mut Value,
) -> Result<(), Refused> {
    let words = visitor.words;
    for option in kind.secrets() {
        let value = options.get(option).unwrap_or(&Value::Null);
        if !value.is_string() && !value.is_null() {
            let message = words.fill("secret.not-text", &[("name", &option)]);
            return Err(Refused { option: option.to_owned(), message });
        }
    }
    if !visitor.may(Permission::Administer) {
        for option in kind.privileged() {
            settle_privileged(visitor, option, before, options)?;
        }
    }
    let was = before.map_or(&Value::Null, |before| &before.options);
    secrets::carry(kind, was, options).map_err(|elsewhere| Refused {
        option: elsewhere.option().to_owned(),
        message: words.text("secret.leads-elsewhere").to_owned(),
    })
}

fn settle_privileged(
    visitor: &Visitor,
    option: &str,
    before: Option<&SourceDefinition>,
    options: &mut Value,
) -> Result<(), Refused> {
    let same_place =
        |it: &&SourceDefinition| secrets::leads_to(&it.options) == secrets::leads_to(options);
    let kept = before.filter(same_place).and_then(|before| before.options.get(option));
    match (options.get(option), kept) {
        (None, Some(kept)) => options[option] = kept.clone(),
        (None, None) => {}
        (said, kept) if said == kept => {}
        // What is usual need not be allowed.
        (Some(Value::Bool(false)), None) => {}
        _ => {
            let message = visitor.words.fill("source.privileged", &[("name", &option)]);
            return Err(Refused { option: option.to_owned(), message });
        }
    }
    Ok(())
}
