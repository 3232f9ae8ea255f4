use super::*;
use crate::{
    api::Environment,
    plan::separation::{Ground, compare},
};

fn party(name: &str) -> Party {
    Party {
        customer: "acme".to_owned(),
        tenant: Key::new("acme", name),
        uid: format!("uid-{name}"),
        environment: Some(Environment::Production),
        label: name.to_owned(),
    }
}

fn matrix(names: &[&str]) -> Matrix {
    compare(&Ground {
        parties: names.iter().map(|name| Arc::new(party(name))).collect(),
        ..Ground::default()
    })
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn site() -> Site {
    "ap-northeast-1".into()
}

#[test]
fn nothing_is_compared_anew_while_nothing_changed() {
    let separation = Separation::default();
    let made_from = separation.is_due(&site(), 7, at(0)).unwrap();
    separation.keep(&site(), (matrix(&["a"]), 5), made_from, at(0));
    assert_eq!(separation.is_due(&site(), 7, at(1000)), None);
    assert!(separation.is_due(&site(), 8, at(1000)).is_some());
    assert!(separation.note(&Key::new("acme", "b"), Some(&party("b"))));
    assert!(separation.is_due(&site(), 7, at(1000)).is_some());
}

#[test]
fn a_fleet_in_flux_is_compared_seldom() {
    let separation = Separation::default();
    let made_from = separation.is_due(&site(), 1, at(0)).unwrap();
    separation.keep(&site(), (matrix(&[]), 110_000), made_from, at(0));
    assert_eq!(separation.is_due(&site(), 2, at(109)), None);
    assert!(separation.is_due(&site(), 2, at(110)).is_some());
}

#[test]
fn only_a_tenant_that_is_otherwise_is_news() {
    let separation = Separation::default();
    let key = Key::new("acme", "a");
    assert!(separation.note(&key, Some(&party("a"))));
    assert!(!separation.note(&key, Some(&party("a"))));
    let reborn = Party {
        uid: "another".to_owned(),
        ..party("a")
    };
    assert!(separation.note(&key, Some(&reborn)));
    assert!(separation.note(&key, None));
    assert!(!separation.note(&key, None));
}

#[test]
fn those_of_which_there_is_something_new_to_say_are_named() {
    let separation = Separation::default();
    let made_from = separation.is_due(&site(), 1, at(0)).unwrap();
    let keep = |names: &[&str]| separation.keep(&site(), (matrix(names), 1), made_from, at(0));
    assert_eq!(keep(&["a"]), ["uid-a"]);
    assert!(keep(&["a"]).is_empty());
    assert_eq!(keep(&["a", "b"]), ["uid-b"]);
    assert_eq!(separation.row(&site(), "uid-b"), Some(Row::default()));
    assert_eq!(separation.row(&"ap-northeast-3".into(), "uid-b"), None);
    separation.retain(|_| false);
    assert_eq!(separation.row(&site(), "uid-b"), None);
}
