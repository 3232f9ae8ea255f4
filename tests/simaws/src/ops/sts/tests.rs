use crate::testing::{Reply, advance, ask, ask_as, call, refused, run, sim};
use crate::{Role, Sim};

const ARN: &str = "arn:aws:iam::222222222222:role/tenants/yagura";
const ASSUME: [(&str, &str); 2] = [("RoleArn", ARN), ("RoleSessionName", "yagura-1")];

fn set_role(sim: &Sim) {
    sim.set_role(Role {
        arn: ARN.to_owned(),
        external_id: Some("secret-word".to_owned()),
        trusted_account: Some("111122223333".to_owned()),
    });
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&ASSUME[..], more].concat()
}

fn as_session(sim: &Sim, key: &str, action: &str) -> Reply {
    ask_as(sim, (key, "ap-northeast-1"), action, &[])
}

#[test]
fn a_role_lets_in_only_those_it_trusts_with_its_external_id() {
    let sim = sim();
    set_role(&sim);
    assert_eq!(refused(&sim, "AssumeRole", &ASSUME), "AccessDenied");
    let wrong = ask(&sim, "AssumeRole", &with(&[("ExternalId", "guess")]));
    assert_eq!((wrong.status, wrong.code().as_str()), (403, "AccessDenied"));
    let right = with(&[("ExternalId", "secret-word")]);
    let stranger = ask_as(&sim, ("333333333333", "ap-northeast-1"), "AssumeRole", &right);
    assert_eq!(stranger.code(), "AccessDenied");
    call(&sim, "AssumeRole", &right);
    // A role nobody set up lets everyone in.
    let other = [("RoleArn", "arn:aws:iam::222222222222:role/other"), ASSUME[1]];
    call(&sim, "AssumeRole", &other);
}

#[test]
fn a_session_acts_in_the_roles_account_and_says_its_name() {
    let sim = sim();
    let own = run(&sim, &[]);
    let key = call(&sim, "AssumeRole", &ASSUME).text("AccessKeyId");
    assert!(
        as_session(&sim, &key, "DescribeInstances")
            .all("instanceId")
            .is_empty()
    );
    let launch = [
        ("ImageId", crate::DEFAULT_IMAGE_ID),
        ("InstanceType", "t3.micro"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
    ];
    let theirs = ask_as(&sim, (&key, "ap-northeast-1"), "RunInstances", &launch).text("instanceId");
    assert_eq!(call(&sim, "DescribeInstances", &[]).all("instanceId"), [own]);
    assert_eq!(
        as_session(&sim, &key, "DescribeInstances").all("instanceId"),
        [theirs]
    );
    let who = as_session(&sim, &key, "GetCallerIdentity");
    assert_eq!(who.text("Account"), "222222222222");
    assert_eq!(
        who.text("Arn"),
        "arn:aws:sts::222222222222:assumed-role/yagura/yagura-1"
    );
}

#[test]
fn a_session_ends_by_the_clock() {
    let sim = sim();
    let assumed = call(&sim, "AssumeRole", &with(&[("DurationSeconds", "900")]));
    assert_eq!(assumed.text("Expiration"), "2026-01-01T00:15:00.000Z");
    let key = assumed.text("AccessKeyId");
    advance(&sim, 899);
    assert_eq!(as_session(&sim, &key, "DescribeInstances").status, 200);
    advance(&sim, 1);
    assert_eq!(as_session(&sim, &key, "GetCallerIdentity").code(), "ExpiredToken");
    assert_eq!(
        as_session(&sim, &key, "DescribeInstances").code(),
        "RequestExpired"
    );
    let fresh = call(&sim, "AssumeRole", &ASSUME).text("AccessKeyId");
    assert_eq!(as_session(&sim, &fresh, "DescribeInstances").status, 200);
}

#[test]
fn a_key_of_no_session_is_refused() {
    let sim = sim();
    let key = "ASIA0123456789ABCDEF";
    assert_eq!(
        as_session(&sim, key, "GetCallerIdentity").code(),
        "InvalidClientTokenId"
    );
    assert_eq!(as_session(&sim, key, "DescribeInstances").code(), "AuthFailure");
}

#[test]
fn a_role_assumed_from_a_session_lasts_an_hour_at_most() {
    let sim = sim();
    let key = call(&sim, "AssumeRole", &ASSUME).text("AccessKeyId");
    let chain = |seconds: &str| {
        let next = [
            ("RoleArn", "arn:aws:iam::333333333333:role/next"),
            ("RoleSessionName", "chained"),
            ("DurationSeconds", seconds),
        ];
        ask_as(&sim, (&key, "ap-northeast-1"), "AssumeRole", &next)
    };
    assert_eq!(chain("3601").code(), "ValidationError");
    assert_eq!(chain("3600").status, 200);
    assert_eq!(
        call(&sim, "AssumeRole", &with(&[("DurationSeconds", "43200")])).status,
        200
    );
}
