use std::net::{SocketAddr, ToSocketAddrs as _};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::super::Reach;

/// Looks names up as the system does, and gives no addresses that are out of reach.
pub(super) struct Within(pub(super) Reach);

impl Resolve for Within {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let looking = tokio::task::spawn_blocking(move || {
                let found = (name.as_str(), 0).to_socket_addrs()?;
                let admitted = reach.admit(name.as_str(), found.map(|it| it.ip()).collect())?;
                // The port is that of the URL.
                let admitted = admitted.into_iter().map(|address| SocketAddr::new(address, 0));
                Ok(Box::new(admitted.collect::<Vec<_>>().into_iter()) as Addrs)
            });
            looking.await?
        })
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::{Error, ErrorKind};

    async fn look_up(reach: Reach) -> Result<usize, ErrorKind> {
        let name: Name = "localhost".parse().map_err(|_| ErrorKind::Request)?;
        match Within(reach).resolve(name).await {
            Ok(found) => Ok(found.count()),
            Err(error) => Err(error.downcast::<Error>().map_or(ErrorKind::Connect, |it| it.kind())),
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_unless_it_is_allowed() {
        assert_eq!(look_up(Reach::internet()).await, Err(ErrorKind::OutOfReach));
        let local = Url::parse("http://localhost/").expect("a URL");
        assert!(look_up(Reach::internet().allow(&local)).await.is_ok_and(|number| number > 0));
    }
}
