//! Doing what a request asks and writing the answer; no faults and no log here.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Options;
use crate::faults::FaultSpec;
use crate::log::Call;
use crate::ops::{self, Caller, Context, Operation};
use crate::protocol::{Answer, ApiError, Element, Request, Service, wildcard};
use crate::state::World;

/// A call that is not permitted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Denial {
    /// `RunInstances`, `ec2:RunInstances` or a pattern with `*`.
    pub(crate) action: String,
    /// Only this access key; absent: everyone.
    #[serde(default)]
    pub(crate) access_key: Option<String>,
}

/// Everything that answers a request.
pub(crate) struct Backend {
    pub(crate) options: Options,
    pub(crate) world: World,
    pub(crate) denials: Vec<Denial>,
    pub(crate) describe_lag: Duration,
}

/// What the execution of a request gave.
pub(crate) struct Executed {
    pub(crate) response: http::Response<Bytes>,
    pub(crate) code: String,
    pub(crate) effect: bool,
    pub(crate) replayed: bool,
}

impl Executed {
    /// Writes it into the log's entry.
    pub(crate) fn note(&self, call: &mut Call) {
        call.code.clone_from(&self.code);
        call.status = self.response.status().as_u16();
        call.effect = self.effect;
        call.replayed = self.replayed;
    }
}

impl Backend {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            world: World::new(options.seed),
            denials: Vec::new(),
            describe_lag: options.describe_lag,
            options,
        }
    }

    /// The truth about a region, the default one where none is named.
    pub(crate) fn state(&mut self, account: Option<&str>, region: Option<&str>) -> serde_json::Value {
        let options = &self.options;
        let now = options.clock.now();
        let account = account.unwrap_or(&options.account);
        let region = self.world.region(account, region.unwrap_or(&options.region), now);
        region.settle(now, &options.timings);
        // The state holds only maps with text keys, which JSON takes all.
        serde_json::to_value(&*region).unwrap_or_default()
    }

    /// The account a request acts in.
    pub(crate) fn account(&self, request: &Request) -> String {
        match &request.access_key {
            Some(key) if key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit()) => key.clone(),
            Some(key) => match self.world.sessions.get(key) {
                Some(session) => session.account.clone(),
                None => self.options.account.clone(),
            },
            None => self.options.account.clone(),
        }
    }

    /// The region a request acts in.
    pub(crate) fn region_name<'a>(&'a self, request: &'a Request) -> &'a str {
        request.region.as_deref().unwrap_or(&self.options.region)
    }

    /// Does what the request asks and writes the answer.
    pub(crate) fn execute(&mut self, request: &Request, call: u64, doomed: Option<String>) -> Executed {
        let (answer, done) = match self.refusal(request) {
            Some(error) => (Err(error), Done::default()),
            None => match (request.service, ops::ec2(&request.action)) {
                (Service::Sts, _) => (self.run_sts(request), Done::default()),
                (_, None) => (Err(invalid_action(request)), Done::default()),
                (_, Some(operation)) => self.run_ec2(request, operation, doomed),
            },
        };
        let id = request_id(call);
        let code = answer
            .as_ref()
            .err()
            .map_or("OK".to_owned(), |error| error.code.to_string());
        let response = match answer {
            Ok(content) => respond(200, document(request, content, &id), &id),
            Err(error) => respond(error.status, error.document(request.service, &id), &id),
        };
        Executed {
            response,
            code,
            effect: done.effect,
            replayed: done.replayed,
        }
    }

    /// Why a request is not even looked at, if so.
    fn refusal(&self, request: &Request) -> Option<ApiError> {
        if request.service == Service::Other {
            return Some(ApiError::new("UnknownService", "This service is not simulated.").with_status(404));
        }
        if request.action.is_empty() {
            return Some(ApiError::new(
                "MissingAction",
                "The request must contain the parameter Action",
            ));
        }
        ops::check_credentials(&self.world, request, self.options.clock.now())
            .err()
            .or_else(|| is_denied(&self.denials, request).then(|| unauthorized(request)))
    }

    fn run_sts(&mut self, request: &Request) -> Answer {
        let caller = Caller {
            account: self.account(request),
            access_key: request.access_key.clone(),
            now: self.options.clock.now(),
        };
        ops::sts(&mut self.world, &caller, &request.action, &request.params)
            .unwrap_or_else(|| Err(invalid_action(request)))
    }

    fn run_ec2(&mut self, request: &Request, operation: Operation, doomed: Option<String>) -> (Answer, Done) {
        let account = self.account(request);
        let now = self.options.clock.now();
        let region_name = self.region_name(request).to_owned();
        let options = &self.options;
        let mut region = self.world.take(&account, &region_name, now);
        region.settle(now, &options.timings);
        // With DryRun the operation runs on a copy, so that nothing it does can stay.
        let untouched = is_dry_run(request).then(|| region.clone());
        let mut ctx = Context {
            region: &mut region,
            elsewhere: &mut self.world,
            timings: &options.timings,
            describe_lag: self.describe_lag,
            group_quota: options.security_groups_per_region,
            doomed,
            replayed: false,
        };
        let answer = (operation.run)(&mut ctx, &request.params);
        let effect = operation.mutates && answer.is_ok() && !ctx.replayed;
        let done = Done {
            effect,
            replayed: ctx.replayed,
        };
        if let Some(untouched) = untouched {
            self.world.give_back(untouched);
            return (Err(ops::dry_run(answer)), Done::default());
        }
        self.world.give_back(region);
        (answer, done)
    }
}

/// What an operation did.
#[derive(Default)]
struct Done {
    effect: bool,
    replayed: bool,
}

/// Whether a request only asks whether it would be permitted.
pub(crate) fn is_dry_run(request: &Request) -> bool {
    request
        .params
        .get("DryRun")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn is_denied(denials: &[Denial], request: &Request) -> bool {
    denials.iter().any(|denial| {
        let prefix = format!("{}:", request.service.name());
        let action = denial.action.strip_prefix(&prefix).unwrap_or(&denial.action);
        wildcard(action, &request.action)
            && denial
                .access_key
                .as_ref()
                .is_none_or(|key| Some(key) == request.access_key.as_ref())
    })
}

fn unauthorized(request: &Request) -> ApiError {
    let (service, action) = (request.service.name(), &request.action);
    match request.service {
        Service::Ec2 | Service::Other => {
            let text = format!(
                "You are not authorized to perform this operation. No identity-based policy allows the {service}:{action} action"
            );
            ApiError::new("UnauthorizedOperation", text).with_status(403)
        }
        Service::Sts => {
            let text = format!("User is not authorized to perform: {service}:{action}");
            ApiError::new("AccessDenied", text).with_status(403)
        }
    }
}

fn invalid_action(request: &Request) -> ApiError {
    let text = format!("The action {} is not valid for this web service.", request.action);
    ApiError::new("InvalidAction", text)
}

/// The error a fault orders, answered without doing anything.
pub(crate) fn struck(spec: &FaultSpec, request: &Request) -> Executed {
    let code = spec
        .code
        .clone()
        .unwrap_or_else(|| "RequestLimitExceeded".to_owned());
    let status = spec.status.unwrap_or(503);
    let error = ApiError::new(
        code.clone(),
        "Request limit exceeded or failed, as a fault orders.",
    );
    let id = request_id(0);
    let response = respond(
        status,
        error.with_status(status).document(request.service, &id),
        &id,
    );
    Executed {
        response,
        code,
        effect: false,
        replayed: false,
    }
}

/// A request id that tells the call's number.
fn request_id(call: u64) -> String {
    format!("51a05000-0000-4000-a000-{call:012x}")
}

fn document(request: &Request, content: Element, id: &str) -> Vec<u8> {
    let content = match request.service {
        Service::Ec2 | Service::Other => content.text("requestId", id),
        Service::Sts => content.child(Element::new("ResponseMetadata").text("RequestId", id)),
    };
    content
        .named(format!("{}Response", request.action))
        .document(Some(request.service.namespace()))
}

fn respond(status: u16, body: Vec<u8>, id: &str) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/xml;charset=UTF-8"),
    );
    if let Ok(id) = http::HeaderValue::from_str(id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
