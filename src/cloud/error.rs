//! What can go wrong with a call to AWS, and what follows from it.

use std::fmt;

use jiff::Timestamp;

/// An AWS operation the operator calls, as AWS spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    missing_docs,
    reason = "each variant is the operation of that name in AWS's own reference"
)]
pub enum Operation {
    AssociateAddress,
    AssumeRole,
    AuthorizeSecurityGroupEgress,
    AuthorizeSecurityGroupIngress,
    CreateSecurityGroup,
    CreateSnapshots,
    CreateTags,
    DeleteRecoveryPoint,
    DeleteSecurityGroup,
    DeleteSnapshot,
    DeleteTags,
    DeleteVolume,
    DescribeAddresses,
    DescribeBackupVault,
    DescribeImageAttribute,
    DescribeImages,
    DescribeInstanceAttribute,
    DescribeInstanceStatus,
    DescribeInstances,
    DescribeLockedSnapshots,
    DescribeSecurityGroups,
    DescribeSnapshotAttribute,
    DescribeSnapshots,
    DescribeSubnets,
    DescribeVolumes,
    DescribeVpcs,
    DisassociateAddress,
    GetCallerIdentity,
    ListBackupJobs,
    ListSnapshotsInRecycleBin,
    ListVolumesInRecycleBin,
    LockSnapshot,
    ModifyImageAttribute,
    ModifyInstanceAttribute,
    ModifyInstanceMetadataOptions,
    ModifyNetworkInterfaceAttribute,
    ModifySnapshotAttribute,
    ModifyVolume,
    RebootInstances,
    RevokeSecurityGroupEgress,
    RevokeSecurityGroupIngress,
    RunInstances,
    StartBackupJob,
    StartInstances,
    StopInstances,
    TerminateInstances,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 46] = [
        Self::AssociateAddress,
        Self::AssumeRole,
        Self::AuthorizeSecurityGroupEgress,
        Self::AuthorizeSecurityGroupIngress,
        Self::CreateSecurityGroup,
        Self::CreateSnapshots,
        Self::CreateTags,
        Self::DeleteRecoveryPoint,
        Self::DeleteSecurityGroup,
        Self::DeleteSnapshot,
        Self::DeleteTags,
        Self::DeleteVolume,
        Self::DescribeAddresses,
        Self::DescribeBackupVault,
        Self::DescribeImageAttribute,
        Self::DescribeImages,
        Self::DescribeInstanceAttribute,
        Self::DescribeInstanceStatus,
        Self::DescribeInstances,
        Self::DescribeLockedSnapshots,
        Self::DescribeSecurityGroups,
        Self::DescribeSnapshotAttribute,
        Self::DescribeSnapshots,
        Self::DescribeSubnets,
        Self::DescribeVolumes,
        Self::DescribeVpcs,
        Self::DisassociateAddress,
        Self::GetCallerIdentity,
        Self::ListBackupJobs,
        Self::ListSnapshotsInRecycleBin,
        Self::ListVolumesInRecycleBin,
        Self::LockSnapshot,
        Self::ModifyImageAttribute,
        Self::ModifyInstanceAttribute,
        Self::ModifyInstanceMetadataOptions,
        Self::ModifyNetworkInterfaceAttribute,
        Self::ModifySnapshotAttribute,
        Self::ModifyVolume,
        Self::RebootInstances,
        Self::RevokeSecurityGroupEgress,
        Self::RevokeSecurityGroupIngress,
        Self::RunInstances,
        Self::StartBackupJob,
        Self::StartInstances,
        Self::StopInstances,
        Self::TerminateInstances,
    ];

    /// The AWS service it belongs to, as metrics name it.
    pub fn service(self) -> &'static str {
        match self {
            Self::AssumeRole | Self::GetCallerIdentity => "sts",
            Self::DeleteRecoveryPoint
            | Self::DescribeBackupVault
            | Self::ListBackupJobs
            | Self::StartBackupJob => "backup",
            _ => "ec2",
        }
    }

    /// Whether it changes nothing, so that a lost answer costs nothing but a repeat.
    pub fn is_read(self) -> bool {
        match self {
            // It makes credentials, which nobody misses.
            Self::AssumeRole
            | Self::DescribeAddresses
            | Self::DescribeBackupVault
            | Self::DescribeImageAttribute
            | Self::DescribeImages
            | Self::DescribeInstanceAttribute
            | Self::DescribeInstanceStatus
            | Self::DescribeInstances
            | Self::DescribeLockedSnapshots
            | Self::DescribeSecurityGroups
            | Self::DescribeSnapshotAttribute
            | Self::DescribeSnapshots
            | Self::DescribeSubnets
            | Self::DescribeVolumes
            | Self::DescribeVpcs
            | Self::GetCallerIdentity
            | Self::ListBackupJobs
            | Self::ListSnapshotsInRecycleBin
            | Self::ListVolumesInRecycleBin => true,
            Self::AssociateAddress
            | Self::AuthorizeSecurityGroupEgress
            | Self::AuthorizeSecurityGroupIngress
            | Self::CreateSecurityGroup
            | Self::CreateSnapshots
            | Self::CreateTags
            | Self::DeleteRecoveryPoint
            | Self::DeleteSecurityGroup
            | Self::DeleteSnapshot
            | Self::DeleteTags
            | Self::DeleteVolume
            | Self::DisassociateAddress
            | Self::LockSnapshot
            | Self::ModifyImageAttribute
            | Self::ModifyInstanceAttribute
            | Self::ModifyInstanceMetadataOptions
            | Self::ModifyNetworkInterfaceAttribute
            | Self::ModifySnapshotAttribute
            | Self::ModifyVolume
            | Self::RebootInstances
            | Self::RevokeSecurityGroupEgress
            | Self::RevokeSecurityGroupIngress
            | Self::RunInstances
            | Self::StartBackupJob
            | Self::StartInstances
            | Self::StopInstances
            | Self::TerminateInstances => false,
        }
    }

    /// The right that the operation needs, as an IAM policy names it.
    pub fn action(self) -> &'static str {
        match self {
            Self::AssociateAddress => "ec2:AssociateAddress",
            Self::AssumeRole => "sts:AssumeRole",
            Self::AuthorizeSecurityGroupEgress => "ec2:AuthorizeSecurityGroupEgress",
            Self::AuthorizeSecurityGroupIngress => "ec2:AuthorizeSecurityGroupIngress",
            Self::CreateSecurityGroup => "ec2:CreateSecurityGroup",
            Self::CreateSnapshots => "ec2:CreateSnapshots",
            Self::CreateTags => "ec2:CreateTags",
            Self::DeleteRecoveryPoint => "backup:DeleteRecoveryPoint",
            Self::DeleteSecurityGroup => "ec2:DeleteSecurityGroup",
            Self::DeleteSnapshot => "ec2:DeleteSnapshot",
            Self::DeleteTags => "ec2:DeleteTags",
            Self::DeleteVolume => "ec2:DeleteVolume",
            Self::DescribeAddresses => "ec2:DescribeAddresses",
            Self::DescribeBackupVault => "backup:DescribeBackupVault",
            Self::DescribeImageAttribute => "ec2:DescribeImageAttribute",
            Self::DescribeImages => "ec2:DescribeImages",
            Self::DescribeInstanceAttribute => "ec2:DescribeInstanceAttribute",
            Self::DescribeInstanceStatus => "ec2:DescribeInstanceStatus",
            Self::DescribeInstances => "ec2:DescribeInstances",
            Self::DescribeLockedSnapshots => "ec2:DescribeLockedSnapshots",
            Self::DescribeSecurityGroups => "ec2:DescribeSecurityGroups",
            Self::DescribeSnapshotAttribute => "ec2:DescribeSnapshotAttribute",
            Self::DescribeSnapshots => "ec2:DescribeSnapshots",
            Self::DescribeSubnets => "ec2:DescribeSubnets",
            Self::DescribeVolumes => "ec2:DescribeVolumes",
            Self::DescribeVpcs => "ec2:DescribeVpcs",
            Self::DisassociateAddress => "ec2:DisassociateAddress",
            Self::GetCallerIdentity => "sts:GetCallerIdentity",
            Self::ListBackupJobs => "backup:ListBackupJobs",
            Self::ListSnapshotsInRecycleBin => "ec2:ListSnapshotsInRecycleBin",
            Self::ListVolumesInRecycleBin => "ec2:ListVolumesInRecycleBin",
            Self::LockSnapshot => "ec2:LockSnapshot",
            Self::ModifyImageAttribute => "ec2:ModifyImageAttribute",
            Self::ModifyInstanceAttribute => "ec2:ModifyInstanceAttribute",
            Self::ModifyInstanceMetadataOptions => "ec2:ModifyInstanceMetadataOptions",
            Self::ModifyNetworkInterfaceAttribute => "ec2:ModifyNetworkInterfaceAttribute",
            Self::ModifySnapshotAttribute => "ec2:ModifySnapshotAttribute",
            Self::ModifyVolume => "ec2:ModifyVolume",
            Self::RebootInstances => "ec2:RebootInstances",
            Self::RevokeSecurityGroupEgress => "ec2:RevokeSecurityGroupEgress",
            Self::RevokeSecurityGroupIngress => "ec2:RevokeSecurityGroupIngress",
            Self::RunInstances => "ec2:RunInstances",
            Self::StartBackupJob => "backup:StartBackupJob",
            Self::StartInstances => "ec2:StartInstances",
            Self::StopInstances => "ec2:StopInstances",
            Self::TerminateInstances => "ec2:TerminateInstances",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The variants are AWS's own spelling.
        fmt::Debug::fmt(self, f)
    }
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// It may work if tried again as it is.
    Transient,
    /// AWS asks us to slow down.
    Throttled,
    /// The call may have taken effect: the answer was lost or cut.
    Lost,
    /// What the call names is not there (yet): normal shortly after a create.
    NotFound,
    /// What the call would make is there already.
    Duplicate,
    /// The same client token came with other parameters before.
    TokenReused,
    /// The resource is in a state that forbids the call for now.
    IncorrectState,
    /// The request can never work as the user wrote it.
    InvalidSpec,
    /// The operator may not do this.
    Denied,
    /// A quota or AWS's capacity is used up.
    Exhausted,
    /// A refusal with a code that is in nobody's table.
    Unexpected,
    /// An answer that the operator cannot explain.
    Defect,
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Try again with back-off.
    Retry,
    /// A person must act first; look again at long intervals.
    Stall,
    /// Look at the truth before deciding anything.
    Look,
}

impl ErrorKind {
    /// The kind in one word, as metrics and logs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::Lost => "lost",
            Self::NotFound => "not_found",
            Self::Duplicate => "duplicate",
            Self::TokenReused => "token_reused",
            Self::IncorrectState => "incorrect_state",
            Self::InvalidSpec => "invalid_spec",
            Self::Denied => "denied",
            Self::Exhausted => "exhausted",
            Self::Unexpected => "unexpected",
            Self::Defect => "defect",
        }
    }

    /// What to do after a failure of this kind.
    pub fn disposition(self) -> Disposition {
        match self {
            Self::Transient | Self::Throttled | Self::IncorrectState | Self::Unexpected => Disposition::Retry,
            Self::Lost | Self::NotFound | Self::Duplicate | Self::TokenReused => Disposition::Look,
            Self::InvalidSpec | Self::Denied | Self::Exhausted | Self::Defect => Disposition::Stall,
        }
    }
}

/// A failed call.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{operation} {}: {message}{}", self.verb(), self.missing_right())]
pub struct CloudError {
    /// What was called.
    pub operation: Operation,
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// AWS's code, or a word of ours where AWS gave none (`Timeout`, `TruncatedBody`).
    pub code: String,
    /// AWS's message without anything that changes from call to call (no request id), safe to show in a status.
    pub message: String,
    /// When the call has its turn, where that is known: it was not sent because others come first.
    pub turn_at: Option<Timestamp>,
}

/// Our own code for a call that was not sent, since others come first.
pub const HELD_BACK: &str = "HeldBack";

/// AWS's codes for a right that the caller's policies do not give. Other refusals of the kind [`ErrorKind::Denied`],
/// of an account that is blocked for example, no policy cures.
pub const MISSING_RIGHT: [&str; 3] = ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];

impl CloudError {
    /// Whether nothing was sent: others come first.
    pub fn is_held_back(&self) -> bool {
        self.code == HELD_BACK
    }

    fn verb(&self) -> String {
        if self.is_held_back() {
            "waits for its turn".to_owned()
        } else {
            format!("failed: {}", self.code)
        }
    }

    /// Whether it failed because a right is missing.
    pub fn lacks_right(&self) -> bool {
        MISSING_RIGHT.contains(&self.code.as_str())
    }

    /// What to mend, where the code says only that something is denied.
    fn missing_right(&self) -> String {
        match self.operation {
            _ if !self.lacks_right() => String::new(),
            Operation::AssumeRole => {
                " (sts:AssumeRole: the role's trust policy must let the operator in, with the class's external id, and \
                 the operator's own policy must name the role)"
                    .to_owned()
            }
            Operation::StartBackupJob if self.message.contains("iam:PassRole") => {
                " (the operator's IAM policy lacks iam:PassRole of the role that AWS Backup works as: `yagura iam-policy \
                 --backup-role-arns` prints it)"
                    .to_owned()
            }
            operation => format!(" (the operator's IAM policy lacks {})", operation.action()),
        }
    }
}
