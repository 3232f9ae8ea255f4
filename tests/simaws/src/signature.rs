//! AWS's Signature Version 4, checked: a request is signed by who has the key's secret.

use std::collections::BTreeMap;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, HOST};
use sha2::{Digest, Sha256};

use crate::protocol::{ApiError, Request, Service};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Refuses a request that is not signed, by a key that is not known, or with another secret than the
/// key's. `secret_of` gives the secret of a key. The time of the signature is not checked: the clock here
/// need not be the client's.
pub(crate) fn check(
    http: &http::Request<Bytes>,
    request: &Request,
    secret_of: impl Fn(&str) -> Option<String>,
) -> Result<(), ApiError> {
    let header = http.headers().get(AUTHORIZATION);
    let signature = header
        .and_then(|value| value.to_str().ok())
        .and_then(Signature::read)
        .ok_or_else(|| {
            ApiError::new(
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            )
            .with_status(403)
        })?;
    let secret = secret_of(signature.access_key).ok_or_else(|| unknown_key(request.service))?;
    let text = signature.text_to_sign(http);
    if signature.fits(&secret, &text) {
        Ok(())
    } else {
        Err(wrong_signature(request.service))
    }
}

/// EC2 does not tell an unknown key from a wrong secret; STS does.
pub(crate) fn unknown_key(service: Service) -> ApiError {
    match service {
        Service::Sts => ApiError::new(
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        )
        .with_status(403),
        Service::Backup => ApiError::new(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
        .with_status(403),
        Service::Ec2 | Service::Other => not_validated(),
    }
}

fn wrong_signature(service: Service) -> ApiError {
    let text = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.";
    match service {
        Service::Sts => ApiError::new("SignatureDoesNotMatch", text).with_status(403),
        Service::Backup => ApiError::new("InvalidSignatureException", text).with_status(403),
        Service::Ec2 | Service::Other => not_validated(),
    }
}

fn not_validated() -> ApiError {
    let text = "AWS was not able to validate the provided access credentials";
    ApiError::new("AuthFailure", text).with_status(401)
}

/// What the Authorization header says.
struct Signature<'a> {
    access_key: &'a str,
    /// Date, region, service and `aws4_request`.
    scope: Vec<&'a str>,
    signed_headers: &'a str,
    value: Vec<u8>,
}

impl<'a> Signature<'a> {
    fn read(header: &'a str) -> Option<Self> {
        let fields: BTreeMap<&str, &str> = header
            .strip_prefix(ALGORITHM)?
            .split(',')
            .filter_map(|field| field.trim().split_once('='))
            .collect();
        let mut credential = fields.get("Credential")?.split('/');
        let access_key = credential.next()?;
        let scope: Vec<&str> = credential.collect();
        (scope.len() == 4).then_some(Self {
            access_key,
            scope,
            signed_headers: fields.get("SignedHeaders")?,
            value: unhex(fields.get("Signature")?)?,
        })
    }

    fn text_to_sign(&self, http: &http::Request<Bytes>) -> String {
        let date = http.headers().get("x-amz-date");
        let date = date.and_then(|date| date.to_str().ok()).unwrap_or_default();
        let canonical = self.canonical_request(http);
        let hash = hex(&Sha256::digest(canonical));
        format!("{ALGORITHM}\n{date}\n{}\n{hash}", self.scope.join("/"))
    }

    fn canonical_request(&self, http: &http::Request<Bytes>) -> String {
        let uri = http.uri();
        let path = if uri.path().is_empty() { "/" } else { uri.path() };
        let path = encoded(path);
        let mut query: Vec<String> = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            // A name without a value is signed with an empty one.
            .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
            .collect();
        query.sort();
        let headers: String = self
            .signed_headers
            .split(';')
            .map(|name| format!("{name}:{}\n", header(http, name)))
            .collect();
        let payload = hex(&Sha256::digest(http.body()));
        format!(
            "{}\n{path}\n{}\n{headers}\n{}\n{payload}",
            http.method(),
            query.join("&"),
            self.signed_headers
        )
    }

    fn fits(&self, secret: &str, text: &str) -> bool {
        let key = self
            .scope
            .iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
                mac(&key, part.as_bytes())
                    .map(|mac| mac.finalize().into_bytes().to_vec())
                    .unwrap_or_default()
            });
        mac(&key, text.as_bytes()).is_some_and(|mac| mac.verify_slice(&self.value).is_ok())
    }
}

/// A path as it is signed: what stands encoded in it is encoded once more.
fn encoded(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// A header's value as it is signed. The host is in the address until a connection writes it as a header.
fn header(http: &http::Request<Bytes>, name: &str) -> String {
    let values: Vec<String> = http
        .headers()
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    if values.is_empty() && name == HOST.as_str() {
        let authority = http.uri().authority();
        return authority.map(ToString::to_string).unwrap_or_default();
    }
    values.join(",")
}

/// A key of any length is a key.
fn mac(key: &[u8], text: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text);
    Some(mac)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let pairs = digits?;
    let bytes = pairs.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    bytes.collect()
}

#[cfg(test)]
mod tests;
