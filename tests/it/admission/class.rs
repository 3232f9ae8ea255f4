//! TenantClass.

use controlplane::User;
use serde_json::json;
use yagura::api::TenantClass;

use super::{Ground, Sample};

fn class() -> Sample {
    Sample::of::<TenantClass>(json!({
        "region": "ap-northeast-1",
        "network": {"subnetIds": ["subnet-0123456789abcdef0"]},
        "plans": {"standard": {"instanceType": "m6i.large"}},
        "applications": {"jira": {"images": {"9.12.4": "ami-0123456789abcdef0"}}},
        "contact": {"helpdesk": "+81-3-0000-0000"},
        "terms": "hosting-2023-10-11",
    }))
}

const KEY: &str = "arn:aws:kms:ap-northeast-1:111122223333:key/1f3e5c7a";

#[tokio::test]
async fn a_class_stays_in_its_region() {
    let (ground, class) = (Ground::new(), class());
    let name = "stays-in-its-region";
    ground.has(&class, name, json!({})).await;
    ground
        .refuses_change(
            &class,
            name,
            json!({"region": "us-east-1"}),
            "region cannot be changed",
        )
        .await;
    ground
        .refuses_change(
            &class,
            name,
            json!({"region": null}),
            "spec.region: Required value",
        )
        .await;
    ground
        .takes_change(&class, name, json!({"terms": "hosting-2027-01-01"}))
        .await;
    ground
        .refuses(
            &class,
            json!({"region": "Tokyo"}),
            "spec.region in body should match",
        )
        .await;
}

#[tokio::test]
async fn a_class_needs_what_a_launch_needs() {
    let (ground, class) = (Ground::new(), class());
    for field in ["region", "network", "plans", "applications", "contact", "terms"] {
        let message = format!("spec.{field}: Required value");
        ground.refuses(&class, json!({ field: null }), &message).await;
    }
    for (change, message) in [
        (
            json!({"network": {"subnetIds": []}}),
            "spec.network.subnetIds in body should have at least 1 items",
        ),
        (
            json!({"network": {"subnetIds": ["vpc-0123456789abcdef0"]}}),
            "spec.network.subnetIds[0] in body should match",
        ),
        (
            json!({"network": {"subnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef0"]}}),
            "Duplicate value",
        ),
        (
            json!({"plans": {"standard": null}}),
            "spec.plans in body should have at least 1 properties",
        ),
        (
            json!({"plans": {"standard": {"instanceType": "large"}}}),
            "instanceType in body should match",
        ),
        (
            json!({"applications": {"jira": {"images": {"9.12.4": "latest"}}}}),
            "in body should match '^ami-",
        ),
    ] {
        ground.refuses(&class, change, message).await;
    }
}

#[tokio::test]
async fn a_plans_volumes_have_a_device_each_and_a_size() {
    let (ground, class) = (Ground::new(), class());
    let volumes = |volumes| json!({"plans": {"standard": {"volumes": volumes}}});
    ground
        .takes(
            &class,
            volumes(
                json!([{"device": "/dev/sdf", "sizeGiB": 1}, {"device": "/dev/xvdba", "sizeGiB": 16384}]),
            ),
        )
        .await;
    for (bad, message) in [
        (
            json!([{"device": "/dev/sdf", "sizeGiB": 0}]),
            "should be greater than or equal to 1",
        ),
        (
            json!([{"device": "/dev/sdf", "sizeGiB": 16385}]),
            "should be less than or equal to 16384",
        ),
        (
            json!([{"device": "sdf", "sizeGiB": 1}]),
            "device in body should match",
        ),
        (
            json!([{"device": "/dev/sdf", "sizeGiB": 1}, {"device": "/dev/sdf", "sizeGiB": 2}]),
            "Duplicate value",
        ),
    ] {
        ground.refuses(&class, volumes(bad), message).await;
    }
}

#[tokio::test]
async fn an_encryption_key_is_named_by_its_arn_and_not_by_an_alias() {
    let (ground, class) = (Ground::new(), class());
    ground
        .takes(&class, json!({"encryption": {"kmsKeyId": KEY}}))
        .await;
    for key in [
        "alias/ebs",
        "arn:aws:kms:ap-northeast-1:111122223333:alias/ebs",
        "1f3e5c7a",
    ] {
        let change = json!({"encryption": {"kmsKeyId": key}});
        ground
            .refuses(&class, change, "spec.encryption.kmsKeyId in body should match")
            .await;
    }
}

#[tokio::test]
async fn a_class_stays_in_its_account() {
    let (ground, class) = (Ground::new(), class());
    let account = |role: &str| json!({"account": {"roleArn": role, "externalId": "x1"}});
    let role = "arn:aws:iam::444455556666:role/yagura";
    let message = "account cannot be changed";

    let own = "stays-in-its-own-account";
    ground.has(&class, own, json!({})).await;
    ground.refuses_change(&class, own, account(role), message).await;

    let other = "stays-in-another-account";
    ground.has(&class, other, account(role)).await;
    for change in [
        json!({"account": null}),
        account("arn:aws:iam::777788889999:role/yagura"),
        json!({"account": {"externalId": "x2"}}),
        json!({"account": {"externalId": null}}),
    ] {
        ground.refuses_change(&class, other, change, message).await;
    }
    ground
        .takes_change(&class, other, json!({"terms": "hosting-2027-01-01"}))
        .await;

    let without = "stays-without-external-id";
    let change = json!({"account": {"roleArn": role}});
    ground.has(&class, without, change).await;
    let change = json!({"account": {"externalId": "x1"}});
    ground.refuses_change(&class, without, change, message).await;
}

#[tokio::test]
async fn an_account_is_entered_by_a_role_only() {
    let (ground, class) = (Ground::new(), class());
    for role in [
        "yagura",
        "arn:aws:iam::444455556666:user/yagura",
        "arn:aws:iam::4444:role/yagura",
        "arn:aws:iam::444455556666:role/*",
    ] {
        let change = json!({"account": {"roleArn": role}});
        ground
            .refuses(&class, change, "spec.account.roleArn in body should match")
            .await;
    }
    ground
        .refuses(
            &class,
            json!({"account": {"externalId": "x1"}}),
            "spec.account.roleArn: Required value",
        )
        .await;
}

#[tokio::test]
async fn a_class_has_at_most_four_shared_groups() {
    let (ground, class) = (Ground::new(), class());
    let groups = |count: usize| {
        let ids: Vec<String> = (0..count).map(|n| format!("sg-0123456789abcde{n:02}")).collect();
        json!({"network": {"baseGroupIds": ids}})
    };
    ground.takes(&class, groups(4)).await;
    ground
        .refuses(&class, groups(5), "spec.network.baseGroupIds: Too many")
        .await;
}

#[tokio::test]
async fn an_optional_part_of_a_class_can_come_change_and_go() {
    let (ground, class) = (Ground::new(), class());
    let name = "optional-parts";
    ground.has(&class, name, json!({})).await;
    for change in [
        json!({"allowedNamespaces": {"names": ["acme"]}}),
        json!({"allowedNamespaces": {"names": ["globex"], "selector": {"matchLabels": {"a": "b"}}}}),
        json!({"allowedNamespaces": null}),
        json!({"encryption": {"kmsKeyId": KEY}}),
        json!({"encryption": null}),
    ] {
        ground.takes_change(&class, name, change).await;
    }
    let object = class.with("Not-A-Name", &json!({}));
    assert!(ground.try_create(User::Admin, &class, &object).await.is_err());
}
