//! When what a job made may be taken away.

use super::*;

const DAY: i64 = 86_400;

fn there(count: u32) -> Observed<Vec<Image>> {
    Observed::Present((1..=count).map(image).collect())
}

fn locked(min: u32) -> Vault {
    vault(Some(VaultLock {
        min_retention_days: Some(min),
        max_retention_days: None,
        final_from: None,
    }))
}

#[test]
fn what_is_there_is_deleted_and_what_is_gone_is_gone() {
    let open = vault(None);
    let plan = |images: &Observed<Vec<Image>>| removal(images, Observed::Present(&open), None, at(5 * DAY));
    assert_eq!(
        plan(&there(2)),
        Removal::Delete(vec!["ami-1".into(), "ami-2".into()])
    );
    assert_eq!(plan(&Observed::Absent), Removal::Gone);
    assert_eq!(plan(&Observed::Present(Vec::new())), Removal::Gone);
}

#[test]
fn nothing_is_deleted_while_images_or_vault_are_unknown() {
    let open = vault(None);
    assert_eq!(
        removal(&Observed::Unknown, Observed::Present(&open), None, at(5 * DAY)),
        Removal::Unknown
    );
    assert_eq!(
        removal(&there(1), Observed::Unknown, None, at(5 * DAY)),
        Removal::Unknown
    );
}

#[test]
fn a_lock_is_waited_for_and_named() {
    let vault = locked(7);
    let waits = removal(&there(1), Observed::Present(&vault), None, at(5 * DAY));
    let Removal::Waits(until, why) = waits else {
        panic!("{waits:?}");
    };
    assert_eq!(until, later(image(1).created_at, Duration::from_secs(7 * 86_400)));
    assert!(why.contains("lock of vault yagura"), "{why}");
    let after = removal(&there(1), Observed::Present(&vault), None, until);
    assert_eq!(after, Removal::Delete(vec!["ami-1".into()]));
}

#[test]
fn only_what_the_lock_lets_go_is_deleted() {
    let young = Image {
        created_at: at(6 * DAY),
        ..image(2)
    };
    let images = Observed::Present(vec![young, image(1)]);
    let vault = locked(4);
    assert_eq!(
        removal(&images, Observed::Present(&vault), None, at(7 * DAY)),
        Removal::Delete(vec!["ami-1".into()])
    );
}

#[test]
fn a_refused_or_ignored_deletion_is_tried_again_a_day_later() {
    let open = vault(None);
    for refusal in [None, Some(refusal(ErrorKind::IncorrectState))] {
        let is_refused = refusal.is_some();
        let tried = Tried {
            at: at(5 * DAY),
            refusal,
        };
        let plan = |now| removal(&there(1), Observed::Present(&open), Some(&tried), at(now));
        let Removal::Waits(until, why) = plan(6 * DAY - 1) else {
            panic!("asked twice a day");
        };
        assert_eq!(until, at(6 * DAY));
        assert_eq!(why.contains("refuses"), is_refused, "{why}");
        assert!(matches!(plan(6 * DAY), Removal::Delete(_)));
    }
}
