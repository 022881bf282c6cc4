use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::Rejection;

const HEADER: &str = "x-hub-signature";

/// The most signatures that are tried: each takes a walk over the whole body.
const MOST: usize = 4;

/// What tells a delivery from another.
pub(super) type Fingerprint = Vec<u8>;

/// Checks who sent the body (WebSub §7.1.2). With several signatures, one that is right will do:
/// whoever made it knows the secret.
pub(super) fn check(
    secret: &[u8],
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Fingerprint, Rejection> {
    let mut reason = Rejection::SignatureMissing;
    for value in headers.get_all(HEADER).iter().take(MOST) {
        reason = match value.to_str().ok().and_then(|value| value.trim().split_once('=')) {
            None => Rejection::SignatureWrong,
            Some((method, digits)) => match is_right(method, secret, body, &from_hex(digits)) {
                Some(true) => return Ok(fingerprint(body)),
                Some(false) => Rejection::SignatureWrong,
                None => Rejection::AlgorithmUnknown,
            },
        };
    }
    Err(reason)
}

/// The same for the same body, whoever signed it and how: a signature cannot be made to look new by
/// writing it another way.
pub(super) fn fingerprint(body: &[u8]) -> Fingerprint {
    Sha256::digest(body).to_vec()
}

/// A digest that only who knows the key can tell.
pub(super) fn keyed(key: &[u8], parts: [&str; 2]) -> Option<Vec<u8>> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part.as_bytes());
        mac.update(b"\n");
    }
    Some(mac.finalize().into_bytes().to_vec())
}

// `None` for an algorithm that is not among those of WebSub §7.1.1.
fn is_right(method: &str, secret: &[u8], body: &[u8], signature: &[u8]) -> Option<bool> {
    let verify = match method.trim().to_ascii_lowercase().as_str() {
        "sha1" => verify::<Hmac<Sha1>>,
        "sha256" => verify::<Hmac<Sha256>>,
        "sha384" => verify::<Hmac<Sha384>>,
        "sha512" => verify::<Hmac<Sha512>>,
        _ => return None,
    };
    Some(verify(secret, body, signature))
}

// The comparison takes the same time wherever the difference is.
fn verify<M: Mac + KeyInit>(secret: &[u8], body: &[u8], signature: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret) else { return false };
    mac.update(body);
    mac.verify_slice(signature).is_ok()
}

// Empty, and so never right, where it is not hexadecimal.
fn from_hex(digits: &str) -> Vec<u8> {
    let digits = digits.trim().as_bytes();
    if !digits.len().is_multiple_of(2) {
        return Vec::new();
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let bytes = digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
    bytes.collect::<Option<_>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    // RFC 2202 §3 and RFC 4231 §4.3.
    const KEY: &[u8] = b"Jefe";
    const BODY: &[u8] = b"what do ya want for nothing?";
    const SHA1: &str = "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
    const SHA256: &str = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    const SHA384: &str = "sha384=af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e\
        8e2240ca5e69e2c78b3239ecfab21649";
    const SHA512: &str = "sha512=164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
        9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";

    fn header(value: &str) -> HeaderValue {
        HeaderValue::from_str(value).unwrap()
    }

    fn result(values: &[&str]) -> Result<(), Rejection> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, header(value));
        }
        check(KEY, &headers, BODY).map(|_| ())
    }

    #[test]
    fn all_four_algorithms_are_known() {
        for value in [SHA1, SHA256, SHA384, SHA512] {
            assert_eq!(result(&[value]), Ok(()), "{value}");
            let upper = value.to_ascii_uppercase();
            assert_eq!(result(&[&upper]), Ok(()), "{upper}");
            let (start, last) = value.split_at(value.len() - 1);
            let wrong = format!("{start}{}", if last == "0" { '1' } else { '0' });
            assert_eq!(result(&[&wrong]), Err(Rejection::SignatureWrong), "{wrong}");
            assert_eq!(result(&[start]), Err(Rejection::SignatureWrong), "{start}");
        }
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let cases: [(&[&str], Rejection); 8] = [
            (&[], Rejection::SignatureMissing),
            (&[""], Rejection::SignatureWrong),
            (&["sha256"], Rejection::SignatureWrong),
            (&["sha256="], Rejection::SignatureWrong),
            (&["sha256=xyz"], Rejection::SignatureWrong),
            (&["sha1=+f+f"], Rejection::SignatureWrong),
            (&[&SHA1.replace("sha1", "sha256")], Rejection::SignatureWrong),
            (&["md5=750c783e6ab0b503eaa86e310a5db738"], Rejection::AlgorithmUnknown),
        ];
        for (values, reason) in cases {
            assert_eq!(result(values), Err(reason), "{values:?}");
        }
        assert_eq!(result(&["md5=00", SHA256]), Ok(()));
        assert_eq!(result(&["x=0", "x=0", "x=0", "x=0", SHA1]), Err(Rejection::AlgorithmUnknown));
    }
}
