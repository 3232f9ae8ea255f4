//! What people do: at AWS, past the operator, and to its objects.

use yagura::api::{Containment, Incident};

use crate::{Broken, World, objects, truth::Truth};

/// Somebody changes whatever of an environment can be changed at AWS.
pub(super) fn tamper(world: &World, truth: &Truth) -> Result<(), Broken> {
    let instance = truth.instances.iter().find(|one| one.is_live());
    let found = instance.and_then(|instance| {
        let interface = truth.interface(instance)?;
        let own = truth.group(interface.group_ids.first()?)?;
        let (device, volume) = instance.volumes.last_key_value()?;
        Some((instance, interface, own, (device, volume)))
    });
    let Some((instance, interface, own, (device, volume))) = found else {
        return Err(Broken::SetUp("there is nothing to tamper with".to_owned()));
    };
    let (instance, interface, own) = (&*instance.id, &*interface.id, &*own.id);
    let someone = |action: &str, params: &[(&str, &str)]| world.someone(action, params).map(drop);
    someone(
        "ModifyInstanceMetadataOptions",
        &[
            ("InstanceId", instance),
            ("HttpTokens", "optional"),
            ("HttpPutResponseHopLimit", "3"),
        ],
    )?;
    someone(
        "ModifyInstanceAttribute",
        &[("InstanceId", instance), ("DisableApiTermination.Value", "false")],
    )?;
    someone(
        "ModifyInstanceAttribute",
        &[
            ("InstanceId", instance),
            ("BlockDeviceMapping.1.DeviceName", device),
            ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"),
        ],
    )?;
    someone(
        "CreateTags",
        &[
            ("ResourceId.1", instance),
            ("Tag.1.Key", "yagura.dev/customer"),
            ("Tag.1.Value", "globex"),
        ],
    )?;
    for (id, tag) in [(volume.as_str(), "yagura.dev/cluster"), (own, "yagura.dev/label")] {
        someone("DeleteTags", &[("ResourceId.1", id), ("Tag.1.Key", tag)])?;
    }
    rules(world, own)?;
    let backdoor = [
        ("GroupName", "backdoor"),
        ("GroupDescription", "by hand"),
        ("VpcId", simaws::DEFAULT_VPC_ID),
    ];
    someone("CreateSecurityGroup", &backdoor)?;
    let after = Truth::of(world, None)?;
    let backdoor = after
        .security_groups
        .iter()
        .find(|group| group.name == "backdoor");
    let backdoor = backdoor.map(|group| group.id.clone()).unwrap_or_default();
    someone(
        "ModifyNetworkInterfaceAttribute",
        &[
            ("NetworkInterfaceId", interface),
            ("SecurityGroupId.1", &backdoor),
        ],
    )
}

/// One rule more and one less on the way in, and everything on the way out.
fn rules(world: &World, group: &str) -> Result<(), Broken> {
    let changes = [
        ("AuthorizeSecurityGroupIngress", "tcp", "22", "0.0.0.0/0"),
        ("RevokeSecurityGroupIngress", "tcp", "443", super::OFFICE),
        ("AuthorizeSecurityGroupEgress", "tcp", "25", "0.0.0.0/0"),
        ("RevokeSecurityGroupEgress", "udp", "123", "0.0.0.0/0"),
    ];
    for (action, protocol, port, cidr) in changes {
        world.someone(
            action,
            &[
                ("GroupId", group),
                ("IpPermissions.1.IpProtocol", protocol),
                ("IpPermissions.1.FromPort", port),
                ("IpPermissions.1.ToPort", port),
                ("IpPermissions.1.IpRanges.1.CidrIp", cidr),
            ],
        )?;
    }
    Ok(())
}

/// Somebody ends the isolation that an Incident asks for.
pub(super) fn end_isolation(world: &World, name: &str) {
    world.edit::<Incident>(&objects::key(name), |incident| {
        incident.spec.containment = Containment::None;
    });
}
