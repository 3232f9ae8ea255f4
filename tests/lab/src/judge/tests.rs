//! A judge that finds nothing would make every sweep worthless.

use std::time::Duration;

use yagura::{
    api::{AccessPolicy, Incident, Tenant, TenantClass},
    clock::Clock,
    cluster::{Cluster, Kind},
};

use super::{Expected, Keepsakes, Witness, never, not_yet};
use crate::{
    Settings, World,
    objects::{class, incident, key, policy, tenant},
    truth::Truth,
};

const OFFICE: &str = "203.0.113.0/24";

struct Court {
    world: World,
    expected: Expected,
    keepsakes: Keepsakes,
}

impl Court {
    /// One environment, as declared.
    fn new() -> Self {
        let mut world = World::new(Settings::seeded(3)).unwrap();
        world.put::<TenantClass>(class()).unwrap();
        world.put::<AccessPolicy>(policy(&[OFFICE])).unwrap();
        world.put::<Tenant>(tenant("jira")).unwrap();
        let expected = Expected {
            cidrs: vec![OFFICE],
            ..Expected::default()
        };
        world
            .run_until("as declared", Duration::from_secs(600), |world| {
                not_yet(world, &expected).unwrap().is_empty()
            })
            .unwrap();
        let keepsakes = Keepsakes::of(&world, &expected).unwrap();
        let court = Self {
            world,
            expected,
            keepsakes,
        };
        assert_eq!(court.never(), "");
        court
    }

    fn never(&self) -> String {
        never(&self.world, &self.expected, &self.keepsakes)
            .unwrap()
            .join("\n")
    }

    fn not_yet(&self) -> String {
        not_yet(&self.world, &self.expected).unwrap().join("\n")
    }

    fn truth(&self) -> Truth {
        Truth::of(&self.world, None).unwrap()
    }

    fn uid(&self) -> String {
        let tenant = self.world.cluster.cached::<Tenant>(&key("jira")).unwrap();
        tenant.uid().to_owned()
    }

    fn someone(&self, action: &str, params: &[(&str, &str)]) {
        self.world.someone(action, params).unwrap();
    }

    fn instance(&self) -> String {
        self.truth().live(&self.uid())[0].id.clone()
    }
}

#[test]
fn a_second_instance_is_found() {
    let court = Court::new();
    court.someone(
        "RunInstances",
        &[
            ("ImageId", simaws::DEFAULT_IMAGE_ID),
            ("InstanceType", "m6i.large"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("SubnetId", simaws::DEFAULT_SUBNET_ID),
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "yagura.dev/uid"),
            ("TagSpecification.1.Tag.1.Value", &court.uid()),
            ("TagSpecification.1.Tag.2.Key", "yagura.dev/cluster"),
            ("TagSpecification.1.Tag.2.Value", crate::CLUSTER_ID),
        ],
    );
    assert!(
        court.never().contains("more than one instance"),
        "{}",
        court.never()
    );
    assert!(court.not_yet().contains("is an orphan"), "{}", court.not_yet());
}

#[test]
fn what_is_destroyed_is_missed() {
    let court = Court::new();
    let id = court.instance();
    court.someone(
        "ModifyInstanceAttribute",
        &[("InstanceId", &id), ("DisableApiTermination.Value", "false")],
    );
    court.someone("TerminateInstances", &[("InstanceId.1", &id)]);
    assert_eq!(court.never(), format!("{id} was destroyed"));
    assert!(court.not_yet().contains("has no instance"), "{}", court.not_yet());
}

#[test]
fn a_second_set_of_a_backup_is_found() {
    let court = Court::new();
    for _ in 0..2 {
        court.someone(
            "CreateSnapshots",
            &[
                ("InstanceSpecification.InstanceId", &court.instance()),
                ("Description", "uid-of-a-backup"),
            ],
        );
    }
    assert!(court.never().contains("more than one set"), "{}", court.never());
}

#[test]
fn a_rule_too_many_and_weak_metadata_are_found() {
    let court = Court::new();
    let (id, truth, uid) = (court.instance(), court.truth(), court.uid());
    court.someone(
        "AuthorizeSecurityGroupIngress",
        &[
            ("GroupId", &truth.groups(&uid)[0].id),
            ("IpPermissions.1.IpProtocol", "-1"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ],
    );
    court.someone(
        "ModifyInstanceMetadataOptions",
        &[("InstanceId", &id), ("HttpTokens", "optional")],
    );
    let found = court.not_yet();
    assert!(found.contains("ingress -1 0.0.0.0/0"), "{found}");
    assert!(found.contains("metadata options"), "{found}");
}

#[test]
fn an_isolation_without_a_record_and_a_lost_record_are_seen() {
    let mut court = Court::new();
    let now = court.world.clock.now();
    court
        .world
        .put::<Incident>(incident("one", &["jira"], "Isolate", now))
        .unwrap();
    court.world.run_for(Duration::from_secs(120)).unwrap();
    let mut witness = Witness::default();
    witness.look(&court.world, &court.expected).unwrap();
    assert!(witness.found.is_empty(), "{:?}", witness.found);
    let stored = court.world.cluster.cached::<Incident>(&key("one")).unwrap();
    let mut status = stored.status.clone().unwrap();
    assert_eq!(status.isolated.len(), 1);
    status.isolated.clear();
    let version = stored.metadata.resource_version.clone().unwrap();
    let cluster = &court.world.cluster;
    let one = key("one");
    let written = cluster.apply_status::<Incident>(&one, &version, &status);
    futures::executor::block_on(written).unwrap();
    witness.look(&court.world, &court.expected).unwrap();
    let found = format!("{:?}", witness.found);
    assert!(
        found.contains("are on no record") && found.contains("were lost"),
        "{found}"
    );
}
