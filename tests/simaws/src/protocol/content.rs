//! The content of an answer, in the format of its service.

use serde_json::Value;

use super::{Element, Request};

/// What a successful answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Xml(Element),
    /// Null: the answer has no body.
    Json(Value),
}

impl Content {
    /// The same with another token for the next page.
    pub(crate) fn with_next_token(self, token: &str) -> Self {
        match self {
            Self::Xml(element) => Self::Xml(element.replaced("nextToken", token)),
            Self::Json(mut value) => {
                if let Some(members) = value.as_object_mut() {
                    members.insert("NextToken".to_owned(), token.into());
                }
                Self::Json(value)
            }
        }
    }

    /// The body of the answer to a request.
    pub(crate) fn document(self, request: &Request, id: &str) -> Vec<u8> {
        match self {
            Self::Json(Value::Null) => Vec::new(),
            Self::Json(value) => value.to_string().into_bytes(),
            Self::Xml(content) => {
                let content = if request.service == super::Service::Sts {
                    content.child(Element::new("ResponseMetadata").text("RequestId", id))
                } else {
                    content.text("requestId", id)
                };
                content
                    .named(format!("{}Response", request.action))
                    .document(Some(request.service.namespace()))
            }
        }
    }
}
