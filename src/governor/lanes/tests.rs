use super::*;

const PATIENCE: Duration = Duration::from_secs(15);

fn after(seconds: u64) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    later(start, Duration::from_secs(seconds))
}

fn lanes() -> Lanes {
    Lanes::new(after(0))
}

/// Lets the next one go and says which lane it was in.
fn serve_one(lanes: &mut Lanes, now: Timestamp) -> Option<Lane> {
    let claim = lanes.next(now)?;
    lanes.serve(now, claim);
    Some(claim.lane)
}

/// One call a second for so long, with someone always waiting in each of these lanes, each of whom gives up in
/// time. Counts the calls of each lane.
fn flood(lanes: &mut Lanes, from: u64, seconds: u64, wanting: &[Lane]) -> BTreeMap<Lane, u64> {
    let mut served = BTreeMap::new();
    for second in from..from + seconds {
        let now = after(second);
        lanes.expire(now);
        for lane in wanting {
            lanes.join(now, *lane, 1, PATIENCE);
        }
        if let Some(lane) = serve_one(lanes, now) {
            *served.entry(lane).or_default() += 1;
        }
    }
    served
}

#[test]
fn lanes_go_in_their_order_and_within_a_lane_the_first_to_come_goes_first() {
    let mut lanes = lanes();
    let mut expected = Vec::new();
    for lane in Lane::ALL.into_iter().rev() {
        for _ in 0..3 {
            expected.push((lane, lanes.join(after(0), lane, 1, PATIENCE)));
        }
    }
    expected.sort();
    let mut served = Vec::new();
    while let Some(claim) = lanes.next(after(1)) {
        lanes.serve(after(1), claim);
        served.push((claim.lane, claim.ticket));
    }
    assert_eq!(served, expected);
}

#[test]
fn only_an_incident_reaches_for_the_reserve() {
    let mut lanes = lanes();
    for lane in Lane::ALL.into_iter().skip(1).rev() {
        lanes.join(after(0), lane, 1, PATIENCE);
        assert_eq!(
            lanes.next(after(0)).unwrap().depth,
            Depth::AboveReserve,
            "{lane:?}"
        );
    }
    lanes.join(after(0), Lane::Contain, 1, PATIENCE);
    assert_eq!(lanes.next(after(0)).unwrap().depth, Depth::ToTheBottom);
}

#[test]
fn nobody_stays_longer_than_their_patience() {
    let mut lanes = lanes();
    let first = lanes.join(after(0), Lane::Backup, 1, PATIENCE);
    let second = lanes.join(after(5), Lane::Contain, 1, PATIENCE);
    assert_eq!(lanes.earliest_deadline(), Some(after(15)));
    assert_eq!(lanes.expire(after(14)), []);
    assert_eq!(lanes.expire(after(15)), [first]);
    assert_eq!(lanes.earliest_deadline(), Some(after(20)));
    assert_eq!(lanes.expire(after(30)), [second]);
    assert_eq!(lanes.next(after(30)), None);
}

#[test]
fn a_starved_lane_gets_one_call_in_ten() {
    let mut lanes = lanes();
    let wanting = [Lane::UserChange, Lane::Backup];
    assert_eq!(
        flood(&mut lanes, 0, 600, &wanting),
        BTreeMap::from([(Lane::UserChange, 600)])
    );
    assert_eq!(
        flood(&mut lanes, 600, 1000, &wanting),
        BTreeMap::from([(Lane::UserChange, 900), (Lane::Backup, 100)])
    );
}

#[test]
fn each_of_several_starved_lanes_gets_one_call_in_ten() {
    let mut lanes = lanes();
    let wanting = [Lane::UserChange, Lane::Drift, Lane::Backup, Lane::CleanUp];
    flood(&mut lanes, 0, 620, &wanting);
    assert_eq!(
        flood(&mut lanes, 620, 1000, &wanting),
        BTreeMap::from([
            (Lane::UserChange, 700),
            (Lane::Drift, 100),
            (Lane::Backup, 100),
            (Lane::CleanUp, 100)
        ])
    );
}

#[test]
fn incidents_yield_one_call_in_ten_to_all_others_together() {
    let mut lanes = lanes();
    flood(&mut lanes, 0, 600, &Lane::ALL);
    let served = flood(&mut lanes, 600, 1000, &Lane::ALL);
    assert_eq!(served.get(&Lane::Contain), Some(&900));
    for lane in Lane::ALL.into_iter().skip(1) {
        assert_eq!(served.get(&lane), Some(&25), "{lane:?}");
    }
}

#[test]
fn an_incident_goes_before_a_starved_lane() {
    let mut lanes = lanes();
    flood(&mut lanes, 0, 609, &[Lane::UserChange, Lane::Backup]);
    let now = after(609);
    while lanes.next(now).unwrap().lane != Lane::Backup {
        serve_one(&mut lanes, now);
    }
    lanes.join(now, Lane::Contain, 1, PATIENCE);
    assert_eq!(serve_one(&mut lanes, now), Some(Lane::Contain));
    assert_eq!(serve_one(&mut lanes, now), Some(Lane::Backup));
}

#[test]
fn what_a_lane_was_denied_is_remembered_across_those_who_gave_up() {
    let mut lanes = lanes();
    flood(&mut lanes, 0, 1, &[Lane::UserChange, Lane::Backup]);
    // Passes come back after five minutes, the longest back-off.
    for second in [300, 590] {
        flood(&mut lanes, second - 200, 200, &[Lane::UserChange]);
        let served = flood(&mut lanes, second, 1, &[Lane::UserChange, Lane::Backup]);
        assert_eq!(served, BTreeMap::from([(Lane::UserChange, 1)]));
    }
    let served = flood(&mut lanes, 591, 9, &[Lane::UserChange]);
    assert_eq!(served, BTreeMap::from([(Lane::UserChange, 9)]));
    let served = flood(&mut lanes, 600, 1, &[Lane::UserChange]);
    assert_eq!(served, BTreeMap::from([(Lane::Backup, 1)]));
}

#[test]
fn a_lane_that_wants_nothing_any_more_is_forgotten() {
    let mut lanes = lanes();
    flood(&mut lanes, 0, 1, &[Lane::UserChange, Lane::Backup]);
    flood(&mut lanes, 1, 1000, &[Lane::UserChange]);
    let served = flood(&mut lanes, 1001, 100, &[Lane::UserChange, Lane::Backup]);
    assert_eq!(served.get(&Lane::Backup), None);
}

#[test]
fn a_lane_whose_turn_comes_by_itself_is_not_starved() {
    let mut lanes = lanes();
    let wanting = [Lane::UserChange, Lane::Backup];
    flood(&mut lanes, 0, 599, &wanting);
    // For a moment nobody wants to change anything.
    lanes.expire(after(620));
    lanes.join(after(620), Lane::Backup, 1, PATIENCE);
    assert_eq!(serve_one(&mut lanes, after(620)), Some(Lane::Backup));
    let served = flood(&mut lanes, 621, 599, &wanting);
    assert_eq!(served.get(&Lane::Backup), None);
}
