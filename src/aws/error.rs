//! What AWS's errors mean to the operator: one table.

use std::error::Error;

use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{session::not_entered, whole_answer::CutShort};
use crate::cloud::{CloudError, ErrorKind, Operation};

/// How much of a message is kept: a status holds it, and the tail of a long one says nothing new.
const MESSAGE_LIMIT: usize = 512;

/// From here on a message changes from call to call.
const UNSTABLE: [&str; 4] = [
    "Encoded authorization failure message",
    "RequestID",
    "Request ID",
    "request id",
];

/// Something went wrong within AWS: whether the call took effect is not said.
const SERVER_SIDE: [&str; 6] = [
    "InternalError",
    "InternalFailure",
    "ServerInternal",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
];

/// What a failed call means.
pub(super) fn cloud_error<E>(operation: Operation, error: &SdkError<E, Response>) -> CloudError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    if let Some(not_entered) = causes(error).find_map(not_entered) {
        return not_entered;
    }
    let unanswered = unanswered(operation);
    let (kind, code, message) = match error {
        // Nothing was sent.
        SdkError::ConstructionFailure(_) => (ErrorKind::Transient, "NotSent", cause(error)),
        SdkError::TimeoutError(_) => (unanswered, "Timeout", "no answer in time".to_owned()),
        // Whether the request got through before the connection broke is not said.
        SdkError::DispatchFailure(_) => (unanswered, "ConnectionFailed", cause(error)),
        SdkError::ResponseError(failure) if failure_is_cut(error) => {
            let status = failure.raw().status().as_u16();
            (
                unanswered,
                "TruncatedBody",
                format!("the answer with status {status} was cut short"),
            )
        }
        SdkError::ResponseError(_) => (unanswered, "UnreadableAnswer", cause(error)),
        SdkError::ServiceError(failure) => {
            let status = failure.raw().status().as_u16();
            let code = failure.err().code().unwrap_or("NoCode");
            let is_theirs = status >= 500 || SERVER_SIDE.contains(&code);
            let kind = of_operation(operation, code).or_else(|| kind_of(code));
            let kind = kind.unwrap_or(if is_theirs {
                unanswered
            } else {
                ErrorKind::Unexpected
            });
            (kind, code, stable(failure.err().message().unwrap_or_default()))
        }
        // The SDK reserves the right to add kinds of failure; nothing is known of those.
        _ => (unanswered, "Unknown", cause(error)),
    };
    let code = code.to_owned();
    CloudError {
        operation,
        kind,
        code,
        message,
        turn_at: None,
    }
}

/// Whether AWS refused the call because there were too many of its kind.
pub(super) fn is_rate_limit(error: &CloudError) -> bool {
    let codes = [
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "RequestThrottled",
        "EC2ThrottledException",
    ];
    codes.contains(&error.code.as_str())
}

/// A call whose answer never came may have taken effect; a read has none.
fn unanswered(operation: Operation) -> ErrorKind {
    if operation.is_read() {
        ErrorKind::Transient
    } else {
        ErrorKind::Lost
    }
}

/// What a code means of this operation, where that differs.
fn of_operation(operation: Operation, code: &str) -> Option<ErrorKind> {
    of_image(operation, code).or_else(|| of_protection(operation, code))
}

/// An instance that is protected from the call, which no policy of ours changes: whoever protected it can.
fn of_protection(operation: Operation, code: &str) -> Option<ErrorKind> {
    let is_guarded = matches!(
        operation,
        Operation::StopInstances | Operation::TerminateInstances
    );
    (is_guarded && code == "OperationNotPermitted").then_some(ErrorKind::IncorrectState)
}

/// What a launch names the user wrote; an image that is looked at or changed by its id is one of ours, and may go.
fn of_image(operation: Operation, code: &str) -> Option<ErrorKind> {
    let is_by_id = matches!(
        operation,
        Operation::CreateTags | Operation::DescribeImageAttribute | Operation::ModifyImageAttribute
    );
    let is_gone = matches!(code, "InvalidAMIID.NotFound" | "InvalidAMIID.Unavailable");
    (is_by_id && is_gone).then_some(ErrorKind::NotFound)
}

/// The table. `None` is a code that nobody has thought about yet.
#[expect(clippy::too_many_lines, reason = "one table, to be read at a glance")]
fn kind_of(code: &str) -> Option<ErrorKind> {
    let kind = match code {
        "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "RequestThrottled"
        | "EC2ThrottledException"
        // These two empty themselves as snapshots complete, so nobody has to act.
        | "SnapshotCreationPerVolumeRateExceeded"
        | "PendingSnapshotLimitExceeded"
        | "ConcurrentSnapshotLimitExceeded" => ErrorKind::Throttled,

        "UnauthorizedOperation"
        | "AccessDenied"
        | "AccessDeniedException"
        | "AccountDisabled"
        | "AuthFailure"
        | "Blocked"
        // A group that AWS made.
        | "CannotDelete"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "NotAuthorized"
        | "OperationNotPermitted"
        | "OptInRequired"
        | "PendingVerification"
        | "RegionDisabledException"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => ErrorKind::Denied,

        "InvalidAddress.NotFound"
        | "InvalidAllocationID.NotFound"
        | "InvalidAssociationID.NotFound"
        | "InvalidInstanceID.NotFound"
        | "InvalidGroup.NotFound"
        | "InvalidGroupId.NotFound"
        | "InvalidID"
        | "InvalidNetworkInterface.NotFound"
        | "InvalidNetworkInterfaceID.NotFound"
        | "InvalidPermission.NotFound"
        | "InvalidSecurityGroupID.NotFound"
        | "InvalidSnapshot.NotFound"
        | "InvalidVolume.NotFound"
        | "ResourceNotFoundException" => ErrorKind::NotFound,

        "InvalidGroup.Duplicate" | "InvalidPermission.Duplicate" => ErrorKind::Duplicate,

        // The second: the instance that this token once made is terminated.
        "IdempotentParameterMismatch" | "IdempotentInstanceTerminated" => ErrorKind::TokenReused,

        "ConcurrentTagAccess"
        | "DependencyViolation"
        | "IncorrectInstanceState"
        | "IncorrectModificationState"
        | "IncorrectState"
        | "InvalidGroup.InUse"
        | "InvalidInstanceState"
        | "InvalidNetworkInterface.InUse"
        // What a locked vault answers to a deletion.
        | "InvalidRequestException"
        | "InvalidResourceStateException"
        | "InvalidSnapshot.InUse"
        | "InvalidState"
        | "InvalidVpcState"
        | "Resource.AlreadyAssociated"
        | "ResourceInUse"
        | "VolumeInUse"
        // One change of a volume in six hours.
        | "VolumeModificationRateExceeded" => ErrorKind::IncorrectState,

        "AddressLimitExceeded"
        | "BandwidthLimitExceeded"
        | "HostLimitExceeded"
        | "InsufficientAddressCapacity"
        | "InsufficientCapacity"
        | "InsufficientCapacityOnHost"
        | "InsufficientFreeAddressesInSubnet"
        | "InsufficientHostCapacity"
        | "InsufficientInstanceCapacity"
        | "InsufficientReservedInstanceCapacity"
        | "InsufficientReservedInstancesCapacity"
        | "InsufficientVolumeCapacity"
        | "InstanceLimitExceeded"
        | "InvalidInterface.IpAddressLimitExceeded"
        | "LimitExceededException"
        | "MaxIOPSLimitExceeded"
        | "NetworkInterfaceLimitExceeded"
        | "PrivateIpAddressLimitExceeded"
        | "ReservationCapacityExceeded"
        | "ResourceCountExceeded"
        | "ResourceCountLimitExceeded"
        | "ResourceLimitExceeded"
        | "RulesPerSecurityGroupLimitExceeded"
        | "SecurityGroupLimitExceeded"
        | "SecurityGroupsPerInstanceLimitExceeded"
        | "SecurityGroupsPerInterfaceLimitExceeded"
        | "SnapshotLimitExceeded"
        | "TagLimitExceeded"
        | "UnfulfillableCapacity"
        | "VcpuLimitExceeded"
        | "VolumeIOPSLimit"
        | "VolumeLimitExceeded"
        | "VolumeModificationSizeLimitExceeded" => ErrorKind::Exhausted,

        // What the user named, image, subnet, type or key, is not there or does not go together.
        "AttachmentLimitExceeded"
        | "BootForVolumeTypeUnsupported"
        | "ClientInvalidParameterValue"
        | "CustomerKeyHasBeenRevoked"
        | "EncryptedVolumesNotSupported"
        | "InvalidAMIID.Malformed"
        | "InvalidAMIID.NotFound"
        | "InvalidAMIID.Unavailable"
        | "InvalidAvailabilityZone"
        | "InvalidBlockDeviceMapping"
        | "InvalidGroup.Reserved"
        | "InvalidGroupId.Malformed"
        | "InvalidInput"
        | "InvalidInstanceAttributeValue"
        | "InvalidInstanceID"
        | "InvalidInstanceID.Malformed"
        | "InvalidInstanceType"
        | "InvalidKMSKey.InvalidState"
        | "InvalidNetworkInterfaceID.Malformed"
        | "InvalidNetworkInterfaceId.Malformed"
        | "InvalidParameter"
        | "InvalidParameterCombination"
        | "InvalidParameterDependency"
        | "InvalidParameterValue"
        | "InvalidParameterValueException"
        | "InvalidPermission.Malformed"
        | "InvalidPrefixListID.NotFound"
        | "InvalidPrefixListId.Malformed"
        | "InvalidPrefixListId.NotFound"
        | "InvalidRegion"
        | "InvalidRequest"
        | "InvalidSecurityGroupId.Malformed"
        | "InvalidSnapshotID.Malformed"
        | "InvalidSubnet"
        | "InvalidSubnetID.Malformed"
        | "InvalidSubnetID.NotFound"
        | "InvalidTagKey.Malformed"
        | "InvalidTenancy"
        | "InvalidVolumeID.Malformed"
        | "InvalidVpcID.Malformed"
        | "InvalidVpcID.NotFound"
        | "MissingParameter"
        | "NetworkInterfaceNotSupported"
        | "NonEBSInstance"
        | "TagPolicyViolation"
        | "UnknownVolumeType"
        | "Unsupported"
        | "UnsupportedException"
        | "UnsupportedHostConfiguration"
        | "UnsupportedInstanceAttribute"
        | "UnsupportedInstanceTypeOnHost"
        | "UnsupportedOperation"
        | "UnsupportedTenancy"
        | "VPCIdNotSpecified"
        | "VPCResourceNotSpecified"
        | "ValidationError"
        | "VolumeTypeNotAvailableInZone" => ErrorKind::InvalidSpec,

        // Only a mistake of ours can cause these.
        "FilterLimitExceeded"
        | "IncompleteSignature"
        | "InvalidAction"
        | "InvalidCharacter"
        | "InvalidClientToken"
        | "InvalidFilter"
        | "InvalidMaxResults"
        | "InvalidQueryParameter"
        | "InvalidUserID.Malformed"
        | "MalformedPolicyDocument"
        | "MalformedQueryString"
        | "MissingAction"
        | "MissingInput"
        | "MissingParameterValueException"
        | "PackedPolicyTooLarge"
        | "RequestEntityTooLarge"
        | "RequestResourceCountExceeded"
        | "UnknownParameter"
        | "UnsupportedProtocol" => ErrorKind::Defect,

        // The clock was off, credentials were just renewed, a listing lost its place: the next try may do.
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidNextToken"
        | "InvalidPaginationToken"
        | "InvalidSecurity.RequestHasExpired"
        | "RequestExpired"
        | "RetryableError" => ErrorKind::Transient,

        _ => return None,
    };
    Some(kind)
}

fn failure_is_cut<E>(error: &SdkError<E, Response>) -> bool
where
    E: Error + Send + Sync + 'static,
{
    causes(error).any(<dyn Error>::is::<CutShort>)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The innermost cause: the SDK's own layers only say that there is one.
fn cause<E>(error: &SdkError<E, Response>) -> String
where
    E: Error + Send + Sync + 'static,
{
    stable(&causes(error).last().map(ToString::to_string).unwrap_or_default())
}

/// The message without what differs from call to call: it goes into a status, and each change would be a write.
fn stable(message: &str) -> String {
    let end = UNSTABLE.iter().filter_map(|mark| message.find(mark)).min();
    let kept = end.and_then(|end| message.get(..end)).unwrap_or(message);
    let kept = kept.trim_end_matches([' ', '.', ',', ';', ':', '(', '[']);
    kept.chars().take(MESSAGE_LIMIT).collect()
}

#[cfg(test)]
mod tests;
