use proptest::prelude::*;

use super::{super::*, cases::*};

/// Everything that a step would change, by id.
fn touched(step: &TenantStep) -> Vec<String> {
    match &step.action {
        TenantAction::CreateGroup(_)
        | TenantAction::RecordLaunch(_)
        | TenantAction::Launch(_)
        | TenantAction::Bind(_) => Vec::new(),
        TenantAction::ChangeRules { group, .. } => vec![group.to_string()],
        TenantAction::SetTags { ids, .. } => ids.clone(),
        TenantAction::Protect(id)
        | TenantAction::SetMetadataOptions(id, _)
        | TenantAction::KeepVolumes(id, _) => vec![id.to_string()],
        TenantAction::SetInterfaceGroups(id, _) => vec![id.to_string()],
        TenantAction::RecordChange(_)
        | TenantAction::EndChange
        | TenantAction::RecordGrowth { .. }
        | TenantAction::RecordRestart(_) => Vec::new(),
        TenantAction::Stop(id)
        | TenantAction::SetInstanceType(id, _)
        | TenantAction::Start(id)
        | TenantAction::Reboot(id) => vec![id.to_string()],
        TenantAction::GrowVolume { volume, .. } => vec![volume.to_string()],
    }
}

fn mutates(step: &TenantStep) -> bool {
    !matches!(step.action, TenantAction::RecordLaunch(_) | TenantAction::Bind(_))
}

/// What must hold of an environment whose plans have come to an end.
fn is_settled(desired: &TenantDesired, world: &TenantWorld) -> Result<(), TestCaseError> {
    let Some(instance) = world.instance.present() else {
        return Err(TestCaseError::fail("no instance"));
    };
    if !instance.state.is_live() {
        return Ok(());
    }
    let Observed::Present(group) = &world.group else {
        return Err(TestCaseError::fail("no group"));
    };
    prop_assert_eq!(&group.rules, &desired.rules);
    prop_assert_eq!(&group.tags, &desired.identity.tags());
    for (key, value) in desired.identity.instance_tags(1) {
        prop_assert_eq!(instance.tags.get(&key), Some(&value));
        for volume in &instance.volumes {
            let listed = listed(world.volumes.present().unwrap(), &volume.id).unwrap();
            prop_assert_eq!(listed.tags.get(&key), Some(&value));
        }
    }
    prop_assert_eq!(instance.metadata, METADATA);
    prop_assert!(
        instance
            .volumes
            .iter()
            .all(|volume| !volume.delete_on_termination)
    );
    prop_assert_eq!(&world.protected, &Observed::Present(true));
    let mut groups = desired.base_groups.clone();
    groups.insert(group.id.clone());
    for interface in &instance.interfaces {
        let held = !interface.groups.is_disjoint(&world.isolation.quarantine);
        prop_assert!(held || world.isolation.by_incident || interface.groups == groups);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_environment_comes_to_rest_as_it_should_be(world in worlds()) {
        let end = settle(&desired(), world, start(), usize::MAX);
        let plan = plan_tenant(&desired(), &end, later(start(), Duration::from_secs(9999)));
        prop_assert!(plan.steps.is_empty(), "{:?}", plan);
        is_settled(&desired(), &end)?;
    }

    #[test]
    fn stopping_after_any_step_and_starting_over_converges(world in worlds(), per_pass in 1usize..4) {
        let end = settle(&desired(), world, start(), per_pass);
        prop_assert!(plan_tenant(&desired(), &end, later(start(), Duration::from_secs(9999))).steps.is_empty());
        is_settled(&desired(), &end)?;
    }

    #[test]
    fn a_bound_instance_is_never_replaced(world in worlds()) {
        prop_assume!(world.bound.is_some());
        let bound = world.bound.clone();
        let end = settle(&desired(), world, start(), usize::MAX);
        prop_assert_eq!(end.bound, bound);
        prop_assert_eq!(end.launch.unwrap().incarnation, 1);
    }

    #[test]
    fn nothing_unknown_is_changed(world in worlds(), which in 0u8..64) {
        let mut blind = world.clone();
        if which & 1 != 0 { blind.instance = Observed::Unknown; }
        if which & 2 != 0 { blind.group = Observed::Unknown; }
        if which & 4 != 0 { blind.launched = Observed::Unknown; }
        if which & 8 != 0 { blind.labelled = Observed::Unknown; }
        if which & 16 != 0 { blind.volumes = Observed::Unknown; }
        if which & 32 != 0 { blind.protected = Observed::Unknown; }
        let plan = plan_tenant(&desired(), &blind, start());
        let launches = plan.steps.iter().any(|step| matches!(step.action, TenantAction::Launch(_)));
        let of = |ids: &[&str]| {
            plan.steps.iter().flat_map(touched).any(|id| ids.iter().any(|start| id.starts_with(start)))
        };
        if blind.instance.is_unknown() { prop_assert!(!of(&["i-", "eni-", "vol-"])); }
        if blind.group.is_unknown() {
            prop_assert!(!of(&["sg-"]) && !launches);
            let creates = plan.steps.iter().any(|step| matches!(step.action, TenantAction::CreateGroup(_)));
            prop_assert!(!creates);
        }
        if blind.volumes.is_unknown() {
            let tags_volumes = plan.steps.iter().any(|step| match &step.action {
                TenantAction::SetTags { ids, .. } => ids.iter().any(|id| id.starts_with("vol-")),
                _ => false,
            });
            prop_assert!(!tags_volumes);
        }
        if blind.launched.is_unknown() && blind.launch.is_some() { prop_assert!(!launches); }
        if blind.labelled.is_unknown() && blind.bound.is_none() && blind.launch.is_none() {
            prop_assert!(plan.steps.is_empty());
        }
        if blind.protected.is_unknown() {
            prop_assert!(!plan.steps.iter().any(|step| matches!(step.action, TenantAction::Protect(_))));
        }
    }

    #[test]
    fn only_what_is_ours_is_changed(world in worlds(), foreign in 0u8..4) {
        let mut world = world;
        if foreign & 1 != 0 && world.bound.is_some() {
            world.instance = Observed::Present(foreign_instance());
            world.volumes = Observed::Present(foreign_volumes());
        }
        if foreign & 2 != 0 {
            world.group = Observed::Present(SecurityGroup {
                id: "sg-foreign-name".into(),
                name: desired().identity.group_name(),
                vpc_id: "vpc-1".into(),
                rules: BTreeSet::new(),
                tags: Tags::new(),
            });
        }
        let plan = plan_tenant(&desired(), &world, start());
        for id in plan.steps.iter().flat_map(touched) {
            prop_assert!(foreign & 1 == 0 || world.bound.is_none() || id.starts_with("sg-"), "{}", id);
            prop_assert!(foreign & 2 == 0 || !id.starts_with("sg-"), "{}", id);
            prop_assert!(id != "sg-base" && id != "sg-foreign" && id != "sg-quarantine");
        }
        if foreign & 2 != 0 {
            prop_assert!(!plan.steps.iter().any(|step| matches!(step.action, TenantAction::Launch(_))));
        }
    }

    #[test]
    fn the_order_of_what_was_observed_does_not_matter(world in worlds()) {
        let mut turned = world.clone();
        if let Observed::Present(instance) = &mut turned.instance {
            instance.interfaces.reverse();
            instance.volumes.reverse();
        }
        if let Observed::Present(volumes) = &mut turned.volumes { volumes.reverse(); }
        prop_assert_eq!(plan_tenant(&desired(), &world, start()), plan_tenant(&desired(), &turned, start()));
    }

    #[test]
    fn a_label_in_use_elsewhere_stops_every_change(
        stage in proptest::sample::select(vec![Stage::Nothing, Stage::GroupMade]),
    ) {
        let mut world = at_stage(stage);
        world.labelled = Observed::Present(vec![foreign_instance()]);
        let plan = plan_tenant(&desired(), &world, start());
        prop_assert!(!plan.steps.iter().any(mutates));
        prop_assert_eq!(plan.waiting_for[0].reason, Reason::ForeignInstance);
        prop_assert!(plan.waiting_for[0].message.contains("i-foreign"));
    }

    #[test]
    fn lost_answers_never_make_a_second_token_until_it_is_certain(waits in proptest::collection::vec(0u64..100, 1..12)) {
        // Every launch is lost before it takes effect, while the class changes all the time.
        let mut desired = desired();
        let mut world = at_stage(Stage::GroupMade);
        let mut now = start();
        let mut last: Option<(String, Timestamp)> = None;
        for (n, wait) in waits.into_iter().enumerate() {
            if let Some(parameters) = &mut desired.launch {
                parameters.instance_type = format!("m6i.{}", n % 3);
            }
            for step in plan_tenant(&desired, &world, now).steps {
                match &step.action {
                    TenantAction::Launch(launch) => {
                        if let Some((token, at)) = &last {
                            prop_assert!(*token == launch.token || now >= later(*at, CONSISTENCY_LAG));
                        }
                        let record = world.launch.as_ref().unwrap();
                        prop_assert_eq!(&record.token, &launch.token);
                        last = Some((launch.token.clone(), now));
                        world.last_call_at = Some(now);
                    }
                    _ => world = super::super::simulate::simulate(world, &step, now),
                }
            }
            now = later(now, Duration::from_secs(wait));
        }
    }

    #[test]
    fn what_is_released_gets_one_tag_and_nothing_else(world in worlds()) {
        let mut world = world;
        let mut now = start();
        for _ in 0..4 {
            let plan = plan_release(&desired().identity, &world, now);
            for step in &plan.steps {
                let TenantAction::SetTags { tags, .. } = &step.action else { panic!("{step:?}") };
                prop_assert_eq!(tags.keys().collect::<Vec<_>>(), ["yagura.dev/released"]);
                world = super::super::simulate::simulate(world, step, now);
            }
            now = later(now, CONSISTENCY_LAG);
        }
        let plan = plan_release(&desired().identity, &world, now);
        prop_assert_eq!(plan, Plan::default());
        if let Observed::Present(instance) = &world.instance {
            let tagged = instance.tags.contains_key("yagura.dev/released");
            prop_assert_eq!(tagged, instance.state.is_live());
        }
    }
}
