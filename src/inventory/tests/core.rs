use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::super::{
    MAX_AGE, Owner,
    effect::Effect,
    protection::allowance,
    shelf::{Begun, CREATION_LAG},
    state::{Answer, State, Swept},
    timetable::ListingKind,
};
use crate::{
    clock::later,
    cloud::{CloudError, ErrorKind, Listed, Observed, Operation, SecurityGroup, SecurityGroupId, Tags},
};

/// A group of the tenant `acme/<name>`, whose uid is `uid-<name>`.
pub(super) fn group(name: &str) -> SecurityGroup {
    let tags = [
        ("yagura.dev/uid".to_owned(), format!("uid-{name}")),
        ("yagura.dev/tenant".to_owned(), format!("acme/{name}")),
    ];
    SecurityGroup {
        id: id(name),
        name: name.to_owned(),
        vpc_id: "vpc-1".into(),
        rules: BTreeSet::new(),
        tags: tags.into(),
    }
}

pub(super) fn id(name: &str) -> SecurityGroupId {
    SecurityGroupId::new(format!("sg-{name}"))
}

pub(super) fn failure(operation: Operation) -> CloudError {
    CloudError {
        operation,
        kind: ErrorKind::Transient,
        code: "InternalError".to_owned(),
        message: String::new(),
        turn_at: None,
    }
}

/// What a sweep finds of groups; of other kinds it finds nothing.
pub(super) type Groups = Result<Vec<SecurityGroup>, CloudError>;

/// A sweep that found these groups and nothing else.
pub(super) fn listed(groups: Vec<SecurityGroup>) -> Groups {
    Ok(groups)
}

pub(super) fn failed() -> Groups {
    Err(failure(Operation::DescribeSecurityGroups))
}

/// A listing of one kind that found nothing.
pub(super) fn nothing(kind: ListingKind) -> Answer {
    fn empty<T>() -> Listed<T> {
        Listed {
            items: Vec::new(),
            pages: 1,
        }
    }
    match kind {
        ListingKind::Instances => Answer::Instances(empty()),
        ListingKind::Volumes => Answer::Volumes(empty()),
        ListingKind::Groups => Answer::Groups(empty()),
        ListingKind::Snapshots => Answer::Snapshots(empty()),
        ListingKind::StatusChecks => Answer::StatusChecks(empty()),
        ListingKind::Locks => Answer::Locks(empty()),
        ListingKind::PublicSnapshots => Answer::PublicSnapshots(empty()),
        ListingKind::Images => Answer::Images(empty()),
        ListingKind::BackupJobs => Answer::BackupJobs(empty()),
        ListingKind::Vaults => Answer::Vaults(empty()),
        ListingKind::Sharing => panic!("read in turn, not listed"),
    }
}

/// The kinds that everybody is told of once what is absent can be told.
pub(super) const TOLD: [ListingKind; 8] = [
    ListingKind::Instances,
    ListingKind::Volumes,
    ListingKind::Groups,
    ListingKind::Snapshots,
    ListingKind::StatusChecks,
    ListingKind::Locks,
    ListingKind::PublicSnapshots,
    ListingKind::Images,
];

/// The listings of a sweep that began so.
pub(super) fn sweep_begun(state: &mut State, begun: Begun, groups: Groups, at: Timestamp) -> Swept {
    let mut swept = Swept::default();
    let mut groups = Some(groups.map(|items| Answer::Groups(Listed { items, pages: 1 })));
    for kind in TOLD {
        let answer = match kind {
            ListingKind::Groups => groups.take().unwrap(),
            other => Ok(nothing(other)),
        };
        swept.join(state.take(kind, begun, answer, at));
    }
    swept
}

fn sweep(state: &mut State, at: Timestamp, groups: Groups) -> Swept {
    let begun = state.begin(at);
    sweep_begun(state, begun, groups, at)
}

fn tenants<const N: usize>(names: [&str; N]) -> BTreeSet<Owner> {
    names.map(|name| Owner::Tenant(format!("acme/{name}"))).into()
}

const T: Timestamp = Timestamp::UNIX_EPOCH;

#[test]
fn nothing_is_known_before_the_first_listing() {
    let view = State::default().view(T);
    assert_eq!(view.group(&id("a")), Observed::Unknown);
    assert_eq!(view.groups_of("uid-a"), Observed::Unknown);
    assert_eq!(view.group_named(&"vpc-1".into(), "a"), Observed::Unknown);
    assert_eq!(view.protected(&"i-1".into()), Observed::Unknown);
}

#[test]
fn one_listing_shows_what_is_there_and_two_what_is_not() {
    let mut state = State::default();
    let first = sweep(&mut state, T, listed(vec![group("a")]));
    assert_eq!(first.changed, tenants(["a"]));
    assert!(!first.became_conclusive);
    let view = state.view(T);
    assert!(view.group(&id("a")).present().is_some());
    assert!(view.group_named(&"vpc-1".into(), "A").present().is_some());
    assert_eq!(view.group(&id("b")), Observed::Unknown);
    let second = sweep(&mut state, T, listed(vec![group("a")]));
    assert!(second.changed.is_empty());
    assert!(second.became_conclusive);
    let view = state.view(T);
    assert_eq!(view.group(&id("b")), Observed::Absent);
    assert_eq!(view.groups_of("uid-b"), Observed::Absent);
    assert_eq!(view.groups_of("uid-a").present().map(Vec::len), Some(1));
}

#[test]
fn what_was_missed_once_is_unknown_and_twice_is_absent() {
    let mut state = State::default();
    sweep(&mut state, T, listed(vec![group("a"), group("b")]));
    let once = sweep(&mut state, T, listed(vec![group("b")]));
    assert_eq!(once.changed, tenants(["a"]));
    let view = state.view(T);
    assert_eq!(view.group(&id("a")), Observed::Unknown);
    assert_eq!(view.groups_of("uid-a"), Observed::Unknown);
    assert_eq!(view.groups(), Observed::Unknown);
    assert!(view.groups_of("uid-b").present().is_some());
    let twice = sweep(&mut state, T, listed(vec![group("b")]));
    assert_eq!(twice.changed, tenants(["a"]));
    assert_eq!(state.view(T).group(&id("a")), Observed::Absent);
}

#[test]
fn what_comes_back_is_told_too() {
    let mut state = State::default();
    sweep(&mut state, T, listed(vec![group("a")]));
    sweep(&mut state, T, listed(vec![]));
    let back = sweep(&mut state, T, listed(vec![group("a")]));
    assert_eq!(back.changed, tenants(["a"]));
    assert!(state.view(T).group(&id("a")).present().is_some());
}

#[test]
fn a_failed_listing_ages_what_is_known_until_it_is_unknown() {
    let mut state = State::default();
    sweep(&mut state, T, listed(vec![group("a")]));
    sweep(&mut state, T, listed(vec![group("a")]));
    let at = later(T, MAX_AGE);
    assert_eq!(sweep(&mut state, at, failed()).failed.len(), 1);
    assert!(state.view(at).group(&id("a")).present().is_some());
    let at = later(at, Duration::from_secs(1));
    assert_eq!(state.view(at).group(&id("a")), Observed::Unknown);
    assert_eq!(state.view(at).groups_of("uid-b"), Observed::Unknown);
    let recovered = sweep(&mut state, at, listed(vec![group("a")]));
    assert!(recovered.became_conclusive);
    assert_eq!(state.view(at).groups_of("uid-b"), Observed::Absent);
}

#[test]
fn a_sweep_that_found_what_was_known_changes_nothing() {
    let mut state = State::default();
    sweep(&mut state, T, listed(vec![group("a")]));
    sweep(&mut state, T, listed(vec![group("a")]));
    let quiet = sweep(&mut state, T, listed(vec![group("a")]));
    assert!(quiet.changed.is_empty() && !quiet.became_conclusive && quiet.failed.is_empty());
}

#[test]
fn the_version_of_a_view_rises_with_what_is_new_and_with_nothing_else() {
    let mut state = State::default();
    let at = |second| later(T, Duration::from_secs(second));
    let version = |state: &State, second| state.view(at(second)).version();
    for second in [0, 30, 60] {
        sweep(&mut state, at(second), listed(vec![group("a")]));
    }
    let known = version(&state, 60);
    sweep(&mut state, at(90), listed(vec![group("a")]));
    sweep(&mut state, at(120), failed());
    assert_eq!(version(&state, 120), known);
    let mut seen = BTreeSet::from([known]);
    let mut changed = group("a");
    changed.tags.clear();
    for (second, found) in [
        (150, vec![group("a"), group("b")]),
        (180, vec![group("a")]),
        // Missed for the second time: now it is absent.
        (210, vec![group("a")]),
        (270, vec![changed]),
    ] {
        sweep(&mut state, at(second), listed(found));
        assert!(seen.insert(version(&state, second)), "at {second}");
    }
    state.record(Effect::GroupCreated(group("c")), at(280));
    assert!(seen.insert(version(&state, 280)));
}

#[test]
fn a_resource_that_came_on_two_pages_is_one_and_wakes_nobody_again() {
    let mut state = State::default();
    let twice = vec![group("a"), group("b"), group("a")];
    sweep(&mut state, T, listed(twice.clone()));
    let again = sweep(&mut state, T, listed(twice));
    assert!(again.changed.is_empty(), "{again:?}");
    let view = state.view(T);
    assert_eq!(view.groups_of("uid-a").present().map(Vec::len), Some(1));
    assert_eq!(view.groups().present().map(Vec::len), Some(2));
    // It changed between the two pages: the later one is newer.
    let mut renamed = group("a");
    renamed.name = "other".to_owned();
    let moved = sweep(
        &mut state,
        T,
        listed(vec![group("a"), group("b"), renamed.clone()]),
    );
    assert_eq!(moved.changed, tenants(["a"]));
    assert_eq!(state.view(T).group(&id("a")), Observed::Present(&renamed));
}

#[test]
fn one_change_among_ten_thousand_names_one_owner() {
    let mut state = State::default();
    let mut groups: Vec<_> = (0..10_000).map(|number| group(&number.to_string())).collect();
    assert_eq!(sweep(&mut state, T, listed(groups.clone())).changed.len(), 10_000);
    groups[7_777].name = "renamed".to_owned();
    let swept = sweep(&mut state, T, listed(groups));
    assert_eq!(swept.changed, tenants(["7777"]));
    let view = state.view(T);
    let found = view.groups_of("uid-7777");
    assert_eq!(
        found.present().map(|found| found[0].name.as_str()),
        Some("renamed")
    );
}

fn one(state: &mut State, kind: ListingKind) -> bool {
    let begun = state.begin(T);
    state.take(kind, begun, Ok(nothing(kind)), T).became_conclusive
}

#[test]
fn that_absence_can_be_told_is_said_once_for_all_kinds() {
    let mut state = State::default();
    let told = TOLD.map(|kind| one(&mut state, kind));
    assert_eq!(told, [false; 8]);
    let told = TOLD.map(|kind| one(&mut state, kind));
    assert_eq!(told, [false, false, false, false, false, false, false, true]);
    let told = TOLD.map(|kind| one(&mut state, kind));
    assert_eq!(told, [false; 8]);
}

#[test]
fn a_kind_that_fails_does_not_keep_the_others_from_being_told() {
    let mut state = State::default();
    let denied = ListingKind::StatusChecks;
    let others = TOLD.into_iter().filter(|kind| *kind != denied);
    for kind in others.clone().chain(others) {
        assert!(!one(&mut state, kind));
    }
    let begun = state.begin(T);
    let refused = Err(failure(Operation::DescribeInstanceStatus));
    assert!(state.take(denied, begun, refused, T).became_conclusive);
    assert!(
        state.has_swept(),
        "what stands in AWS is known without the checks"
    );
    // Once it works, it is told as well.
    assert!(!one(&mut state, denied));
    assert!(one(&mut state, denied));
}

#[test]
fn a_tag_that_changes_hands_wakes_both_owners() {
    let mut state = State::default();
    sweep(&mut state, T, listed(vec![group("a")]));
    let mut stolen = group("a");
    stolen.tags = group("b").tags;
    let swept = sweep(&mut state, T, listed(vec![stolen]));
    assert_eq!(swept.changed, tenants(["a", "b"]));
}

#[test]
fn what_we_made_is_there_until_the_listings_had_their_time() {
    let mut state = State::default();
    sweep(&mut state, T, listed(vec![]));
    sweep(&mut state, T, listed(vec![]));
    state.record(Effect::GroupCreated(group("a")), T);
    assert!(state.view(T).group(&id("a")).present().is_some());
    assert!(state.view(T).groups_of("uid-a").present().is_some());
    assert!(
        state
            .view(T)
            .group_named(&"vpc-1".into(), "a")
            .present()
            .is_some()
    );
    let early = later(T, CREATION_LAG - Duration::from_secs(1));
    assert!(sweep(&mut state, early, listed(vec![])).changed.is_empty());
    assert!(state.view(early).group(&id("a")).present().is_some());
    let late = later(T, CREATION_LAG);
    assert_eq!(sweep(&mut state, late, listed(vec![])).changed, tenants(["a"]));
    assert_eq!(state.view(late).group(&id("a")), Observed::Unknown);
    assert_eq!(sweep(&mut state, late, listed(vec![])).changed, tenants(["a"]));
    assert_eq!(state.view(late).group(&id("a")), Observed::Absent);
}

#[test]
fn a_failed_listing_forgets_nothing_that_we_made() {
    let mut state = State::default();
    sweep(&mut state, T, listed(vec![]));
    sweep(&mut state, T, listed(vec![]));
    state.record(Effect::GroupCreated(group("a")), T);
    let late = later(T, CREATION_LAG);
    sweep(&mut state, late, failed());
    assert!(state.view(late).group(&id("a")).present().is_some());
}

#[test]
fn what_we_made_long_ago_and_no_listing_could_show_is_unknown() {
    let mut state = State::default();
    sweep(&mut state, T, listed(vec![]));
    sweep(&mut state, T, listed(vec![]));
    state.record(Effect::GroupCreated(group("a")), T);
    let early = later(T, CREATION_LAG / 2);
    sweep(&mut state, early, listed(vec![]));
    let late = later(T, MAX_AGE + Duration::from_secs(1));
    assert_eq!(state.view(late).group(&id("b")), Observed::Absent);
    assert_eq!(state.view(late).group(&id("a")), Observed::Unknown);
    assert_eq!(state.view(late).groups_of("uid-a"), Observed::Unknown);
}

#[test]
fn a_change_of_ours_holds_against_a_listing_begun_before_it_only() {
    let mut state = State::default();
    sweep(&mut state, T, listed(vec![group("a")]));
    let begun_before = state.begin(T);
    let tags = Tags::from([("extra".to_owned(), "1".to_owned())]);
    let tagged = Effect::Tagged {
        id: "sg-a".to_owned(),
        tags,
    };
    state.record(tagged, T);
    let extra = |state: &State| {
        state
            .view(T)
            .group(&id("a"))
            .present()
            .unwrap()
            .tags
            .contains_key("extra")
    };
    sweep_begun(&mut state, begun_before, listed(vec![group("a")]), T);
    assert!(extra(&state));
    // The next one was begun later, at the same instant even: what it shows is the truth.
    let after = sweep(&mut state, T, listed(vec![group("a")]));
    assert!(!extra(&state));
    assert_eq!(after.changed, tenants(["a"]));
}

#[test]
fn a_change_to_what_we_made_lasts_as_long_as_its_making() {
    let mut state = State::default();
    sweep(&mut state, T, listed(vec![]));
    let mut made = group("a");
    made.rules = BTreeSet::from([crate::aws::stage::https_from("0.0.0.0/0")]);
    state.record(Effect::GroupCreated(made), T);
    let changed = Effect::RulesChanged {
        group: id("a"),
        rules: BTreeSet::new(),
    };
    state.record(changed, T);
    // It lags: shown neither the group nor what we did to it.
    sweep(&mut state, T, listed(vec![]));
    let view = state.view(T);
    assert!(view.group(&id("a")).present().unwrap().rules.is_empty());
}

#[test]
fn what_a_look_found_is_there_although_no_listing_shows_it() {
    let mut state = State::default();
    sweep(&mut state, T, listed(vec![group("a")]));
    let mut untagged = group("a");
    untagged.tags.clear();
    state.record(Effect::SeenGroup(untagged), T);
    sweep(&mut state, T, listed(vec![]));
    assert!(state.view(T).group(&id("a")).present().unwrap().tags.is_empty());
    // By its tags it is no longer found: it has none.
    assert_eq!(state.view(T).groups_of("uid-a"), Observed::Absent);
}

#[test]
fn readings_are_earned_by_time_within_bounds() {
    assert_eq!(allowance(None), 20);
    assert_eq!(allowance(Some(Duration::ZERO)), 1);
    assert_eq!(allowance(Some(Duration::from_secs(30))), 30);
    assert_eq!(allowance(Some(Duration::from_secs(24 * 60 * 60))), 60);
}
