//! What workers, schedulers and reports work with, as the settings have it.

use std::sync::{Arc, Mutex, PoisonError};

use harvest_pipeline::engine::Installation;
use harvest_pipeline::store::SourceDefinition;
use harvest_pipeline::{SignIn, secrets};
use resync_core::transport::{Reach, Transport};
use url::{Position, Url};

use super::settings::{self, Settings};
use super::stores::Stores;
use crate::args::NetworkArgs;
use crate::network;
use crate::notices;
use crate::progress::Console;

/// What workers, schedulers and reports work with.
pub(super) fn installation(
    settings: &Settings,
    stores: &Stores,
    console: &Console,
) -> Installation {
    let way = Way::of(settings, console);
    Installation::new(
        Arc::clone(&stores.store),
        Arc::clone(&stores.catalogue),
        move |source: &SourceDefinition| way.to(source),
    )
    .with_turns(settings.network.interval.0)
    .with_vault(Arc::new(stores.vault.clone()))
}

/// How sources are reached, as the settings have it, where that is not left to an installation.
pub(super) fn way(settings: &Settings, stores: &Stores, console: &Console) -> notices::Way {
    let (way, vault) = (Way::of(settings, console), stores.vault.clone());
    Arc::new(move |source| {
        let opened = secrets::open(Some(&vault), source).map_err(|error| error.to_string())?;
        way.to(&opened)
    })
}

/// Where sources may lead. Whoever sets one up in a browser need not be somebody who may look around
/// in the network that this machine is in.
pub(super) fn reach(settings: &settings::Network) -> Reach {
    if settings.allow_local {
        return Reach::anywhere();
    }
    let hosts = settings.local_hosts.iter().filter_map(|host| url::Host::parse(host).ok());
    let urls = hosts.filter_map(|host| Url::parse(&format!("http://{host}/")).ok());
    urls.fold(Reach::internet(), |reach, url| reach.allow(&url))
}

/// How many ways are kept for the next run there.
const KNOWN: usize = 64;

/// How sources are reached. Those at one host, with the same credentials, go one way, so that they
/// share its connections, and ask it no more at once all together.
struct Way {
    reach: Reach,
    args: NetworkArgs,
    console: Console,
    known: Mutex<Vec<Known>>,
}

/// The way to the sources at a host: what stands before the path of their URLs.
struct Known {
    host: String,
    sign_in: SignIn,
    way: Arc<dyn Transport>,
}

impl Way {
    fn of(settings: &Settings, console: &Console) -> Self {
        Self {
            reach: reach(&settings.network),
            args: settings.network.args(),
            console: console.clone(),
            known: Mutex::default(),
        }
    }

    fn to(&self, source: &SourceDefinition) -> Result<Arc<dyn Transport>, String> {
        let url = match source.url() {
            Some(url) => Url::parse(url).map_err(|error| format!("its url: {error}"))?,
            // It asks nobody.
            None => Url::parse("http://localhost/").map_err(|error| error.to_string())?,
        };
        let sign_in = SignIn::of(&source.options)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let host = &url[..Position::BeforePath];
        let is_it = |it: &&Known| it.host == host && it.sign_in == sign_in;
        if let Some(it) = known.iter().find(is_it) {
            return Ok(Arc::clone(&it.way));
        }
        let way = network::to_source(&url, &sign_in, self.reach.clone(), &self.args, &self.console);
        let way = way.map_err(|failure| failure.text().unwrap_or_default())?;
        let way: Arc<dyn Transport> = Arc::new(way);
        if known.len() >= KNOWN {
            known.retain(|it| Arc::strong_count(&it.way) > 1);
        }
        known.push(Known { host: host.to_owned(), sign_in, way: Arc::clone(&way) });
        Ok(way)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sources_at_one_host_go_one_way_unless_their_credentials_differ() {
        let settings = settings::Network::default();
        let way = Way {
            reach: reach(&settings),
            args: settings.args(),
            console: Console::new(true, 0),
            known: Mutex::default(),
        };
        let to = |url: &str| {
            way.to(&SourceDefinition::new("s", "oai-pmh", json!({ "url": url }))).unwrap()
        };
        let first = to("https://archive.example.org/oai");
        assert!(Arc::ptr_eq(&first, &to("https://archive.example.org/other?set=1")));
        assert!(!Arc::ptr_eq(&first, &to("https://me:secret@archive.example.org/oai")));
        assert!(!Arc::ptr_eq(&first, &to("http://archive.example.org/oai")));
        let options =
            json!({ "url": "https://archive.example.org/oai", "user": "me", "password": "x" });
        let other = way.to(&SourceDefinition::new("s", "oai-pmh", options)).unwrap();
        assert!(!Arc::ptr_eq(&first, &other));
        for nth in 0..2 * KNOWN {
            to(&format!("https://archive-{nth}.example.org/oai"));
        }
        assert!(way.known.lock().unwrap().len() <= KNOWN);
        assert!(Arc::ptr_eq(&first, &to("https://archive.example.org/oai")), "it is in use");
    }

    fn reached(settings: &settings::Network, url: &str) -> bool {
        reach(settings).check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn sources_lead_to_the_local_network_only_where_the_settings_allow_it() {
        let usual = settings::Network::default();
        let named = settings::Network {
            local_hosts: vec!["10.0.0.7".to_owned(), "::1".to_owned()],
            ..usual.clone()
        };
        let all = settings::Network { allow_local: true, ..usual.clone() };
        for host in network::LOCAL {
            let url = format!("http://{host}:9200/");
            assert!(!reached(&usual, &url) && reached(&all, &url), "{url}");
        }
        for (url, expected) in [
            ("https://archive.example.org/oai", [true, true, true]),
            ("http://10.0.0.7:8080/oai", [false, true, true]),
            ("http://10.0.0.8/oai", [false, false, true]),
            ("http://169.254.169.254/latest/meta-data/", [false, false, true]),
            ("http://localhost:9200/", [false, false, true]),
        ] {
            let found = [&usual, &named, &all].map(|settings| reached(settings, url));
            assert_eq!(found, expected, "{url}");
        }
    }
}
