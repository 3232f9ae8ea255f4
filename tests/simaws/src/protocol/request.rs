//! One request, read: who asks which service in which region for what.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, USER_AGENT};

use super::{Params, rest};

/// A service that is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Ec2,
    Sts,
    Backup,
    /// Signed for a service that is not simulated.
    Other,
}

impl Service {
    /// Of its XML, if it speaks that.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Ec2 | Self::Other => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::Backup => "",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Sts => "sts",
            Self::Backup => "backup",
            Self::Other => "other",
        }
    }
}

/// A request to a service.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) service: Service,
    pub(crate) action: String,
    pub(crate) region: Option<String>,
    pub(crate) access_key: Option<String>,
    pub(crate) user_agent: String,
    pub(crate) params: Params,
}

impl Request {
    /// Reads what a request says in the protocol of its service.
    pub(crate) fn read(request: &http::Request<Bytes>) -> Self {
        let is_rest = rest::is_rest(request.uri().path());
        let (action, params) = if is_rest {
            rest::read(request)
        } else {
            form(request)
        };
        let scope = Scope::read(request.headers(), &params);
        let service = match scope.service.as_deref() {
            Some("sts") => Service::Sts,
            Some("ec2") => Service::Ec2,
            Some("backup") => Service::Backup,
            Some(_) => Service::Other,
            // An unsigned request does not say; a path does, and STS's API version.
            None if is_rest => Service::Backup,
            None if params.get("Version") == Some("2011-06-15") => Service::Sts,
            None if matches!(action.as_str(), "GetCallerIdentity" | "AssumeRole") => Service::Sts,
            None => Service::Ec2,
        };
        let user_agent = header(request.headers(), USER_AGENT.as_str())
            .unwrap_or_default()
            .to_owned();
        Self {
            service,
            action,
            region: scope.region,
            access_key: scope.access_key,
            user_agent,
            params,
        }
    }
}

/// The operation that a request asks for, with its parameters, as the call log has them.
pub fn asked(request: &http::Request<Bytes>) -> (String, BTreeMap<String, String>) {
    let Request { action, params, .. } = Request::read(request);
    let params = params.iter();
    (
        action,
        params
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    )
}

/// Reads the form in the body and, as AWS does for GET, in the query string.
fn form(request: &http::Request<Bytes>) -> (String, Params) {
    let mut params = Params::parse(request.body());
    if let Some(query) = request.uri().query() {
        params.extend(Params::parse(query.as_bytes()));
    }
    (params.owned("Action").unwrap_or_default(), params)
}

/// The credential scope of a signature: `KEY/DATE/REGION/SERVICE/aws4_request`.
#[derive(Default)]
struct Scope {
    access_key: Option<String>,
    region: Option<String>,
    service: Option<String>,
}

impl Scope {
    fn read(headers: &HeaderMap, params: &Params) -> Self {
        let signed = header(headers, AUTHORIZATION.as_str())
            .and_then(|value| value.split_once("Credential="))
            .map(|(_, rest)| rest.split(',').next().unwrap_or(rest).trim());
        let Some(credential) = signed.or_else(|| params.get("X-Amz-Credential")) else {
            return Self::default();
        };
        let mut parts = credential.split('/').map(str::to_owned);
        let access_key = parts.next();
        let _date = parts.next();
        Self {
            access_key,
            region: parts.next(),
            service: parts.next(),
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
