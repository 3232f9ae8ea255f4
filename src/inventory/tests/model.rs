//! Any order of sweeps, failures, writes and waiting, against what the view promises.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use proptest::prelude::*;

use super::{
    super::{MAX_AGE, effect::Effect, shelf::CREATION_LAG, state::State},
    core::{failed, group, id, listed, sweep_begun},
};
use crate::{
    api::names::tags::{LABEL, UID},
    clock::{elapsed, later},
    cloud::{Observed, SecurityGroup, Tags},
};

const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Event {
    /// A sweep shows these groups; a write may end between its begin and its end.
    Sweep(BTreeSet<&'static str>, Option<&'static str>),
    FailedSweep,
    Create(&'static str),
    Tag(&'static str),
    Wait(u64),
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(NAMES.to_vec())
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let shown = prop::collection::btree_set(name(), 0..=NAMES.len());
    let event = prop_oneof![
        4 => (shown, prop::option::of(name())).prop_map(|(shown, tagged)| Event::Sweep(shown, tagged)),
        1 => Just(Event::FailedSweep),
        2 => name().prop_map(Event::Create),
        2 => name().prop_map(Event::Tag),
        3 => (0u64..200).prop_map(Event::Wait),
    ];
    prop::collection::vec(event, 1..30)
}

/// What happened, as plainly as it can be told.
#[derive(Default)]
struct History {
    now: Timestamp,
    /// The complete listings: when each began, and what it showed.
    listings: Vec<(Timestamp, BTreeSet<&'static str>)>,
    /// When each group was last made by us.
    made_at: BTreeMap<&'static str, Timestamp>,
    /// Groups whose tag of ours no listing begun later has answered yet.
    tagged: BTreeSet<&'static str>,
}

fn tag(state: &mut State, history: &mut History, name: &'static str) {
    let label = if name == "c" { "kept" } else { "new" };
    let tags = [("ours", ""), (LABEL, label)].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let tags = Tags::from(tags);
    let id = id(name).to_string();
    state.record(Effect::Tagged { id, tags }, history.now);
    history.tagged.insert(name);
}

fn play(state: &mut State, history: &mut History, event: Event) {
    match event {
        Event::Sweep(shown, meanwhile) => {
            let begun = state.begin(history.now);
            history.tagged.clear();
            if let Some(name) = meanwhile {
                tag(state, history, name);
            }
            let groups = shown.iter().map(|name| group(name)).collect();
            sweep_begun(state, begun, listed(groups), history.now);
            history.listings.push((history.now, shown));
        }
        Event::FailedSweep => {
            let begun = state.begin(history.now);
            sweep_begun(state, begun, failed(), history.now);
        }
        Event::Create(name) => {
            state.record(Effect::GroupCreated(group(name)), history.now);
            history.made_at.insert(name, history.now);
            history.tagged.remove(name);
        }
        Event::Tag(name) => tag(state, history, name),
        Event::Wait(seconds) => history.now = later(history.now, Duration::from_secs(seconds)),
    }
}

fn check(state: &State, history: &History) -> Result<(), TestCaseError> {
    let view = state.view(history.now);
    let last = history.listings.last();
    let fresh = last.is_some_and(|(at, _)| elapsed(*at, history.now) <= MAX_AGE);
    for name in NAMES {
        let seen = view.group(&id(name));
        if seen == Observed::Absent {
            let recent: Vec<_> = history.listings.iter().rev().take(2).collect();
            prop_assert_eq!(recent.len(), 2, "{} is absent after one listing", name);
            prop_assert!(recent.iter().all(|(_, shown)| !shown.contains(name)));
            prop_assert!(fresh, "{} is absent by an old listing", name);
            if let Some(made_at) = history.made_at.get(name) {
                let (begun_at, _) = recent[0];
                let known_since = history
                    .listings
                    .iter()
                    .any(|(at, shown)| at >= made_at && shown.contains(name));
                prop_assert!(known_since || elapsed(*made_at, *begun_at) >= CREATION_LAG);
            }
        }
        if fresh && last.is_some_and(|(_, shown)| shown.contains(name)) {
            let seen = seen.present();
            prop_assert!(seen.is_some(), "{} was just shown", name);
            if history.tagged.contains(name) {
                prop_assert!(
                    seen.unwrap().tags.contains_key("ours"),
                    "our tag on {} is forgotten",
                    name
                );
            }
        }
        if history.made_at.get(name) == Some(&history.now) && last.is_none_or(|(at, _)| at < &history.now) {
            prop_assert!(seen.present().is_some(), "{} was just made", name);
        }
        // Found by what it is, and by what it carries: never two truths.
        let by_uid = view.groups_of(&format!("uid-{name}"));
        prop_assert!(by_uid != Observed::Absent || seen == Observed::Absent);
        prop_assert!(by_uid.present().is_none() || seen.present().is_some());
    }
    // An index finds what going through everything finds.
    let values = NAMES.map(|name| (UID, format!("uid-{name}"))).into_iter();
    for (key, value) in values.chain([(LABEL, "kept".to_owned()), (LABEL, "new".to_owned())]) {
        let carries = |group: &SecurityGroup| group.tags.get(key) == Some(&value);
        let found = view.groups.by_term(key, &value, history.now);
        prop_assert_eq!(found, view.groups.matching(carries, history.now));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_view_never_says_more_than_is_known(events in events()) {
        let mut state = State::default();
        let mut history = History::default();
        for event in events {
            play(&mut state, &mut history, event);
            check(&state, &history)?;
        }
    }
}
