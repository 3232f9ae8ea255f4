//! RunInstances.

use std::collections::BTreeMap;

use super::context::tag_specifications;
use super::{Context, interfaces, profiles, render, volumes};
use crate::protocol::{Answer, ApiError, Element, Params};
use crate::state::{
    Image, ImageState, Instance, InstanceProfile, InstanceState, Interface, InterfaceAttachment,
    MetadataOptions, Region, Tags, Volume, VolumeAttachment, VolumeSpec, VolumeState, kind,
};

const OPERATION: &str = "RunInstances";

/// Everything a launch needs, checked.
struct Launch {
    image: Image,
    instance_type: String,
    count: u32,
    subnet_id: String,
    group_ids: Vec<String>,
    interface_description: String,
    delete_interface: bool,
    devices: Vec<Device>,
    metadata_options: MetadataOptions,
    profile: Option<InstanceProfile>,
    tags: BTreeMap<&'static str, Tags>,
}

/// A volume to start with.
struct Device {
    name: String,
    spec: VolumeSpec,
    delete_on_termination: bool,
}

pub(super) fn run(ctx: &mut Context<'_>, params: &Params) -> Answer {
    if let Some(used) = ctx.region.token_use(OPERATION, params)? {
        let made: Vec<&Instance> = used
            .ids
            .iter()
            .filter_map(|id| ctx.region.instances.get(id))
            .collect();
        if let Some(first) = made.first() {
            ctx.replayed = true;
            return Ok(render::reservation(
                Element::content(),
                &first.reservation_id,
                &made,
                ctx.region,
            ));
        }
    }
    let launch = read(ctx.region, params)?;
    let reservation_id = ctx.region.ids.id("r-");
    let mut ids = Vec::new();
    for index in 0..launch.count {
        ids.push(start_one(ctx, &launch, (&reservation_id, index), params)?);
    }
    ctx.region.remember_token(OPERATION, params, ids.clone());
    let region = &*ctx.region;
    let made: Vec<&Instance> = ids.iter().filter_map(|id| region.instances.get(id)).collect();
    Ok(render::reservation(
        Element::content(),
        &reservation_id,
        &made,
        region,
    ))
}

fn read(region: &mut Region, params: &Params) -> Result<Launch, ApiError> {
    for flag in ["DisableApiTermination", "DisableApiStop", "EbsOptimized"] {
        params.flag(flag)?;
    }
    let image_id = params.required("ImageId")?;
    let image = region.image(image_id)?.clone();
    if image.state(region) != ImageState::Available {
        let text = format!("The image ID '{image_id}' is not available");
        return Err(ApiError::new("InvalidAMIID.Unavailable", text));
    }
    let instance_type = params.get("InstanceType").unwrap_or("m1.small").to_owned();
    check_type(&instance_type)?;
    let count = count(params)?;
    let interface = first_interface(params)?;
    let subnet_id = match interface.get("SubnetId").or(params.get("SubnetId")) {
        Some(id) => region.subnet(id)?.id.clone(),
        None => default_subnet(region, params.group("Placement").get("AvailabilityZone"))?,
    };
    let group_ids = groups(region, params, &interface, &subnet_id)?;
    if region.subnet(&subnet_id)?.free() < u64::from(count) {
        let text = format!("Not enough free addresses in subnet '{subnet_id}' to satisfy the request.");
        return Err(ApiError::new("InsufficientFreeAddressesInSubnet", text));
    }
    let devices = devices(region, &image, params)?;
    let profile = profiles::read(region, &params.group("IamInstanceProfile"))?;
    let tags = tag_specifications(params, &["instance", "network-interface", "volume"])?;
    Ok(Launch {
        image,
        instance_type,
        count,
        subnet_id,
        group_ids,
        interface_description: interface.owned("Description").unwrap_or_default(),
        delete_interface: interface.flag("DeleteOnTermination")?.unwrap_or(true),
        devices,
        metadata_options: metadata_options(&MetadataOptions::default(), &params.group("MetadataOptions"))?,
        profile,
        tags,
    })
}

/// Refuses what cannot be an instance type; which types exist is not simulated.
pub(super) fn check_type(instance_type: &str) -> Result<(), ApiError> {
    let lower = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    match instance_type.split_once('.') {
        Some((family, size)) if lower(family) && lower(size) => Ok(()),
        _ => Err(ApiError::value(format!(
            "Invalid value '{instance_type}' for InstanceType."
        ))),
    }
}

/// All or nothing: there is always capacity for the greatest number asked for.
fn count(params: &Params) -> Result<u32, ApiError> {
    let most: u32 = params
        .number("MaxCount")?
        .ok_or_else(|| ApiError::missing("MaxCount"))?;
    let least: u32 = params
        .number("MinCount")?
        .ok_or_else(|| ApiError::missing("MinCount"))?;
    if least == 0 || most < least || most > 1000 {
        return Err(ApiError::value(format!(
            "Invalid value '{most}' for maxCount and '{least}' for minCount."
        )));
    }
    Ok(most)
}

fn first_interface(params: &Params) -> Result<Params, ApiError> {
    let mut specifications = params.structs("NetworkInterface");
    if specifications.len() > 1 {
        return Err(ApiError::new(
            "UnsupportedOperation",
            "Launching with several network interfaces is not simulated.",
        ));
    }
    let Some(interface) = specifications.pop() else {
        return Ok(Params::default());
    };
    if params.get("SubnetId").is_some() || !params.list("SecurityGroupId").is_empty() {
        return Err(ApiError::combination(
            "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request",
        ));
    }
    if interface.get("NetworkInterfaceId").is_some() {
        return Err(ApiError::new(
            "UnsupportedOperation",
            "Launching with an existing network interface is not simulated.",
        ));
    }
    Ok(interface)
}

fn default_subnet(region: &Region, zone: Option<&str>) -> Result<String, ApiError> {
    let wanted = zone
        .map(str::to_owned)
        .or_else(|| region.zones().into_iter().next().map(|(name, _)| name));
    let found = region
        .subnets
        .values()
        .find(|it| it.default_for_zone && Some(&it.zone) == wanted.as_ref());
    found.map(|subnet| subnet.id.clone()).ok_or_else(|| {
        ApiError::new(
            "MissingInput",
            "No subnets found for the default VPC. Please specify a subnet.",
        )
    })
}

fn groups(
    region: &Region,
    params: &Params,
    interface: &Params,
    subnet_id: &str,
) -> Result<Vec<String>, ApiError> {
    let vpc_id = region.subnet(subnet_id)?.vpc_id.clone();
    let mut ids = params.list("SecurityGroupId");
    ids.extend(interface.list("SecurityGroupId"));
    for name in params.list("SecurityGroup") {
        let found = region
            .groups
            .values()
            .find(|group| group.vpc_id == vpc_id && group.name == name);
        ids.push(found.ok_or_else(|| kind::GROUP.not_found(&name))?.id.clone());
    }
    if ids.is_empty() {
        ids.extend(region.default_group(&vpc_id).map(|group| group.id.clone()));
    }
    interfaces::check_groups(region, &ids, &vpc_id)?;
    Ok(ids)
}

fn devices(region: &Region, image: &Image, params: &Params) -> Result<Vec<Device>, ApiError> {
    let mut mappings: BTreeMap<String, Params> = BTreeMap::new();
    for mapping in params.structs("BlockDeviceMapping") {
        let name = mapping.required("DeviceName")?.to_owned();
        if mappings.insert(name.clone(), mapping).is_some() {
            let text = format!("The device '{name}' is used in more than one block-device mapping");
            return Err(ApiError::new("InvalidBlockDeviceMapping", text));
        }
    }
    let mut devices = Vec::new();
    for device in &image.devices {
        let mapping = mappings.remove(&device.name).unwrap_or_default();
        if mapping.get("NoDevice").is_some() && device.name != image.root_device_name {
            continue;
        }
        let ebs = mapping.group("Ebs");
        let mut spec = volumes::read_spec(region, &ebs, ("VolumeSize", Some(device)))?;
        if spec.size < device.size {
            let text = format!(
                "Volume of size {}GB is smaller than snapshot, expect size >= {}GB",
                spec.size, device.size
            );
            return Err(ApiError::new("InvalidBlockDeviceMapping", text));
        }
        spec.snapshot_id = device.snapshot_id.clone();
        let delete_on_termination = ebs
            .flag("DeleteOnTermination")?
            .unwrap_or(device.delete_on_termination);
        devices.push(Device {
            name: device.name.clone(),
            spec,
            delete_on_termination,
        });
    }
    for (name, mapping) in mappings {
        let ebs = mapping.group("Ebs");
        let spec = volumes::read_spec(region, &ebs, ("VolumeSize", None))?;
        let delete_on_termination = ebs.flag("DeleteOnTermination")?.unwrap_or(true);
        devices.push(Device {
            name,
            spec,
            delete_on_termination,
        });
    }
    Ok(devices)
}

/// The options with the request's changes; wrong values are refused.
pub(super) fn metadata_options(
    before: &MetadataOptions,
    params: &Params,
) -> Result<MetadataOptions, ApiError> {
    let choice = |name: &str, before: &str, valid: [&str; 2]| match params.get(name) {
        None => Ok(before.to_owned()),
        Some(value) if valid.contains(&value) => Ok(value.to_owned()),
        Some(value) => Err(ApiError::value(format!("Invalid value '{value}' for {name}"))),
    };
    let hops = params
        .number("HttpPutResponseHopLimit")?
        .unwrap_or(before.http_put_response_hop_limit);
    if !(1..=64).contains(&hops) {
        return Err(ApiError::value(
            "HttpPutResponseHopLimit must be an integer between 1 and 64",
        ));
    }
    Ok(MetadataOptions {
        http_tokens: choice("HttpTokens", &before.http_tokens, ["optional", "required"])?,
        http_put_response_hop_limit: hops,
        http_endpoint: choice("HttpEndpoint", &before.http_endpoint, ["enabled", "disabled"])?,
        http_protocol_ipv6: choice(
            "HttpProtocolIpv6",
            &before.http_protocol_ipv6,
            ["enabled", "disabled"],
        )?,
        instance_metadata_tags: choice(
            "InstanceMetadataTags",
            &before.instance_metadata_tags,
            ["enabled", "disabled"],
        )?,
    })
}

fn start_one(
    ctx: &mut Context<'_>,
    launch: &Launch,
    (reservation_id, index): (&str, u32),
    params: &Params,
) -> Result<String, ApiError> {
    let id = ctx.region.ids.id(kind::INSTANCE.prefix);
    let interface = add_interface(ctx.region, launch, &id)?;
    let volumes = launch
        .devices
        .iter()
        .map(|device| add_volume(ctx.region, launch, &interface, (&id, device)));
    let volumes = volumes.collect();
    let placement = params.group("Placement");
    let instance = Instance {
        id: id.clone(),
        reservation_id: reservation_id.to_owned(),
        client_token: params.owned("ClientToken"),
        state: InstanceState::Pending,
        due: None,
        doomed: ctx.doomed.clone(),
        state_reason: None,
        transition_reason: String::new(),
        reboots: 0,
        impaired: BTreeMap::new(),
        image_id: launch.image.id.clone(),
        architecture: launch.image.architecture.clone(),
        instance_type: launch.instance_type.clone(),
        launch_index: index,
        key_name: params.owned("KeyName"),
        user_data: params.owned("UserData"),
        zone: interface.zone.clone(),
        tenancy: placement.get("Tenancy").unwrap_or("default").to_owned(),
        vpc_id: interface.vpc_id.clone(),
        subnet_id: interface.subnet_id.clone(),
        private_ip: interface.private_ip.clone(),
        interface_ids: vec![interface.id.clone()],
        root_device_name: launch.image.root_device_name.clone(),
        volumes,
        metadata_options: launch.metadata_options.clone(),
        disable_api_termination: params.flag("DisableApiTermination")?.unwrap_or(false),
        disable_api_stop: params.flag("DisableApiStop")?.unwrap_or(false),
        shutdown_behavior: params
            .get("InstanceInitiatedShutdownBehavior")
            .unwrap_or("stop")
            .to_owned(),
        ebs_optimized: params.flag("EbsOptimized")?.unwrap_or(false),
        monitoring: params.group("Monitoring").flag("Enabled")?.unwrap_or(false),
        profile: launch.profile.clone(),
        tags: launch.tags.get("instance").cloned().unwrap_or_default(),
        created_at: ctx.region.now,
        launched_at: ctx.region.now,
    };
    ctx.region.interfaces.insert(interface.id.clone(), interface);
    ctx.region.instances.insert(id.clone(), instance);
    if let Some(profile) = launch.profile.clone() {
        profiles::add(ctx.region, &id, profile);
    }
    ctx.region
        .move_instance(&id, InstanceState::Pending, ctx.timings.instance);
    Ok(id)
}

fn add_interface(region: &mut Region, launch: &Launch, instance_id: &str) -> Result<Interface, ApiError> {
    let spec = interfaces::Spec {
        subnet_id: &launch.subnet_id,
        group_ids: &launch.group_ids,
        description: &launch.interface_description,
        tags: launch.tags.get("network-interface").cloned().unwrap_or_default(),
    };
    let mut interface = interfaces::make(region, spec)?;
    interface.attachment = Some(InterfaceAttachment {
        id: region.ids.id("eni-attach-"),
        instance_id: instance_id.to_owned(),
        device_index: 0,
        delete_on_termination: launch.delete_interface,
        attached_at: region.now,
    });
    Ok(interface)
}

/// Adds a volume in use; gives its device and id.
fn add_volume(
    region: &mut Region,
    launch: &Launch,
    interface: &Interface,
    (instance_id, device): (&str, &Device),
) -> (String, String) {
    let id = region.ids.id(kind::VOLUME.prefix);
    let volume = Volume {
        id: id.clone(),
        spec: device.spec.clone(),
        zone: interface.zone.clone(),
        state: VolumeState::InUse,
        due: None,
        attachment: Some(VolumeAttachment {
            instance_id: instance_id.to_owned(),
            device: device.name.clone(),
            delete_on_termination: device.delete_on_termination,
            attached_at: region.now,
        }),
        modification: None,
        tags: launch.tags.get("volume").cloned().unwrap_or_default(),
        created_at: region.now,
    };
    region.volumes.insert(id.clone(), volume);
    (device.name.clone(), id)
}

#[cfg(test)]
mod tests;
