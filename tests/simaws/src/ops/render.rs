//! Shapes that several answers share.

use crate::protocol::{Element, item, timestamp};
use crate::state::{
    Instance, InstanceState, Interface, MetadataOptions, Modification, Peer, Region, Rule, Snapshot, Subnet,
    Tags, Volume, VolumeAttachment, Vpc,
};

pub(super) fn tag_items(tags: &Tags) -> Vec<Element> {
    tags.iter()
        .map(|(key, value)| item().text("key", key).text("value", value))
        .collect()
}

/// AWS leaves the tag set out of a resource without tags.
pub(super) fn with_tags(element: Element, tags: &Tags) -> Element {
    if tags.is_empty() {
        element
    } else {
        element.list("tagSet", tag_items(tags))
    }
}

pub(super) fn state(name: &'static str, state: InstanceState) -> Element {
    Element::new(name)
        .text("code", state.code())
        .text("name", state.name())
}

pub(super) fn metadata_options(name: &'static str, options: &MetadataOptions, applied: bool) -> Element {
    Element::new(name)
        .text("state", if applied { "applied" } else { "pending" })
        .text("httpTokens", &options.http_tokens)
        .text("httpPutResponseHopLimit", options.http_put_response_hop_limit)
        .text("httpEndpoint", &options.http_endpoint)
        .text("httpProtocolIpv6", &options.http_protocol_ipv6)
        .text("instanceMetadataTags", &options.instance_metadata_tags)
}

pub(super) fn group_items(ids: &[String], region: &Region) -> Vec<Element> {
    let named = ids
        .iter()
        .map(|id| (id, region.groups.get(id).map(|group| &group.name)));
    named
        .map(|(id, name)| item().text("groupId", id).maybe("groupName", name))
        .collect()
}

/// A reservation around some of its instances.
pub(super) fn reservation(element: Element, id: &str, instances: &[&Instance], region: &Region) -> Element {
    element
        .text("reservationId", id)
        .text("ownerId", &region.account)
        .list("groupSet", [])
        .list("instancesSet", instances.iter().map(|it| instance(it, region)))
}

pub(super) fn instance(instance: &Instance, region: &Region) -> Element {
    let placement = Element::new("placement")
        .text("availabilityZone", &instance.zone)
        .maybe("availabilityZoneId", region.zone_id(&instance.zone))
        .text("groupName", "")
        .text("tenancy", &instance.tenancy);
    let monitoring = if instance.monitoring {
        "enabled"
    } else {
        "disabled"
    };
    let mut element = item()
        .text("instanceId", &instance.id)
        .text("imageId", &instance.image_id)
        .child(state("instanceState", instance.state))
        .text("privateDnsName", private_dns_name(instance, region))
        .text("dnsName", "")
        .text("reason", &instance.transition_reason)
        .maybe("keyName", instance.key_name.as_ref())
        .text("amiLaunchIndex", instance.launch_index)
        .list("productCodes", [])
        .text("instanceType", &instance.instance_type)
        .text("launchTime", timestamp(instance.launched_at))
        .child(placement)
        .child(Element::new("monitoring").text("state", monitoring));
    element = network(element, instance, region)
        .text("architecture", &instance.architecture)
        .text("rootDeviceType", "ebs")
        .text("rootDeviceName", &instance.root_device_name)
        .list("blockDeviceMapping", device_items(instance, region))
        .text("virtualizationType", "hvm")
        // AWS writes an empty token for an instance started without one.
        .text("clientToken", instance.client_token.as_deref().unwrap_or_default());
    element = with_tags(element, &instance.tags).text("hypervisor", "xen");
    if let Some(reason) = &instance.state_reason {
        let reason = Element::new("stateReason")
            .text("code", &reason.code)
            .text("message", &reason.message);
        element = element.child(reason);
    }
    if let Some(profile) = &instance.profile {
        element = element.child(
            Element::new("iamInstanceProfile")
                .text("arn", &profile.arn)
                .text("id", &profile.id),
        );
    }
    let applied = instance.state != InstanceState::Pending;
    element
        .text("ebsOptimized", instance.ebs_optimized)
        .text("enaSupport", true)
        .child(metadata_options(
            "metadataOptions",
            &instance.metadata_options,
            applied,
        ))
        .text("platformDetails", "Linux/UNIX")
        .text("usageOperation", "RunInstances")
}

fn private_dns_name(instance: &Instance, region: &Region) -> String {
    if instance.interface_ids.is_empty() {
        return String::new();
    }
    format!(
        "ip-{}.{}.compute.internal",
        instance.private_ip.replace('.', "-"),
        region.name
    )
}

fn network(element: Element, instance: &Instance, region: &Region) -> Element {
    let interfaces: Vec<&Interface> = instance
        .interface_ids
        .iter()
        .filter_map(|id| region.interfaces.get(id))
        .collect();
    let Some(first) = interfaces.first() else {
        return element.list("groupSet", []).list("networkInterfaceSet", []);
    };
    element
        .text("subnetId", &instance.subnet_id)
        .text("vpcId", &instance.vpc_id)
        .text("privateIpAddress", &instance.private_ip)
        .maybe("ipAddress", region.address_of(first).map(|it| &it.public_ip))
        .text("sourceDestCheck", first.source_dest_check)
        .list("groupSet", group_items(&first.group_ids, region))
        .list(
            "networkInterfaceSet",
            interfaces.iter().map(|it| interface(item(), it, region, false)),
        )
}

fn device_items(instance: &Instance, region: &Region) -> Vec<Element> {
    let volumes = instance.volumes.iter().filter_map(|(device, id)| {
        region
            .volumes
            .get(id)
            .and_then(|volume| volume.attachment.as_ref())
            .map(|it| (device, id, it))
    });
    volumes
        .map(|(device, id, attachment)| {
            let ebs = Element::new("ebs")
                .text("volumeId", id)
                .text("status", "attached")
                .text("attachTime", timestamp(attachment.attached_at))
                .text("deleteOnTermination", attachment.delete_on_termination);
            item().text("deviceName", device).child(ebs)
        })
        .collect()
}

/// An interface, in full or as a part of its instance.
pub(super) fn interface(element: Element, interface: &Interface, region: &Region, full: bool) -> Element {
    let mut element = element
        .text("networkInterfaceId", &interface.id)
        .text("subnetId", &interface.subnet_id)
        .text("vpcId", &interface.vpc_id)
        .text("description", &interface.description)
        .text("ownerId", &region.account)
        .text("status", interface.status())
        .text("macAddress", &interface.mac)
        .text("privateIpAddress", &interface.private_ip)
        .text("sourceDestCheck", interface.source_dest_check)
        .text("interfaceType", "interface")
        .list("groupSet", group_items(&interface.group_ids, region));
    if full {
        element = element
            .text("availabilityZone", &interface.zone)
            .text("requesterManaged", false);
        // Interfaces write their tags even when there are none.
        element = element.list("tagSet", tag_items(&interface.tags));
    }
    if let Some(attachment) = &interface.attachment {
        let mut attached = Element::new("attachment")
            .text("attachmentId", &attachment.id)
            .text("deviceIndex", attachment.device_index)
            .text("networkCardIndex", 0)
            .text("status", "attached")
            .text("attachTime", timestamp(attachment.attached_at))
            .text("deleteOnTermination", attachment.delete_on_termination);
        if full {
            attached = attached
                .text("instanceId", &attachment.instance_id)
                .text("instanceOwnerId", &region.account);
        }
        element = element.child(attached);
    }
    let mut address = item()
        .text("privateIpAddress", &interface.private_ip)
        .text("primary", true);
    if let Some(elastic) = region.address_of(interface) {
        let association = || {
            let association = Element::new("association")
                .text("publicIp", &elastic.public_ip)
                .text("ipOwnerId", &region.account);
            if !full {
                return association;
            }
            association
                .text("allocationId", &elastic.id)
                .maybe("associationId", elastic.association.as_ref().map(|it| &it.id))
        };
        element = element.child(association());
        address = address.child(association());
    }
    element.list("privateIpAddressesSet", [address])
}

pub(super) fn volume(element: Element, volume: &Volume, region: &Region) -> Element {
    let spec = &volume.spec;
    let element = element
        .text("volumeId", &volume.id)
        .text("ownerId", &region.account)
        .text("size", spec.size)
        .text("snapshotId", spec.snapshot_id.as_deref().unwrap_or_default())
        .text("availabilityZone", &volume.zone)
        .maybe("availabilityZoneId", region.zone_id(&volume.zone))
        .text("status", volume.state.name())
        .text("createTime", timestamp(volume.created_at))
        .list(
            "attachmentSet",
            volume
                .attachment
                .iter()
                .map(|it| attachment(item(), &volume.id, it, "attached")),
        )
        .text("volumeType", &spec.volume_type)
        .maybe("iops", spec.iops)
        .maybe("throughput", spec.throughput)
        .text("encrypted", spec.encrypted)
        .maybe("kmsKeyId", spec.kms_key_id.as_ref())
        .text("multiAttachEnabled", false);
    with_tags(element, &volume.tags)
}

pub(super) fn attachment(
    element: Element,
    volume_id: &str,
    attachment: &VolumeAttachment,
    status: &'static str,
) -> Element {
    element
        .text("volumeId", volume_id)
        .text("instanceId", &attachment.instance_id)
        .text("device", &attachment.device)
        .text("status", status)
        .text("attachTime", timestamp(attachment.attached_at))
        .text("deleteOnTermination", attachment.delete_on_termination)
}

pub(super) fn modification(
    element: Element,
    volume_id: &str,
    modification: &Modification,
    now: jiff::Timestamp,
) -> Element {
    let (before, after) = (&modification.before, &modification.after);
    let done = now >= modification.completed_at;
    element
        .text("volumeId", volume_id)
        .text("modificationState", if done { "completed" } else { "modifying" })
        .text("targetSize", after.size)
        .maybe("targetIops", after.iops)
        .text("targetVolumeType", &after.volume_type)
        .maybe("targetThroughput", after.throughput)
        .text("originalSize", before.size)
        .maybe("originalIops", before.iops)
        .text("originalVolumeType", &before.volume_type)
        .maybe("originalThroughput", before.throughput)
        .text("progress", if done { 100 } else { 0 })
        .text("startTime", timestamp(modification.started_at))
        .maybe("endTime", done.then(|| timestamp(modification.completed_at)))
}

/// A snapshot; CreateSnapshots calls the state `state` where all others say `status`.
pub(super) fn snapshot(
    element: Element,
    snapshot: &Snapshot,
    region: &Region,
    state_name: &'static str,
) -> Element {
    let progress = match snapshot.progress(region.now) {
        // AWS's first answer has no figure yet.
        0 => String::new(),
        percent => format!("{percent}%"),
    };
    let element = element
        .text("snapshotId", &snapshot.id)
        .text("volumeId", &snapshot.volume_id)
        .text(state_name, snapshot.state.name())
        .text("startTime", timestamp(snapshot.started_at))
        .maybe("completionTime", snapshot.completed_at.map(timestamp))
        .text("progress", progress)
        .text("ownerId", &snapshot.owner)
        .text("volumeSize", snapshot.volume_size)
        .text("description", &snapshot.description)
        .text("encrypted", snapshot.encrypted)
        .maybe("kmsKeyId", snapshot.kms_key_id.as_ref())
        .text("storageTier", "standard");
    with_tags(element, &snapshot.tags)
}

pub(super) fn vpc(element: Element, vpc: &Vpc, region: &Region) -> Element {
    let associated = Element::new("cidrBlockState").text("state", "associated");
    let association = item()
        .text("associationId", vpc.id.replace("vpc-", "vpc-cidr-assoc-"))
        .text("cidrBlock", vpc.cidr)
        .child(associated);
    let mut element = element
        .text("vpcId", &vpc.id)
        .text("ownerId", &region.account)
        .text("state", "available")
        .text("cidrBlock", vpc.cidr)
        .text("dhcpOptionsId", "dopt-0123456789abcdef0")
        .text("instanceTenancy", &vpc.tenancy)
        .text("isDefault", vpc.is_default)
        .list("cidrBlockAssociationSet", [association]);
    if let Some(cidr) = &vpc.ipv6_cidr {
        let state = Element::new("ipv6CidrBlockState").text("state", "associated");
        let association = item()
            .text("associationId", vpc.id.replace("vpc-", "vpc-cidr-assoc-"))
            .text("ipv6CidrBlock", cidr)
            .child(state);
        element = element.list("ipv6CidrBlockAssociationSet", [association]);
    }
    with_tags(element, &vpc.tags)
}

pub(super) fn subnet(element: Element, subnet: &Subnet, region: &Region) -> Element {
    let arn = format!(
        "arn:aws:ec2:{}:{}:subnet/{}",
        region.name, region.account, subnet.id
    );
    let element = element
        .text("subnetId", &subnet.id)
        .text("subnetArn", arn)
        .text("state", "available")
        .text("ownerId", &region.account)
        .text("vpcId", &subnet.vpc_id)
        .text("cidrBlock", subnet.cidr)
        .text("availableIpAddressCount", subnet.free())
        .text("availabilityZone", &subnet.zone)
        .maybe("availabilityZoneId", region.zone_id(&subnet.zone))
        .text("defaultForAz", subnet.default_for_zone)
        .text("mapPublicIpOnLaunch", false);
    with_tags(element, &subnet.tags)
}

/// A rule as the operations on rules write it.
pub(super) fn rule(rule: &Rule, region: &Region) -> Element {
    let (from, to) = rule.key.ports.unwrap_or((-1, -1));
    let arn = format!(
        "arn:aws:ec2:{}:{}:security-group-rule/{}",
        region.name, region.account, rule.id
    );
    let element = item()
        .text("securityGroupRuleId", &rule.id)
        .text("groupId", &rule.group_id)
        .text("groupOwnerId", &region.account)
        .text("isEgress", rule.key.direction == crate::state::Direction::Egress)
        .text("ipProtocol", &rule.key.protocol)
        .text("fromPort", from)
        .text("toPort", to);
    let element = match &rule.key.peer {
        Peer::Ipv4(cidr) => element.text("cidrIpv4", cidr),
        Peer::Ipv6(cidr) => element.text("cidrIpv6", cidr),
        Peer::PrefixList(id) => element.text("prefixListId", id),
        Peer::Group(id) => element.child(
            Element::new("referencedGroupInfo")
                .text("groupId", id)
                .text("userId", &region.account),
        ),
    };
    let element = element
        .maybe("description", rule.description.as_ref())
        .text("securityGroupRuleArn", arn);
    with_tags(element, &rule.tags)
}
