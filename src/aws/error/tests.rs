use super::{MESSAGE_LIMIT, kind_of, stable};
use crate::cloud::ErrorKind;

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
