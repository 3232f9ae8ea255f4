use std::sync::atomic::{AtomicBool, Ordering};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use super::*;

struct Running {
    address: SocketAddr,
    is_ready: Arc<AtomicBool>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ListenError>>,
}

async fn running() -> Running {
    let is_ready = Arc::new(AtomicBool::new(false));
    let seen = is_ready.clone();
    let readiness: Readiness = Arc::new(move || {
        let is_ready = seen.load(Ordering::SeqCst);
        is_ready
            .then_some(())
            .ok_or_else(|| "waits for the first look at AWS".to_owned())
    });
    let any = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(any, Metrics::new().unwrap(), readiness)
        .await
        .unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.run(async move { drop(stopped.await) }));
    Running {
        address,
        is_ready,
        stop,
        task,
    }
}

/// The whole answer to one request, head and body.
async fn get_page(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_metrics_are_served_in_prometheus_text_format() {
    let running = running().await;
    let answer = get_page(running.address, "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: text/plain; version=0.0.4\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\nyagura_build_info{"), "{answer}");
}

#[tokio::test]
async fn an_operator_that_is_not_ready_lives_and_says_why() {
    let running = running().await;
    assert!(
        get_page(running.address, "/healthz")
            .await
            .starts_with("HTTP/1.1 200 OK\r\n")
    );
    let answer = get_page(running.address, "/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{answer}"
    );
    assert!(
        answer.ends_with("\r\n\r\nwaits for the first look at AWS\n"),
        "{answer}"
    );
    running.is_ready.store(true, Ordering::SeqCst);
    let answer = get_page(running.address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn there_is_no_other_page() {
    let running = running().await;
    assert!(
        get_page(running.address, "/")
            .await
            .starts_with("HTTP/1.1 404 Not Found\r\n")
    );
}

#[tokio::test]
async fn serving_ends_when_it_is_told_to() {
    let running = running().await;
    get_page(running.address, "/healthz").await;
    running.stop.send(()).unwrap();
    running.task.await.unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let running = running().await;
    let ready: Readiness = Arc::new(|| Ok(()));
    let error = Server::bind(running.address, Metrics::new().unwrap(), ready)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), format!("listening on {}", running.address));
}
