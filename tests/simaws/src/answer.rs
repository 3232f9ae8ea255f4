//! Answers as they go out: documents, errors, ids of requests.

use bytes::Bytes;

use crate::backend::Executed;
use crate::faults::{FaultKind, FaultSpec};
use crate::protocol::{ApiError, Request, Service};

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
        Service::Backup => {
            let text = format!(
                "User is not authorized to perform: {service}:{action} because no identity-based policy allows it"
            );
            ApiError::new("AccessDeniedException", text).with_status(403)
        }
    }
}

pub(crate) fn invalid_action(request: &Request) -> ApiError {
    if request.service == Service::Backup {
        let text = format!(
            "There is no operation {}, or it is not simulated.",
            request.action
        );
        return ApiError::new("UnknownOperationException", text).with_status(404);
    }
    let text = format!("The action {} is not valid for this web service.", request.action);
    ApiError::new("InvalidAction", text)
}

/// The error a fault orders, answered without doing anything.
pub(crate) fn struck(spec: &FaultSpec, request: &Request, call: u64) -> Executed {
    let error = match (spec.kind, request.service) {
        (FaultKind::Deny, _) => unauthorized(request),
        (FaultKind::Throttle, _) => throttled(request.service),
        (FaultKind::Unavailable, service) => unavailable(service),
        (_, service) => {
            let by_default = throttled(service);
            let (code, status) = match service {
                Service::Backup => (by_default.code, by_default.status),
                _ => ("RequestLimitExceeded".into(), 503),
            };
            let code = spec.code.clone().map_or(code, Into::into);
            let text = "Request limit exceeded or failed, as a fault orders.";
            ApiError::new(code, text).with_status(spec.status.unwrap_or(status))
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
        Service::Backup => ApiError::new("ThrottlingException", "Rate exceeded"),
    }
}

fn unavailable(service: Service) -> ApiError {
    let code = match service {
        Service::Backup => "ServiceUnavailableException",
        Service::Ec2 | Service::Sts | Service::Other => "Unavailable",
    };
    ApiError::new(code, "The server is overloaded and can't handle the request.").with_status(503)
}

/// An error in answer to the call with this number, which does nothing.
pub(crate) fn refusal(error: &ApiError, request: &Request, call: u64) -> Executed {
    let id = request_id(call);
    Executed {
        response: respond(
            request.service,
            Err(error),
            error.document(request.service, &id),
            &id,
        ),
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

/// An answer as it goes out: a body, and the error it tells of if it does.
pub(crate) fn respond(
    service: Service,
    error: Result<(), &ApiError>,
    body: Vec<u8>,
    id: &str,
) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from(body));
    let status = error.err().map_or(200, |error| error.status);
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let kind = match service {
        Service::Backup => "application/json",
        Service::Ec2 | Service::Sts | Service::Other => "text/xml;charset=UTF-8",
    };
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    if let Ok(id) = http::HeaderValue::from_str(id) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Err(error) = error
        && service == Service::Backup
        && let Ok(code) = http::HeaderValue::from_str(&error.code)
    {
        headers.insert("x-amzn-errortype", code);
    }
    response
}
