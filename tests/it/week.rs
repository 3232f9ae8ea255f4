//! A week of a few environments; `lab week` has the full one.

use lab::{
    Engine,
    week::{Event, Setup, week},
};

fn lived(engine: Engine) {
    let tenants = 3;
    let lived = week(Setup {
        tenants,
        engine,
        naps: true,
        seed: 1,
    });
    let lived = lived.unwrap();
    assert_eq!(lived.wrong, [""; 0], "{lived:#?}");
    for day in &lived.days {
        let whole = match day.event {
            Event::Quiet | Event::ShortOutage => tenants,
            Event::SickVolume => tenants - 1,
            Event::LongOutage => 0,
        };
        assert_eq!(day.whole, whole, "{day:?}");
    }
    let last = lived.days.last().unwrap();
    assert!(last.held.0 >= 3, "{last:?}");
}

#[test]
fn a_week_of_engine_ec2_keeps_three_good_days_through_a_bad_volume_and_two_outages() {
    lived(Engine::Ec2);
}

#[test]
fn a_week_of_engine_awsbackup_keeps_three_good_days_through_a_bad_volume_and_two_outages() {
    lived(Engine::Awsbackup);
}
