//! The governor before AWS's own buckets as simaws keeps them: two authors, one table each.

use std::{sync::Arc, task::Poll, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures::{StreamExt, poll, stream};

use crate::{
    aws::{
        AwsSites, Connection, Pace, Transport,
        stage::{CLUSTER, Stage, new_group},
    },
    clock::{Clock, ManualClock, elapsed},
    cloud::{Cloud, CloudError, ClusterId, Lane, Operation, Sites},
    governor::Settings,
};

/// How many groups each of two processes makes before it ends.
const GROUPS: usize = 200;

/// How far the clock goes at a time.
const TICK: Duration = Duration::from_millis(10);

/// A process that has just started.
async fn process(stage: &Stage, share: &str) -> Arc<dyn Cloud> {
    let sites = AwsSites::connect(Connection {
        transport: Transport::InMemory(SharedHttpClient::new(stage.sim.connector())),
        cluster: ClusterId::from(CLUSTER),
        clock: Arc::<ManualClock>::clone(&stage.clock),
        observer: Arc::new(|_, _| {}),
        pace: Pace::Governed {
            settings: Settings {
                share: share.parse().unwrap(),
            },
            waits: Arc::new(|_, _, _| {}),
        },
    });
    sites.await.door(&"ap-northeast-1".into(), Lane::UserChange)
}

/// Makes groups, sixteen at a time, and is killed with calls under way when it has made enough.
async fn run(stage: &Stage, share: &str, name: &str) -> Result<(), CloudError> {
    let door = process(stage, share).await;
    let mut making = stream::iter(0..)
        .map(|number| {
            let (door, group) = (Arc::clone(&door), new_group(&format!("yagura-{name}-{number}")));
            async move { door.create_group(&group).await }
        })
        .buffer_unordered(16);
    let mut made = 0;
    while made < GROUPS {
        match poll!(making.next()) {
            Poll::Ready(group) => {
                group.transpose()?;
                made += 1;
            }
            Poll::Pending => {
                stage.advance(TICK);
                // Or tokio would think that this task never lets others run, and answer it nothing more.
                tokio::task::yield_now().await;
            }
        }
    }
    Ok(())
}

/// Nothing is refused, and nearly all of the share is used, over a restart.
async fn judge(share: &str, other_client: f64) {
    let stage = Stage::new().await;
    stage.sim.set_limits(simaws::Limits::Aws);
    stage.sim.set_other_client(other_client);
    stage
        .sim
        .set_latency(Duration::from_millis(20)..=Duration::from_millis(300));
    let begun = stage.clock.now();
    for name in ["first", "second"] {
        run(&stage, share, name).await.unwrap();
    }
    let took = elapsed(begun, stage.clock.now());
    let calls = stage.calls_of(Operation::CreateSecurityGroup);
    let allowed = 5.0 * share.parse::<f64>().unwrap() * took.as_secs_f64();
    let used = f64::from(u32::try_from(calls).unwrap()) / allowed;
    assert_eq!(stage.sim.throttled(), 0, "at {share}");
    assert!((0.95..=1.0).contains(&used), "{used} of {share}");
}

#[tokio::test]
async fn a_share_is_used_up_and_aws_refuses_nothing() {
    judge("0.8", 0.0).await;
}

#[tokio::test]
async fn all_of_an_account_is_used_up_and_aws_refuses_nothing() {
    judge("1", 0.0).await;
}

#[tokio::test]
async fn another_client_takes_its_tenth_and_aws_refuses_nothing() {
    judge("0.8", 0.1).await;
}
