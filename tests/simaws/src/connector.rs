//! The simulated AWS as the HTTP client under the AWS SDK, without a network.

use std::fmt;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use crate::Sim;

/// An HTTP client with a [`Sim`] behind it. A lost answer is one that never comes, so that only the
/// client's own timeout ends the wait.
#[derive(Clone)]
pub struct Connector(Sim);

impl Connector {
    pub(crate) fn new(sim: Sim) -> Self {
        Self(sim)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simaws::Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sim = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = read(request)?;
            let Some(response) = sim.answer(&request).await else {
                return std::future::pending().await;
            };
            HttpResponse::try_from(response.map(SdkBody::from))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn read(request: HttpRequest) -> Result<http::Request<Bytes>, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    // Bodies of the query protocol are written before they are sent, never streamed.
    let bytes = body
        .bytes()
        .ok_or_else(|| ConnectorError::user("simaws takes no streamed body".into()))?;
    Ok(http::Request::from_parts(parts, Bytes::copy_from_slice(bytes)))
}

#[cfg(test)]
mod tests;
