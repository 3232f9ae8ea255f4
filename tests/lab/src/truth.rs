//! What the simulated AWS truly holds, read past its API: no lag, no filter, no operator's view.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use yagura::api::names::tags;

use crate::{Broken, World, operator::CLUSTER_ID};

/// Everything in one region of one account.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Truth {
    /// Instances, terminated ones included.
    pub instances: Vec<Instance>,
    /// Network interfaces.
    pub network_interfaces: Vec<Interface>,
    /// Security groups.
    pub security_groups: Vec<Group>,
    /// Volumes.
    pub volumes: Vec<Volume>,
    /// Snapshots.
    pub snapshots: Vec<Snapshot>,
    /// Images, Amazon's own included.
    pub images: Vec<Image>,
    /// What AWS Backup made.
    pub recovery_points: Vec<RecoveryPoint>,
    /// What AWS Backup was asked for.
    pub backup_jobs: Vec<Job>,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its state, as AWS names it.
    pub state: String,
    /// The token of its launch.
    pub client_token: Option<String>,
    /// Its address.
    pub private_ip: String,
    /// Its interfaces.
    pub interface_ids: Vec<String>,
    /// Its volumes by device.
    pub volumes: BTreeMap<String, String>,
    /// How its metadata service answers.
    pub metadata_options: Value,
    /// Whether the API refuses to terminate it.
    pub disable_api_termination: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Instance {
    /// Whether it is not on its way out.
    pub fn is_live(&self) -> bool {
        !["shutting-down", "terminated"].contains(&self.state.as_str())
    }
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    /// Its id.
    pub id: String,
    /// The groups it stands in.
    pub group_ids: BTreeSet<String>,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    rules: Vec<Rule>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Rule {
    direction: String,
    protocol: String,
    ports: Option<(i32, i32)>,
    peer: BTreeMap<String, String>,
}

impl Group {
    /// Its rules, each as `ingress tcp 443 203.0.113.0/24`.
    pub fn rules(&self) -> BTreeSet<String> {
        let rules = self.rules.iter().map(|rule| {
            let ports = match rule.ports {
                None => String::new(),
                Some((from, to)) if from == to => format!(" {from}"),
                Some((from, to)) => format!(" {from}-{to}"),
            };
            let peer = rule.peer.values().next().map_or("?", String::as_str);
            format!("{} {}{ports} {peer}", rule.direction, rule.protocol)
        });
        rules.collect()
    }
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Volume {
    /// Its id.
    pub id: String,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Where it is attached.
    pub attachment: Option<Attachment>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Where a volume is attached.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// The instance.
    pub instance_id: String,
    /// Whether the volume ends with it.
    pub delete_on_termination: bool,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Its id.
    pub id: String,
    /// Of which volume.
    pub volume_id: String,
    /// Its description: the uid of its Backup.
    pub description: String,
    /// `pending`, `completed` or `error`.
    pub state: String,
    /// When AWS began it.
    pub started_at: Timestamp,
    /// Its lock, one that has expired included.
    pub lock: Option<Lock>,
    /// Whether everybody may use it.
    pub is_public: bool,
    /// Which other accounts may.
    pub shared_with: BTreeSet<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A machine image.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether everybody may use it.
    pub is_public: bool,
    /// Which other accounts may.
    pub shared_with: BTreeSet<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A recovery point.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryPoint {
    /// Its ARN.
    pub arn: String,
    /// `CREATING`, `COMPLETED`, `PARTIAL`, `DELETING` or `EXPIRED`.
    pub status: String,
    /// Its image.
    pub image_id: Option<String>,
    /// The snapshots behind it.
    pub snapshot_ids: BTreeSet<String>,
    /// When AWS began it.
    pub created_at: Timestamp,
}

/// A job of AWS Backup.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What makes the call for it idempotent.
    pub token: Option<String>,
    /// Where it stands, in AWS's word.
    pub state: String,
    /// What its recovery point carries.
    pub tags: BTreeMap<String, String>,
}

impl Job {
    /// Whether it ended without what it was asked for.
    pub fn has_failed(&self) -> bool {
        ["FAILED", "ABORTED", "EXPIRED", "PARTIAL"].contains(&self.state.as_str())
    }
}

/// The lock of a snapshot.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// Until when it holds; `None` while that is not known.
    pub expires_at: Option<Timestamp>,
}

impl Snapshot {
    /// Whether AWS Backup made it.
    pub fn is_of_aws_backup(&self) -> bool {
        self.tags.contains_key(tags::AWS_BACKUP_SOURCE)
    }

    /// Whether a lock holds it at this instant.
    pub fn is_locked(&self, at: Timestamp) -> bool {
        let lock = self.lock.as_ref();
        lock.is_some_and(|lock| lock.expires_at.is_none_or(|until| until > at))
    }
}

impl Truth {
    /// What there is in this account; `None` is the operator's own.
    ///
    /// # Errors
    /// Where the simulated AWS tells its state in another form than this file knows.
    pub fn of(world: &World, account: Option<&str>) -> Result<Self, Broken> {
        let state = world.sim.state(account, None);
        serde_json::from_value(state).map_err(|error| Broken::SetUp(format!("AWS's state: {error}")))
    }

    /// The instances of this uid that are not on their way out.
    pub fn live(&self, uid: &str) -> Vec<&Instance> {
        let live = self.instances.iter().filter(|instance| instance.is_live());
        live.filter(|instance| says(&instance.tags, tags::UID, uid))
            .collect()
    }

    /// The groups of this uid.
    pub fn groups(&self, uid: &str) -> Vec<&Group> {
        let groups = self.security_groups.iter();
        groups.filter(|group| says(&group.tags, tags::UID, uid)).collect()
    }

    /// The group of this id.
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.security_groups.iter().find(|group| group.id == id)
    }

    /// The first interface of an instance, and the groups it stands in.
    pub fn interface(&self, instance: &Instance) -> Option<&Interface> {
        let id = instance.interface_ids.first()?;
        self.network_interfaces.iter().find(|one| one.id == *id)
    }

    /// The volumes of an instance.
    pub fn volumes_of<'a>(&'a self, instance: &'a Instance) -> impl Iterator<Item = &'a Volume> {
        let volumes = self.volumes.iter();
        volumes.filter(|volume| instance.volumes.values().any(|id| *id == volume.id))
    }

    /// The ids of everything that carries our cluster tag, with its tags. On what AWS Backup made behind an image the
    /// tags are its copy of the volumes'.
    pub fn ours(&self) -> BTreeMap<&str, &BTreeMap<String, String>> {
        let instances = self.instances.iter().filter(|instance| instance.is_live());
        let all = instances
            .map(|one| (one.id.as_str(), &one.tags))
            .chain(self.volumes.iter().map(|one| (one.id.as_str(), &one.tags)))
            .chain(
                self.security_groups
                    .iter()
                    .map(|one| (one.id.as_str(), &one.tags)),
            )
            .chain(self.images.iter().map(|one| (one.id.as_str(), &one.tags)))
            .chain(
                self.snapshots
                    .iter()
                    .filter(|one| !one.is_of_aws_backup())
                    .map(|one| (one.id.as_str(), &one.tags)),
            );
        all.filter(|(_, found)| says(found, tags::CLUSTER, CLUSTER_ID))
            .collect()
    }
}

/// Whether a tag has this value.
pub fn says(tags: &BTreeMap<String, String>, key: &str, value: &str) -> bool {
    tags.get(key).is_some_and(|found| found == value)
}
