//! Keeping a source to its authority.

use std::sync::Arc;

use async_trait::async_trait;
use resync_core::sync::Authority;
use resync_core::transport::{Request, Response, Transport};
use resync_core::{Error, ErrorKind, Result};
use url::Url;

/// Asks only where the source has authority, and takes no answer from where a redirect led out of it.
#[derive(Debug)]
pub(super) struct Within {
    transport: Arc<dyn Transport>,
    authority: Authority,
}

impl Within {
    pub(super) fn new(transport: &Arc<dyn Transport>, authority: &Authority) -> Self {
        Self { transport: Arc::clone(transport), authority: authority.clone() }
    }

    fn check(&self, url: &Url) -> Result<()> {
        let forbidden =
            |why: &dyn std::fmt::Display| Error::new(ErrorKind::Request, why.to_string());
        self.authority.check(url).map_err(|error| forbidden(&error))
    }
}

#[async_trait]
impl Transport for Within {
    async fn send(&self, request: Request) -> Result<Response> {
        self.check(&request.url)?;
        let response = self.transport.send(request).await?;
        self.check(&response.url)?;
        Ok(response)
    }
}
