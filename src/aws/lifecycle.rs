//! What becomes of instances, by the SDK.

use async_trait::async_trait;
use aws_sdk_ec2::types::{AttributeBooleanValue, AttributeValue};

use super::ec2::Ec2;
use crate::cloud::{CloudError, InstanceId, LifecycleApi, Operation};

#[async_trait]
impl LifecycleApi for Ec2 {
    async fn stop(&self, id: &InstanceId) -> Result<(), CloudError> {
        let request = self.client.stop_instances().instance_ids(id.as_str());
        self.call(Operation::StopInstances, request.send()).await?;
        Ok(())
    }

    async fn start(&self, id: &InstanceId) -> Result<(), CloudError> {
        let request = self.client.start_instances().instance_ids(id.as_str());
        self.call(Operation::StartInstances, request.send()).await?;
        Ok(())
    }

    async fn reboot(&self, id: &InstanceId) -> Result<(), CloudError> {
        let request = self.client.reboot_instances().instance_ids(id.as_str());
        self.call(Operation::RebootInstances, request.send()).await?;
        Ok(())
    }

    async fn set_instance_type(&self, id: &InstanceId, instance_type: &str) -> Result<(), CloudError> {
        let instance_type = AttributeValue::builder().value(instance_type).build();
        let request = self.client.modify_instance_attribute();
        let request = request.instance_id(id.as_str()).instance_type(instance_type);
        self.call(Operation::ModifyInstanceAttribute, request.send())
            .await?;
        Ok(())
    }

    async fn unprotect(&self, id: &InstanceId) -> Result<(), CloudError> {
        let off = AttributeBooleanValue::builder().value(false).build();
        let request = self.client.modify_instance_attribute();
        let request = request.instance_id(id.as_str()).disable_api_termination(off);
        self.call(Operation::ModifyInstanceAttribute, request.send())
            .await?;
        Ok(())
    }

    async fn terminate(&self, id: &InstanceId) -> Result<(), CloudError> {
        let request = self.client.terminate_instances().instance_ids(id.as_str());
        self.call(Operation::TerminateInstances, request.send()).await?;
        Ok(())
    }
}
