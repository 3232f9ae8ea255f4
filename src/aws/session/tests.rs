use std::{collections::BTreeSet, time::Duration};

use crate::{
    aws::stage::{Stage, launch, new_group},
    cloud::{ErrorKind, Lane, Operation, Sites},
};

const TOKYO: &str = "ap-northeast-1";
const OSAKA: &str = "ap-northeast-3";
const ONE: &str = "222233334444";
const OTHER: &str = "333344445555";

#[tokio::test]
async fn one_session_serves_every_region_and_every_lane_of_an_account() {
    let stage = Stage::new().await;
    for region in [TOKYO, OSAKA] {
        for lane in Lane::ALL {
            let door = stage.in_account(ONE, region, lane);
            door.list_instances().await.unwrap();
        }
    }
    assert_eq!(stage.calls_of(Operation::AssumeRole), 1);
    let calls = stage.sim.calls();
    let entered = &calls[0];
    assert_eq!(entered.operation, "AssumeRole");
    assert_eq!(entered.params["RoleSessionName"], "yagura-test");
    assert_eq!(
        entered.params["RoleArn"],
        format!("arn:aws:iam::{ONE}:role/yagura")
    );
    assert_eq!(entered.params["ExternalId"], "x1");
    assert!(calls[1..].iter().all(|call| call.account == ONE));
    let seen = stage.observed.lock().unwrap();
    assert!(
        seen.contains(&(Operation::AssumeRole, "ok")),
        "it is counted as any other call"
    );
}

#[tokio::test]
async fn calls_that_come_together_enter_an_account_once() {
    let stage = Stage::new().await;
    let doors: Vec<_> = [TOKYO, OSAKA]
        .iter()
        .flat_map(|region| Lane::ALL.map(|lane| stage.in_account(ONE, region, lane)))
        .collect();
    let listings = doors.iter().map(|door| door.list_groups());
    for listed in futures::future::join_all(listings).await {
        listed.unwrap();
    }
    assert_eq!(stage.calls_of(Operation::AssumeRole), 1);
}

#[tokio::test]
async fn a_session_is_renewed_before_it_ends() {
    let stage = Stage::new().await;
    let door = stage.in_account(ONE, TOKYO, Lane::Drift);
    for _ in 0..3 * 60 * 4 {
        door.list_instances().await.unwrap();
        stage.advance(Duration::from_secs(15));
    }
    // A session lasts an hour: three hours take four at most, the first included.
    let entered = stage.calls_of(Operation::AssumeRole);
    assert!((3..=4).contains(&entered), "{entered} sessions in three hours");
    let calls = stage.sim.calls();
    let mut begun = None;
    for call in &calls {
        if call.operation == "AssumeRole" {
            begun = Some(call.at);
        } else {
            let age = call.at.duration_since(begun.unwrap());
            assert!(age.as_secs() < 3600, "called in a session that had ended");
            assert_eq!(call.code, "OK");
        }
    }
}

#[tokio::test]
async fn two_accounts_and_our_own_see_nothing_of_each_other() {
    let stage = Stage::new().await;
    let doors = [
        stage.in_account(ONE, TOKYO, Lane::Drift),
        stage.in_account(OTHER, TOKYO, Lane::Drift),
        stage.regions.door(&TOKYO.into(), Lane::Drift),
    ];
    let mut made = Vec::new();
    for (door, label) in doors.iter().zip(["one", "other", "own"]) {
        let group = door.create_group(&new_group(&format!("yagura-{label}"))).await;
        let instance = door.launch(&launch(label, &group.unwrap())).await.unwrap();
        made.push(instance.id);
    }
    stage.advance(Duration::from_secs(60));
    for (door, id) in doors.iter().zip(&made) {
        let seen = door.list_instances().await.unwrap();
        let seen: BTreeSet<_> = seen.items.into_iter().map(|instance| instance.id).collect();
        assert_eq!(seen, BTreeSet::from([id.clone()]));
        assert_eq!(door.list_groups().await.unwrap().items.len(), 1);
    }
    assert_eq!(stage.calls_of(Operation::AssumeRole), 2);
}

#[tokio::test]
async fn an_account_that_cannot_be_entered_says_which_role_and_stops_no_other() {
    let stage = Stage::new().await;
    stage.sim.deny("sts:AssumeRole");
    let shut = stage.in_account(ONE, TOKYO, Lane::Drift);
    let error = shut.list_instances().await.unwrap_err();
    assert_eq!(
        (error.operation, error.kind),
        (Operation::AssumeRole, ErrorKind::Denied)
    );
    let text = error.to_string();
    for named in [
        &format!("arn:aws:iam::{ONE}:role/yagura"),
        "sts:AssumeRole",
        "external id",
    ] {
        assert!(text.contains(named), "{text}");
    }
    assert!(error.lacks_right());
    assert_eq!(
        stage.calls_of(Operation::DescribeInstances),
        0,
        "nothing was sent"
    );
    stage.cloud.list_instances().await.unwrap();

    stage.sim.permit_all();
    shut.list_instances().await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_to_entering_an_account_means_that_the_call_was_not_sent() {
    let stage = Stage::new().await;
    stage.error(Operation::AssumeRole, "InternalFailure", 500);
    let door = stage.in_account(ONE, TOKYO, Lane::UserChange);
    let error = door.create_group(&new_group("yagura-one")).await.unwrap_err();
    assert_eq!(
        (error.operation, error.kind),
        (Operation::AssumeRole, ErrorKind::Transient)
    );
    assert_eq!(stage.calls_of(Operation::CreateSecurityGroup), 0);
    door.create_group(&new_group("yagura-one")).await.unwrap();
}
