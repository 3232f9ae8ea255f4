//! Machine images.

use jiff::Timestamp;
use serde::Serialize;

use super::{Region, Tags};
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
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
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

    fn values(&self, filter: &str, _region: &Region) -> Vec<String> {
        let value = match filter {
            "architecture" => &self.architecture,
            "description" => &self.description,
            "image-id" => &self.id,
            "name" => &self.name,
            "owner-id" => &self.owner,
            "owner-alias" => return self.owner_alias.iter().cloned().collect(),
            "root-device-name" => &self.root_device_name,
            "creation-date" => return vec![crate::protocol::timestamp(self.created_at)],
            "is-public" => return vec![self.is_public.to_string()],
            "image-type" => return vec!["machine".to_owned()],
            "platform-details" => return vec!["Linux/UNIX".to_owned()],
            "root-device-type" => return vec!["ebs".to_owned()],
            "state" => return vec!["available".to_owned()],
            "virtualization-type" => return vec!["hvm".to_owned()],
            _ => return Vec::new(),
        };
        vec![value.clone()]
    }
}
