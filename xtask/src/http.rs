//! HTTP on loopback: the operator's probes, simaws' inspection, and EC2's query protocol by hand.

use crate::failure::{Failure, Outcome};
use serde_json::Value;
use std::time::Duration;

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .build()
        .into()
}

/// Status and body of a GET.
pub(crate) fn get(url: &str) -> Outcome<(u16, String)> {
    let mut response = agent()
        .get(url)
        .call()
        .map_err(Failure::of(format_args!("GET {url}")))?;
    let body = response
        .body_mut()
        .read_to_string()
        .map_err(Failure::of(format_args!("read {url}")))?;
    Ok((response.status().as_u16(), body))
}

/// The JSON behind a URL.
pub(crate) fn get_json(url: &str) -> Outcome<Value> {
    let (status, body) = get(url)?;
    if status != 200 {
        return Err(Failure::new(format!("GET {url} answered {status}: {body}")));
    }
    serde_json::from_str(&body).map_err(Failure::of(format_args!("read the JSON of {url}")))
}

/// One EC2 action the way curl would send it: a form without a signature, in the name of `who`. Gives the XML.
///
/// The SDK is left out on purpose: this plays people and tools other than the operator.
pub(crate) fn ec2(endpoint: &str, who: &str, action: &str, params: &[(&str, &str)]) -> Outcome<String> {
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential={who}/20260101/ap-northeast-1/ec2/aws4_request, \
         SignedHeaders=host, Signature=unsigned"
    );
    let form = [("Action", action), ("Version", "2016-11-15")];
    let mut response = agent()
        .post(endpoint)
        .header("Authorization", scope)
        .send_form(form.iter().chain(params).copied())
        .map_err(Failure::of(format_args!("call {action}")))?;
    let body = response
        .body_mut()
        .read_to_string()
        .map_err(Failure::of(format_args!("read {action}")))?;
    match response.status().as_u16() {
        200 => Ok(body),
        status => Err(Failure::new(format!("{action} answered {status}: {body}"))),
    }
}

/// The text of every `<name>` element in `xml`: enough for flat facts, with no XML library.
pub(crate) fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(open.as_str())
        .skip(1)
        .filter_map(|rest| rest.split(close.as_str()).next())
        .collect()
}

#[cfg(test)]
mod tests;
