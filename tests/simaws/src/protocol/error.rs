//! AWS's errors: a code, a message and an HTTP status.

use std::borrow::Cow;

use serde_json::json;

use super::{Element, Service};

/// An error as AWS answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    pub(crate) status: u16,
    /// Whether it is about the resources' present state, at which a DryRun does not look.
    pub(crate) about_state: bool,
}

impl ApiError {
    /// A client's mistake: status 400.
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            status: 400,
            about_state: false,
        }
    }

    /// The same error under another status.
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same error, of which a DryRun says nothing.
    pub(crate) fn of_state(mut self) -> Self {
        self.about_state = true;
        self
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(
            "MissingParameter",
            format!("The request must contain the parameter {parameter}"),
        )
    }

    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    pub(crate) fn combination(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterCombination", message)
    }

    /// The body in the shape of the service.
    pub(crate) fn document(&self, service: Service, request_id: &str) -> Vec<u8> {
        let error = Element::new("Error");
        match service {
            Service::Ec2 | Service::Other => Element::new("Response")
                .list(
                    "Errors",
                    [error.text("Code", &self.code).text("Message", &self.message)],
                )
                .text("RequestID", request_id)
                .document(None),
            Service::Backup => json!({ "Code": self.code, "Message": self.message })
                .to_string()
                .into_bytes(),
            Service::Sts => {
                let fault = if self.status >= 500 { "Receiver" } else { "Sender" };
                let error = error
                    .text("Type", fault)
                    .text("Code", &self.code)
                    .text("Message", &self.message);
                Element::new("ErrorResponse")
                    .child(error)
                    .text("RequestId", request_id)
                    .document(Some(service.namespace()))
            }
        }
    }
}
