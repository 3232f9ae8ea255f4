//! The simulated AWS on a port.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::{Sim, control};

/// A simulated AWS that serves a port until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(sim: Sim, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self {
            address,
            accepting: tokio::spawn(accept(sim, listener)),
        })
    }

    /// The address it listens on, with the port it was given.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint for AWS clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until it ends, which it does only when it is dropped elsewhere or fails.
    pub async fn ended(&mut self) {
        let _aborted = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(sim: Sim, listener: TcpListener) {
    // The connections belong to this task, so that they end with the server.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(sim.clone(), stream));
                }
                Err(error) => tracing::warn!(%error, "could not accept a connection"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(sim: Sim, stream: TcpStream) {
    let service = service_fn(|request| respond(sim.clone(), request));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Why a connection closes without an answer.
#[derive(Debug)]
enum Broken {
    /// A fault wants it so.
    ByFault,
    /// The client went away first.
    ByClient(hyper::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByFault => f.write_str("broken by a fault"),
            Self::ByClient(error) => write!(f, "broken by the client: {error}"),
        }
    }
}

impl std::error::Error for Broken {}

async fn respond(sim: Sim, request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, Broken> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(Broken::ByClient)?.to_bytes();
    let request = http::Request::from_parts(parts, body);
    let response = if request.uri().path().starts_with(control::PREFIX) {
        Some(control::handle(&sim, &request))
    } else {
        sim.answer(&request).await
    };
    // An error from here makes hyper close the connection without writing anything.
    response
        .map(|response| response.map(Full::new))
        .ok_or(Broken::ByFault)
}

#[cfg(test)]
mod tests;
