//! What the tests of this crate ask a simulated AWS with.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{Clock, Options, Outcome, Sim};

/// A simulated AWS whose time stands still.
pub(crate) fn sim() -> Sim {
    sim_with(|_| {})
}

/// The same, set up otherwise.
pub(crate) fn sim_with(change: impl FnOnce(&mut Options)) -> Sim {
    let mut options = Options {
        clock: Clock::manual(),
        ..Options::default()
    };
    change(&mut options);
    Sim::new(options)
}

/// Lets time pass.
pub(crate) fn advance(sim: &Sim, seconds: u64) {
    match sim.clock() {
        Clock::Manual(clock) => clock.advance(Duration::from_secs(seconds)),
        Clock::Wall => panic!("tests run on the manual clock"),
    }
}

/// A request as an AWS client signs it.
pub(crate) fn request(action: &str, params: &[(&str, &str)]) -> http::Request<Bytes> {
    signed("test", "ap-northeast-1", action, params)
}

/// A request by a key in a region.
pub(crate) fn signed(key: &str, region: &str, action: &str, params: &[(&str, &str)]) -> http::Request<Bytes> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action);
    form.append_pair("Version", "2016-11-15");
    form.extend_pairs(params);
    let service = if matches!(action, "GetCallerIdentity" | "AssumeRole") {
        "sts"
    } else {
        "ec2"
    };
    let credential = format!("{key}/20260101/{region}/{service}/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0");
    http::Request::post("http://ec2.invalid/")
        .header("authorization", authorization)
        .header("user-agent", "test")
        .body(Bytes::from(form.finish()))
        .unwrap()
}

/// An answer, read.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn new(response: &http::Response<Bytes>) -> Self {
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        Self {
            status: response.status().as_u16(),
            body,
        }
    }

    /// All texts of elements with this name, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let pieces = self.body.split(&open).skip(1);
        pieces
            .map(|piece| piece.split(&close).next().unwrap().to_owned())
            .collect()
    }

    /// The first of them.
    pub(crate) fn text(&self, name: &str) -> String {
        self.all(name)
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("no {name} in {}", self.body))
    }

    /// The error's code; the answer must be an error.
    pub(crate) fn code(&self) -> String {
        assert!(self.status >= 400, "not an error: {}", self.body);
        self.text("Code")
    }
}

/// Asks, whatever comes of it; an answer is due at once.
pub(crate) fn ask(sim: &Sim, action: &str, params: &[(&str, &str)]) -> Reply {
    match sim.handle(&request(action, params)) {
        Outcome::Answered(response) => Reply::new(&response),
        Outcome::Held(_) | Outcome::Delayed(_) | Outcome::Lost => panic!("{action} was not answered"),
    }
}

/// The same by a key in a region.
pub(crate) fn ask_as(sim: &Sim, (key, region): (&str, &str), action: &str, params: &[(&str, &str)]) -> Reply {
    match sim.handle(&signed(key, region, action, params)) {
        Outcome::Answered(response) => Reply::new(&response),
        Outcome::Held(_) | Outcome::Delayed(_) | Outcome::Lost => panic!("{action} was not answered"),
    }
}

/// Asks for something that must succeed.
pub(crate) fn call(sim: &Sim, action: &str, params: &[(&str, &str)]) -> Reply {
    let reply = ask(sim, action, params);
    assert_eq!(reply.status, 200, "{action}: {}", reply.body);
    reply
}

/// Asks for something that must fail; gives the error's code.
pub(crate) fn refused(sim: &Sim, action: &str, params: &[(&str, &str)]) -> String {
    ask(sim, action, params).code()
}

/// Starts an instance; gives its id.
pub(crate) fn run(sim: &Sim, params: &[(&str, &str)]) -> String {
    let base = [
        ("ImageId", crate::DEFAULT_IMAGE_ID),
        ("InstanceType", "t3.micro"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
    ];
    let all: Vec<_> = base.into_iter().chain(params.iter().copied()).collect();
    call(sim, "RunInstances", &all).text("instanceId")
}

/// A completed snapshot of a new volume, which is encrypted where `key` names one; gives its id.
pub(crate) fn snapshot(sim: &Sim, key: Option<&str>) -> String {
    let mut params = vec![("AvailabilityZone", "ap-northeast-1a"), ("Size", "8")];
    if let Some(key) = key {
        params.extend([("Encrypted", "true"), ("KmsKeyId", key)]);
    }
    let volume = call(sim, "CreateVolume", &params).text("volumeId");
    let id = call(sim, "CreateSnapshot", &[("VolumeId", &volume)]).text("snapshotId");
    advance(sim, 5);
    id
}

/// Makes a VPC that is not the default one; gives its id.
pub(crate) fn vpc(sim: &Sim) -> String {
    call(sim, "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).text("vpcId")
}

/// Makes a group; gives its id.
pub(crate) fn group(sim: &Sim, vpc: &str, name: &str) -> String {
    let params = [
        ("GroupName", name),
        ("GroupDescription", "for a test"),
        ("VpcId", vpc),
    ];
    call(sim, "CreateSecurityGroup", &params).text("groupId")
}

/// A request of AWS Backup by a key.
pub(crate) fn rest_request(key: &str, (method, uri): (&str, &str), body: &Value) -> http::Request<Bytes> {
    let credential = format!("{key}/20260101/ap-northeast-1/backup/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    http::Request::builder()
        .method(method)
        .uri(format!("http://backup.invalid{uri}"))
        .header("authorization", authorization)
        .header("user-agent", "test")
        .body(Bytes::from(body))
        .unwrap()
}

/// Asks AWS Backup, whatever comes of it: status and body, null where there is none.
pub(crate) fn rest(sim: &Sim, method: &str, uri: &str, body: &Value) -> (u16, Value) {
    match sim.handle(&rest_request("test", (method, uri), body)) {
        Outcome::Answered(response) => {
            let body = response.body();
            let value = if body.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(body).unwrap()
            };
            (response.status().as_u16(), value)
        }
        Outcome::Held(_) | Outcome::Delayed(_) | Outcome::Lost => panic!("{method} {uri} was not answered"),
    }
}

/// Asks AWS Backup for something that must succeed.
pub(crate) fn rest_ok(sim: &Sim, method: &str, uri: &str, body: &Value) -> Value {
    let (status, value) = rest(sim, method, uri, body);
    assert_eq!(status, 200, "{method} {uri}: {value}");
    value
}

/// Asks AWS Backup for something that must fail; gives the error's code.
pub(crate) fn rest_refused(sim: &Sim, method: &str, uri: &str, body: &Value) -> String {
    let (status, value) = rest(sim, method, uri, body);
    assert!(status >= 400, "not an error: {value}");
    value["Code"].as_str().unwrap().to_owned()
}

/// An ARN as a segment of a path.
pub(crate) fn segment(arn: &str) -> String {
    arn.replace(':', "%3A").replace('/', "%2F")
}

/// The ARN of an instance.
pub(crate) fn instance_arn(id: &str) -> String {
    format!("arn:aws:ec2:ap-northeast-1:111122223333:instance/{id}")
}

/// Makes a vault.
pub(crate) fn vault(sim: &Sim, name: &str) {
    rest_ok(sim, "PUT", &format!("/backup-vaults/{name}"), &json!({}));
}

/// Starts a backup of an instance into a vault, with more members than those that must be; gives the job's id.
pub(crate) fn back_up(sim: &Sim, (vault, instance): (&str, &str), more: &Value) -> String {
    let mut body = json!({
        "BackupVaultName": vault,
        "ResourceArn": instance_arn(instance),
        "IamRoleArn": "arn:aws:iam::111122223333:role/backup",
    });
    let members = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(members);
    let started = rest_ok(sim, "PUT", "/backup-jobs", &body);
    started["BackupJobId"].as_str().unwrap().to_owned()
}

/// A job as DescribeBackupJob tells of it.
pub(crate) fn job(sim: &Sim, id: &str) -> Value {
    rest_ok(sim, "GET", &format!("/backup-jobs/{id}"), &Value::Null)
}
