use std::collections::BTreeSet;

use crate::{
    api::Environment,
    cloud::Observed,
    promises::{
        BreachFact, Facts, SeparationFacts, Verdict,
        tests::{at, kept, said, verdict},
    },
};

fn with(change: impl FnOnce(&mut SeparationFacts)) -> Facts {
    let mut facts = kept();
    change(&mut facts.separation);
    facts
}

/// A group that is another customer's too.
fn shared() -> BreachFact {
    BreachFact {
        text: "security group sg-1 is shared by acme/a and globex/g".to_owned(),
        is_between_customers: true,
        is_between_environments: false,
        is_way_in: false,
    }
}

/// The other customer's group is let in.
fn way_in() -> BreachFact {
    BreachFact {
        text: "security group sg-1 of acme/a refers to sg-2 of globex/g".to_owned(),
        is_way_in: true,
        ..shared()
    }
}

/// The group is the customer's own other environment's.
fn between_environments() -> BreachFact {
    BreachFact {
        is_between_customers: false,
        is_between_environments: true,
        ..shared()
    }
}

fn verification() -> Facts {
    with(|separation| {
        separation.environment = Environment::Verification;
        separation.assignee = Some("sato@example.com".to_owned());
    })
}

#[test]
fn a_copy_that_others_can_use_breaks_the_separation_and_is_named() {
    let mut facts = kept();
    let exposed = ["snap-1 is public", "ami-1 is shared with 444455556666"];
    facts.backup.as_mut().unwrap().exposed =
        Observed::Present(exposed.map(str::to_owned).into_iter().collect::<BTreeSet<_>>());
    let reason = "others can use copies: ami-1 is shared with 444455556666, snap-1 is public".to_owned();
    assert_eq!(said(8, &facts), (Verdict::Fail, reason));
}

#[test]
fn whatever_another_customer_has_or_gets_in_by_breaks_the_separation() {
    for breach in [shared(), way_in()] {
        let facts = with(|separation| separation.breaches = vec![breach.clone()]);
        assert_eq!(said(8, &facts), (Verdict::Fail, breach.text));
    }
    let facts = with(|separation| separation.breaches = vec![between_environments()]);
    assert_eq!(verdict(8, &facts), Verdict::Pass);
}

#[test]
fn what_is_not_compared_or_not_read_is_never_passed() {
    assert_eq!(verdict(8, &kept()), Verdict::Pass);
    for id in [8, 9] {
        let facts = with(|separation| separation.is_compared = false);
        assert_eq!(verdict(id, &facts), Verdict::Unknown, "P{id}");
        for metadata in [Observed::Absent, Observed::Unknown] {
            let facts = Facts { metadata, ..kept() };
            assert_eq!(verdict(id, &facts), Verdict::Unknown, "P{id}");
        }
    }
    let facts = with(|separation| separation.unseen = BTreeSet::from(["sg-odd".into()]));
    let reason = "the rules of sg-odd are not known".to_owned();
    assert_eq!(said(8, &facts), (Verdict::Unknown, reason));
    let mut facts = kept();
    facts.backup.as_mut().unwrap().exposed = Observed::Unknown;
    let reason = "who can use each copy was not read yet".to_owned();
    assert_eq!(said(8, &facts), (Verdict::Unknown, reason));
    facts.backup = None;
    assert_eq!(verdict(8, &facts), Verdict::Unknown);
}

#[test]
fn an_environment_is_shared_that_has_anything_in_common_or_no_label_of_its_own() {
    assert_eq!(verdict(9, &kept()), Verdict::Pass);
    for breach in [shared(), between_environments()] {
        let facts = with(|separation| separation.breaches = vec![breach.clone()]);
        assert_eq!(said(9, &facts), (Verdict::Fail, breach.text));
    }
    let facts = with(|separation| separation.breaches = vec![way_in()]);
    assert_eq!(verdict(9, &facts), Verdict::Pass, "whom it lets in is P8's");
    let mut facts = kept();
    facts.label.other_instances = Some(BTreeSet::from(["i-2".to_owned()]));
    assert_eq!(verdict(9, &facts), Verdict::Fail);
    let mut facts = kept();
    facts.label.tag = Observed::Present("globex-wiki".to_owned());
    assert_eq!(verdict(9, &facts), Verdict::Fail);
}

#[test]
fn what_is_tried_out_is_tried_elsewhere_by_somebody() {
    let reason =
        "what it is made of is apart from production, and it is assigned to sato@example.com".to_owned();
    assert_eq!(said(42, &verification()), (Verdict::Pass, reason));
    let mut facts = verification();
    facts.separation.breaches = vec![between_environments()];
    assert_eq!(verdict(42, &facts), Verdict::Fail);
    facts.separation.breaches = vec![shared()];
    assert_eq!(verdict(42, &facts), Verdict::Pass, "another customer is P8's");
    facts = verification();
    facts.separation.is_compared = false;
    assert_eq!(verdict(42, &facts), Verdict::Unknown);
    facts = verification();
    facts.separation.assignee = None;
    assert_eq!(verdict(42, &facts), Verdict::Fail);
    facts = verification();
    facts.heartbeat = Some(at("2026-11-25T02:00:00Z"));
    assert_eq!(verdict(42, &facts), Verdict::Unknown);
}

#[test]
fn production_has_no_occasion_unless_it_is_drawn_into_what_is_tried_out() {
    assert_eq!(verdict(42, &kept()), Verdict::Idle);
    let facts = with(|separation| separation.breaches = vec![between_environments()]);
    assert_eq!(verdict(42, &facts), Verdict::Fail);
    let facts = with(|separation| separation.is_compared = false);
    assert_eq!(verdict(42, &facts), Verdict::Unknown);
}
