use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{rows::KEPT, *};
use crate::{
    api::names::tags,
    cloud::{
        AttachedVolume, Direction, ImageState, InstanceState, MetadataOptions, NetworkInterface, Peer,
        Protocol, Rule, SnapshotState, Tags,
    },
};

mod properties;

/// A Tenant of this customer; its uid is its name.
pub(super) fn party(customer: &str, name: &str) -> Party {
    Party {
        customer: customer.to_owned(),
        tenant: Key::new(customer, name),
        uid: name.to_owned(),
        environment: Some(Environment::Production),
        label: format!("{name}-prod"),
    }
}

pub(super) fn tags_of(party: &Party) -> Tags {
    let tags = [
        (tags::UID, party.uid.clone()),
        (tags::TENANT, party.tenant.to_string()),
        (tags::CUSTOMER, party.customer.clone()),
        (tags::LABEL, party.label.clone()),
    ];
    tags.map(|(key, value)| (key.to_owned(), value)).into()
}

pub(super) fn instance(party: &Party, ip: &str) -> Instance {
    let name = &party.uid;
    let attached = |id: String| AttachedVolume {
        device: "/dev/sdf".to_owned(),
        id: id.into(),
        delete_on_termination: false,
    };
    Instance {
        id: format!("i-{name}").into(),
        state: InstanceState::Running,
        state_reason: None,
        image_id: "ami-1".into(),
        instance_type: "m6i.large".to_owned(),
        subnet_id: None,
        vpc_id: Some("vpc-1".into()),
        private_ip: Some(ip.to_owned()),
        public_ip: None,
        launched_at: Timestamp::UNIX_EPOCH,
        root_device: None,
        client_token: Some(format!("yagura-{name}-1")),
        metadata: MetadataOptions {
            tokens_required: true,
            hop_limit: 1,
        },
        instance_profile: None,
        interfaces: vec![NetworkInterface {
            id: format!("eni-{name}").into(),
            groups: BTreeSet::from([format!("sg-{name}").into(), "sg-base".into()]),
        }],
        volumes: vec![attached(format!("vol-{name}"))],
        tags: tags_of(party),
    }
}

pub(super) fn volume(party: &Party) -> Volume {
    let name = &party.uid;
    Volume {
        id: format!("vol-{name}").into(),
        encrypted: true,
        kms_key_id: None,
        size_gib: 20,
        attached_to: Some(format!("i-{name}").into()),
        tags: tags_of(party),
    }
}

pub(super) fn group(party: &Party) -> SecurityGroup {
    let name = &party.uid;
    SecurityGroup {
        id: format!("sg-{name}").into(),
        name: format!("yagura-{name}"),
        vpc_id: "vpc-1".into(),
        rules: BTreeSet::from([
            rule(Direction::Ingress, cidr("203.0.113.0/24")),
            rule(Direction::Ingress, cidr("0.0.0.0/0")),
            rule(Direction::Egress, cidr("0.0.0.0/0")),
            rule(Direction::Egress, cidr("10.0.0.0/8")),
        ]),
        tags: tags_of(party),
    }
}

pub(super) fn snapshot(party: &Party, volume: &Party) -> Snapshot {
    Snapshot {
        id: format!("snap-{}", party.uid).into(),
        volume_id: format!("vol-{}", volume.uid).into(),
        state: SnapshotState::Completed,
        state_message: None,
        started_at: Timestamp::UNIX_EPOCH,
        size_gib: 20,
        encrypted: true,
        kms_key_id: None,
        description: String::new(),
        tags: tags_of(party),
    }
}

pub(super) fn rule(direction: Direction, peer: Peer) -> Rule {
    Rule {
        direction,
        protocol: Protocol::Tcp,
        from_port: 443,
        to_port: 443,
        peer,
    }
}

pub(super) fn cidr(text: &str) -> Peer {
    Peer::Cidr(text.parse().unwrap())
}

/// Some environments with all that belongs to each, as it should be.
#[derive(Clone, Debug, Default)]
pub(super) struct Fleet {
    pub(super) parties: Vec<Party>,
    pub(super) instances: Vec<Instance>,
    pub(super) volumes: Vec<Volume>,
    pub(super) groups: Vec<SecurityGroup>,
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) images: Vec<Image>,
}

impl Fleet {
    pub(super) fn of(parties: Vec<Party>) -> Self {
        let mut fleet = Self {
            parties,
            ..Self::default()
        };
        for (number, party) in fleet.parties.iter().enumerate() {
            fleet
                .instances
                .push(instance(party, &format!("10.0.0.{}", number + 10)));
            fleet.volumes.push(volume(party));
            fleet.groups.push(group(party));
            fleet.snapshots.push(snapshot(party, party));
            fleet.images.push(Image {
                id: format!("ami-{}", party.uid).into(),
                state: ImageState::Available,
                created_at: Timestamp::UNIX_EPOCH,
                public: false,
                snapshots: BTreeSet::new(),
                tags: tags_of(party),
            });
        }
        fleet
    }

    pub(super) fn compare(&self) -> Matrix {
        compare(&self.ground())
    }

    /// All that keeps one and another apart no longer: the thing, the uids, and whether the first of them opens it.
    fn pairs(&self) -> BTreeSet<(Thing, String, String, bool)> {
        let (found, _) = compare::find(&self.ground());
        let mut pairs = BTreeSet::new();
        for found in &found {
            for one in found.these.iter() {
                for other in found.those.iter() {
                    let is_between = one.customer != other.customer
                        || (!found.thing.is_way_in() && are_of_two_kinds(one.environment, other.environment));
                    if is_between {
                        let (one, other) = (one.uid.clone(), other.uid.clone());
                        pairs.insert((found.thing.clone(), one.clone(), other.clone(), true));
                        pairs.insert((found.thing.clone(), other, one, false));
                    }
                }
            }
        }
        pairs
    }

    fn ground(&self) -> Ground<'_> {
        Ground {
            parties: self.parties.iter().cloned().map(Arc::new).collect(),
            base_groups: BTreeSet::from(["sg-base".into()]),
            quarantine_names: BTreeSet::from(["yagura-quarantine-c".to_owned()]),
            instances: self.instances.iter().collect(),
            volumes: self.volumes.iter().collect(),
            groups: self.groups.iter().collect(),
            snapshots: self.snapshots.iter().collect(),
            images: self.images.iter().collect(),
        }
    }

    fn attach(&mut self, of: usize, group: &str) {
        self.instances[of].interfaces[0].groups.insert(group.into());
    }
}

fn are_of_two_kinds(one: Option<Environment>, other: Option<Environment>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

/// What each of the Tenants is told, by uid.
pub(super) fn told(matrix: &Matrix, uid: &str) -> Vec<String> {
    let row = matrix.row(uid).unwrap();
    row.breaches.iter().map(|breach| breach.text.clone()).collect()
}

fn acme_and_globex() -> Fleet {
    Fleet::of(vec![
        party("acme", "a"),
        party("globex", "g"),
        party("initech", "x"),
    ])
}

/// Both are told the same, and the third is not.
#[track_caller]
fn says_to_both(fleet: &Fleet, message: &str) {
    let matrix = fleet.compare();
    assert_eq!(told(&matrix, "a"), [message]);
    assert_eq!(told(&matrix, "g").len(), 1, "{:?}", told(&matrix, "g"));
    for side in ["acme/a (customer acme)", "globex/g (customer globex)"] {
        assert!(told(&matrix, "g")[0].contains(side), "{:?}", told(&matrix, "g"));
    }
    assert!(told(&matrix, "x").is_empty());
    let row = matrix.row("a").unwrap();
    assert!(row.breaches[0].is_between_customers);
    assert!(!row.breaches[0].is_between_environments);
}

#[test]
fn environments_as_they_should_be_share_nothing() {
    let matrix = acme_and_globex().compare();
    for uid in ["a", "g", "x"] {
        assert_eq!(matrix.row(uid), Some(&Row::default()), "{uid}");
    }
    assert_eq!(matrix.row("unknown"), None);
}

#[test]
fn a_group_on_interfaces_of_two_customers_is_told_to_both() {
    let mut fleet = acme_and_globex();
    fleet.attach(1, "sg-a");
    says_to_both(
        &fleet,
        "security group sg-a is shared by acme/a (customer acme) and globex/g (customer globex)",
    );
}

#[test]
fn a_group_that_only_of_another_interface_carries_is_still_its_owners() {
    let mut fleet = acme_and_globex();
    fleet.instances[0].interfaces.clear();
    fleet.attach(1, "sg-a");
    says_to_both(
        &fleet,
        "security group sg-a is shared by acme/a (customer acme) and globex/g (customer globex)",
    );
}

#[test]
fn a_strangers_group_on_two_customers_is_shared_and_its_rules_are_not_known() {
    let mut fleet = acme_and_globex();
    fleet.attach(0, "sg-odd");
    fleet.attach(1, "sg-odd");
    says_to_both(
        &fleet,
        "security group sg-odd is shared by acme/a (customer acme) and globex/g (customer globex)",
    );
    let matrix = fleet.compare();
    assert_eq!(matrix.row("a").unwrap().unseen, BTreeSet::from(["sg-odd".into()]));
    assert!(matrix.row("x").unwrap().unseen.is_empty());
}

#[test]
fn a_volume_on_of_another_instance_is_told_to_both() {
    let mut fleet = acme_and_globex();
    let moved = fleet.instances[0].volumes.remove(0);
    fleet.instances[1].volumes.push(moved);
    says_to_both(
        &fleet,
        "volume vol-a is shared by acme/a (customer acme) and globex/g (customer globex)",
    );
}

#[test]
fn a_volume_on_two_instances_is_told_though_no_listing_shows_it() {
    let mut fleet = acme_and_globex();
    let shared = fleet.instances[0].volumes[0].clone();
    fleet.instances[1].volumes.push(shared);
    fleet.volumes.remove(0);
    fleet.snapshots.clear();
    says_to_both(
        &fleet,
        "volume vol-a is shared by acme/a (customer acme) and globex/g (customer globex)",
    );
}

#[test]
fn a_snapshot_of_of_another_volume_is_told_to_both() {
    let mut fleet = acme_and_globex();
    fleet.snapshots[1].volume_id = "vol-a".into();
    says_to_both(
        &fleet,
        "snapshot snap-g of vol-a is shared by acme/a (customer acme) and globex/g (customer globex)",
    );
}

#[test]
fn what_carries_the_tags_of_two_is_told_to_both() {
    let globex = party("globex", "g");
    for (key, value) in tags_of(&globex) {
        let mut fleet = acme_and_globex();
        fleet.instances[0].tags.insert(key.clone(), value.clone());
        says_to_both(
            &fleet,
            "i-a carries the tags of acme/a (customer acme) and globex/g (customer globex)",
        );
        let mut fleet = acme_and_globex();
        // Whose a copy is only its tags say.
        if key != tags::UID {
            fleet.images[0].tags.insert(key, value);
            says_to_both(
                &fleet,
                "ami-a carries the tags of acme/a (customer acme) and globex/g (customer globex)",
            );
        }
    }
}

#[test]
fn a_rule_that_refers_to_of_another_group_is_told_to_both() {
    for direction in [Direction::Ingress, Direction::Egress] {
        let mut fleet = acme_and_globex();
        let peer = Peer::Group("sg-g".into());
        fleet.groups[0].rules.insert(rule(direction, peer));
        says_to_both(
            &fleet,
            "security group sg-a of acme/a (customer acme) refers to sg-g of globex/g (customer globex)",
        );
    }
    let mut fleet = acme_and_globex();
    for own in ["sg-a", "sg-base", "sg-elsewhere"] {
        let peer = Peer::Group(own.into());
        fleet.groups[0].rules.insert(rule(Direction::Ingress, peer));
    }
    assert!(told(&fleet.compare(), "a").is_empty());
}

#[test]
fn a_range_with_of_another_private_address_is_told_to_both() {
    for range in ["10.0.0.11/32", "10.0.0.11/31"] {
        let mut fleet = acme_and_globex();
        // Its own address is in the second range too, which is nobody's business.
        fleet.instances[0].private_ip = Some("10.0.0.10".to_owned());
        fleet.groups[0]
            .rules
            .insert(rule(Direction::Ingress, cidr(range)));
        let message = format!(
            "security group sg-a of acme/a (customer acme) lets in {range}, where globex/g (customer globex) stands"
        );
        says_to_both(&fleet, &message);
    }
    let mut fleet = acme_and_globex();
    let wide = rule(Direction::Ingress, cidr("10.0.0.0/16"));
    fleet.groups[0].rules.insert(wide);
    let message = "security group sg-a of acme/a (customer acme) lets in 10.0.0.0/16, where globex/g (customer globex) \
                   and initech/x (customer initech) stands";
    assert_eq!(told(&fleet.compare(), "a"), [message]);
}

#[test]
fn an_address_of_another_vpc_and_a_source_of_every_address_name_no_neighbour() {
    let mut fleet = acme_and_globex();
    fleet.groups[0]
        .rules
        .insert(rule(Direction::Ingress, cidr("10.0.0.11/32")));
    fleet.instances[1].vpc_id = Some("vpc-2".into());
    for any in ["0.0.0.0/0", "::/0"] {
        fleet.groups[0].rules.insert(rule(Direction::Ingress, cidr(any)));
    }
    assert!(told(&fleet.compare(), "a").is_empty());
    // Half of all addresses is no way around that.
    fleet.instances[1].vpc_id = None;
    fleet.groups[0].rules = BTreeSet::from([rule(Direction::Ingress, cidr("0.0.0.0/1"))]);
    assert_eq!(told(&fleet.compare(), "a").len(), 1);
}

#[test]
fn a_verification_environment_shares_nothing_with_production_of_the_same_customer() {
    let verification = Party {
        environment: Some(Environment::Verification),
        ..party("acme", "v")
    };
    let mut fleet = Fleet::of(vec![party("acme", "a"), verification, party("acme", "b")]);
    fleet.attach(1, "sg-a");
    fleet.snapshots[1].volume_id = "vol-a".into();
    let moved = fleet.instances[0].volumes.remove(0);
    fleet.instances[1].volumes.push(moved);
    let matrix = fleet.compare();
    assert_eq!(
        told(&matrix, "a"),
        [
            "volume vol-a is shared by acme/a (customer acme) and acme/v (customer acme, Verification)",
            "security group sg-a is shared by acme/a (customer acme) and acme/v (customer acme, Verification)",
            "snapshot snap-v of vol-a is shared by acme/a (customer acme) and acme/v (customer acme, Verification)",
        ]
    );
    for uid in ["a", "v"] {
        for breach in &matrix.row(uid).unwrap().breaches {
            assert!(breach.is_between_environments, "{breach:?}");
            assert!(!breach.is_between_customers, "{breach:?}");
        }
    }
    // Two of one kind are one customer's.
    fleet.attach(0, "sg-b");
    assert_eq!(fleet.compare(), matrix);
}

#[test]
fn ways_in_are_compared_between_customers_only() {
    let verification = Party {
        environment: Some(Environment::Verification),
        ..party("acme", "v")
    };
    let mut fleet = Fleet::of(vec![party("acme", "a"), verification]);
    let reaches = Peer::Group("sg-a".into());
    fleet.groups[1].rules.insert(rule(Direction::Ingress, reaches));
    fleet.groups[1]
        .rules
        .insert(rule(Direction::Ingress, cidr("10.0.0.10/32")));
    assert!(told(&fleet.compare(), "a").is_empty());
    assert!(told(&fleet.compare(), "v").is_empty());
}

#[test]
fn what_was_let_go_is_still_its_customers() {
    let mut fleet = acme_and_globex();
    fleet.parties.remove(1);
    fleet.attach(0, "sg-g");
    let matrix = fleet.compare();
    assert_eq!(
        told(&matrix, "a"),
        ["security group sg-g is shared by acme/a (customer acme) and globex/g (customer globex, let go)"]
    );
    assert_eq!(matrix.row("g"), None);
    // Its name may be somebody else's by now.
    let mut heir = party("initech", "heir");
    heir.tenant = Key::new("globex", "g");
    fleet = acme_and_globex();
    fleet.parties[1] = heir;
    assert!(told(&fleet.compare(), "heir").is_empty());
}

#[test]
fn a_terminated_instance_holds_nothing() {
    let mut fleet = acme_and_globex();
    fleet.attach(1, "sg-a");
    fleet.instances[1].state = InstanceState::Terminated;
    assert!(told(&fleet.compare(), "a").is_empty());
}

#[test]
fn the_quarantine_group_is_everybodys() {
    let mut fleet = acme_and_globex();
    let mut quarantine = group(&fleet.parties[0]);
    quarantine.id = "sg-q".into();
    quarantine.name = "Yagura-Quarantine-C".to_owned();
    fleet.groups.push(quarantine);
    fleet.attach(0, "sg-q");
    fleet.attach(1, "sg-q");
    assert!(told(&fleet.compare(), "a").is_empty());
}

#[test]
fn what_thousands_share_is_one_finding_that_names_a_few() {
    let parties = (0..3000).map(|number| party(&format!("c{number:04}"), &format!("t{number:04}")));
    let mut fleet = Fleet::of(parties.collect());
    for instance in &mut fleet.instances {
        instance.private_ip = None;
        instance.interfaces[0].groups.insert("sg-wrong".into());
    }
    let matrix = fleet.compare();
    assert_eq!(
        told(&matrix, "t1234"),
        [
            "security group sg-wrong is shared by c1234/t1234 (customer c1234) and c0000/t0000 (customer c0000), \
             c0001/t0001 (customer c0001) and others"
        ]
    );
}

/// By pairs that would be fifty million comparisons.
#[test]
fn ten_thousand_are_compared_by_index_and_only_the_two_are_told() {
    let parties = (0..10_000).map(|number| party(&format!("c{}", number / 4), &format!("t{number}")));
    let mut fleet = Fleet::of(parties.collect());
    for (number, instance) in (0_u32..).zip(&mut fleet.instances) {
        instance.private_ip = Some(format!("10.0.{}.{}", number / 256, number % 256));
    }
    let before = fleet.compare();
    assert_eq!(
        before.differing(&Matrix::default()).len(),
        10_000,
        "each is compared"
    );
    let opened = rule(Direction::Ingress, cidr("10.0.30.40/32"));
    fleet.groups[5].rules.insert(opened);
    assert_eq!(
        fleet.compare().differing(&before),
        BTreeSet::from(["t5", "t7720"])
    );
}

/// Every group lets in every instance, and every instance carries one more group that lets in all of them: by pairs that
/// would be a hundred million findings of each kind.
#[test]
fn a_fleet_that_is_opened_at_once_is_compared_by_what_there_is() {
    let parties = (0..10_000).map(|number| party(&format!("c{}", number / 4), &format!("t{number}")));
    let mut fleet = Fleet::of(parties.collect());
    let mut common = group(&party("nobody", "common"));
    common.tags.clear();
    common.name = "common".to_owned();
    fleet.groups.push(common);
    let opened = rule(Direction::Ingress, cidr("10.0.0.0/8"));
    let refers = rule(Direction::Ingress, Peer::Group("sg-common".into()));
    for group in &mut fleet.groups {
        group.rules.insert(opened.clone());
        if group.name != "common" {
            group.rules.insert(refers.clone());
        }
    }
    for (number, instance) in (0_u32..).zip(&mut fleet.instances) {
        instance.private_ip = Some(format!("10.0.{}.{}", number / 256, number % 256));
        instance.interfaces[0].groups.insert("sg-common".into());
    }
    let matrix = fleet.compare();
    let row = matrix.row("t1234").unwrap();
    assert_eq!(row.breaches.len(), KEPT);
    // Of each group but the four of its own customer the range and the reference; of its own group both, too; the
    // common group as such, and the range that this lets in.
    assert_eq!(row.breaches.len() + row.more, 2 * 9_996 + 2 + 2);
    assert!(told(&matrix, "t1234")[0].contains("security group sg-common is shared by c308/t1234"));
    assert!(fleet.compare().differing(&matrix).is_empty());
}

#[test]
fn only_a_few_of_many_findings_are_kept() {
    let mut fleet = acme_and_globex();
    for number in 0..40 {
        fleet.attach(0, &format!("sg-{number}"));
        fleet.attach(1, &format!("sg-{number}"));
    }
    let matrix = fleet.compare();
    let row = matrix.row("a").unwrap();
    assert_eq!((row.breaches.len(), row.more), (KEPT, 40 - KEPT));
}

#[test]
fn those_whose_rows_differ_are_named() {
    let before = acme_and_globex();
    let mut after = before.clone();
    assert!(after.compare().differing(&before.compare()).is_empty());
    after.attach(1, "sg-a");
    after.parties.push(party("umbrella", "new"));
    let (before, after) = (before.compare(), after.compare());
    assert_eq!(after.differing(&before), BTreeSet::from(["a", "g", "new"]));
    assert_eq!(before.differing(&after), BTreeSet::from(["a", "g", "new"]));
}
