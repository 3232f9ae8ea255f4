use super::*;
use crate::cloud::VaultLock;

fn vault(lock: Option<(Option<u32>, Option<u32>)>) -> Vault {
    Vault {
        name: "yagura".into(),
        kms_key_id: None,
        lock: lock.map(|(min_retention_days, max_retention_days)| VaultLock {
            min_retention_days,
            max_retention_days,
            final_from: None,
        }),
    }
}

fn lack(lock: Option<(Option<u32>, Option<u32>)>) -> Option<String> {
    vault_lack(Observed::Present(&vault(lock)), 3)
}

#[test]
fn a_vault_whose_lock_keeps_the_good_days_lacks_nothing() {
    assert_eq!(lack(Some((Some(3), None))), None);
    assert_eq!(lack(Some((Some(3), Some(4)))), None);
    assert_eq!(lack(Some((Some(400), Some(400)))), None);
}

#[test]
fn a_vault_without_a_lock_or_with_a_short_one_says_so() {
    assert!(lack(None).unwrap().contains("has no lock"));
    assert!(lack(Some((Some(2), None))).unwrap().contains("for 2 days"));
    assert!(lack(Some((None, Some(9)))).unwrap().contains("for 0 days"));
    assert!(lack(Some((Some(3), Some(3)))).unwrap().contains("after 3 days"));
}

#[test]
fn a_vault_that_is_not_known_lacks_nothing_and_a_missing_one_is_said() {
    assert_eq!(vault_lack(Observed::Unknown, 3), None);
    assert!(vault_lack(Observed::Absent, 3).unwrap().contains("not there"));
}

#[test]
fn only_a_lock_with_a_maximum_asks_for_a_lifecycle() {
    assert_eq!(lifecycle(&vault(None)), None);
    assert_eq!(lifecycle(&vault(Some((Some(3), None)))), None);
    assert_eq!(lifecycle(&vault(Some((None, Some(35))))), Some(35));
}

#[test]
fn a_lock_keeps_for_its_least_number_of_days() {
    let made: Timestamp = "2031-05-01T15:30:00Z".parse().unwrap();
    assert_eq!(kept_until(&vault(None), made), None);
    assert_eq!(kept_until(&vault(Some((None, Some(9)))), made), None);
    let until = kept_until(&vault(Some((Some(4), None))), made);
    assert_eq!(until, Some("2031-05-05T15:30:00Z".parse().unwrap()));
}
