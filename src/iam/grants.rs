//! What each operation needs, how far a policy can narrow it to what is ours, and why no further.

use crate::cloud::Operation;

/// What a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Address,
    BackupRole,
    Everything,
    Image,
    Instance,
    NetworkInterface,
    Role,
    SecurityGroup,
    Snapshot,
    Subnet,
    Vault,
    Volume,
    Vpc,
}

/// On which condition a statement permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    /// On none.
    Always,
    /// The call gives what it makes our cluster tag.
    MadeOurs,
    /// The resource carries our cluster tag.
    Ours,
    /// The resource carries our cluster tag, and the call takes the tag of a release from it.
    TakenUp,
    /// The resource carries our cluster tag, and AWS Backup did not make it.
    OursAlone,
    /// The resource carries our cluster tag and names a Backup of ours.
    OfBackup,
    /// It is given to AWS Backup.
    ToBackup,
    /// A call that makes something sets the tags, ours among them.
    MadeBy,
    /// The cluster tag is gone, another tag of ours is still there, and the call puts ours back.
    WasOurs,
    /// No cluster tag is there, and the call sets ours.
    Unclaimed,
    /// No cluster tag is there, but somebody tagged it for adoption, and the call sets ours.
    Offered,
}

/// A part of what an operation needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    /// The right beside the operation's own that it takes.
    pub(super) beside: Option<&'static str>,
    pub(super) when: When,
    pub(super) on: &'static [Kind],
    /// Why so far, and no further.
    pub(super) why: &'static str,
}

const fn grant(when: When, on: &'static [Kind], why: &'static str) -> Grant {
    Grant {
        beside: None,
        when,
        on,
        why,
    }
}

impl Grant {
    /// The right, as a policy names it.
    pub(super) fn action(&self, operation: Operation) -> &'static str {
        self.beside.unwrap_or(operation.action())
    }
}

const READS: &[Grant] = &[grant(
    When::Always,
    &[Kind::Everything],
    "reads; AWS lets a policy narrow no listing to a tag",
)];

const OUR_GROUP: &[Grant] = &[grant(
    When::Ours,
    &[Kind::SecurityGroup],
    "rules of our own groups only; shared groups are attached, never edited",
)];

const OUR_INSTANCE: Grant = grant(When::Ours, &[Kind::Instance], "our own instances only");

const ENTER: &[Grant] = &[grant(
    When::Always,
    &[Kind::Role],
    "the roles that TenantClasses name, each by its ARN; the other account's trust policy asks for the external \
     id",
)];

const IDENTITY: &[Grant] = &[grant(
    When::Always,
    &[Kind::Everything],
    "permitted to everybody in any case; listed so that the list is whole",
)];

const LAUNCH: &[Grant] = &[
    grant(
        When::MadeOurs,
        &[Kind::Instance, Kind::NetworkInterface, Kind::Volume],
        "what a launch makes carries our cluster tag from the start, or is not made",
    ),
    grant(
        When::Always,
        &[Kind::Image, Kind::SecurityGroup, Kind::Snapshot, Kind::Subnet],
        "what a launch uses is the platform team's and carries no tag of ours: images with their snapshots, \
         subnets, shared groups",
    ),
];

const NEW_GROUP: &[Grant] = &[
    grant(
        When::MadeOurs,
        &[Kind::SecurityGroup],
        "a group carries our cluster tag from the start, or is not made",
    ),
    grant(
        When::Always,
        &[Kind::Vpc],
        "the VPC is the platform team's and carries no tag of ours",
    ),
];

const SNAPSHOTS: &[Grant] = &[
    grant(
        When::MadeOurs,
        &[Kind::Snapshot],
        "a snapshot carries our cluster tag from the start, or is not made",
    ),
    OUR_INSTANCE,
    grant(
        When::Always,
        &[Kind::Volume],
        "reached only by way of an instance of ours; a volume that somebody attached is backed up, too",
    ),
];

const ATTRIBUTES: &[Grant] = &[
    OUR_INSTANCE,
    grant(
        When::Always,
        &[Kind::Volume],
        "reached only by way of an instance of ours, so that no volume of it goes with it",
    ),
];

const INTERFACES: &[Grant] = &[grant(
    When::Always,
    &[Kind::NetworkInterface, Kind::SecurityGroup],
    "isolation must reach an interface that somebody attached, which carries no tag of ours, and must keep \
     shared groups, which carry none either",
)];

const TAGS: &[Grant] = &[
    grant(
        When::MadeBy,
        &[
            Kind::Instance,
            Kind::NetworkInterface,
            Kind::SecurityGroup,
            Kind::Snapshot,
            Kind::Volume,
        ],
        "the tags of a call that makes something, our cluster tag among them",
    ),
    grant(
        When::Ours,
        &[
            Kind::Image,
            Kind::Instance,
            Kind::SecurityGroup,
            Kind::Snapshot,
            Kind::Volume,
        ],
        "other tags of ours that somebody removed, and the tag of a release",
    ),
    grant(
        When::WasOurs,
        &[Kind::Image, Kind::Instance, Kind::SecurityGroup, Kind::Snapshot],
        "a cluster tag that somebody removed is put back where the tag yagura.dev/uid still shows whose it was. \
         Without that the operator could claim any of these and then change or delete it; so where both are gone, \
         a person has to put the cluster tag back. One with another value is never overwritten: it may be \
         another installation's",
    ),
    grant(
        When::Unclaimed,
        &[Kind::Volume],
        "all tags that somebody removed are put back, and what somebody attached is tagged. What may be done to a \
         volume of ours may so be done to any that no installation has claimed; AWS deletes none that is attached",
    ),
];

const UNTAG: &[Grant] = &[grant(
    When::TakenUp,
    &[Kind::Instance, Kind::SecurityGroup, Kind::Snapshot, Kind::Volume],
    "a released environment that is taken up again loses the tag of its release, and no other",
)];

const OUR_VOLUME: &[Grant] = &[grant(
    When::Ours,
    &[Kind::Volume],
    "our own volumes only: made larger with the plan, and deleted with their environment after its final backup",
)];

const OUR_GROUP_GOES: &[Grant] = &[grant(
    When::Ours,
    &[Kind::SecurityGroup],
    "our own groups only, with their environment; AWS deletes none that is in use",
)];

const ADDRESS: &[Grant] = &[
    grant(
        When::Ours,
        &[Kind::Address, Kind::Instance],
        "an Elastic IP that a person tagged with our cluster tag, and our own instances only; it is never taken from \
         another interface",
    ),
    grant(
        When::Always,
        &[Kind::NetworkInterface],
        "an interface of an adopted instance carries no tag of ours; AWS looks at the address besides",
    ),
];

const OUR_SNAPSHOT: &[Grant] = &[grant(
    When::OursAlone,
    &[Kind::Snapshot],
    "our own snapshots only: locked, and deleted when newer days replace them. What AWS Backup makes \
     carries the tags of our volumes, and is left to it",
)];

const CLOSED_SNAPSHOT: &[Grant] = &[grant(
    When::Ours,
    &[Kind::Snapshot],
    "closing our own snapshots to others, and those that AWS Backup makes for our own jobs: they carry the tags of our \
     volumes, as do those of others' jobs, which are left alone",
)];

const OUR_IMAGE: &[Grant] = &[grant(
    When::OfBackup,
    &[Kind::Image],
    "closing our own recovery points to others. AWS Backup copies an instance's tags onto every image that it makes, \
     but only those of our own jobs name a Backup",
)];

const BACKUP_JOB: &[Grant] = &[
    grant(
        When::Always,
        &[Kind::Vault],
        "AWS looks at the vault only, and TenantClasses name any; what may be backed up is the business of the role \
         that AWS Backup works as",
    ),
    Grant {
        beside: Some("iam:PassRole"),
        when: When::ToBackup,
        on: &[Kind::BackupRole],
        why: "the roles that TenantClasses name for AWS Backup to work as, each by its ARN, and to nobody but AWS Backup",
    },
];

const RECOVERY_POINT: &[Grant] = &[grant(
    When::OfBackup,
    &[Kind::Image],
    "our own recovery points only, when newer days replace them; not those of other plans of AWS Backup",
)];

const INSTANCE: &[Grant] = &[OUR_INSTANCE];

/// What adoption needs besides: an instance that somebody offers by the tag `yagura.dev/adopt` becomes ours by our tags.
pub(super) const ADOPTION: &[Grant] = &[grant(
    When::Offered,
    &[Kind::Instance],
    "an instance without a cluster tag is taken over only where somebody tagged it with yagura.dev/adopt; with our \
     cluster tag on it, the operator's policy lets it be changed like any of ours",
)];

/// What each operation needs.
pub(super) fn grants(operation: Operation) -> &'static [Grant] {
    match operation {
        Operation::AssumeRole => ENTER,
        Operation::GetCallerIdentity => IDENTITY,
        Operation::DescribeBackupVault
        | Operation::DescribeImageAttribute
        | Operation::DescribeImages
        | Operation::DescribeInstanceAttribute
        | Operation::DescribeInstanceStatus
        | Operation::DescribeInstances
        | Operation::DescribeLockedSnapshots
        | Operation::DescribeSecurityGroups
        | Operation::DescribeSnapshotAttribute
        | Operation::DescribeSnapshots
        | Operation::DescribeSubnets
        | Operation::DescribeVolumes
        | Operation::DescribeVpcs
        | Operation::DescribeAddresses
        | Operation::ListBackupJobs
        | Operation::ListSnapshotsInRecycleBin
        | Operation::ListVolumesInRecycleBin => READS,
        Operation::RunInstances => LAUNCH,
        Operation::CreateSecurityGroup => NEW_GROUP,
        Operation::CreateSnapshots => SNAPSHOTS,
        Operation::ModifyInstanceAttribute => ATTRIBUTES,
        Operation::ModifyInstanceMetadataOptions
        | Operation::RebootInstances
        | Operation::StartInstances
        | Operation::StopInstances
        | Operation::TerminateInstances => INSTANCE,
        Operation::DeleteVolume | Operation::ModifyVolume => OUR_VOLUME,
        Operation::DeleteSecurityGroup => OUR_GROUP_GOES,
        Operation::AssociateAddress | Operation::DisassociateAddress => ADDRESS,
        Operation::DeleteTags => UNTAG,
        Operation::ModifyNetworkInterfaceAttribute => INTERFACES,
        Operation::AuthorizeSecurityGroupEgress
        | Operation::AuthorizeSecurityGroupIngress
        | Operation::RevokeSecurityGroupEgress
        | Operation::RevokeSecurityGroupIngress => OUR_GROUP,
        Operation::CreateTags => TAGS,
        Operation::DeleteSnapshot | Operation::LockSnapshot => OUR_SNAPSHOT,
        Operation::ModifySnapshotAttribute => CLOSED_SNAPSHOT,
        Operation::ModifyImageAttribute => OUR_IMAGE,
        Operation::StartBackupJob => BACKUP_JOB,
        Operation::DeleteRecoveryPoint => RECOVERY_POINT,
    }
}
