use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use crate::testing::sim;
use crate::{Server, Sim};

async fn serve(sim: &Sim) -> Server {
    sim.serve("127.0.0.1:0".parse().unwrap()).await.unwrap()
}

/// Everything the server sends before it closes the connection; blocking, so away from the runtime.
async fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: simaws\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        // A broken connection may show as an error as well as an end.
        let _ended = stream.read_to_string(&mut answer);
        answer
    })
    .await
    .unwrap()
}

async fn control(address: SocketAddr, method: &str, path: &str, body: Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = send(address, method, &format!("/_sim/{path}"), &body).await;
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

const LAUNCH: &str =
    "Action=RunInstances&ImageId=ami-0123456789abcdef0&InstanceType=t3.micro&MinCount=1&MaxCount=1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_form_is_answered_on_the_port() {
    let server = serve(&sim()).await;
    let answer = send(server.address(), "POST", "/", LAUNCH).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.ends_with("</RunInstancesResponse>"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_answer_is_a_closed_connection() {
    let sim = sim();
    let server = serve(&sim).await;
    let fault = json!({ "operation": "RunInstances", "kind": "drop" });
    assert_eq!(
        control(server.address(), "POST", "faults", fault).await["id"],
        "fault-1"
    );
    assert_eq!(send(server.address(), "POST", "/", LAUNCH).await, "");
    let state = control(server.address(), "GET", "state", Value::Null).await;
    assert_eq!(state["instances"].as_array().unwrap().len(), 1);
    let calls = control(server.address(), "GET", "calls", Value::Null).await;
    assert_eq!(
        (&calls[0]["effect"], &calls[0]["delivered"]),
        (&json!(true), &json!(false))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_answer_comes_when_its_fault_is_released_over_the_port() {
    let sim = sim();
    let server = serve(&sim).await;
    let address = server.address();
    control(
        address,
        "POST",
        "faults",
        json!({ "operation": "RunInstances", "kind": "hold" }),
    )
    .await;
    let waiting = tokio::spawn(send(address, "POST", "/", LAUNCH));
    while sim.faults()[0].held.is_empty() {
        tokio::task::yield_now().await;
    }
    let faults = control(address, "GET", "faults", Value::Null).await;
    assert_eq!(
        (&faults[0]["fired"], &faults[0]["held"]),
        (&json!(1), &json!([1]))
    );
    control(address, "POST", "faults/fault-1/release", Value::Null).await;
    assert!(waiting.await.unwrap().ends_with("</RunInstancesResponse>"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_is_held_no_more() {
    let sim = sim();
    let server = serve(&sim).await;
    let before = json!({ "operation": "RunInstances", "kind": "hold", "effect": "before" });
    control(server.address(), "POST", "faults", before).await;
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: simaws\r\ncontent-length: {}\r\n\r\n",
        LAUNCH.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(LAUNCH.as_bytes()).unwrap();
    while sim.faults()[0].held.is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    while !sim.faults()[0].held.is_empty() {
        tokio::task::yield_now().await;
    }
    control(server.address(), "POST", "faults/fault-1/release", Value::Null).await;
    assert_eq!(sim.state(None, None)["instances"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_dropped_serves_no_more() {
    let server = serve(&sim()).await;
    let address = server.address();
    drop(server);
    while TcpStream::connect(address).is_ok() {
        tokio::task::yield_now().await;
    }
}
