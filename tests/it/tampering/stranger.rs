//! Somebody at AWS's API who is not the operator.

use aws_sdk_ec2::{
    Client,
    types::{
        AttributeBooleanValue, EbsInstanceBlockDeviceSpecification, HttpTokensState,
        InstanceBlockDeviceMappingSpecification, IpPermission, IpRange, Ipv6Range, Tag, builders::TagBuilder,
    },
};

/// What such a person does; every act succeeds at AWS.
pub(crate) struct Stranger(pub(crate) Client);

impl Stranger {
    pub(crate) async fn opens(&self, group: &str, port: i32, cidr: &str) {
        let request = self.0.authorize_security_group_ingress().group_id(group);
        let request = request.ip_permissions(permission(Some(port), cidr));
        request.send().await.unwrap();
    }

    pub(crate) async fn closes(&self, group: &str, port: i32, cidr: &str) {
        let request = self.0.revoke_security_group_ingress().group_id(group);
        let request = request.ip_permissions(permission(Some(port), cidr));
        request.send().await.unwrap();
    }

    /// Every protocol, on the way out.
    pub(crate) async fn lets_out(&self, group: &str, cidr: &str) {
        let request = self.0.authorize_security_group_egress().group_id(group);
        let request = request.ip_permissions(permission(None, cidr));
        request.send().await.unwrap();
    }

    pub(crate) async fn weakens_metadata(&self, instance: &str) {
        let request = self.0.modify_instance_metadata_options().instance_id(instance);
        let request = request
            .http_tokens(HttpTokensState::Optional)
            .http_put_response_hop_limit(3);
        request.send().await.unwrap();
    }

    pub(crate) async fn unprotects(&self, instance: &str) {
        let off = AttributeBooleanValue::builder().value(false).build();
        let request = self.0.modify_instance_attribute().instance_id(instance);
        request.disable_api_termination(off).send().await.unwrap();
    }

    pub(crate) async fn dooms_volume(&self, instance: &str, device: &str) {
        let ebs = EbsInstanceBlockDeviceSpecification::builder().delete_on_termination(true);
        let mapping = InstanceBlockDeviceMappingSpecification::builder()
            .device_name(device)
            .ebs(ebs.build());
        let request = self.0.modify_instance_attribute().instance_id(instance);
        request
            .block_device_mappings(mapping.build())
            .send()
            .await
            .unwrap();
    }

    pub(crate) async fn tags(&self, id: &str, name: &str, value: &str) {
        let request = self.0.create_tags().resources(id);
        request.tags(tag(name).value(value).build()).send().await.unwrap();
    }

    pub(crate) async fn untags(&self, id: &str, name: &str) {
        let request = self.0.delete_tags().resources(id);
        request.tags(tag(name).build()).send().await.unwrap();
    }

    /// A group of their own, in the VPC that is there as found.
    pub(crate) async fn makes_group(&self, name: &str) -> String {
        let request = self.0.create_security_group().group_name(name);
        let request = request
            .description("made by hand")
            .vpc_id("vpc-0123456789abcdef0");
        let answer = request.send().await.unwrap();
        answer.group_id().unwrap().to_owned()
    }

    pub(crate) async fn puts_into(&self, interface: &str, groups: &[&str]) {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let request = self
            .0
            .modify_network_interface_attribute()
            .network_interface_id(interface);
        request.set_groups(Some(groups)).send().await.unwrap();
    }

    pub(crate) async fn stops(&self, instance: &str) {
        self.0
            .stop_instances()
            .instance_ids(instance)
            .send()
            .await
            .unwrap();
    }

    pub(crate) async fn starts(&self, instance: &str) {
        self.0
            .start_instances()
            .instance_ids(instance)
            .send()
            .await
            .unwrap();
    }
}

fn tag(name: &str) -> TagBuilder {
    Tag::builder().key(format!("yagura.dev/{name}"))
}

/// One TCP port, or everything, for one range of either family.
fn permission(port: Option<i32>, cidr: &str) -> IpPermission {
    let builder = IpPermission::builder()
        .ip_protocol(port.map_or("-1", |_| "tcp"))
        .set_from_port(port)
        .set_to_port(port);
    let builder = if cidr.contains(':') {
        builder.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(cidr).build())
    } else {
        builder.ip_ranges(IpRange::builder().cidr_ip(cidr).build())
    };
    builder.build()
}
