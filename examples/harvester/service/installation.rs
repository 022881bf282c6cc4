//! What workers, schedulers and reports work with, as the settings have it.

use std::sync::Arc;

use harvest_pipeline::engine::Installation;
use harvest_pipeline::store::{SourceDefinition, TargetDefinition};
use harvest_pipeline::{SignIn, secrets, targets};
use resync_core::transport::{Reach, Transport};
use url::Url;

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
    let outwards = Outwards { args: settings.network.args(), console: console.clone() };
    Installation::new(
        Arc::clone(&stores.store),
        Arc::clone(&stores.catalogue),
        move |source: &SourceDefinition| way.to(source),
    )
    .with_turns(settings.network.interval.0)
    .with_targets(targets::kinds(), move |target: &TargetDefinition| outwards.to(target))
    .with_vault(Arc::new(stores.vault.clone()))
}

/// How sources are reached, as the settings have it, where that is not left to an installation.
pub(super) fn way(settings: &Settings, stores: &Stores, console: &Console) -> notices::Way {
    let (way, vault) = (Way::of(settings, console), stores.vault.clone());
    Arc::new(move |source| {
        let opened = secrets::opened(Some(&vault), source).map_err(|error| error.to_string())?;
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

/// How sources are reached.
struct Way {
    reach: Reach,
    args: NetworkArgs,
    console: Console,
}

impl Way {
    fn of(settings: &Settings, console: &Console) -> Self {
        Self {
            reach: reach(&settings.network),
            args: settings.network.args(),
            console: console.clone(),
        }
    }

    fn to(&self, source: &SourceDefinition) -> Result<Arc<dyn Transport>, String> {
        let url = match source.url() {
            Some(url) => Url::parse(url).map_err(|error| format!("its url: {error}"))?,
            // It asks nobody.
            None => Url::parse("http://localhost/").map_err(|error| error.to_string())?,
        };
        let sign_in = SignIn::of(&source.options)?;
        let way = network::to_source(&url, &sign_in, self.reach.clone(), &self.args, &self.console);
        match way {
            Ok(way) => Ok(Arc::new(way)),
            Err(failure) => Err(failure.text().unwrap_or_default()),
        }
    }
}

/// How targets are reached. Administrators name them, so that they may be on the local network.
struct Outwards {
    args: NetworkArgs,
    console: Console,
}

/// How often a request to a target is sent again at most: the run of the source goes on until then, and the
/// next one tries once more.
const TRIES: u32 = 2;

impl Outwards {
    fn to(&self, target: &TargetDefinition) -> Result<Arc<dyn Transport>, String> {
        let url = target.options["url"].as_str().unwrap_or("http://localhost/");
        let url = Url::parse(url).map_err(|error| format!("its url: {error}"))?;
        let args = NetworkArgs { retries: self.args.retries.min(TRIES), ..self.args.clone() };
        let sign_in = SignIn::of(&target.options)?;
        match network::to_source(&url, &sign_in, Reach::anywhere(), &args, &self.console) {
            Ok(way) => Ok(Arc::new(way)),
            Err(failure) => Err(failure.text().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
