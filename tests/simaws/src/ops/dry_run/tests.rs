use crate::Sim;
use crate::testing::{advance, ask, call, group, run, sim, snapshot, vpc};

/// The resources calls can name, and what to call when one of them is missing.
struct World {
    sim: Sim,
    ids: Vec<(&'static str, String)>,
}

const ABSENT: [(&str, &str); 8] = [
    ("INSTANCE", "i-0123456789abcdef9"),
    ("VOLUME", "vol-0123456789abcdef9"),
    ("SNAPSHOT", "snap-0123456789abcdef9"),
    ("GROUP", "sg-0123456789abcdef9"),
    ("INTERFACE", "eni-0123456789abcdef9"),
    ("VPC", "vpc-0123456789abcdef9"),
    ("SUBNET", "subnet-0123456789abcdef9"),
    ("IMAGE", "ami-0123456789abcdef9"),
];

fn world() -> World {
    let sim = sim();
    let vpc = vpc(&sim);
    let instance = run(&sim, &[]);
    advance(&sim, 2);
    let described = call(&sim, "DescribeInstances", &[]);
    let ids = vec![
        ("INSTANCE", instance),
        ("VOLUME", described.text("volumeId")),
        ("SNAPSHOT", snapshot(&sim, None)),
        ("GROUP", group(&sim, &vpc, "web")),
        ("INTERFACE", described.text("networkInterfaceId")),
        ("VPC", vpc),
        ("SUBNET", crate::DEFAULT_SUBNET_ID.to_owned()),
        ("IMAGE", crate::DEFAULT_IMAGE_ID.to_owned()),
    ];
    World { sim, ids }
}

/// Each operation of a permission preflight with parameters that are right; words in capitals are ids.
const CALLS: &[(&str, &str)] = &[
    (
        "AuthorizeSecurityGroupEgress",
        "GroupId=GROUP&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=1&IpPermissions.1.ToPort=1&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8",
    ),
    (
        "AuthorizeSecurityGroupIngress",
        "GroupId=GROUP&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=1&IpPermissions.1.ToPort=1&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8",
    ),
    (
        "CopySnapshot",
        "SourceRegion=ap-northeast-1&SourceSnapshotId=SNAPSHOT",
    ),
    ("CreateImage", "InstanceId=INSTANCE&Name=image&NoReboot=true"),
    (
        "CreateSecurityGroup",
        "GroupName=new&GroupDescription=new&VpcId=VPC",
    ),
    ("CreateSnapshot", "VolumeId=VOLUME"),
    ("CreateSnapshots", "InstanceSpecification.InstanceId=INSTANCE"),
    ("CreateTags", "ResourceId.1=INSTANCE&Tag.1.Key=a&Tag.1.Value=b"),
    (
        "CreateVolume",
        "AvailabilityZone=ap-northeast-1a&SnapshotId=SNAPSHOT",
    ),
    ("DeleteSecurityGroup", "GroupId=GROUP"),
    ("DeleteSnapshot", "SnapshotId=SNAPSHOT"),
    ("DeleteTags", "ResourceId.1=INSTANCE&Tag.1.Key=a"),
    ("DeregisterImage", "ImageId=IMAGE"),
    ("DescribeAvailabilityZones", ""),
    ("DescribeIamInstanceProfileAssociations", ""),
    ("DescribeImages", "ImageId.1=IMAGE"),
    (
        "DescribeInstanceAttribute",
        "InstanceId=INSTANCE&Attribute=instanceType",
    ),
    ("DescribeInstanceStatus", "InstanceId.1=INSTANCE"),
    ("DescribeInstances", "InstanceId.1=INSTANCE"),
    ("DescribeLockedSnapshots", "SnapshotId.1=SNAPSHOT"),
    ("DescribeNetworkInterfaces", "NetworkInterfaceId.1=INTERFACE"),
    ("DescribeRegions", ""),
    ("DescribeSecurityGroupRules", ""),
    ("DescribeSecurityGroups", "GroupId.1=GROUP"),
    (
        "DescribeSnapshotAttribute",
        "SnapshotId=SNAPSHOT&Attribute=createVolumePermission",
    ),
    ("DescribeSnapshots", "SnapshotId.1=SNAPSHOT"),
    ("DescribeSubnets", "SubnetId.1=SUBNET"),
    ("DescribeTags", ""),
    ("DescribeVolumes", "VolumeId.1=VOLUME"),
    ("DescribeVolumesModifications", ""),
    ("DescribeVpcs", "VpcId.1=VPC"),
    ("EnableSnapshotBlockPublicAccess", "State=block-all-sharing"),
    ("GetSnapshotBlockPublicAccessState", ""),
    (
        "LockSnapshot",
        "SnapshotId=SNAPSHOT&LockMode=governance&LockDuration=1",
    ),
    (
        "ModifyInstanceAttribute",
        "InstanceId=INSTANCE&DisableApiTermination.Value=true",
    ),
    (
        "ModifyInstanceMetadataOptions",
        "InstanceId=INSTANCE&HttpTokens=required",
    ),
    (
        "ModifyNetworkInterfaceAttribute",
        "NetworkInterfaceId=INTERFACE&SourceDestCheck.Value=false",
    ),
    (
        "ModifySnapshotAttribute",
        "SnapshotId=SNAPSHOT&OperationType=add&UserId.1=222222222222",
    ),
    ("ModifyVolume", "VolumeId=VOLUME&Size=20"),
    ("RebootInstances", "InstanceId.1=INSTANCE"),
    (
        "RevokeSecurityGroupEgress",
        "GroupId=GROUP&IpPermissions.1.IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0",
    ),
    (
        "RevokeSecurityGroupIngress",
        "GroupId=GROUP&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=1&IpPermissions.1.ToPort=1&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8",
    ),
    (
        "RunInstances",
        "ImageId=IMAGE&InstanceType=t3.micro&MinCount=1&MaxCount=1&SubnetId=SUBNET",
    ),
    ("StartInstances", "InstanceId.1=INSTANCE"),
    ("StopInstances", "InstanceId.1=INSTANCE"),
    ("TerminateInstances", "InstanceId.1=INSTANCE"),
    ("UnlockSnapshot", "SnapshotId=SNAPSHOT"),
];

impl World {
    /// Asks with DryRun, the words in capitals replaced by what `id` gives for them.
    fn ask(&self, (operation, params): (&str, &str), id: impl Fn(&str) -> String) -> (u16, String) {
        let mut filled: Vec<(String, String)> = params
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| {
                let named = ABSENT.iter().any(|(word, _)| *word == value);
                (name.to_owned(), if named { id(value) } else { value.to_owned() })
            })
            .collect();
        filled.push(("DryRun".to_owned(), "true".to_owned()));
        let filled: Vec<(&str, &str)> = filled.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let reply = ask(&self.sim, operation, &filled);
        (reply.status, reply.code())
    }

    fn id(&self, word: &str) -> String {
        let found = self.ids.iter().find(|(name, _)| *name == word);
        found.map(|(_, id)| id.clone()).unwrap()
    }
}

#[test]
fn a_permitted_call_is_told_so_and_changes_nothing() {
    let world = world();
    let before = world.sim.state(None, None);
    for call in CALLS {
        let said = world.ask(*call, |word| world.id(word));
        // Amazon's image is not the caller's to deregister, which permissions say nothing about.
        assert_eq!(said, (412, "DryRunOperation".to_owned()), "{}", call.0);
        assert_eq!(world.sim.state(None, None), before, "{} had an effect", call.0);
        assert!(!world.sim.calls().pop().unwrap().effect, "{}", call.0);
    }
}

#[test]
fn a_denied_call_is_refused_whatever_it_names() {
    let world = world();
    for call in CALLS {
        world.sim.deny(call.0);
        let refused = (403, "UnauthorizedOperation".to_owned());
        assert_eq!(world.ask(*call, |word| world.id(word)), refused, "{}", call.0);
        assert_eq!(world.ask(*call, |_| "nonsense".to_owned()), refused, "{}", call.0);
        world.sim.permit_all();
    }
}

#[test]
fn a_call_that_names_what_is_not_there_is_told_that() {
    let world = world();
    let names_something = |call: &&(&str, &str)| ABSENT.iter().any(|(word, _)| call.1.contains(word));
    for call in CALLS.iter().filter(names_something) {
        let absent = |word: &str| {
            ABSENT
                .iter()
                .find(|(name, _)| *name == word)
                .unwrap()
                .1
                .to_owned()
        };
        let (status, code) = world.ask(*call, absent);
        assert!(status == 400 && code.ends_with(".NotFound"), "{}: {code}", call.0);
        let (status, code) = world.ask(*call, |word| format!("{}-x", world.id(word)));
        assert!(
            status == 400 && code.ends_with(".Malformed"),
            "{}: {code}",
            call.0
        );
    }
}

#[test]
fn what_only_the_present_state_forbids_is_still_permitted() {
    let world = world();
    let group = world.id("GROUP");
    let web = [
        ("GroupName", "web"),
        ("GroupDescription", "again"),
        ("DryRun", "true"),
    ];
    let vpc = world.id("VPC");
    let again = [&web[..], &[("VpcId", vpc.as_str())]].concat();
    assert_eq!(
        ask(&world.sim, "CreateSecurityGroup", &again).code(),
        "DryRunOperation"
    );
    let snapshot = world.id("SNAPSHOT");
    let lock = [
        ("SnapshotId", snapshot.as_str()),
        ("LockMode", "governance"),
        ("LockDuration", "1"),
    ];
    call(&world.sim, "LockSnapshot", &lock);
    let delete = [("SnapshotId", snapshot.as_str()), ("DryRun", "true")];
    assert_eq!(
        ask(&world.sim, "DeleteSnapshot", &delete).code(),
        "DryRunOperation"
    );
    let incomplete = [("GroupId", group.as_str()), ("DryRun", "true")];
    assert_eq!(
        ask(&world.sim, "AuthorizeSecurityGroupIngress", &incomplete).code(),
        "MissingParameter"
    );
}
