//! Whose a resource is.

use std::{collections::BTreeSet, fmt::Debug, hash::Hash};

use crate::{
    api::names::tags,
    cloud::{
        Image, ImageId, Instance, InstanceId, SecurityGroup, SecurityGroupId, Snapshot, SnapshotId, Tags,
        Volume, VolumeId, VpcId,
    },
};

/// The tags that are indexed; any other is found by going through everything.
pub(super) const INDEXED: [&str; 5] = [tags::BACKUP, tags::CLASS, tags::LABEL, tags::TENANT, tags::UID];

/// The term by which volumes are found besides their tags: the instance.
pub(super) const ATTACHED_TO: &str = "attached-to";

/// The term by which groups are found besides their tags: VPC and name.
pub(super) const NAMED: &str = "named";

/// The term by which images are found that everybody may use.
pub(super) const PUBLIC: (&str, &str) = ("public", "true");

/// The term by which images are found besides their tags: each snapshot behind them.
pub(super) const HOLDS: &str = "holds";

/// The object that a resource was made for, as its tags say it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The value of the tag `yagura.dev/tenant`, `namespace/name`.
    Tenant(String),
    /// The value of the tag `yagura.dev/backup`; of snapshots and images only.
    Backup(String),
    /// The value of the tag `yagura.dev/class`, of what the tenants of a class share.
    Class(String),
}

/// A kind of resource, as far as listing and finding go.
pub(super) trait Resource: Clone + Debug + PartialEq + Send + Sync + 'static {
    type Id: Clone + Debug + Ord + Hash + Send + Sync;

    fn id(&self) -> &Self::Id;

    fn tags(&self) -> &Tags;

    fn tags_mut(&mut self) -> &mut Tags;

    /// Names every term that it is found by.
    fn visit_terms(&self, visit: &mut dyn FnMut(&'static str, &str)) {
        for key in INDEXED {
            if let Some(value) = self.tags().get(key) {
                visit(key, value);
            }
        }
    }

    fn owners(&self, owners: &mut BTreeSet<Owner>) {
        let carried = self.tags();
        owners.extend(carried.get(tags::TENANT).cloned().map(Owner::Tenant));
        owners.extend(carried.get(tags::CLASS).cloned().map(Owner::Class));
    }
}

impl Resource for Instance {
    type Id = InstanceId;

    fn id(&self) -> &InstanceId {
        &self.id
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }
}

impl Resource for Volume {
    type Id = VolumeId;

    fn id(&self) -> &VolumeId {
        &self.id
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }

    fn visit_terms(&self, visit: &mut dyn FnMut(&'static str, &str)) {
        for key in INDEXED {
            if let Some(value) = self.tags.get(key) {
                visit(key, value);
            }
        }
        if let Some(instance) = &self.attached_to {
            visit(ATTACHED_TO, instance.as_str());
        }
    }
}

impl Resource for SecurityGroup {
    type Id = SecurityGroupId;

    fn id(&self) -> &SecurityGroupId {
        &self.id
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }

    fn visit_terms(&self, visit: &mut dyn FnMut(&'static str, &str)) {
        for key in INDEXED {
            if let Some(value) = self.tags.get(key) {
                visit(key, value);
            }
        }
        visit(NAMED, &group_term(&self.vpc_id, &self.name));
    }
}

impl Resource for Snapshot {
    type Id = SnapshotId;

    fn id(&self) -> &SnapshotId {
        &self.id
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }

    fn owners(&self, owners: &mut BTreeSet<Owner>) {
        owners.extend(owner_of_copy(&self.tags));
    }
}

impl Resource for Image {
    type Id = ImageId;

    fn id(&self) -> &ImageId {
        &self.id
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }

    fn visit_terms(&self, visit: &mut dyn FnMut(&'static str, &str)) {
        for key in INDEXED {
            if let Some(value) = self.tags.get(key) {
                visit(key, value);
            }
        }
        if self.public {
            let (key, value) = PUBLIC;
            visit(key, value);
        }
        for id in &self.snapshots {
            visit(HOLDS, id.as_str());
        }
    }

    fn owners(&self, owners: &mut BTreeSet<Owner>) {
        owners.extend(owner_of_copy(&self.tags));
    }
}

/// Its tenant is not woken: a thousand snapshots complete in a night, and the Backup says what they mean.
fn owner_of_copy(carried: &Tags) -> Option<Owner> {
    let backup = carried.get(tags::BACKUP).cloned().map(Owner::Backup);
    backup.or_else(|| carried.get(tags::TENANT).cloned().map(Owner::Tenant))
}

/// Who is to know that a copy is open to others: its Backup, and the tenant whose data it holds.
pub(super) fn owners_of_exposed(carried: &Tags, owners: &mut BTreeSet<Owner>) {
    owners.extend(carried.get(tags::BACKUP).cloned().map(Owner::Backup));
    owners.extend(carried.get(tags::TENANT).cloned().map(Owner::Tenant));
}

/// Whether a snapshot is ours to guard: whatever carries our tags, also a copy that somebody made with them, since it is
/// a customer's data. What was released is touched no more; what AWS Backup made has the tags of our volumes, and is ours
/// only behind an image of our own jobs, see [`is_own_recovery_point`].
pub(super) fn is_guarded_snapshot(carried: &Tags) -> bool {
    !carried.contains_key(tags::RELEASED) && !carried.contains_key(tags::AWS_BACKUP_SOURCE)
}

/// Whether an image is ours to guard: AWS Backup copies an instance's tags onto each that it makes, but only those of
/// our own jobs name a Backup.
pub fn is_guarded_image(carried: &Tags) -> bool {
    let is_others = carried.contains_key(tags::AWS_BACKUP_SOURCE) && !carried.contains_key(tags::BACKUP);
    !carried.contains_key(tags::RELEASED) && !is_others
}

/// Whether an image is what AWS Backup made for a job of ours: then the snapshots behind it are ours to guard, whatever
/// tags AWS copied onto them. Nobody can set AWS's own tag.
pub(super) fn is_own_recovery_point(carried: &Tags) -> bool {
    carried.contains_key(tags::AWS_BACKUP_SOURCE)
        && carried.contains_key(tags::BACKUP)
        && is_guarded_image(carried)
}

/// Names are unique in a VPC without regard to case.
pub(super) fn group_term(vpc: &VpcId, name: &str) -> String {
    format!("{vpc}/{}", name.to_lowercase())
}
