//! Simulated AWS in this process, served on a port for the operator.

use std::net::{Ipv4Addr, SocketAddr};

use simaws::{Call, Options, Server};

/// Simulated AWS on a port of its own.
pub(crate) struct Sim {
    inner: simaws::Sim,
    server: Server,
}

impl Sim {
    pub(crate) async fn start() -> Self {
        let inner = simaws::Sim::new(Options::default());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = inner.serve(address).await.expect("a port is free");
        Self { inner, server }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The calls of this operation that changed something.
    pub(crate) fn effects(&self, operation: &str) -> Vec<Call> {
        let calls = self.inner.calls().into_iter();
        calls
            .filter(|call| call.operation == operation && call.effect)
            .collect()
    }

    /// Every call that changed something, by the operator.
    pub(crate) fn operator_effects(&self) -> Vec<Call> {
        let calls = self.inner.calls().into_iter();
        calls
            .filter(|call| call.effect && call.access_key.as_deref() == Some("operator"))
            .collect()
    }
}

impl std::ops::Deref for Sim {
    type Target = simaws::Sim;

    fn deref(&self) -> &simaws::Sim {
        &self.inner
    }
}
