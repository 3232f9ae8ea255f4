//! Changes of a bound instance: by example, and whatever happens meanwhile.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    super::{
        simulate::{pass_time, simulate},
        *,
    },
    cases::*,
};
use crate::{
    api::{ChangeKind, MaintenanceWindow, Mode, Weekday},
    cloud::InstanceState,
    plan::window::Window,
};

/// Within the window of [`wish`], as [`closed`] is not.
fn open() -> Timestamp {
    "2026-11-28T17:30:00Z".parse().unwrap()
}

fn closed() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

fn window() -> Window {
    Window::new(&MaintenanceWindow {
        days: vec![Weekday::Sun],
        from: "02:00".to_owned(),
        duration: "3h".to_owned(),
        time_zone: "Asia/Tokyo".to_owned(),
    })
    .unwrap()
}

fn size(instance_type: &str, gib: i32) -> Size {
    Size {
        plan: instance_type.replace('.', "-"),
        instance_type: instance_type.to_owned(),
        volumes: BTreeMap::from([("/dev/sdf".to_owned(), gib)]),
    }
}

/// The environment of the other tests, of which this is wished.
fn wishing(instance_type: &str, gib: i32) -> TenantDesired {
    let mut desired = desired();
    desired.change = ChangeWish {
        size: Some(size(instance_type, gib)),
        window: Some(window()),
        ..ChangeWish::default()
    };
    desired
}

/// The bound environment: an `m6i.large` with 8 GiB, as a plan of that name said.
fn bound() -> TenantWorld {
    let mut world = at_stage(Stage::Bound);
    world.change.plan = Some("m6i-large".to_owned());
    world
}

fn actions(plan: &Plan<TenantStep>) -> Vec<&TenantAction> {
    plan.steps.iter().map(|step| &step.action).collect()
}

fn reasons(plan: &Plan<TenantStep>) -> Vec<Reason> {
    plan.waiting_for.iter().map(|waiting| waiting.reason).collect()
}

fn instance(world: &TenantWorld) -> &Instance {
    world.instance.present().unwrap()
}

/// Takes the steps of plans, one pass each second, until nothing is left to do; gives what was done.
fn run(desired: &TenantDesired, world: &mut TenantWorld, from: Timestamp) -> Vec<TenantAction> {
    let mut done = Vec::new();
    let mut now = from;
    for _ in 0..40 {
        let plan = plan_tenant(desired, world, now);
        for step in &plan.steps {
            *world = simulate(world.clone(), step, now);
            done.push(step.action.clone());
        }
        pass_time(world);
        now = later(now, Duration::from_secs(1));
    }
    done
}

/// The calls to AWS among what was done, in one word each.
fn calls(done: &[TenantAction]) -> Vec<&'static str> {
    let calls = done.iter().filter_map(|action| {
        Some(match action {
            TenantAction::Stop(_) => "stop",
            TenantAction::SetInstanceType(..) => "type",
            TenantAction::Start(_) => "start",
            TenantAction::GrowVolume { .. } => "grow",
            TenantAction::Reboot(_) => "reboot",
            _ => return None,
        })
    });
    calls.collect()
}

#[test]
fn another_type_is_given_in_the_window_with_a_stop_and_a_start() {
    let (desired, mut world) = (wishing("m6i.xlarge", 8), bound());
    let done = run(&desired, &mut world, open());
    assert!(
        matches!(&done[0], TenantAction::RecordChange(record) if record.to.as_deref() == Some("m6i.xlarge"))
    );
    assert_eq!(calls(&done), ["stop", "type", "start"]);
    assert_eq!(done.last(), Some(&TenantAction::EndChange));
    assert_eq!(instance(&world).instance_type, "m6i.xlarge");
    assert_eq!(instance(&world).state, InstanceState::Running);
    assert!(run(&desired, &mut world, closed()).is_empty());
}

#[test]
fn outside_the_window_the_steps_are_held_back_and_its_opening_is_said() {
    let (desired, world) = (wishing("m6i.xlarge", 8), bound());
    let plan = plan_tenant(&desired, &world, closed());
    assert_eq!(actions(&plan), Vec::<&TenantAction>::new());
    let held: Vec<_> = plan.held.iter().map(|step| step.action.clone()).collect();
    assert_eq!(calls(&held), ["stop", "type", "start"]);
    assert_eq!(reasons(&plan), [Reason::WaitsForWindow]);
    assert!(
        plan.waiting_for[0]
            .message
            .ends_with("which opens at 2026-11-28T17:00:00Z"),
        "{plan:?}"
    );
    assert_eq!(plan.look_again, Some("2026-11-28T17:00:00Z".parse().unwrap()));
}

#[test]
fn without_any_window_a_change_waits_for_a_person_to_set_one() {
    let (mut desired, world) = (wishing("m6i.xlarge", 8), bound());
    desired.change.window = None;
    let plan = plan_tenant(&desired, &world, open());
    assert!(plan.steps.is_empty());
    assert_eq!(reasons(&plan), [Reason::NoWindow]);
    assert!(plan.waiting_for[0].message.contains("maintenanceWindow"));
}

#[test]
fn a_change_that_was_begun_is_finished_when_the_window_is_closed() {
    let (desired, mut world) = (wishing("m6i.xlarge", 8), bound());
    for step in plan_tenant(&desired, &world, open()).steps {
        world = simulate(world, &step, open());
    }
    pass_time(&mut world);
    assert_eq!(instance(&world).state, InstanceState::Stopped);
    assert_eq!(
        calls(&run(
            &desired,
            &mut world,
            "2026-11-28T20:00:00Z".parse().unwrap()
        )),
        ["type", "start"]
    );
}

#[test]
fn one_that_was_only_written_down_is_dropped_and_begun_again_in_the_next_window() {
    let (desired, mut world) = (wishing("m6i.xlarge", 8), bound());
    let plan = plan_tenant(&desired, &world, open());
    world = simulate(world, &plan.steps[0], open());
    assert_eq!(
        calls(&run(
            &desired,
            &mut world,
            "2026-11-28T20:00:00Z".parse().unwrap()
        )),
        Vec::<&str>::new()
    );
    // Long after the call would have shown, a person's stop is a person's again.
    run(&desired, &mut world, "2026-11-28T20:30:00Z".parse().unwrap());
    assert!(world.change.under_way().is_none());
    let next = "2026-12-05T17:00:00Z".parse().unwrap();
    assert_eq!(calls(&run(&desired, &mut world, next)), ["stop", "type", "start"]);
}

#[test]
fn what_was_just_written_down_is_not_written_again_for_a_call_that_fails() {
    let mut desired = wishing("m6i.xlarge", 20);
    let mut world = bound();
    for step in plan_tenant(&desired, &world, open()).steps {
        if matches!(
            step.action,
            TenantAction::RecordChange(_) | TenantAction::RecordGrowth { .. }
        ) {
            world = simulate(world, &step, open());
        }
    }
    let soon = later(open(), Duration::from_secs(60));
    let plan = plan_tenant(&desired, &world, soon);
    assert!(
        matches!(
            actions(&plan)[..],
            [TenantAction::Stop(_), TenantAction::GrowVolume { .. }]
        ),
        "{plan:?}"
    );
    desired.change.size = None;
    desired.change.power = Power::Stopped("winter".to_owned());
    let plan = plan_tenant(&desired, &world, soon);
    assert!(
        matches!(
            actions(&plan)[..],
            [TenantAction::RecordChange(_), TenantAction::Stop(_)]
        ),
        "{plan:?}"
    );
    world = simulate(world, &plan.steps[0], soon);
    assert!(matches!(
        actions(&plan_tenant(&desired, &world, soon))[..],
        [TenantAction::Stop(_)]
    ));
}

#[test]
fn no_change_is_begun_under_an_incident_a_backup_or_reins() {
    let mut cases = Vec::new();
    let (desired, mut world) = (wishing("m6i.xlarge", 20), bound());
    world.isolation.by_incident = true;
    cases.push((desired, world, Reason::WaitsForIncident));
    let (desired, mut world) = (wishing("m6i.xlarge", 20), bound());
    tamper(&mut world, Tamper::Quarantine);
    cases.push((desired, world, Reason::WaitsForIncident));
    let (desired, mut world) = (wishing("m6i.xlarge", 20), bound());
    world.change.backup = Some("acme-jira-1".to_owned());
    cases.push((desired, world, Reason::WaitsForBackup));
    for (desired, world, reason) in cases {
        let plan = plan_tenant(&desired, &world, open());
        assert!(plan.steps.is_empty(), "{plan:?}");
        assert!(reasons(&plan).contains(&reason), "{plan:?}");
    }
    for reins in [
        Reins::new(Mode::Observe, None),
        Reins::new(Mode::Protect, None),
        Reins::new(Mode::Enforce, Some("why".to_owned())),
    ] {
        let mut desired = wishing("m6i.xlarge", 20);
        desired.change.restart = Some(closed());
        desired.reins = reins;
        let plan = plan_tenant(&desired, &bound(), open());
        assert!(plan.steps.is_empty(), "{plan:?}");
        assert_eq!(plan.held.len(), 4, "{plan:?}");
        // It runs, and nobody stops it: nothing is said of a stop, and nothing is looked for soon.
        assert_eq!((reasons(&plan), plan.look_again), (Vec::new(), None));
        desired.change.power = Power::Stopped("winter".to_owned());
        let plan = plan_tenant(&desired, &bound(), open());
        assert!(plan.steps.is_empty(), "{plan:?}");
        assert_eq!((reasons(&plan), plan.look_again), (Vec::new(), None));
    }
}

#[test]
fn an_edit_of_the_class_waits_for_its_turn_and_the_tenants_own_does_not() {
    let mut world = bound();
    world.change.turn_at = Some(later(open(), Duration::from_secs(600)));
    let mut desired = wishing("m6i.xlarge", 20);
    assert_eq!(
        calls(&run(&desired, &mut world.clone(), open())),
        ["stop", "grow", "type", "start"]
    );
    // The plan of the same name is another than it was.
    desired.change.size.as_mut().unwrap().plan = "m6i-large".to_owned();
    let plan = plan_tenant(&desired, &world, open());
    assert!(plan.steps.is_empty(), "{plan:?}");
    assert!(reasons(&plan).contains(&Reason::WaitsForTurn));
    assert_eq!(plan.look_again, world.change.turn_at);
    world.change.turn_at = None;
    let plan = plan_tenant(&desired, &world, open());
    assert!(
        plan.steps
            .iter()
            .any(|step| matches!(&step.action, TenantAction::RecordChange(record) if record.by_class)),
        "{plan:?}"
    );
}

#[test]
fn a_type_that_aws_does_not_take_leaves_the_instance_as_it_was_and_is_said() {
    let (desired, mut world) = (wishing("m6i.huge", 8), bound());
    for step in plan_tenant(&desired, &world, open()).steps {
        world = simulate(world, &step, open());
    }
    pass_time(&mut world);
    world.change.record.as_mut().unwrap().refused = Some("no such type".to_owned());
    assert_eq!(calls(&run(&desired, &mut world, open())), ["start"]);
    assert_eq!(instance(&world).instance_type, "m6i.large");
    let long_after = later(open(), Duration::from_secs(3600));
    run(&desired, &mut world, long_after);
    let plan = plan_tenant(&desired, &world, long_after);
    assert!(
        plan.steps.is_empty() && world.change.under_way().is_none(),
        "{plan:?}"
    );
    assert_eq!(reasons(&plan), [Reason::TypeRefused]);
    // Another type may be tried.
    assert_eq!(
        calls(&run(&wishing("m6i.2xlarge", 8), &mut world, long_after)),
        ["stop", "type", "start"]
    );
}

#[test]
fn a_type_that_there_is_no_room_for_is_taken_back() {
    let (desired, mut world) = (wishing("m6i.huge", 8), bound());
    for step in plan_tenant(&desired, &world, open()).steps {
        world = simulate(world, &step, open());
    }
    pass_time(&mut world);
    let plan = plan_tenant(&desired, &world, open());
    assert!(
        matches!(actions(&plan)[0], TenantAction::SetInstanceType(..)),
        "{plan:?}"
    );
    world = simulate(world, &plan.steps[0], open());
    world.change.record.as_mut().unwrap().refused = Some("no capacity".to_owned());
    assert_eq!(calls(&run(&desired, &mut world, open())), ["type", "start"]);
    assert_eq!(instance(&world).instance_type, "m6i.large");
}

#[test]
fn volumes_grow_at_once_and_never_shrink() {
    let mut world = bound();
    assert_eq!(
        calls(&run(&wishing("m6i.large", 20), &mut world, closed())),
        ["grow"]
    );
    let plan = plan_tenant(
        &wishing("m6i.large", 30),
        &world,
        later(closed(), Duration::from_secs(3_600)),
    );
    assert!(plan.steps.is_empty());
    assert_eq!(reasons(&plan), [Reason::VolumeCoolingDown]);
    let again_at = later(closed(), Duration::from_secs(6 * 3_600));
    assert_eq!(plan.look_again, Some(again_at));
    assert_eq!(
        calls(&run(&wishing("m6i.large", 30), &mut world, again_at)),
        ["grow"]
    );

    // A plan that asks for less is refused as a whole: the type stays too.
    let plan = plan_tenant(&wishing("m6i.xlarge", 10), &world, open());
    assert!(plan.steps.is_empty(), "{plan:?}");
    assert_eq!(reasons(&plan), [Reason::VolumeWouldShrink]);
    let message = &plan.waiting_for[0].message;
    assert!(
        message.contains("spec.plan") && message.contains("/dev/sdf") && message.contains("30"),
        "{message}"
    );
}

#[test]
fn a_volume_of_another_tenant_is_not_grown_wherever_it_is_attached() {
    let (desired, mut world) = (wishing("m6i.large", 20), bound());
    assert_eq!(calls(&run(&desired, &mut world.clone(), open())), ["grow"]);
    let instance = world.instance.present().unwrap();
    let attached = instance.volumes.iter().find(|volume| volume.device == "/dev/sdf");
    world.foreign_volumes.insert(attached.unwrap().id.clone());
    assert_eq!(
        calls(&run(&desired, &mut world.clone(), open())),
        Vec::<&str>::new()
    );
    let instance = world.instance.present().unwrap();
    assert!(!desired.change.differs(instance, &world));
}

#[test]
fn a_volume_that_the_instance_has_not_is_not_attached_to_it() {
    let mut desired = wishing("m6i.xlarge", 8);
    let volumes = &mut desired.change.size.as_mut().unwrap().volumes;
    volumes.insert("/dev/sdg".to_owned(), 10);
    let plan = plan_tenant(&desired, &bound(), open());
    assert!(plan.steps.is_empty());
    assert_eq!(reasons(&plan), [Reason::Unsupported]);
}

#[test]
fn a_stop_that_is_asked_for_comes_at_once_and_is_taken_back_at_once() {
    let (mut desired, mut world) = (wishing("m6i.large", 8), bound());
    desired.change.power = Power::Stopped("winter".to_owned());
    assert_eq!(calls(&run(&desired, &mut world, closed())), ["stop"]);
    assert_eq!(
        reasons(&plan_tenant(&desired, &world, closed())),
        [Reason::StoppedAsAsked]
    );
    // It starts as it is, whatever is wished for meanwhile: there may be no room for another type.
    desired.change.size = Some(size("m6i.xlarge", 8));
    assert_eq!(calls(&run(&desired, &mut world, closed())), Vec::<&str>::new());
    desired.change.power = Power::Running;
    let long_after = later(closed(), Duration::from_secs(3_600));
    assert_eq!(calls(&run(&desired, &mut world, long_after)), ["start"]);
    assert_eq!(world.change.under_way(), None);
}

#[test]
fn an_instance_that_a_person_stopped_is_started_only_after_power_state_asked_for_the_stop_too() {
    let (mut desired, mut world) = (wishing("m6i.xlarge", 8), bound());
    tamper(&mut world, Tamper::Stop);
    assert_eq!(calls(&run(&desired, &mut world, open())), Vec::<&str>::new());
    assert_eq!(
        reasons(&plan_tenant(&desired, &world, open())),
        [Reason::StoppedByHand]
    );
    desired.change.power = Power::Stopped("winter".to_owned());
    run(&desired, &mut world, open());
    desired.change.power = Power::Running;
    assert_eq!(calls(&run(&desired, &mut world, open())).last(), Some(&"start"));
}

#[test]
fn no_instance_is_stopped_or_started_under_an_incident() {
    let (mut desired, mut world) = (wishing("m6i.large", 8), bound());
    desired.change.power = Power::Stopped("winter".to_owned());
    let mut isolated = world.clone();
    isolated.isolation.by_incident = true;
    assert_eq!(calls(&run(&desired, &mut isolated, open())), Vec::<&str>::new());
    run(&desired, &mut world, open());
    desired.change.power = Power::Running;
    world.isolation.by_incident = true;
    assert_eq!(calls(&run(&desired, &mut world, open())), Vec::<&str>::new());
    world.isolation.by_incident = false;
    assert_eq!(calls(&run(&desired, &mut world, open())), ["start"]);
}

#[test]
fn a_restart_is_made_once_for_each_time_that_it_is_asked_for() {
    let (mut desired, mut world) = (wishing("m6i.large", 8), bound());
    desired.change.restart = Some(closed());
    let plan = plan_tenant(&desired, &world, open());
    assert!(
        matches!(actions(&plan)[..], [TenantAction::RecordRestart(at), TenantAction::Reboot(_)] if *at == closed()),
        "{plan:?}"
    );
    assert_eq!(calls(&run(&desired, &mut world, open())), ["reboot"]);
    desired.change.restart = Some(later(closed(), Duration::from_secs(1)));
    world.change.backup = Some("acme-jira-1".to_owned());
    let plan = plan_tenant(&desired, &world, open());
    assert_eq!(
        (plan.steps.len(), reasons(&plan)),
        (0, vec![Reason::WaitsForBackup])
    );
    world.change.backup = None;
    assert_eq!(calls(&run(&desired, &mut world, open())), ["reboot"]);
    // One that is still to come, and one before a start that came since.
    let tomorrow = later(open(), Duration::from_secs(86_400));
    desired.change.restart = Some(tomorrow);
    assert_eq!(plan_tenant(&desired, &world, open()).look_again, Some(tomorrow));
    if let Observed::Present(instance) = &mut world.instance {
        instance.launched_at = tomorrow;
    }
    assert_eq!(calls(&run(&desired, &mut world, tomorrow)), Vec::<&str>::new());
    assert_eq!(world.change.restarted, Some(tomorrow));
}

/// Something that comes between two passes.
#[derive(Clone, Debug)]
enum Event {
    /// The plan is another one.
    Plan(&'static str),
    /// Somebody asks for a stop, or takes it back.
    Power(bool),
    /// A backup begins or ends.
    Backup(bool),
    /// An Incident isolates it, or does not any more.
    Incident(bool),
    /// Somebody else does something.
    Tamper(Tamper),
    /// AWS does not take the type.
    Refuse,
    /// Time passes.
    Wait(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let one = prop_oneof![
        select(vec!["m6i.large", "m6i.xlarge", "m6i.2xlarge"]).prop_map(Event::Plan),
        any::<bool>().prop_map(Event::Power),
        any::<bool>().prop_map(Event::Backup),
        any::<bool>().prop_map(Event::Incident),
        select(vec![Tamper::Unprotect, Tamper::AddRule, Tamper::AttachGroup]).prop_map(Event::Tamper),
        Just(Event::Refuse),
        (0..40_000u64).prop_map(Event::Wait),
    ];
    vec(one, 1..14)
}

fn happen(event: &Event, desired: &mut TenantDesired, world: &mut TenantWorld, now: &mut Timestamp) {
    match event {
        Event::Plan(instance_type) => desired.change.size = Some(size(instance_type, 8)),
        Event::Power(true) => desired.change.power = Power::Running,
        Event::Power(false) => desired.change.power = Power::Stopped("winter".to_owned()),
        Event::Backup(is_begun) => world.change.backup = is_begun.then(|| "acme-jira-1".to_owned()),
        Event::Incident(is_open) => world.isolation.by_incident = *is_open,
        Event::Tamper(how) => tamper(world, *how),
        Event::Refuse => {
            if let Some(record) = world.change.record.as_mut().filter(|record| !record.has_ended) {
                record.refused = Some("no such type".to_owned());
            }
        }
        Event::Wait(seconds) => *now = later(*now, Duration::from_secs(*seconds)),
    }
}

/// What must hold of every plan.
fn is_lawful(
    desired: &TenantDesired,
    world: &TenantWorld,
    step: &TenantStep,
    now: Timestamp,
) -> Result<(), TestCaseError> {
    let state = world.instance.present().unwrap().state;
    let record = world.change.under_way();
    match &step.action {
        TenantAction::Stop(_) => {
            prop_assert!(
                record.is_some_and(|record| record.at == now),
                "stopped without a record"
            );
            let is_asked = desired.change.power != Power::Running;
            prop_assert!(is_asked || window().is_open(now), "stopped outside the window");
            prop_assert!(is_asked || world.change.backup.is_none(), "stopped in a backup");
            prop_assert!(!world.isolation.by_incident, "stopped under an Incident");
        }
        TenantAction::Start(_) => prop_assert!(record.is_some(), "started though we did not stop it"),
        TenantAction::SetInstanceType(..) => prop_assert_eq!(state, InstanceState::Stopped),
        TenantAction::RecordChange(record)
            if record.kind == ChangeKind::Resize && record.refused.is_none() =>
        {
            prop_assert!(window().is_open(now), "begun outside the window");
        }
        _ => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_comes_between_an_instance_is_stopped_by_the_rules_and_never_left_so(
        events in events(), per_pass in 1..4usize,
    ) {
        let (mut desired, mut world, mut now) = (wishing("m6i.large", 8), bound(), open());
        for event in events {
            happen(&event, &mut desired, &mut world, &mut now);
            // Each pass may end after any step.
            for step in plan_tenant(&desired, &world, now).steps.iter().take(per_pass) {
                is_lawful(&desired, &world, step, now)?;
                world = simulate(world, step, now);
            }
            pass_time(&mut world);
        }
        // Left alone, in the next window, it comes to be as is wished.
        world.change.backup = None;
        world.isolation.by_incident = false;
        let mut next = window().next_opening(later(now, Duration::from_secs(3_600))).unwrap();
        for _ in 0..60 {
            for step in plan_tenant(&desired, &world, next).steps {
                is_lawful(&desired, &world, &step, next)?;
                world = simulate(world, &step, next);
            }
            pass_time(&mut world);
            next = later(next, Duration::from_secs(60));
        }
        let end = world.instance.present().unwrap();
        let wanted = &desired.change.size.as_ref().unwrap().instance_type;
        let is_refused = world.change.record.as_ref()
            .is_some_and(|record| record.refused.is_some() && record.to.as_ref() == Some(wanted));
        // What is stopped for good gets its type when it runs again.
        let is_stopped = desired.change.power != Power::Running;
        prop_assert!(
            is_refused || is_stopped || end.instance_type == *wanted,
            "{} is not {}", end.instance_type, wanted
        );
        let state = match desired.change.power {
            Power::Running => InstanceState::Running,
            Power::Stopped(_) => InstanceState::Stopped,
        };
        prop_assert_eq!(end.state, state);
        prop_assert!(plan_tenant(&desired, &world, next).steps.is_empty());
    }
}
