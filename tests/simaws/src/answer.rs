//! Answers as they go out: documents, errors, ids of requests.

use bytes::Bytes;

use crate::backend::Executed;
use crate::faults::{FaultKind, FaultSpec};
use crate::protocol::{ApiError, Element, Request, Service};

pub(crate) fn unauthorized(request: &Request) -> ApiError {
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

pub(crate) fn invalid_action(request: &Request) -> ApiError {
    let text = format!("The action {} is not valid for this web service.", request.action);
    ApiError::new("InvalidAction", text)
}

/// The error a fault orders, answered without doing anything.
pub(crate) fn struck(spec: &FaultSpec, request: &Request, call: u64) -> Executed {
    let error = match (spec.kind, request.service) {
        (FaultKind::Deny, _) => unauthorized(request),
        (FaultKind::Throttle, _) => throttled(request.service),
        (FaultKind::Unavailable, _) => ApiError::new(
            "Unavailable",
            "The server is overloaded and can't handle the request.",
        )
        .with_status(503),
        _ => {
            let code = spec.code.clone();
            let code = code.unwrap_or_else(|| "RequestLimitExceeded".to_owned());
            let text = "Request limit exceeded or failed, as a fault orders.";
            ApiError::new(code, text).with_status(spec.status.unwrap_or(503))
        }
    };
    Executed {
        untrue: true,
        ..refusal(&error, request, call)
    }
}

/// What AWS answers a caller with too many calls.
pub(crate) fn throttled(service: Service) -> ApiError {
    match service {
        Service::Ec2 | Service::Other => {
            ApiError::new("RequestLimitExceeded", "Request limit exceeded.").with_status(503)
        }
        Service::Sts => ApiError::new("Throttling", "Rate exceeded"),
    }
}

/// An error in answer to the call with this number, which does nothing.
pub(crate) fn refusal(error: &ApiError, request: &Request, call: u64) -> Executed {
    let id = request_id(call);
    Executed {
        response: respond(error.status, error.document(request.service, &id), &id),
        code: error.code.to_string(),
        effect: false,
        replayed: false,
        untrue: false,
    }
}

/// A request id that tells the call's number.
pub(crate) fn request_id(call: u64) -> String {
    format!("51a05000-0000-4000-a000-{call:012x}")
}

pub(crate) fn document(request: &Request, content: Element, id: &str) -> Vec<u8> {
    let content = match request.service {
        Service::Ec2 | Service::Other => content.text("requestId", id),
        Service::Sts => content.child(Element::new("ResponseMetadata").text("RequestId", id)),
    };
    content
        .named(format!("{}Response", request.action))
        .document(Some(request.service.namespace()))
}

pub(crate) fn respond(status: u16, body: Vec<u8>, id: &str) -> http::Response<Bytes> {
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
