//! One region of one account: its resources, and how to find and make them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::ids::IdSource;
use super::{
    Address, Backup, Cidr, Direction, Flow, Image, ImageDevice, Instance, Interface, Peer,
    ProfileAssociation, RecycleBin, Rule, RuleKey, SecurityGroup, Snapshot, Subnet, Tags, Volume, Vpc, kind,
    world,
};
use crate::protocol::{ApiError, Params};

/// The VPC every region has.
pub const DEFAULT_VPC_ID: &str = "vpc-0123456789abcdef0";
/// The subnet in the first zone of every region.
pub const DEFAULT_SUBNET_ID: &str = "subnet-0123456789abcdef0";
/// The x86_64 image every region has.
pub const DEFAULT_IMAGE_ID: &str = "ami-0123456789abcdef0";

/// Amazon's account for public images.
const AMAZON: &str = "137112412989";

/// What one client token stands for.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TokenUse {
    fingerprint: String,
    pub(crate) ids: Vec<String>,
}

/// Whether snapshots may be shared with everyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PublicAccess {
    #[default]
    Unblocked,
    /// None is shared anew; those that are stay so.
    BlockNewSharing,
    /// Those that are shared count as private too, whatever their attribute says.
    BlockAllSharing,
}

impl PublicAccess {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unblocked => "unblocked",
            Self::BlockNewSharing => "block-new-sharing",
            Self::BlockAllSharing => "block-all-sharing",
        }
    }
}

/// One region of one account.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Region {
    pub(crate) account: String,
    #[serde(rename = "region")]
    pub(crate) name: String,
    /// The time up to which things have happened.
    pub(crate) now: Timestamp,
    #[serde(serialize_with = "world::values")]
    pub(crate) instances: BTreeMap<String, Instance>,
    #[serde(rename = "networkInterfaces", serialize_with = "world::values")]
    pub(crate) interfaces: BTreeMap<String, Interface>,
    #[serde(rename = "securityGroups", serialize_with = "world::values")]
    pub(crate) groups: BTreeMap<String, SecurityGroup>,
    #[serde(serialize_with = "world::values")]
    pub(crate) volumes: BTreeMap<String, Volume>,
    #[serde(serialize_with = "world::values")]
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
    #[serde(serialize_with = "world::values")]
    pub(crate) vpcs: BTreeMap<String, Vpc>,
    #[serde(serialize_with = "world::values")]
    pub(crate) subnets: BTreeMap<String, Subnet>,
    #[serde(serialize_with = "world::values")]
    pub(crate) images: BTreeMap<String, Image>,
    #[serde(serialize_with = "world::values")]
    pub(crate) profile_associations: BTreeMap<String, ProfileAssociation>,
    #[serde(serialize_with = "world::values")]
    pub(crate) addresses: BTreeMap<String, Address>,
    /// How many there ever were: none comes twice.
    #[serde(skip)]
    pub(crate) addresses_given: u32,
    #[serde(flatten)]
    pub(crate) recycle_bin: RecycleBin,
    #[serde(serialize_with = "world::values")]
    pub(crate) flows: BTreeMap<String, Flow>,
    #[serde(flatten)]
    pub(crate) backup: Backup,
    pub(crate) snapshot_public_access: PublicAccess,
    /// VPC and name of each group: ten thousand groups are made one by one, and each name is looked for.
    #[serde(skip)]
    group_names: BTreeSet<(String, String)>,
    /// Name and id of the account's own images: AWS Backup makes ten thousand, each with a new name.
    #[serde(skip)]
    pub(super) image_names: BTreeMap<String, String>,
    /// Snapshot and image: each snapshot that is to be deleted is looked for.
    #[serde(skip)]
    pub(super) image_snapshots: BTreeSet<(String, String)>,
    /// By operation and token.
    #[serde(skip)]
    tokens: BTreeMap<(&'static str, String), TokenUse>,
    /// Which resource changes by itself at which time.
    #[serde(skip)]
    pub(super) agenda: BTreeSet<(Timestamp, String)>,
    /// Volume and snapshot: a volume takes only so many at a time, and ten thousand snapshots start at once.
    #[serde(skip)]
    pub(super) pending_snapshots: BTreeSet<(String, String)>,
    #[serde(skip)]
    pub(crate) ids: IdSource,
}

impl Region {
    /// A region as found: a default VPC with a subnet per zone, and an image.
    pub(crate) fn new((account, name): (&str, &str), seed: u64, now: Timestamp) -> Self {
        let mut region = Self {
            account: account.to_owned(),
            name: name.to_owned(),
            now,
            instances: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            groups: BTreeMap::new(),
            volumes: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            vpcs: BTreeMap::new(),
            subnets: BTreeMap::new(),
            images: BTreeMap::new(),
            profile_associations: BTreeMap::new(),
            addresses: BTreeMap::new(),
            addresses_given: 0,
            recycle_bin: RecycleBin::default(),
            flows: BTreeMap::new(),
            backup: Backup::default(),
            image_names: BTreeMap::new(),
            image_snapshots: BTreeSet::new(),
            group_names: BTreeSet::new(),
            snapshot_public_access: PublicAccess::default(),
            tokens: BTreeMap::new(),
            agenda: BTreeSet::new(),
            pending_snapshots: BTreeSet::new(),
            ids: IdSource::new(seed, account, name),
        };
        region.furnish();
        region
    }

    fn furnish(&mut self) {
        // What was there from the start is older than any lag of Describe.
        let created_at = Timestamp::UNIX_EPOCH;
        if let Some(cidr) = Cidr::parse("172.31.0.0/16") {
            self.add_vpc(Vpc {
                id: DEFAULT_VPC_ID.to_owned(),
                cidr,
                ipv6_cidr: None,
                is_default: true,
                tenancy: "default".to_owned(),
                dns_hostnames: true,
                dns_support: true,
                tags: Tags::new(),
                created_at,
            });
        }
        // AWS's default subnets are /20, room for 4,091 instances; /18 lets ten thousand live in one.
        for ((zone, _), third) in self.zones().into_iter().zip(["0", "64", "128"]) {
            let id = if third == "0" {
                DEFAULT_SUBNET_ID.to_owned()
            } else {
                self.ids.id(kind::SUBNET.prefix)
            };
            let Some(cidr) = Cidr::parse(&format!("172.31.{third}.0/18")) else {
                continue;
            };
            let subnet = Subnet {
                id: id.clone(),
                vpc_id: DEFAULT_VPC_ID.to_owned(),
                cidr,
                zone,
                default_for_zone: true,
                tags: Tags::new(),
                created_at,
                used: BTreeSet::new(),
                last_used: 0,
            };
            self.subnets.insert(id, subnet);
        }
        let image = Image {
            id: DEFAULT_IMAGE_ID.to_owned(),
            name: "al2023-ami-2023.9.20251117.1-kernel-6.1-x86_64".to_owned(),
            description: "Amazon Linux 2023 (simulated)".to_owned(),
            owner: AMAZON.to_owned(),
            owner_alias: Some("amazon".to_owned()),
            architecture: "x86_64".to_owned(),
            root_device_name: "/dev/xvda".to_owned(),
            devices: vec![ImageDevice {
                name: "/dev/xvda".to_owned(),
                snapshot_id: Some("snap-0123456789abcdef0".to_owned()),
                size: 8,
                volume_type: "gp3".to_owned(),
                encrypted: false,
                delete_on_termination: true,
            }],
            is_public: true,
            shared_with: BTreeSet::new(),
            by_backup: false,
            tags: Tags::new(),
            created_at,
        };
        self.add_image(image);
    }

    /// The things of one kind, named as in the JSON of the whole.
    pub(crate) fn part(&self, kind: &str) -> Option<serde_json::Value> {
        match kind {
            "instances" => list(&self.instances),
            "networkInterfaces" => list(&self.interfaces),
            "securityGroups" => list(&self.groups),
            "volumes" => list(&self.volumes),
            "snapshots" => list(&self.snapshots),
            "vpcs" => list(&self.vpcs),
            "subnets" => list(&self.subnets),
            "images" => list(&self.images),
            "profileAssociations" => list(&self.profile_associations),
            "addresses" => list(&self.addresses),
            "recycledSnapshots" => list(&self.recycle_bin.snapshots),
            "recycledVolumes" => list(&self.recycle_bin.volumes),
            "flows" => list(&self.flows),
            "backupVaults" => list(&self.backup.vaults),
            "backupJobs" => list(self.backup.jobs()),
            "recoveryPoints" => list(self.backup.points()),
            _ => None,
        }
    }

    /// The zones, by name and id. Tokyo's letters are a, c and d, as they are for new accounts.
    pub(crate) fn zones(&self) -> Vec<(String, String)> {
        let letters = if self.name == "ap-northeast-1" {
            ["a", "c", "d"]
        } else {
            ["a", "b", "c"]
        };
        let short: String = self
            .name
            .split('-')
            .enumerate()
            .map(|(at, part)| shorten(at, part))
            .collect();
        let numbered = letters.iter().enumerate();
        numbered
            .map(|(at, letter)| (format!("{}{letter}", self.name), format!("{short}-az{}", at + 1)))
            .collect()
    }

    pub(crate) fn zone_id(&self, zone: &str) -> Option<String> {
        self.zones()
            .into_iter()
            .find(|(name, _)| name == zone)
            .map(|(_, id)| id)
    }

    /// The default security group of a VPC.
    pub(crate) fn default_group(&self, vpc_id: &str) -> Option<&SecurityGroup> {
        self.groups
            .values()
            .find(|group| group.vpc_id == vpc_id && group.name == "default")
    }

    /// Adds a VPC and its default group, whose members may reach each other.
    pub(crate) fn add_vpc(&mut self, vpc: Vpc) {
        let (vpc_id, created_at) = (vpc.id.clone(), vpc.created_at);
        self.vpcs.insert(vpc.id.clone(), vpc);
        let mut group = self.new_group(("default", "default VPC security group"), &vpc_id, Tags::new());
        group.created_at = created_at;
        let among_members = RuleKey {
            direction: Direction::Ingress,
            protocol: "-1".to_owned(),
            ports: None,
            peer: Peer::Group(group.id.clone()),
        };
        self.add_rule(&mut group, among_members, None, Tags::new());
        self.add_group(group);
    }

    /// Adds a group that is new.
    pub(crate) fn add_group(&mut self, group: SecurityGroup) {
        self.group_names.insert(name_key(&group.vpc_id, &group.name));
        self.groups.insert(group.id.clone(), group);
    }

    /// Removes a group.
    pub(crate) fn remove_group(&mut self, id: &str) {
        if let Some(group) = self.groups.remove(id) {
            self.group_names.remove(&name_key(&group.vpc_id, &group.name));
        }
    }

    /// Whether a VPC has a group of this name, whatever the case of its letters.
    pub(crate) fn has_group_named(&self, vpc_id: &str, name: &str) -> bool {
        self.group_names.contains(&name_key(vpc_id, name))
    }

    /// A new group with its allow-all egress; not yet in the region.
    pub(crate) fn new_group(
        &mut self,
        (name, description): (&str, &str),
        vpc_id: &str,
        tags: Tags,
    ) -> SecurityGroup {
        let mut group = SecurityGroup {
            id: self.ids.id(kind::GROUP.prefix),
            name: name.to_owned(),
            description: description.to_owned(),
            vpc_id: vpc_id.to_owned(),
            rules: BTreeMap::new(),
            tags,
            created_at: self.now,
        };
        let mut everywhere = vec![Peer::Ipv4("0.0.0.0/0".to_owned())];
        if self.vpcs.get(vpc_id).is_some_and(|vpc| vpc.ipv6_cidr.is_some()) {
            everywhere.push(Peer::Ipv6("::/0".to_owned()));
        }
        for peer in everywhere {
            let key = RuleKey {
                direction: Direction::Egress,
                protocol: "-1".to_owned(),
                ports: None,
                peer,
            };
            self.add_rule(&mut group, key, None, Tags::new());
        }
        group
    }

    /// Adds a rule to a group that may not be in the region yet; gives its id.
    pub(crate) fn add_rule(
        &mut self,
        group: &mut SecurityGroup,
        key: RuleKey,
        description: Option<String>,
        tags: Tags,
    ) -> String {
        let id = self.ids.id(kind::RULE.prefix);
        let created_at = self.now;
        let rule = Rule {
            id: id.clone(),
            group_id: group.id.clone(),
            key,
            description,
            tags,
            created_at,
        };
        group.rules.insert(id.clone(), rule);
        id
    }

    /// Adds a snapshot that completes when it is due.
    pub(crate) fn add_snapshot(&mut self, snapshot: Snapshot) {
        if let Some(due) = snapshot.due {
            self.schedule(&snapshot.id, due);
            self.pending_snapshots
                .insert((snapshot.volume_id.clone(), snapshot.id.clone()));
        }
        self.snapshots.insert(snapshot.id.clone(), snapshot);
    }

    /// Removes a snapshot, completed or not.
    pub(crate) fn remove_snapshot(&mut self, id: &str) -> Option<Snapshot> {
        let snapshot = self.snapshots.remove(id)?;
        let pending = (snapshot.volume_id.clone(), snapshot.id.clone());
        self.pending_snapshots.remove(&pending);
        Some(snapshot)
    }

    /// How many snapshots of a volume are pending.
    pub(crate) fn pending_snapshots(&self, volume_id: &str) -> usize {
        let from = (volume_id.to_owned(), String::new());
        self.pending_snapshots
            .range(from..)
            .take_while(|(volume, _)| volume == volume_id)
            .count()
    }

    /// What this token made before. The same token on a different request is an error.
    pub(crate) fn token_use(
        &self,
        operation: &'static str,
        params: &Params,
    ) -> Result<Option<&TokenUse>, ApiError> {
        let Some(token) = params.get("ClientToken") else {
            return Ok(None);
        };
        if token.len() > 64 || !token.is_ascii() {
            return Err(ApiError::value(
                "Client token must be at most 64 ASCII characters",
            ));
        }
        match self.tokens.get(&(operation, token.to_owned())) {
            None => Ok(None),
            Some(used) if used.fingerprint == params.fingerprint() => Ok(Some(used)),
            Some(_) => Err(ApiError::new(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )),
        }
    }

    /// Keeps in mind what the request's token made.
    pub(crate) fn remember_token(&mut self, operation: &'static str, params: &Params, ids: Vec<String>) {
        if let Some(token) = params.owned("ClientToken") {
            let fingerprint = params.fingerprint();
            self.tokens
                .insert((operation, token), TokenUse { fingerprint, ids });
        }
    }

    pub(crate) fn instance(&self, id: &str) -> Result<&Instance, ApiError> {
        kind::INSTANCE.check(id)?;
        self.instances.get(id).ok_or_else(|| kind::INSTANCE.not_found(id))
    }

    pub(crate) fn instance_mut(&mut self, id: &str) -> Result<&mut Instance, ApiError> {
        kind::INSTANCE.check(id)?;
        self.instances
            .get_mut(id)
            .ok_or_else(|| kind::INSTANCE.not_found(id))
    }

    pub(crate) fn volume(&self, id: &str) -> Result<&Volume, ApiError> {
        kind::VOLUME.check(id)?;
        self.volumes.get(id).ok_or_else(|| kind::VOLUME.not_found(id))
    }

    pub(crate) fn volume_mut(&mut self, id: &str) -> Result<&mut Volume, ApiError> {
        kind::VOLUME.check(id)?;
        self.volumes.get_mut(id).ok_or_else(|| kind::VOLUME.not_found(id))
    }

    pub(crate) fn snapshot(&self, id: &str) -> Result<&Snapshot, ApiError> {
        kind::SNAPSHOT.check(id)?;
        self.snapshots.get(id).ok_or_else(|| kind::SNAPSHOT.not_found(id))
    }

    pub(crate) fn snapshot_mut(&mut self, id: &str) -> Result<&mut Snapshot, ApiError> {
        kind::SNAPSHOT.check(id)?;
        self.snapshots
            .get_mut(id)
            .ok_or_else(|| kind::SNAPSHOT.not_found(id))
    }

    pub(crate) fn image(&self, id: &str) -> Result<&Image, ApiError> {
        kind::IMAGE.check(id)?;
        self.images.get(id).ok_or_else(|| kind::IMAGE.not_found(id))
    }

    pub(crate) fn group(&self, id: &str) -> Result<&SecurityGroup, ApiError> {
        kind::GROUP.check(id)?;
        self.groups.get(id).ok_or_else(|| kind::GROUP.not_found(id))
    }

    pub(crate) fn interface_mut(&mut self, id: &str) -> Result<&mut Interface, ApiError> {
        kind::INTERFACE.check(id)?;
        self.interfaces
            .get_mut(id)
            .ok_or_else(|| kind::INTERFACE.not_found(id))
    }

    pub(crate) fn vpc(&self, id: &str) -> Result<&Vpc, ApiError> {
        kind::VPC.check(id)?;
        self.vpcs.get(id).ok_or_else(|| kind::VPC.not_found(id))
    }

    pub(crate) fn subnet(&self, id: &str) -> Result<&Subnet, ApiError> {
        kind::SUBNET.check(id)?;
        self.subnets.get(id).ok_or_else(|| kind::SUBNET.not_found(id))
    }
}

fn name_key(vpc_id: &str, name: &str) -> (String, String) {
    (vpc_id.to_owned(), name.to_ascii_lowercase())
}

fn list<T: Serialize>(things: &BTreeMap<String, T>) -> Option<serde_json::Value> {
    let things: Vec<&T> = things.values().collect();
    serde_json::to_value(things).ok()
}

/// AWS's short form of a region's name: `ap-northeast-1` is `apne1`.
fn shorten(at: usize, part: &str) -> String {
    match part {
        _ if at == 0 => part.to_owned(),
        "northeast" => "ne".to_owned(),
        "northwest" => "nw".to_owned(),
        "southeast" => "se".to_owned(),
        "southwest" => "sw".to_owned(),
        _ => part.chars().take(1).collect(),
    }
}
