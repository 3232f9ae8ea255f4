use super::*;

fn tenant() -> Key {
    Key::new("acme", "web")
}

fn set(backup: &str, slot: &str) -> Tags {
    [(tags::BACKUP, backup), (tags::SLOT, slot)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

fn found(sets: &[Tags]) -> Vec<(String, bool)> {
    lost(&tenant(), sets, |name| name == "known")
        .into_iter()
        .map(|lost| (lost.name, lost.slot.is_some()))
        .collect()
}

#[test]
fn a_slots_set_and_one_by_hand_name_their_objects() {
    let sets = [
        set("acme/before-upgrade", "2026-11-26T10:00:00Z"),
        set("acme/web-202611241530", "2026-11-24T15:30:00Z"),
        set("acme/web-202611241530", "2026-11-24T15:30:00Z"),
        set("acme/known", "2026-11-20T10:00:00Z"),
    ];
    assert_eq!(
        found(&sets),
        [
            ("web-202611241530".into(), true),
            ("before-upgrade".into(), false)
        ]
    );
}

#[test]
fn a_set_by_hand_that_was_tried_again_is_one_object() {
    let sets = [
        set("acme/before-upgrade", "2026-11-26T10:00:00Z"),
        set("acme/before-upgrade", "2026-11-26T10:05:00Z"),
    ];
    assert_eq!(found(&sets), [("before-upgrade".into(), false)]);
}

#[test]
fn what_was_let_go_and_what_tags_contradict_is_left_alone() {
    let mut released = set("acme/web-202611241530", "2026-11-24T15:30:00Z");
    released.insert(tags::RELEASED.into(), "2026-11-25T00:00:00Z".into());
    let sets = [
        released,
        // Another Tenant's slot, another time, another namespace.
        set("acme/db-202611241530", "2026-11-24T15:30:00Z"),
        set("acme/web-202611241530", "2026-11-25T15:30:00Z"),
        set("other/web-202611241530", "2026-11-24T15:30:00Z"),
        // No names, and no time.
        set("acme/Before Upgrade", "2026-11-26T10:00:00Z"),
        set("acme/-x", "2026-11-26T10:00:00Z"),
        set("before-upgrade", "2026-11-26T10:00:00Z"),
        set("acme/before-upgrade", "yesterday"),
    ];
    assert_eq!(found(&sets), []);
}
