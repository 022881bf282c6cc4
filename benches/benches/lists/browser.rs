//! Somebody who is logged in.

use reqwest::{Client, Response};

use crate::Result;

const PASSWORD: &str = "measured in milliseconds";

/// A browser of an administrator.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    client: Client,
    url: String,
    user: String,
}

impl Browser {
    /// Logs in for the first time, with a password that is to be changed.
    pub(crate) async fn log_in(url: &str, (user, password): (&str, &str)) -> Result<Self> {
        // One connection for each viewer, and none is given up in between.
        let client = Client::builder().cookie_store(true).no_proxy().build()?;
        let browser = Self { client, url: url.to_owned(), user: user.to_owned() };
        browser.send("/login", &[("name", user), ("password", password)]).await?;
        let new = [("old", password), ("new", PASSWORD), ("again", PASSWORD)];
        browser.send("/password", &new).await?;
        Ok(browser)
    }

    /// Another tab.
    pub(crate) async fn again(&self) -> Result<Self> {
        let client = Client::builder().cookie_store(true).no_proxy().build()?;
        let browser = Self { client, url: self.url.clone(), user: self.user.clone() };
        browser.send("/login", &[("name", &self.user), ("password", PASSWORD)]).await?;
        Ok(browser)
    }

    /// The whole of a page.
    pub(crate) async fn get(&self, path: &str) -> Result<String> {
        Ok(self.open(path).await?.text().await?)
    }

    /// The beginning of an answer.
    pub(crate) async fn open(&self, path: &str) -> Result<Response> {
        let response = self.client.get(format!("{}{path}", self.url)).send().await?;
        let is_asked_to_log_in = response.url().path() == "/login" && path != "/login";
        if !response.status().is_success() || is_asked_to_log_in {
            return Err(format!("{path}: {} from {}", response.status(), response.url()).into());
        }
        Ok(response)
    }

    /// Fills in the form of a page.
    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Result<()> {
        let page = self.get(path).await?;
        let csrf = page.split_once(r#"name="csrf" value=""#).and_then(|(_, it)| it.split_once('"'));
        let csrf = csrf.map_or("", |(csrf, _)| csrf);
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf)]).collect();
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let url = format!("{}{path}", self.url);
        let request = self.client.post(&url).header("origin", &self.url).body(body);
        let form = "application/x-www-form-urlencoded";
        let answer = request.header("content-type", form).send().await?;
        if !answer.status().is_success() || answer.url().path() == path {
            return Err(format!("{path}: {} from {}", answer.status(), answer.url()).into());
        }
        Ok(())
    }
}
