//! Elastic IPs by the SDK.

use async_trait::async_trait;
use aws_sdk_ec2::types::Filter;

use super::{
    convert,
    ec2::{Ec2, filter},
};
use crate::cloud::{
    Address, AddressApi, AllocationId, AssociationId, CloudError, Listed, NetworkInterfaceId, Operation,
};

#[async_trait]
impl AddressApi for Ec2 {
    async fn list_addresses(&self) -> Result<Listed<Address>, CloudError> {
        Ok(Listed {
            items: self.addresses(None).await?,
            pages: 1,
        })
    }

    async fn find_address(&self, public_ip: &str) -> Result<Option<Address>, CloudError> {
        let found = self.addresses(Some(filter("public-ip", public_ip))).await?;
        Ok(found.into_iter().next())
    }

    async fn associate_address(
        &self,
        allocation: &AllocationId,
        interface: &NetworkInterfaceId,
    ) -> Result<(), CloudError> {
        let request = self.client.associate_address();
        let request = request
            .allocation_id(allocation.as_str())
            .network_interface_id(interface.as_str())
            // Left out, AWS would take it from whoever has it.
            .allow_reassociation(false);
        self.call(Operation::AssociateAddress, request.send()).await?;
        Ok(())
    }

    async fn disassociate_address(&self, association: &AssociationId) -> Result<(), CloudError> {
        let request = self.client.disassociate_address();
        let request = request.association_id(association.as_str());
        self.call(Operation::DisassociateAddress, request.send()).await?;
        Ok(())
    }
}

impl Ec2 {
    /// AWS knows no pages of these.
    async fn addresses(&self, which: Option<Filter>) -> Result<Vec<Address>, CloudError> {
        let operation = Operation::DescribeAddresses;
        let request = self.client.describe_addresses();
        let request = request.set_filters(which.map(|which| vec![which]));
        let answer = self.call(operation, request.send()).await?;
        convert::each(operation, answer.addresses.unwrap_or_default(), convert::address)
    }
}
