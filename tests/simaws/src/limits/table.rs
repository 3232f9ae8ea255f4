//! How many calls AWS takes: the EC2 Developer Guide's "Request throttling for the Amazon EC2 API", and "AWS
//! Backup endpoints and quotas" of the General Reference.

use crate::protocol::Request;

/// A bucket's size and how many tokens flow in each second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    pub(super) capacity: u32,
    pub(super) refill: f64,
}

const fn rate(capacity: u32, refill: f64) -> Rate {
    Rate { capacity, refill }
}

const READING: Rate = rate(100, 20.0);
const READING_EVERYTHING: Rate = rate(50, 10.0);
const CHANGING: Rate = rate(50, 5.0);

/// What all calls of AWS Backup draw from, beside the bucket of their action. For AWS Backup only rates are
/// published, and no sizes: a bucket is assumed to hold what flows in within a second.
pub(super) const ALL_OF_BACKUP: (&str, Rate) = ("backup:*", rate(50, 50.0));

/// Who asks one of these for everything in one answer draws from a smaller bucket.
const READ_BY_PAGES: [&str; 6] = [
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeVolumes",
];

/// The actions that differ from their class. Each has a bucket of its own, as every action has.
const EXCEPTIONS: [(&str, Rate); 20] = [
    ("AssociateIamInstanceProfile", rate(100, 5.0)),
    ("CopyImage", rate(100, 1.0)),
    ("CreateNetworkInterface", rate(100, 5.0)),
    ("CreateSnapshot", rate(100, 5.0)),
    ("CreateSnapshots", rate(100, 5.0)),
    ("CreateTags", rate(100, 10.0)),
    ("CreateVolume", rate(100, 5.0)),
    ("DeleteSnapshot", rate(100, 5.0)),
    ("DeleteTags", rate(100, 10.0)),
    ("DeleteVolume", rate(100, 5.0)),
    ("DeregisterImage", rate(100, 5.0)),
    ("EnableSnapshotBlockPublicAccess", rate(1, 0.1)),
    ("ModifyImageAttribute", rate(100, 5.0)),
    ("ModifyInstanceMetadataOptions", rate(100, 5.0)),
    ("ModifyNetworkInterfaceAttribute", rate(100, 5.0)),
    ("ModifySnapshotAttribute", rate(100, 5.0)),
    ("RunInstances", rate(5, 2.0)),
    ("StartInstances", rate(5, 2.0)),
    ("TerminateInstances", rate(100, 5.0)),
    // Named by AWS as intensive; the figures are those of any change.
    ("RevokeSecurityGroupIngress", rate(50, 5.0)),
];

/// The actions that draw a token for each instance too, from a bucket beside that of their requests.
const PER_INSTANCE: [(&str, Rate); 4] = [
    ("RunInstances", rate(1000, 2.0)),
    ("StartInstances", rate(1000, 2.0)),
    ("StopInstances", rate(1000, 20.0)),
    ("TerminateInstances", rate(1000, 20.0)),
];

/// The bucket that a request draws one token from, by name.
pub(super) fn of_requests(request: &Request) -> (String, Rate) {
    let action = request.action.as_str();
    if READ_BY_PAGES.contains(&action) && asks_for_everything(request) {
        return (format!("{action}, everything at once"), READING_EVERYTHING);
    }
    let exception = EXCEPTIONS.iter().find(|(name, _)| *name == action);
    let by_class = if is_reading(action) { READING } else { CHANGING };
    let rate = exception.map_or(by_class, |(_, rate)| *rate);
    (action.to_owned(), rate)
}

/// The bucket that a request draws a token from for each instance, with the number of instances.
pub(super) fn of_instances(request: &Request) -> Option<(String, Rate, u32)> {
    let action = request.action.as_str();
    let (_, rate) = PER_INSTANCE.iter().find(|(name, _)| *name == action)?;
    let instances = if action == "RunInstances" {
        let count = request
            .params
            .get("MaxCount")
            .and_then(|count| count.parse().ok());
        count.unwrap_or(1)
    } else {
        u32::try_from(request.params.list("InstanceId").len()).unwrap_or(u32::MAX)
    };
    Some((format!("{action}, instances"), *rate, instances))
}

/// The bucket of AWS Backup's that a request draws one token from, by name. What is neither a reading nor named
/// in AWS's table is assumed to be as slow as the changes that are.
pub(super) fn of_backup(request: &Request) -> (String, Rate) {
    let action = request.action.as_str();
    let rate = if action.starts_with("List") {
        rate(20, 20.0)
    } else if is_reading(action) {
        rate(15, 15.0)
    } else {
        rate(5, 5.0)
    };
    (format!("backup:{action}"), rate)
}

fn is_reading(action: &str) -> bool {
    ["Describe", "Get", "List", "Search"]
        .iter()
        .any(|verb| action.starts_with(verb))
}

/// Neither filters nor pages. Ids are no filter: AWS does not say that they are.
fn asks_for_everything(request: &Request) -> bool {
    let is_given =
        |(name, _): (&str, &str)| name.starts_with("Filter.") || matches!(name, "MaxResults" | "NextToken");
    !request.params.iter().any(is_given)
}
