mod documented;

use std::collections::BTreeSet;

use self::documented::{OF_EVERY_CALL, OF_STS, of};
use super::{MESSAGE_LIMIT, SERVER_SIDE, kind_of, stable};
use crate::cloud::{Disposition, ErrorKind, Operation};

#[test]
fn a_message_keeps_nothing_that_changes_from_call_to_call() {
    let message =
        "You are not authorized to perform this operation. Encoded authorization failure message: abc";
    assert_eq!(
        stable(message),
        "You are not authorized to perform this operation"
    );
    assert_eq!(stable("Rate exceeded (RequestID: 1b2c)"), "Rate exceeded");
    assert_eq!(
        stable("The instance ID 'i-1' does not exist"),
        "The instance ID 'i-1' does not exist"
    );
    assert_eq!(
        stable(&"é".repeat(2 * MESSAGE_LIMIT)).chars().count(),
        MESSAGE_LIMIT
    );
}

#[test]
fn both_words_for_not_permitted_mean_the_same() {
    for code in ["UnauthorizedOperation", "AccessDenied"] {
        assert_eq!(kind_of(code), Some(ErrorKind::Denied));
    }
}

#[test]
fn a_missing_group_may_only_be_late_but_a_missing_image_is_a_mistake() {
    assert_eq!(kind_of("InvalidGroup.NotFound"), Some(ErrorKind::NotFound));
    assert_eq!(kind_of("InvalidAMIID.NotFound"), Some(ErrorKind::InvalidSpec));
}

#[test]
fn every_documented_code_of_every_operation_is_in_the_table() {
    for operation in Operation::ALL {
        let common = match operation.service() {
            "sts" => OF_STS,
            _ => OF_EVERY_CALL,
        };
        for code in common.iter().chain(of(operation)) {
            let is_known = kind_of(code).is_some() || SERVER_SIDE.contains(code);
            assert!(is_known, "{operation}: nobody has thought about {code}");
        }
    }
}

#[test]
fn a_code_within_aws_is_left_to_its_status() {
    // The outcome of a write is then not known, whatever the table could say.
    for code in SERVER_SIDE {
        assert_eq!(kind_of(code), None, "{code}");
    }
    assert_eq!(kind_of("NobodyKnowsThisCode"), None);
}

#[test]
fn what_is_documented_is_named_once() {
    for operation in Operation::ALL {
        let own = of(operation);
        let unique: BTreeSet<_> = own.iter().collect();
        assert_eq!(unique.len(), own.len(), "{operation}");
    }
}

#[test]
fn a_quota_needs_a_person_and_a_pending_snapshot_only_time() {
    for code in [
        "TagLimitExceeded",
        "VcpuLimitExceeded",
        "InstanceLimitExceeded",
        "SecurityGroupLimitExceeded",
        "RulesPerSecurityGroupLimitExceeded",
        "SnapshotLimitExceeded",
        "InsufficientInstanceCapacity",
        "InsufficientFreeAddressesInSubnet",
    ] {
        let kind = kind_of(code).unwrap();
        assert_eq!(kind, ErrorKind::Exhausted, "{code}");
        assert_eq!(kind.disposition(), Disposition::Stall);
    }
    for code in [
        "ConcurrentSnapshotLimitExceeded",
        "PendingSnapshotLimitExceeded",
        "SnapshotCreationPerVolumeRateExceeded",
        "RequestLimitExceeded",
    ] {
        let kind = kind_of(code).unwrap();
        assert_eq!(kind, ErrorKind::Throttled, "{code}");
        assert_eq!(kind.disposition(), Disposition::Retry);
    }
}

#[test]
fn what_may_be_late_is_looked_for_and_what_changes_by_itself_is_tried_again() {
    for (code, kind, disposition) in [
        (
            "InvalidInstanceID.NotFound",
            ErrorKind::NotFound,
            Disposition::Look,
        ),
        (
            "InvalidNetworkInterfaceID.NotFound",
            ErrorKind::NotFound,
            Disposition::Look,
        ),
        (
            "InvalidPermission.Duplicate",
            ErrorKind::Duplicate,
            Disposition::Look,
        ),
        (
            "IdempotentParameterMismatch",
            ErrorKind::TokenReused,
            Disposition::Look,
        ),
        (
            "IncorrectInstanceState",
            ErrorKind::IncorrectState,
            Disposition::Retry,
        ),
        (
            "ConcurrentTagAccess",
            ErrorKind::IncorrectState,
            Disposition::Retry,
        ),
        ("RequestExpired", ErrorKind::Transient, Disposition::Retry),
        ("OperationNotPermitted", ErrorKind::Denied, Disposition::Stall),
        ("UnsupportedOperation", ErrorKind::InvalidSpec, Disposition::Stall),
        (
            "AttachmentLimitExceeded",
            ErrorKind::InvalidSpec,
            Disposition::Stall,
        ),
    ] {
        assert_eq!(kind_of(code), Some(kind), "{code}");
        assert_eq!(kind.disposition(), disposition, "{code}");
    }
}
