use std::collections::BTreeSet;

use crate::{
    cloud::Observed,
    promises::{
        Facts, Verdict,
        tests::{kept, said, verdict},
    },
};

fn with(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = kept();
    change(&mut facts);
    facts
}

#[test]
fn a_label_held_alone_is_unique() {
    assert_eq!(verdict(3, &kept()), Verdict::Pass);
}

#[test]
fn a_label_the_register_gives_to_another_is_not() {
    let facts = with(|facts| facts.label.holder = Some("beta/env".to_owned()));
    assert_eq!(
        said(3, &facts),
        (
            Verdict::Fail,
            "label acme-jira-prod is held by beta/env".to_owned()
        )
    );
}

#[test]
fn a_label_on_another_instance_is_not() {
    let facts = with(|facts| facts.label.other_instances = Some(BTreeSet::from(["i-0stranger".to_owned()])));
    let reason = "label acme-jira-prod is also carried by i-0stranger".to_owned();
    assert_eq!(said(3, &facts), (Verdict::Fail, reason));
}

#[test]
fn uniqueness_is_unknown_without_a_register_or_a_view() {
    assert_eq!(
        verdict(3, &with(|facts| facts.label.holder = None)),
        Verdict::Unknown
    );
    assert_eq!(
        verdict(3, &with(|facts| facts.label.other_instances = None)),
        Verdict::Unknown
    );
}

#[test]
fn a_label_that_stands_is_unchanged() {
    assert_eq!(verdict(6, &kept()), Verdict::Pass);
}

#[test]
fn another_label_in_the_tags_is_a_change() {
    let facts = with(|facts| facts.label.tag = Observed::Present("new".to_owned()));
    let reason = "the instance carries label new instead of acme-jira-prod".to_owned();
    assert_eq!(said(6, &facts), (Verdict::Fail, reason));
}

#[test]
fn a_lost_label_is_a_change_and_a_missing_instance_is_not() {
    let facts = with(|facts| facts.label.tag = Observed::Absent);
    assert_eq!(verdict(6, &facts), Verdict::Fail);
    let facts = with(|facts| {
        facts.label.tag = Observed::Absent;
        facts.metadata = Observed::Absent;
    });
    assert_eq!(verdict(6, &facts), Verdict::Unknown);
}
