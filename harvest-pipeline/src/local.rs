//! What is in the local network, as far as an address tells.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Whether the address is that of this machine, or of one in a private network, written as a number
/// or as `localhost`. Names are not looked up.
pub(crate) fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => is_local_v4(address),
        Some(Host::Ipv6(address)) => is_local_v6(address),
        None => true,
    }
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || a == 0
        || a >= 224 // multicast, reserved, broadcast
        || (a == 100 && b & 0xc0 == 64) // shared by the customers of a provider
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    address.is_unique_local()
        || address.is_unicast_link_local()
        || address.is_multicast()
        // An IPv4 address in another form, or [::] and [::1], which read as 0.0.0.0 and 0.0.0.1.
        || address.to_ipv4().is_some_and(is_local_v4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine_and_of_private_networks_are_local() {
        let local = [
            "http://localhost/",
            "http://LocalHost.:8080/",
            "http://a.localhost/",
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0.0.0.0/",
            "http://10.1.2.3/",
            "http://172.16.0.1/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://100.64.0.1/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "file:///etc/passwd",
        ];
        let public = [
            "http://example.org/",
            "http://localhost.example.org/",
            "http://192.0.2.1/",
            "http://172.32.0.1/",
            "http://100.128.0.1/",
            "http://[2001:db8::1]/",
            "http://[::ffff:192.0.2.1]/",
        ];
        for url in local {
            assert!(is_local(&url.parse().unwrap()), "{url}");
        }
        for url in public {
            assert!(!is_local(&url.parse().unwrap()), "{url}");
        }
    }
}
