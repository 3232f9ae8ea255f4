//! Machine images.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::{Region, SnapshotState, Tags};
use crate::protocol::Listed;

/// An image instances are started from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) owner: String,
    /// `amazon` for the one that was there from the start.
    pub(crate) owner_alias: Option<String>,
    pub(crate) architecture: String,
    pub(crate) root_device_name: String,
    pub(crate) devices: Vec<ImageDevice>,
    pub(crate) is_public: bool,
    /// Accounts that may start instances of it.
    pub(crate) shared_with: BTreeSet<String>,
    /// AWS Backup's: EC2 does not deregister it.
    pub(crate) by_backup: bool,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
}

/// Where an image is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageState {
    Pending,
    Available,
    Failed,
}

impl ImageState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Failed => "failed",
        }
    }
}

impl Image {
    /// It is as far as the least of its snapshots. Those of Amazon's images are not simulated and complete.
    pub(crate) fn state(&self, region: &Region) -> ImageState {
        let snapshots = || {
            let ids = self.snapshot_ids();
            ids.filter_map(|id| region.snapshots.get(id))
        };
        if snapshots().any(|it| it.state == SnapshotState::Error) {
            ImageState::Failed
        } else if snapshots().any(|it| it.state == SnapshotState::Pending) {
            ImageState::Pending
        } else {
            ImageState::Available
        }
    }

    /// The snapshots it holds.
    pub(crate) fn snapshot_ids(&self) -> impl Iterator<Item = &String> {
        self.devices
            .iter()
            .filter_map(|device| device.snapshot_id.as_ref())
    }
}

impl Region {
    /// Adds an image that is new.
    pub(crate) fn add_image(&mut self, image: Image) {
        if image.owner == self.account {
            self.image_names.insert(image.name.clone(), image.id.clone());
        }
        for snapshot in image.snapshot_ids() {
            self.image_snapshots.insert((snapshot.clone(), image.id.clone()));
        }
        self.images.insert(image.id.clone(), image);
    }

    /// Removes an image; its snapshots stay.
    pub(crate) fn remove_image(&mut self, id: &str) {
        let Some(image) = self.images.remove(id) else {
            return;
        };
        self.image_names.remove(&image.name);
        for snapshot in image.snapshot_ids() {
            self.image_snapshots.remove(&(snapshot.clone(), image.id.clone()));
        }
    }

    /// The image of the account that has this name.
    pub(crate) fn image_named(&self, name: &str) -> Option<&str> {
        self.image_names.get(name).map(String::as_str)
    }

    /// An image that holds this snapshot.
    pub(crate) fn image_of_snapshot(&self, id: &str) -> Option<&str> {
        let from = (id.to_owned(), String::new());
        let (snapshot, image) = self.image_snapshots.range(from..).next()?;
        (snapshot == id).then_some(image)
    }
}

/// A volume an image brings.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageDevice {
    pub(crate) name: String,
    pub(crate) snapshot_id: Option<String>,
    pub(crate) size: u32,
    pub(crate) volume_type: String,
    pub(crate) encrypted: bool,
    pub(crate) delete_on_termination: bool,
}

impl Listed for Image {
    const FILTERS: &'static [&'static str] = &[
        "architecture",
        "block-device-mapping.snapshot-id",
        "creation-date",
        "description",
        "image-id",
        "image-type",
        "is-public",
        "name",
        "owner-alias",
        "owner-id",
        "platform-details",
        "root-device-name",
        "root-device-type",
        "state",
        "virtualization-type",
    ];

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn values(&self, filter: &str, region: &Region) -> Vec<String> {
        let value = match filter {
            "architecture" => &self.architecture,
            "description" => &self.description,
            "image-id" => &self.id,
            "name" => &self.name,
            "owner-id" => &self.owner,
            "owner-alias" => return self.owner_alias.iter().cloned().collect(),
            "root-device-name" => &self.root_device_name,
            "block-device-mapping.snapshot-id" => return self.snapshot_ids().cloned().collect(),
            "creation-date" => return vec![crate::protocol::timestamp(self.created_at)],
            "is-public" => return vec![self.is_public.to_string()],
            "image-type" => return vec!["machine".to_owned()],
            "platform-details" => return vec!["Linux/UNIX".to_owned()],
            "root-device-type" => return vec!["ebs".to_owned()],
            "state" => return vec![self.state(region).name().to_owned()],
            "virtualization-type" => return vec!["hvm".to_owned()],
            _ => return Vec::new(),
        };
        vec![value.clone()]
    }
}
