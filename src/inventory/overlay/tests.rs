use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;

use super::{Arc, Overlaid, Overlay};
use crate::{
    api::names::tags,
    cloud::{SecurityGroup, SecurityGroupId, Tags},
};

const IDS: [&str; 5] = ["sg-a", "sg-b", "sg-c", "sg-d", "sg-e"];

const UIDS: [&str; 3] = ["one", "two", "three"];

/// A group of this uid, and perhaps of this label.
fn overlaid((id, uid, label): (&str, &str, Option<&str>)) -> Overlaid<SecurityGroup> {
    let mut carried = Tags::from([(tags::UID.to_owned(), uid.to_owned())]);
    carried.extend(label.map(|label| (tags::LABEL.to_owned(), label.to_owned())));
    Overlaid {
        item: Arc::new(SecurityGroup {
            id: id.into(),
            name: id.to_owned(),
            vpc_id: "vpc-1".into(),
            rules: BTreeSet::new(),
            tags: carried,
        }),
        known_at: Timestamp::UNIX_EPOCH,
    }
}

type Change = (&'static str, Option<(&'static str, Option<&'static str>)>);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let id = prop::sample::select(IDS.to_vec());
    let uid = prop::sample::select(UIDS.to_vec());
    let label = prop::option::of(prop::sample::select(UIDS.to_vec()));
    prop::collection::vec((id, prop::option::of((uid, label))), 0..30)
}

fn having<'a>(overlay: &'a Overlay<SecurityGroup>, key: &'static str, value: &str) -> Vec<&'a str> {
    let found = overlay.having(key, value);
    found.map(|overlaid| overlaid.item.id.as_str()).collect()
}

proptest! {
    #[test]
    fn each_is_found_by_what_it_carries_now_and_by_nothing_it_carried_before(changes in changes()) {
        let mut overlay = Overlay::default();
        let mut plain = BTreeMap::new();
        for (id, shown) in changes {
            let shown = shown.map(|(uid, label)| overlaid((id, uid, label)));
            overlay.set(&id.into(), shown.clone());
            match shown {
                Some(shown) => plain.insert(SecurityGroupId::from(id), shown),
                None => plain.remove(&id.into()),
            };
            let anew = Overlay::new(plain.values().cloned().collect());
            for overlay in [&overlay, &anew] {
                let all: Vec<_> = overlay.all().map(|one| &one.item).collect();
                let expected: Vec<_> = plain.values().map(|one| &one.item).collect();
                prop_assert_eq!(all, expected);
                for id in IDS {
                    prop_assert_eq!(overlay.has(&id.into()), plain.contains_key(&id.into()));
                }
                for key in [tags::UID, tags::LABEL] {
                    for value in UIDS {
                        let carries = |one: &&Overlaid<SecurityGroup>| {
                            one.item.tags.get(key).is_some_and(|carried| carried == value)
                        };
                        let expected = plain.values().filter(carries);
                        let expected: Vec<_> = expected.map(|one| one.item.id.as_str()).collect();
                        prop_assert_eq!(having(overlay, key, value), expected);
                    }
                }
            }
        }
    }
}
