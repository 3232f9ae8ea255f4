use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use crate::testing::{request, sim};
use crate::{FaultKind, FaultSpec, Sim};

fn send(sim: &Sim, action: &str) -> HttpConnectorFuture {
    let request = request(action, &[]).map(SdkBody::from);
    sim.connector().call(HttpRequest::try_from(request).unwrap())
}

#[test]
fn a_request_of_the_sdk_is_answered_without_a_runtime() {
    let future = pin!(send(&sim(), "DescribeVpcs"));
    let Poll::Ready(Ok(response)) = future.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("not answered at once")
    };
    assert_eq!(response.status().as_u16(), 200);
    assert!(
        response
            .body()
            .bytes()
            .unwrap()
            .ends_with(b"</DescribeVpcsResponse>")
    );
}

#[test]
fn a_dropped_answer_never_comes() {
    let sim = sim();
    sim.add_fault(FaultSpec::new("DescribeVpcs", FaultKind::Drop));
    let future = pin!(send(&sim, "DescribeVpcs"));
    assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}
