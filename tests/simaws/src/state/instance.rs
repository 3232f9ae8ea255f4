//! Instances.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Region, Tags};
use crate::protocol::{Listed, timestamp};

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InstanceState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl InstanceState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// The number AWS gives the state.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// Whether the instance is going or gone for good.
    pub(crate) fn is_ending(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

/// How the instance metadata service answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetadataOptions {
    pub(crate) http_tokens: String,
    pub(crate) http_put_response_hop_limit: u8,
    pub(crate) http_endpoint: String,
    pub(crate) http_protocol_ipv6: String,
    pub(crate) instance_metadata_tags: String,
}

impl Default for MetadataOptions {
    /// AWS's own defaults for an image that does not ask for more: a token is optional.
    fn default() -> Self {
        Self {
            http_tokens: "optional".to_owned(),
            http_put_response_hop_limit: 1,
            http_endpoint: "enabled".to_owned(),
            http_protocol_ipv6: "disabled".to_owned(),
            instance_metadata_tags: "disabled".to_owned(),
        }
    }
}

/// Why an instance is in its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct StateReason {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl StateReason {
    /// Why a launch ended by itself, with AWS's message where it documents one.
    pub(crate) fn of_launch(code: String) -> Self {
        let text = match code.as_str() {
            "Client.InternalError" => "Client error on launch",
            "Client.InvalidKMSKey.InvalidState" => "The KMS key provided is in an incorrect state",
            "Client.InvalidSnapshot.NotFound" => "The specified snapshot was not found",
            "Client.VolumeLimitExceeded" => "Volume limit exceeded",
            "Server.InsufficientInstanceCapacity" => "Insufficient capacity to satisfy instance request",
            _ => "Internal error on launch",
        };
        let message = format!("{code}: {text}");
        Self { code, message }
    }
}

/// One of the checks DescribeInstanceStatus reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusCheck {
    /// The instance's own software: its operating system answers.
    Instance,
    /// The host and the network under the instance.
    System,
    /// Whether the attached volumes take reads and writes.
    Ebs,
}

/// The IAM instance profile an instance has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct InstanceProfile {
    pub(crate) arn: String,
    pub(crate) id: String,
}

/// That an instance has a profile, as an object with an id.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProfileAssociation {
    pub(crate) id: String,
    pub(crate) instance_id: String,
    pub(crate) profile: InstanceProfile,
    pub(crate) created_at: Timestamp,
    #[serde(skip)]
    pub(crate) tags: Tags,
}

impl Listed for ProfileAssociation {
    const FILTERS: &'static [&'static str] = &["instance-id", "state"];

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn values(&self, filter: &str, _region: &Region) -> Vec<String> {
        match filter {
            "instance-id" => vec![self.instance_id.clone()],
            "state" => vec!["associated".to_owned()],
            _ => Vec::new(),
        }
    }
}

/// A virtual machine.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) reservation_id: String,
    pub(crate) client_token: Option<String>,
    pub(crate) state: InstanceState,
    /// When the present state ends by itself.
    pub(crate) due: Option<Timestamp>,
    /// Made to fail: it will not run, for the reason with this code.
    pub(crate) doomed: Option<String>,
    pub(crate) state_reason: Option<StateReason>,
    pub(crate) transition_reason: String,
    /// How often it was rebooted, which no answer of AWS tells.
    pub(crate) reboots: u32,
    /// The checks that fail, and since when.
    pub(crate) impaired: BTreeMap<StatusCheck, Timestamp>,
    pub(crate) image_id: String,
    pub(crate) architecture: String,
    pub(crate) instance_type: String,
    pub(crate) launch_index: u32,
    pub(crate) key_name: Option<String>,
    pub(crate) user_data: Option<String>,
    pub(crate) zone: String,
    pub(crate) tenancy: String,
    pub(crate) vpc_id: String,
    pub(crate) subnet_id: String,
    pub(crate) private_ip: String,
    pub(crate) interface_ids: Vec<String>,
    pub(crate) root_device_name: String,
    /// Device name to volume.
    pub(crate) volumes: BTreeMap<String, String>,
    pub(crate) metadata_options: MetadataOptions,
    pub(crate) disable_api_termination: bool,
    pub(crate) disable_api_stop: bool,
    pub(crate) shutdown_behavior: String,
    pub(crate) ebs_optimized: bool,
    pub(crate) monitoring: bool,
    pub(crate) profile: Option<InstanceProfile>,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
    pub(crate) launched_at: Timestamp,
}

impl Listed for Instance {
    const FILTERS: &'static [&'static str] = &[
        "architecture",
        "availability-zone",
        "block-device-mapping.delete-on-termination",
        "block-device-mapping.device-name",
        "block-device-mapping.volume-id",
        "client-token",
        "iam-instance-profile.arn",
        "image-id",
        "instance-id",
        "instance-state-code",
        "instance-state-name",
        "instance-type",
        "instance.group-id",
        "instance.group-name",
        "key-name",
        "launch-time",
        "metadata-options.http-endpoint",
        "metadata-options.http-put-response-hop-limit",
        "metadata-options.http-tokens",
        "network-interface.group-id",
        "network-interface.group-name",
        "network-interface.network-interface-id",
        "network-interface.subnet-id",
        "network-interface.vpc-id",
        "owner-id",
        "private-ip-address",
        "reservation-id",
        "root-device-name",
        "state-reason-code",
        "subnet-id",
        "tenancy",
        "vpc-id",
    ];

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn values(&self, filter: &str, region: &Region) -> Vec<String> {
        if let Some(values) = self
            .device_values(filter, region)
            .or_else(|| self.network_values(filter, region))
        {
            return values;
        }
        let value = match filter {
            "architecture" => &self.architecture,
            "availability-zone" => &self.zone,
            "image-id" => &self.image_id,
            "instance-id" => &self.id,
            "instance-type" => &self.instance_type,
            "metadata-options.http-endpoint" => &self.metadata_options.http_endpoint,
            "metadata-options.http-tokens" => &self.metadata_options.http_tokens,
            "owner-id" => &region.account,
            "reservation-id" => &self.reservation_id,
            "root-device-name" => &self.root_device_name,
            "tenancy" => &self.tenancy,
            "client-token" => return self.client_token.iter().cloned().collect(),
            "key-name" => return self.key_name.iter().cloned().collect(),
            "iam-instance-profile.arn" => {
                return self.profile.iter().map(|profile| profile.arn.clone()).collect();
            }
            "state-reason-code" => {
                return self
                    .state_reason
                    .iter()
                    .map(|reason| reason.code.clone())
                    .collect();
            }
            "instance-state-code" => return vec![self.state.code().to_string()],
            "instance-state-name" => return vec![self.state.name().to_owned()],
            "launch-time" => return vec![timestamp(self.launched_at)],
            "metadata-options.http-put-response-hop-limit" => {
                return vec![self.metadata_options.http_put_response_hop_limit.to_string()];
            }
            _ => return Vec::new(),
        };
        vec![value.clone()]
    }
}

impl Instance {
    fn device_values(&self, filter: &str, region: &Region) -> Option<Vec<String>> {
        let values = match filter.strip_prefix("block-device-mapping.")? {
            "volume-id" => self.volumes.values().cloned().collect(),
            "device-name" => self.volumes.keys().cloned().collect(),
            _ => {
                let volumes = self.volumes.values().filter_map(|id| region.volumes.get(id));
                let flags = volumes.filter_map(|volume| volume.attachment.as_ref());
                flags
                    .map(|attachment| attachment.delete_on_termination.to_string())
                    .collect()
            }
        };
        Some(values)
    }

    /// A terminated instance has no network any more.
    fn network_values(&self, filter: &str, region: &Region) -> Option<Vec<String>> {
        let interfaces = || {
            self.interface_ids
                .iter()
                .filter_map(|id| region.interfaces.get(id))
        };
        let present = |value: &String| {
            if self.interface_ids.is_empty() {
                vec![]
            } else {
                vec![value.clone()]
            }
        };
        let values = match filter {
            "vpc-id" => present(&self.vpc_id),
            "subnet-id" => present(&self.subnet_id),
            "private-ip-address" => present(&self.private_ip),
            "network-interface.network-interface-id" => self.interface_ids.clone(),
            "network-interface.subnet-id" => interfaces().map(|it| it.subnet_id.clone()).collect(),
            "network-interface.vpc-id" => interfaces().map(|it| it.vpc_id.clone()).collect(),
            "instance.group-id" | "network-interface.group-id" => {
                interfaces().flat_map(|it| it.group_ids.iter().cloned()).collect()
            }
            "instance.group-name" | "network-interface.group-name" => {
                let ids = interfaces().flat_map(|it| it.group_ids.iter());
                ids.filter_map(|id| region.groups.get(id))
                    .map(|group| group.name.clone())
                    .collect()
            }
            _ => return None,
        };
        Some(values)
    }
}
