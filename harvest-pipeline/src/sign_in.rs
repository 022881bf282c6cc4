//! Signing in where the records come from.

use std::fmt;

use percent_encoding::percent_decode_str;
use resync_core::transport;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

/// How one signs in where the records come from: options of every kind that
/// [signs in](crate::Kind::with_sign_in), for whoever makes the way to the network.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct SignIn {
    /// Name to sign in with, if the server asks for one.
    pub user: Option<String>,
    /// Password that belongs to the name.
    #[schemars(extend("writeOnly" = true))]
    pub password: Option<String>,
    /// Token to sign in with, in place of name and password.
    #[schemars(extend("writeOnly" = true))]
    pub token: Option<String>,
}

impl SignIn {
    const OPTIONS: [&'static str; 3] = ["user", "password", "token"];

    /// What the options of a source say.
    ///
    /// # Errors
    /// If it is not one or the other; for people, and without the secrets.
    pub fn of(options: &Value) -> Result<Self, String> {
        let mut said = options.clone();
        Self::take(&mut said)
    }

    /// Takes it out of the options: the source does not know it.
    pub(crate) fn take(options: &mut Value) -> Result<Self, String> {
        let said = options.as_object_mut().map(|options| {
            let found = Self::OPTIONS.map(|name| (name.to_owned(), options.remove(name)));
            let found = found.into_iter().filter_map(|(name, value)| Some((name, value?)));
            found.collect::<Map<_, _>>()
        });
        // What serde says of a wrong value would show it.
        let said: Self = serde_json::from_value(Value::Object(said.unwrap_or_default()))
            .map_err(|_| "user, password and token are texts".to_owned())?;
        match &said {
            Self { user: None, password: Some(_), .. } => {
                Err("a password belongs to a user; name that, too".to_owned())
            }
            Self { user: Some(_), token: Some(_), .. } => {
                Err("sign in with a token, or with a user and a password, not with both".to_owned())
            }
            _ => Ok(said),
        }
    }
}

impl fmt::Debug for SignIn {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Makes the name and the password that a URL holds options of their own.
pub(crate) fn take_from_url(options: &mut Value) {
    let url = options.get("url").and_then(Value::as_str).and_then(|url| Url::parse(url).ok());
    let Some(url) = url.filter(holds_credentials) else { return };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    options["url"] = transport::without_credentials(&url).as_str().into();
    options["user"] = decoded(url.username()).into();
    if let Some(password) = url.password() {
        options["password"] = decoded(password).into();
    }
}

/// Takes the credentials out of all URLs in this.
pub(crate) fn hide_in(value: &mut Value) {
    match value {
        Value::String(_) => {
            if let Some(url) = without_credentials(value) {
                *value = url.into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide_in),
        Value::Object(fields) => fields.values_mut().for_each(hide_in),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The URL that this is without its credentials; `None` if it is none, or has none.
pub(crate) fn without_credentials(value: &Value) -> Option<String> {
    let url = Url::parse(value.as_str()?).ok().filter(holds_credentials)?;
    Some(transport::without_credentials(&url).into())
}

fn holds_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_in_a_url_become_options() {
        let mut options = json!({ "url": "https://me:p%40ss@x.example/oai", "set": "a" });
        take_from_url(&mut options);
        let expected =
            json!({ "url": "https://x.example/oai", "set": "a", "user": "me", "password": "p@ss" });
        assert_eq!(options, expected);
        let before = options.clone();
        take_from_url(&mut options);
        assert_eq!(options, before);
    }

    #[test]
    fn credentials_are_taken_out_of_urls_wherever_they_stand() {
        let mut extra = json!({ "weko": { "base_url": "https://me:pass@x.example/", "n": 1 } });
        hide_in(&mut extra);
        assert_eq!(extra, json!({ "weko": { "base_url": "https://x.example/", "n": 1 } }));
    }

    #[test]
    fn one_signs_in_one_way_and_errors_do_not_tell_the_secret() {
        let of = |options: Value| SignIn::of(&options);
        assert_eq!(of(json!({})), Ok(SignIn::default()));
        assert_eq!(of(json!({ "token": "abc" })).unwrap().token.as_deref(), Some("abc"));
        for options in [
            json!({ "password": "hush" }),
            json!({ "user": "me", "token": "hush" }),
            json!({ "user": "me", "password": ["hush"] }),
        ] {
            let error = of(options).unwrap_err();
            assert!(!error.contains("hush"), "{error}");
        }
        let said = of(json!({ "user": "me", "password": "hush" })).unwrap();
        assert!(!format!("{said:?}").contains("hush"));
    }
}
