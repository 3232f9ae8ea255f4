//! One row for each leaf that users set of a TenantClass or a Tenant.

use serde_json::{Value, json};

use crate::objects;

/// Stands for the id of a group that all may carry.
pub const BASE_GROUP: &str = "$baseGroup";

/// Stands for the id of another subnet.
pub const OTHER_SUBNET: &str = "$otherSubnet";

const KEY: &str = "arn:aws:kms:ap-northeast-1:111122223333:key/00000000-0000-4000-8000-000000000001";
const OTHER_KEY: &str = "arn:aws:kms:ap-northeast-1:111122223333:key/00000000-0000-4000-8000-000000000002";
const ROLE: &str = "arn:aws:iam::111122223333:role/backup";

/// Whose field it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// A TenantClass's.
    Class,
    /// A Tenant's.
    Tenant,
}

/// What becomes of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// The API server refuses it.
    Fixed(Value),
    /// It may be made and taken back, and nothing of it stays.
    Free {
        /// Another value.
        other: Value,
        /// A value that the schema takes and the operator refuses.
        refused: Option<Value>,
    },
    /// What it does stays, by its nature: why.
    Stays(&'static str),
}

/// A leaf of a schema, and what becomes of a change of it. Values are merge patches of the spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Whose it is.
    pub of: Of,
    /// Where it is in the spec: `[]` stands for each item, `*` for each key.
    pub path: &'static str,
    /// What must be set before it means anything.
    pub needs: Value,
    /// What becomes of a change.
    pub fate: Fate,
}

fn field(of: Of, path: &'static str, fate: Fate) -> Field {
    Field {
        of,
        path,
        needs: json!({}),
        fate,
    }
}

impl Field {
    fn needing(mut self, needs: Value) -> Self {
        self.needs = needs;
        self
    }

    /// Sets the value that the operator refuses.
    fn refusing(mut self, value: Value) -> Self {
        if let Fate::Free { refused, .. } = &mut self.fate {
            *refused = Some(value);
        }
        self
    }
}

fn fixed(other: Value) -> Fate {
    Fate::Fixed(other)
}

fn free(other: Value) -> Fate {
    Fate::Free { other, refused: None }
}

/// The class of a row, before what the row needs.
pub fn class() -> Value {
    let mut class = objects::class();
    objects::merge(
        &mut class,
        &json!({"spec": {
            "plans": {
                "large": {"instanceType": "m6i.xlarge", "volumes": [{"device": "/dev/sdf", "sizeGiB": 20}]},
            },
            "maintenanceWindow": window(),
        }}),
    );
    class
}

/// The Tenant of a row, before what the row needs.
pub fn tenant() -> Value {
    objects::tenant("jira")
}

/// Always open.
fn window() -> Value {
    json!({
        "days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        "from": "00:00", "duration": "24h", "timeZone": "Asia/Tokyo",
    })
}

fn exception() -> Value {
    json!({
        "promise": "P16", "reason": "until the migration is over", "approver": "ciso@example.com",
        "approvedAt": "2026-11-01T00:00:00Z", "until": "2027-03-31T00:00:00Z",
    })
}

/// An exception with another value of this field.
fn excepted(name: &str, value: &Value) -> Value {
    let mut exception = exception();
    objects::merge(&mut exception, &json!({ name: value }));
    json!({"exceptions": [exception]})
}

/// Every row.
pub fn fields() -> Vec<Field> {
    let mut all = of_tenant();
    all.extend(of_class());
    all
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn of_tenant() -> Vec<Field> {
    let tenant = |path, fate| field(Of::Tenant, path, fate);
    let excepting = |path, name: &str, value: Value| {
        tenant(path, free(excepted(name, &value))).needing(json!({"exceptions": [exception()]}))
    };
    let verifies = json!({"environment": "Verification", "assignee": "sato@example.com"});
    vec![
        tenant(
            ".application.name",
            fixed(json!({"application": {"name": "wiki"}})),
        ),
        tenant(
            ".application.version",
            fixed(json!({"application": {"version": "9.12.5"}})),
        ),
        tenant(".assignee", free(json!({"assignee": "suzuki@example.com"}))).needing(verifies),
        tenant(".className", fixed(json!({"className": "osaka"}))),
        tenant(
            ".contact.email",
            free(json!({"contact": {"email": "it@acme.example"}})),
        ),
        tenant(
            ".contact.phone",
            free(json!({"contact": {"phone": "+81-3-1111-2222"}})),
        ),
        tenant(".customer", fixed(json!({"customer": "globex"}))),
        tenant(".deletionPolicy", Fate::Stays("it has one value")),
        tenant(
            ".environment",
            fixed(json!({"environment": "Verification", "assignee": "sato@example.com"})),
        ),
        excepting(
            ".exceptions[].approvedAt",
            "approvedAt",
            json!("2026-10-01T00:00:00Z"),
        ),
        excepting(".exceptions[].approver", "approver", json!("cto@example.com")),
        excepting(".exceptions[].promise", "promise", json!("P11"))
            .refusing(excepted("promise", &json!("P999"))),
        excepting(
            ".exceptions[].reason",
            "reason",
            json!("until the second migration"),
        ),
        excepting(".exceptions[].until", "until", json!("2027-01-31T00:00:00Z")),
        tenant(".label", fixed(json!({"label": "other-prod"}))),
        windowed(Of::Tenant, ".maintenanceWindow.days[]", &json!({"days": ["Sun"]})),
        windowed(
            Of::Tenant,
            ".maintenanceWindow.duration",
            &json!({"duration": "3h"}),
        ),
        windowed(Of::Tenant, ".maintenanceWindow.from", &json!({"from": "02:00"})),
        windowed(
            Of::Tenant,
            ".maintenanceWindow.timeZone",
            &json!({"timeZone": "Europe/Berlin"}),
        )
        .refusing(json!({"maintenanceWindow": {"timeZone": "Mars/Base"}})),
        tenant(".mode", free(json!({"mode": "Observe"}))),
        tenant(".plan", free(json!({"plan": "large"}))).refusing(json!({"plan": "huge"})),
        tenant(
            ".powerReason",
            free(json!({"powerReason": "the customer's holidays"})),
        )
        .needing(json!({"powerState": "Stopped", "powerReason": "moving house"})),
        tenant(
            ".powerState",
            free(json!({"powerState": "Stopped", "powerReason": "moving house"})),
        ),
        tenant(".restart.reason", Fate::Stays("it goes with requestedAt")),
        tenant(
            ".restart.requestedAt",
            Fate::Stays("a restart has happened for good"),
        ),
        tenant(
            ".suspend",
            free(json!({"suspend": true, "suspendReason": "work by hand"})),
        ),
        tenant(".suspendReason", free(json!({"suspendReason": "an audit"})))
            .needing(json!({"suspend": true, "suspendReason": "work by hand"})),
    ]
}

fn windowed(of: Of, path: &'static str, other: &Value) -> Field {
    let needs = json!({"maintenanceWindow": window()});
    field(of, path, free(json!({"maintenanceWindow": other}))).needing(needs)
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn of_class() -> Vec<Field> {
    let class = |path, fate| field(Of::Class, path, fate);
    let account =
        json!({"account": {"roleArn": "arn:aws:iam::111122223333:role/yagura", "externalId": "x1"}});
    let expression = |key: &str, operator: &str, value: &str| {
        let expression = json!({"key": key, "operator": operator, "values": [value]});
        json!({"allowedNamespaces": {"selector": {"matchExpressions": [expression]}}})
    };
    let selecting = |path, other: Value| class(path, free(other)).needing(expression("team", "In", "a"));
    let backed_up = json!({"backup": {"vault": "yagura", "roleArn": ROLE}});
    let volumes = |volume: Value| json!({"plans": {"standard": {"volumes": [volume]}}});
    vec![
        class(".account.externalId", fixed(account.clone())),
        class(".account.roleArn", fixed(account)),
        class(".allowedNamespaces.names[]", free(json!({"allowedNamespaces": {"names": ["elsewhere"]}}))),
        selecting(
            ".allowedNamespaces.selector.matchExpressions[].key",
            expression("group", "In", "a"),
        ),
        selecting(
            ".allowedNamespaces.selector.matchExpressions[].operator",
            expression("team", "NotIn", "a"),
        ),
        selecting(
            ".allowedNamespaces.selector.matchExpressions[].values[]",
            expression("team", "In", "b"),
        ),
        class(
            ".allowedNamespaces.selector.matchLabels.*",
            free(json!({"allowedNamespaces": {"selector": {"matchLabels": {"team": "a"}}}})),
        ),
        class(
            ".applications.*.images.*",
            free(json!({"applications": {"jira": {"images": {"9.12.4": "ami-00000000000000001"}}}})),
        )
        .refusing(json!({"applications": {"jira": {"images": {"9.12.4": null, "9.12.5": "ami-00000000000000001"}}}})),
        class(
            ".backup.roleArn",
            free(json!({"backup": {"roleArn": "arn:aws:iam::111122223333:role/other"}})),
        )
        .needing(backed_up.clone()),
        class(".backup.snapshotQuota", free(json!({"backup": {"snapshotQuota": 5}}))),
        class(".backup.vault", free(json!({"backup": {"vault": "other"}}))).needing(backed_up),
        class(".contact.helpdesk", free(json!({"contact": {"helpdesk": "+81-6-0000-0000"}}))),
        class(".encryption.kmsKeyId", free(json!({"encryption": {"kmsKeyId": OTHER_KEY}})))
            .needing(json!({"encryption": {"kmsKeyId": KEY}})),
        class(".exceptionApprovers[]", free(json!({"exceptionApprovers": ["cto@example.com"]}))),
        windowed(Of::Class, ".maintenanceWindow.days[]", &json!({"days": ["Sun"]})),
        windowed(Of::Class, ".maintenanceWindow.duration", &json!({"duration": "3h"})),
        windowed(Of::Class, ".maintenanceWindow.from", &json!({"from": "02:00"})),
        windowed(Of::Class, ".maintenanceWindow.timeZone", &json!({"timeZone": "Europe/Berlin"}))
            .refusing(json!({"maintenanceWindow": {"timeZone": "Mars/Base"}})),
        class(".network.baseGroupIds[]", free(json!({"network": {"baseGroupIds": [BASE_GROUP]}}))),
        class(
            ".network.subnetIds[]",
            free(json!({"network": {"subnetIds": [simaws::DEFAULT_SUBNET_ID, OTHER_SUBNET]}})),
        ),
        class(
            ".plans.*.instanceType",
            free(json!({"plans": {"standard": {"instanceType": "m6i.xlarge"}}})),
        ),
        class(
            ".plans.*.volumes[].device",
            free(volumes(json!({"device": "/dev/sdg", "sizeGiB": 20}))),
        ),
        class(".plans.*.volumes[].sizeGiB", Fate::Stays("a volume never becomes smaller")),
        class(".region", fixed(json!({"region": "ap-northeast-3"}))),
        class(".suspend", free(json!({"suspend": true, "suspendReason": "work by hand"}))),
        class(".suspendReason", free(json!({"suspendReason": "an audit"})))
            .needing(json!({"suspend": true, "suspendReason": "work by hand"})),
        // There is no other set of terms in this release.
        class(".terms", free(json!({}))).refusing(json!({"terms": "none-such"})),
    ]
}
