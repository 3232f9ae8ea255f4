//! Instances by the SDK.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, EbsInstanceBlockDeviceSpecification, Filter, HttpTokensState,
    InstanceAttributeName, InstanceBlockDeviceMappingSpecification, InstanceStateName,
};

use super::{
    convert::{self, Unreadable},
    ec2::{Ec2, Page, all_pages, filter, tag_filter},
};
use crate::{
    api::names::tags,
    cloud::{
        AttachedVolume, CloudError, Impaired, Instance, InstanceApi, InstanceId, Launch, Listed,
        MetadataOptions, Operation, StatusCheck,
    },
};

/// The largest page of DescribeInstances and of DescribeInstanceStatus.
const PAGE: i32 = 1000;

#[async_trait]
impl InstanceApi for Ec2 {
    async fn list_instances(&self) -> Result<Listed<Instance>, CloudError> {
        self.instances(vec![self.ours()]).await
    }

    async fn list_impaired(&self) -> Result<Listed<Impaired>, CloudError> {
        let mut found: BTreeMap<InstanceId, BTreeSet<StatusCheck>> = BTreeMap::new();
        let mut pages = 0;
        for check in StatusCheck::ALL {
            let failing = self.failing(check).await?;
            pages += failing.pages;
            for id in failing.items {
                found.entry(id).or_default().insert(check);
            }
        }
        let items = found.into_iter().map(|(id, checks)| Impaired { id, checks });
        Ok(Listed {
            items: items.collect(),
            pages,
        })
    }

    async fn find_instance(&self, id: &InstanceId) -> Result<Option<Instance>, CloudError> {
        let found = self.instances(vec![filter("instance-id", id.as_str())]).await?;
        Ok(found.items.into_iter().next())
    }

    async fn find_launched(&self, token: &str) -> Result<Vec<Instance>, CloudError> {
        Ok(self.instances(vec![filter("client-token", token)]).await?.items)
    }

    async fn find_labelled(&self, label: &str) -> Result<Vec<Instance>, CloudError> {
        let which = vec![tag_filter(tags::LABEL, label), live()];
        Ok(self.instances(which).await?.items)
    }

    async fn find_tagged(&self, key: &str, value: &str) -> Result<Vec<Instance>, CloudError> {
        let which = vec![tag_filter(key, value), live()];
        Ok(self.instances(which).await?.items)
    }

    async fn list_having(&self, key: &str) -> Result<Listed<Instance>, CloudError> {
        self.instances(vec![filter("tag-key", key), live()]).await
    }

    async fn launch(&self, launch: &Launch) -> Result<Instance, CloudError> {
        self.run_instance(launch).await
    }

    async fn is_protected(&self, id: &InstanceId) -> Result<bool, CloudError> {
        let operation = Operation::DescribeInstanceAttribute;
        let request = self.client.describe_instance_attribute();
        let request = request
            .instance_id(id.as_str())
            .attribute(InstanceAttributeName::DisableApiTermination);
        let answer = self.call(operation, request.send()).await?;
        answer
            .disable_api_termination
            .and_then(|attribute| attribute.value)
            .ok_or_else(|| Unreadable::missing("disableApiTermination").of(operation))
    }

    async fn protect(&self, id: &InstanceId) -> Result<(), CloudError> {
        let request = self.client.modify_instance_attribute();
        let request = request
            .instance_id(id.as_str())
            .disable_api_termination(AttributeBooleanValue::builder().value(true).build());
        self.call(Operation::ModifyInstanceAttribute, request.send())
            .await?;
        Ok(())
    }

    async fn set_metadata_options(
        &self,
        id: &InstanceId,
        options: MetadataOptions,
    ) -> Result<(), CloudError> {
        let tokens = match options.tokens_required {
            true => HttpTokensState::Required,
            false => HttpTokensState::Optional,
        };
        let request = self.client.modify_instance_metadata_options();
        let request = request
            .instance_id(id.as_str())
            .http_tokens(tokens)
            .http_put_response_hop_limit(options.hop_limit);
        self.call(Operation::ModifyInstanceMetadataOptions, request.send())
            .await?;
        Ok(())
    }

    async fn keep_volumes(&self, id: &InstanceId, volumes: &[AttachedVolume]) -> Result<(), CloudError> {
        if volumes.is_empty() {
            return Ok(());
        }
        let mappings = volumes.iter().map(|volume| {
            let ebs = EbsInstanceBlockDeviceSpecification::builder()
                .volume_id(volume.id.as_str())
                .delete_on_termination(false)
                .build();
            InstanceBlockDeviceMappingSpecification::builder()
                .device_name(&volume.device)
                .ebs(ebs)
                .build()
        });
        let request = self.client.modify_instance_attribute();
        let request = request
            .instance_id(id.as_str())
            .set_block_device_mappings(Some(mappings.collect()));
        self.call(Operation::ModifyInstanceAttribute, request.send())
            .await?;
        Ok(())
    }
}

impl Ec2 {
    async fn instances(&self, which: Vec<Filter>) -> Result<Listed<Instance>, CloudError> {
        let operation = Operation::DescribeInstances;
        let found = all_pages(operation, async |start| {
            let request = self.client.describe_instances();
            let request = request.set_filters(Some(which.clone()));
            let request = request.max_results(PAGE).set_next_token(start);
            let answer = self.call(operation, request.send()).await?;
            let reservations = answer.reservations.unwrap_or_default().into_iter();
            Ok(Page {
                items: reservations
                    .flat_map(|one| one.instances.unwrap_or_default())
                    .collect(),
                next: answer.next_token,
            })
        });
        convert::each_of(operation, found.await?, convert::instance)
    }

    /// The running instances of which this check fails.
    async fn failing(&self, check: StatusCheck) -> Result<Listed<InstanceId>, CloudError> {
        let operation = Operation::DescribeInstanceStatus;
        let which = match check {
            StatusCheck::Instance => "instance-status.status",
            StatusCheck::System => "system-status.status",
            StatusCheck::AttachedEbs => "attached-ebs-status.status",
        };
        let found = all_pages(operation, async |start| {
            let request = self.client.describe_instance_status();
            let request = request.filters(filter(which, "impaired"));
            let request = request.max_results(PAGE).set_next_token(start);
            let answer = self.call(operation, request.send()).await?;
            Ok(Page {
                items: answer.instance_statuses.unwrap_or_default(),
                next: answer.next_token,
            })
        });
        convert::each_of(operation, found.await?, |status| {
            convert::required(status.instance_id, "instanceId").map(InstanceId::new)
        })
    }
}

/// Picks out instances that are not on their way out.
fn live() -> Filter {
    let states = [
        InstanceStateName::Pending,
        InstanceStateName::Running,
        InstanceStateName::Stopping,
        InstanceStateName::Stopped,
    ];
    let states = states.iter().map(|state| state.as_str().to_owned());
    Filter::builder()
        .name("instance-state-name")
        .set_values(Some(states.collect()))
        .build()
}
