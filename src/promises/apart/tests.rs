use std::collections::BTreeSet;

use crate::{
    cloud::Observed,
    promises::{
        BackupFacts, Facts, Lock, Verdict,
        tests::{check, kept, said, verdict},
    },
};

fn with(change: impl FnOnce(&mut BackupFacts)) -> Facts {
    let mut facts = kept();
    change(facts.backup.as_mut().unwrap());
    facts
}

#[test]
fn sets_that_are_locked_encrypted_and_private_are_kept_apart() {
    let reason = "every backup is locked, encrypted as its volume, and private".to_owned();
    assert_eq!(said(24, &kept()), (Verdict::Pass, reason));
    let coming = with(|backup| backup.sets[3].lock = Lock::Coming);
    assert_eq!(verdict(24, &coming), Verdict::Pass);
}

#[test]
fn a_copy_that_others_can_use_is_named() {
    let exposed = BTreeSet::from(["snap-1 is shared with 444455556666".to_owned()]);
    let facts = with(|backup| backup.exposed = Observed::Present(exposed));
    let reason = "others can use copies: snap-1 is shared with 444455556666".to_owned();
    assert_eq!(said(24, &facts), (Verdict::Fail, reason));
}

#[test]
fn a_set_that_can_be_deleted_or_has_another_key_is_not_safe() {
    let facts = with(|backup| backup.sets[2].lock = Lock::Missing);
    let reason = "not locked against deletion: 1 of 3 good days".to_owned();
    assert_eq!(said(24, &facts), (Verdict::Fail, reason));
    let facts = with(|backup| backup.sets[2].checks = [check("EncryptionEqual", false)].into());
    assert_eq!(verdict(24, &facts), Verdict::Fail);
}

#[test]
fn what_was_not_read_or_checked_is_not_known_to_be_safe() {
    for facts in [
        with(|backup| backup.exposed = Observed::Unknown),
        with(|backup| backup.sets[1].lock = Lock::Unknown),
        with(|backup| backup.sets[1].checks.clear()),
    ] {
        assert_eq!(verdict(24, &facts), Verdict::Unknown);
    }
}

#[test]
fn only_what_is_guaranteed_is_judged_and_without_any_there_is_no_occasion() {
    let facts = with(|backup| backup.sets[0].lock = Lock::Missing);
    assert_eq!(verdict(24, &facts), Verdict::Pass);
    let facts = with(|backup| backup.sets.clear());
    assert_eq!(verdict(24, &facts), Verdict::Idle);
}
