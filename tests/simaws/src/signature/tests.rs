use std::collections::BTreeMap;

use bytes::Bytes;

use super::{hex, mac, unhex};
use crate::protocol::Request;
use crate::testing::{Reply, sim_with};
use crate::{Outcome, Sim};

/// The example of AWS's own documentation ("Create a signed AWS API request", ListUsers).
fn documented() -> http::Request<Bytes> {
    http::Request::get("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08")
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .header("x-amz-date", "20150830T123600Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        )
        .body(Bytes::new())
        .unwrap()
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

#[test]
fn the_documented_example_fits_its_secret_and_no_other() {
    let http = documented();
    let request = Request::read(&http);
    assert_eq!(super::check(&http, &request, |_| Some(SECRET.to_owned())), Ok(()));
    let refused = super::check(&http, &request, |_| Some("other".to_owned())).unwrap_err();
    assert_eq!(refused.code, "AuthFailure");
}

#[test]
fn what_was_changed_after_signing_does_not_fit() {
    let mut changed = documented();
    *changed.uri_mut() = "https://iam.amazonaws.com/?Action=ListRoles&Version=2010-05-08"
        .parse()
        .unwrap();
    let mut body = documented();
    *body.body_mut() = Bytes::from("Action=DeleteUser");
    for http in [changed, body] {
        let request = Request::read(&http);
        assert!(super::check(&http, &request, |_| Some(SECRET.to_owned())).is_err());
    }
}

#[test]
fn what_is_encoded_in_a_path_is_signed_encoded_once_more() {
    let path = "/backup-vaults/day/recovery-points/arn%3Aaws%3Aec2%3Aap-northeast-1%3A%3Aimage%2Fami-1";
    // As botocore signs it.
    let signature = "72887d05c21db80237dd3e2d7806c929a1392089aa8fb19ea4340e2686c40c03";
    let http = http::Request::delete(format!("http://backup.invalid{path}"))
        .header("x-amz-date", "20260101T000000Z")
        .header(
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/ap-northeast-1/backup/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature={signature}"
            ),
        )
        .body(Bytes::new())
        .unwrap();
    let request = Request::read(&http);
    assert_eq!(super::check(&http, &request, |_| Some(SECRET.to_owned())), Ok(()));
    let refused = super::check(&http, &request, |_| Some("other".to_owned())).unwrap_err();
    assert_eq!(refused.code, "InvalidSignatureException");
}

#[test]
fn hexadecimal_reads_back() {
    assert_eq!(unhex(&hex(&[0, 9, 171, 255])), Some(vec![0, 9, 171, 255]));
    assert_eq!((unhex("0"), unhex("0g")), (None, None));
}

fn strict() -> Sim {
    sim_with(|options| {
        options.credentials = Some(BTreeMap::from([("AKIDEXAMPLE".to_owned(), SECRET.to_owned())]));
    })
}

/// A request signed as an SDK signs it.
fn sign((key, secret): (&str, &str), token: Option<&str>, service: &str, form: &str) -> http::Request<Bytes> {
    let signed_headers = if token.is_some() {
        "host;x-amz-date;x-amz-security-token"
    } else {
        "host;x-amz-date"
    };
    let scope = format!("20260101/ap-northeast-1/{service}/aws4_request");
    let mut request = http::Request::post("http://aws.invalid/")
        .header("host", "aws.invalid")
        .header("x-amz-date", "20260101T000000Z");
    if let Some(token) = token {
        request = request.header("x-amz-security-token", token);
    }
    let unsigned =
        format!("AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={signed_headers}, Signature=");
    let mut request = request.body(Bytes::from(form.to_owned())).unwrap();
    let zero = format!("{unsigned}{}", "00".repeat(32));
    let text = super::Signature::read(&zero).unwrap().text_to_sign(&request);
    let key = scope
        .split('/')
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            mac(&key, part.as_bytes()).unwrap().finalize_bytes()
        });
    let value = hex(&mac(&key, text.as_bytes()).unwrap().finalize_bytes());
    let authorization = format!("{unsigned}{value}").parse().unwrap();
    request.headers_mut().insert("authorization", authorization);
    request
}

trait FinalizeBytes {
    fn finalize_bytes(self) -> Vec<u8>;
}

impl FinalizeBytes for hmac::Hmac<sha2::Sha256> {
    fn finalize_bytes(self) -> Vec<u8> {
        hmac::Mac::finalize(self).into_bytes().to_vec()
    }
}

fn reply(sim: &Sim, request: &http::Request<Bytes>) -> Reply {
    match sim.handle(request) {
        Outcome::Answered(response) => Reply::new(&response),
        _ => panic!("not answered"),
    }
}

const VPCS: &str = "Action=DescribeVpcs&Version=2016-11-15";
const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";

#[test]
fn a_known_key_with_its_secret_is_answered() {
    let sim = strict();
    for (service, form) in [("ec2", VPCS), ("sts", WHO)] {
        let reply = reply(&sim, &sign(("AKIDEXAMPLE", SECRET), None, service, form));
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
}

#[test]
fn unknown_keys_and_wrong_secrets_are_refused_in_the_words_of_the_service() {
    let sim = strict();
    for (key, secret, service, form, code) in [
        ("AKIDEXAMPLE", "wrong", "ec2", VPCS, "AuthFailure"),
        ("AKIDOTHER", SECRET, "ec2", VPCS, "AuthFailure"),
        ("AKIDEXAMPLE", "wrong", "sts", WHO, "SignatureDoesNotMatch"),
        ("AKIDOTHER", SECRET, "sts", WHO, "InvalidClientTokenId"),
    ] {
        let reply = reply(&sim, &sign((key, secret), None, service, form));
        assert_eq!(reply.code(), code);
    }
    assert!(sim.calls().iter().all(|call| !call.effect && call.delivered));
}

#[test]
fn an_unsigned_request_is_refused_only_when_signatures_are_checked() {
    let form = http::Request::post("/").body(Bytes::from(VPCS)).unwrap();
    assert_eq!(reply(&strict(), &form).code(), "MissingAuthenticationToken");
    assert_eq!(reply(&sim_with(|_| {}), &form).status, 200);
}

#[test]
fn a_session_signs_with_the_secret_and_the_token_it_was_given() {
    let sim = strict();
    let form = "Action=AssumeRole&Version=2011-06-15&RoleSessionName=me&RoleArn=arn:aws:iam::444455556666:role/reader";
    let given = reply(&sim, &sign(("AKIDEXAMPLE", SECRET), None, "sts", form));
    let (key, secret) = (given.text("AccessKeyId"), given.text("SecretAccessKey"));
    let token = given.text("SessionToken");
    let ask = |token: Option<&str>| reply(&sim, &sign((&key, &secret), token, "sts", WHO));
    assert_eq!(ask(Some(&token)).text("Account"), "444455556666");
    assert_eq!(ask(None).code(), "InvalidClientTokenId");
    assert_eq!(ask(Some("another")).code(), "InvalidClientTokenId");
}
