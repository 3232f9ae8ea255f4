//! Networks and firewalls by the SDK.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_ec2::{
    operation::create_security_group::builders::CreateSecurityGroupFluentBuilder,
    types::{Filter, IpPermission, ResourceType, Vpc},
};

use super::{
    convert::{self, Unreadable, sdk_rules, tag_specification},
    ec2::{Ec2, Page, all_pages, filter},
};
use crate::cloud::{
    CloudError, Direction, ErrorKind, Listed, NetworkApi, NetworkInterfaceId, NewGroup, Operation, Rule,
    SecurityGroup, SecurityGroupId, Subnet, SubnetId, VpcId,
};

/// The largest page of DescribeSecurityGroups.
const PAGE: i32 = 1000;

#[async_trait]
impl NetworkApi for Ec2 {
    async fn list_groups(&self) -> Result<Listed<SecurityGroup>, CloudError> {
        self.groups(vec![self.ours()]).await
    }

    async fn find_group(&self, id: &SecurityGroupId) -> Result<Option<SecurityGroup>, CloudError> {
        let found = self.groups(vec![filter("group-id", id.as_str())]).await?;
        Ok(found.items.into_iter().next())
    }

    async fn find_group_named(&self, vpc: &VpcId, name: &str) -> Result<Option<SecurityGroup>, CloudError> {
        let which = vec![filter("vpc-id", vpc.as_str()), filter("group-name", name)];
        Ok(self.groups(which).await?.items.into_iter().next())
    }

    async fn create_group(&self, group: &NewGroup) -> Result<SecurityGroup, CloudError> {
        let operation = Operation::CreateSecurityGroup;
        let answer = self.call(operation, self.group_request(group).send()).await?;
        let id =
            convert::required(answer.group_id, "groupId").map_err(|unreadable| unreadable.of(operation))?;
        let id = SecurityGroupId::new(id);
        // The answer does not say which rules AWS gave it: in an IPv6 VPC there are two.
        match self.find_group(&id).await {
            Ok(Some(group)) => Ok(group),
            // It was made, only not shown yet: what AWS gives every group is known.
            Ok(None) | Err(_) => Ok(convert::new_group(id, group)),
        }
    }

    async fn delete_group(&self, id: &SecurityGroupId) -> Result<(), CloudError> {
        let request = self.client.delete_security_group().group_id(id.as_str());
        self.call(Operation::DeleteSecurityGroup, request.send()).await?;
        Ok(())
    }

    async fn authorize(
        &self,
        group: &SecurityGroupId,
        direction: Direction,
        rules: &BTreeSet<Rule>,
    ) -> Result<(), CloudError> {
        let Some(rules) = permissions(direction, rules) else {
            return Ok(());
        };
        match direction {
            Direction::Ingress => {
                let request = self.client.authorize_security_group_ingress();
                let request = request.group_id(group.as_str()).set_ip_permissions(Some(rules));
                self.call(Operation::AuthorizeSecurityGroupIngress, request.send())
                    .await?;
            }
            Direction::Egress => {
                let request = self.client.authorize_security_group_egress();
                let request = request.group_id(group.as_str()).set_ip_permissions(Some(rules));
                self.call(Operation::AuthorizeSecurityGroupEgress, request.send())
                    .await?;
            }
        }
        Ok(())
    }

    async fn revoke(
        &self,
        group: &SecurityGroupId,
        direction: Direction,
        rules: &BTreeSet<Rule>,
    ) -> Result<(), CloudError> {
        let Some(rules) = permissions(direction, rules) else {
            return Ok(());
        };
        // In a default VPC AWS calls it a success when a rule is missing, and lists what it did not revoke.
        let (operation, unknown) = match direction {
            Direction::Ingress => {
                let operation = Operation::RevokeSecurityGroupIngress;
                let request = self.client.revoke_security_group_ingress();
                let request = request.group_id(group.as_str()).set_ip_permissions(Some(rules));
                let answer = self.call(operation, request.send()).await?;
                (operation, answer.unknown_ip_permissions)
            }
            Direction::Egress => {
                let operation = Operation::RevokeSecurityGroupEgress;
                let request = self.client.revoke_security_group_egress();
                let request = request.group_id(group.as_str()).set_ip_permissions(Some(rules));
                let answer = self.call(operation, request.send()).await?;
                (operation, answer.unknown_ip_permissions)
            }
        };
        if unknown.is_some_and(|unknown| !unknown.is_empty()) {
            return Err(no_such_rule(operation, group));
        }
        Ok(())
    }

    async fn set_interface_groups(
        &self,
        id: &NetworkInterfaceId,
        groups: &BTreeSet<SecurityGroupId>,
    ) -> Result<(), CloudError> {
        let groups = groups.iter().map(ToString::to_string).collect();
        let request = self.client.modify_network_interface_attribute();
        let request = request.network_interface_id(id.as_str()).set_groups(Some(groups));
        self.call(Operation::ModifyNetworkInterfaceAttribute, request.send())
            .await?;
        Ok(())
    }

    async fn find_subnet(&self, id: &SubnetId) -> Result<Option<Subnet>, CloudError> {
        let operation = Operation::DescribeSubnets;
        let request = self
            .client
            .describe_subnets()
            .filters(filter("subnet-id", id.as_str()));
        let answer = self.call(operation, request.send()).await?;
        let Some(subnet) = answer.subnets.unwrap_or_default().into_iter().next() else {
            return Ok(None);
        };
        let vpc_id =
            convert::required(subnet.vpc_id, "vpcId").map_err(|unreadable| unreadable.of(operation))?;
        let vpc = self.vpc(&vpc_id).await?;
        let vpc_cidrs =
            convert::vpc_cidrs(vpc).map_err(|unreadable| unreadable.of(Operation::DescribeVpcs))?;
        Ok(Some(Subnet {
            id: id.clone(),
            vpc_id: VpcId::new(vpc_id),
            vpc_cidrs,
        }))
    }
}

impl Ec2 {
    /// The request that makes a group, which a question for the right to do so sends, too.
    pub(super) fn group_request(&self, group: &NewGroup) -> CreateSecurityGroupFluentBuilder {
        self.client
            .create_security_group()
            .group_name(&group.name)
            .description(&group.description)
            .vpc_id(group.vpc_id.as_str())
            .tag_specifications(tag_specification(ResourceType::SecurityGroup, &group.tags))
    }

    async fn groups(&self, which: Vec<Filter>) -> Result<Listed<SecurityGroup>, CloudError> {
        let operation = Operation::DescribeSecurityGroups;
        let found = all_pages(operation, async |start| {
            let request = self.client.describe_security_groups();
            let request = request.set_filters(Some(which.clone()));
            let request = request.max_results(PAGE).set_next_token(start);
            let answer = self.call(operation, request.send()).await?;
            Ok(Page {
                items: answer.security_groups.unwrap_or_default(),
                next: answer.next_token,
            })
        });
        convert::each_of(operation, found.await?, convert::security_group)
    }

    async fn vpc(&self, id: &str) -> Result<Vpc, CloudError> {
        let operation = Operation::DescribeVpcs;
        let request = self.client.describe_vpcs().filters(filter("vpc-id", id));
        let answer = self.call(operation, request.send()).await?;
        let vpc = answer.vpcs.unwrap_or_default().into_iter().next();
        vpc.ok_or_else(|| Unreadable::new(format!("the subnet's VPC {id} is not shown")).of(operation))
    }
}

/// The rules of this direction as AWS takes them; `None` when there are none, which AWS refuses.
fn permissions(direction: Direction, rules: &BTreeSet<Rule>) -> Option<Vec<IpPermission>> {
    let permissions = sdk_rules(rules.iter().filter(|rule| rule.direction == direction));
    (!permissions.is_empty()).then_some(permissions)
}

fn no_such_rule(operation: Operation, group: &SecurityGroupId) -> CloudError {
    CloudError {
        operation,
        kind: ErrorKind::NotFound,
        code: "InvalidPermission.NotFound".to_owned(),
        message: format!("a rule to be revoked is not in {group}"),
        turn_at: None,
    }
}
