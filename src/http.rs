//! The operator's own pages: metrics, and whether it lives and is ready.
//!
//! Deliberately absent: anything that changes something, and anything about a customer but metrics.

use std::{fmt, future::Future, io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use crate::metrics::{self, Metrics};

/// Tells whether the operator is ready, or in a sentence why it is not.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The pages could not be offered.
#[derive(Debug, thiserror::Error)]
#[error("listening on {address}")]
pub struct ListenError {
    /// Where.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// The pages, bound to an address and not yet served.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Pages {
    metrics: Metrics,
    readiness: Readiness,
}

impl Server {
    /// Binds the pages to `address`; port 0 takes a free one.
    pub async fn bind(
        address: SocketAddr,
        metrics: Metrics,
        readiness: Readiness,
    ) -> Result<Self, ListenError> {
        let explain = |source| ListenError { address, source };
        let listener = TcpListener::bind(address).await.map_err(explain)?;
        let bound = listener.local_addr().map_err(explain)?;
        let router = Router::new()
            .route("/metrics", get(show_metrics))
            .route("/healthz", get(show_health))
            .route("/readyz", get(show_readiness))
            .with_state(Pages { metrics, readiness });
        Ok(Self {
            listener,
            address: bound,
            router,
        })
    }

    /// The address it is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` ends, and then what is under way.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), ListenError> {
        let address = self.address;
        axum::serve(self.listener, self.router)
            .with_graceful_shutdown(shutdown)
            .await
            .map_err(|source| ListenError { address, source })
    }
}

async fn show_metrics(State(pages): State<Pages>) -> Response {
    match pages.metrics.render() {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be shown");
            (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be shown\n").into_response()
        }
    }
}

/// An operator that answers lives; whether it is of use is another question.
async fn show_health() -> &'static str {
    "ok\n"
}

async fn show_readiness(State(pages): State<Pages>) -> Response {
    match (pages.readiness)() {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests;
