//! Attributes of an instance, its metadata options among them.

use super::instances::INSTANCE_IDS;
use super::launch;
use super::{Context, interfaces, render};
use crate::protocol::{Answer, ApiError, Element, Params};
use crate::state::{Instance, InstanceState, Region};

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let instance = ctx.region.instance(params.required(INSTANCE_IDS.parameter)?)?;
    let content = Element::content().text("instanceId", &instance.id);
    let value =
        |name: &'static str, value: &dyn ToString| Element::new(name).text("value", value.to_string());
    Ok(match params.required("Attribute")? {
        "disableApiTermination" => {
            content.child(value("disableApiTermination", &instance.disable_api_termination))
        }
        "disableApiStop" => content.child(value("disableApiStop", &instance.disable_api_stop)),
        "ebsOptimized" => content.child(value("ebsOptimized", &instance.ebs_optimized)),
        "instanceInitiatedShutdownBehavior" => content.child(value(
            "instanceInitiatedShutdownBehavior",
            &instance.shutdown_behavior,
        )),
        "instanceType" => content.child(value("instanceType", &instance.instance_type)),
        "rootDeviceName" => content.child(value("rootDeviceName", &instance.root_device_name)),
        "sourceDestCheck" => {
            content.child(value("sourceDestCheck", &source_dest_check(instance, ctx.region)))
        }
        "groupSet" => content.list(
            "groupSet",
            render::group_items(&group_ids(instance, ctx.region), ctx.region),
        ),
        "userData" => match &instance.user_data {
            Some(data) => content.child(value("userData", data)),
            None => content.child(Element::new("userData")),
        },
        other => {
            return Err(ApiError::value(format!(
                "Value ({other}) for parameter attribute is invalid."
            )));
        }
    })
}

pub(super) fn modify(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required(INSTANCE_IDS.parameter)?.to_owned();
    let instance = ctx.region.instance(&id)?;
    if instance.state.is_ending() {
        return Err(wrong_state(instance));
    }
    let change = Change::read(ctx.region, instance, params)?;
    change.apply(ctx.region, &id);
    Ok(Element::success())
}

/// The change of one call, checked.
#[derive(Default)]
struct Change {
    disable_api_termination: Option<bool>,
    disable_api_stop: Option<bool>,
    ebs_optimized: Option<bool>,
    source_dest_check: Option<bool>,
    instance_type: Option<String>,
    shutdown_behavior: Option<String>,
    user_data: Option<String>,
    group_ids: Vec<String>,
    /// Volume and its new DeleteOnTermination.
    volumes: Vec<(String, bool)>,
}

impl Change {
    fn read(region: &Region, instance: &Instance, params: &Params) -> Result<Self, ApiError> {
        let attribute = params.get("Attribute");
        // The older form names the attribute and gives its value apart.
        let text = |name: &str, older: &str| {
            params
                .group(name)
                .owned("Value")
                .or_else(|| params.owned("Value").filter(|_| attribute == Some(older)))
        };
        let flag = |name: &str, older: &str| match text(name, older) {
            None => Ok(None),
            Some(value) => value.parse().map(Some).map_err(|_| {
                ApiError::value(format!(
                    "Invalid value '{value}' for {older}. Must be true or false."
                ))
            }),
        };
        let change = Self {
            disable_api_termination: flag("DisableApiTermination", "disableApiTermination")?,
            disable_api_stop: flag("DisableApiStop", "disableApiStop")?,
            ebs_optimized: flag("EbsOptimized", "ebsOptimized")?,
            source_dest_check: flag("SourceDestCheck", "sourceDestCheck")?,
            instance_type: text("InstanceType", "instanceType"),
            shutdown_behavior: text(
                "InstanceInitiatedShutdownBehavior",
                "instanceInitiatedShutdownBehavior",
            ),
            user_data: text("UserData", "userData"),
            group_ids: params.list("GroupId"),
            volumes: device_changes(instance, params)?,
        };
        if let Some(instance_type) = &change.instance_type {
            launch::check_type(instance_type)?;
        }
        let stopped_only =
            change.instance_type.is_some() || change.user_data.is_some() || change.ebs_optimized.is_some();
        if stopped_only && instance.state != InstanceState::Stopped {
            return Err(wrong_state(instance));
        }
        if !change.group_ids.is_empty() {
            if instance.interface_ids.len() > 1 {
                return Err(ApiError::new(
                    "InvalidInstanceID",
                    format!(
                        "There are multiple interfaces attached to instance '{}'. Please specify an interface ID for the operation instead.",
                        instance.id
                    ),
                ));
            }
            interfaces::check_groups(region, &change.group_ids, &instance.vpc_id)?;
        }
        Ok(change)
    }

    fn apply(self, region: &mut Region, id: &str) {
        for (volume, delete_on_termination) in self.volumes {
            if let Some(attachment) = region
                .volumes
                .get_mut(&volume)
                .and_then(|it| it.attachment.as_mut())
            {
                attachment.delete_on_termination = delete_on_termination;
            }
        }
        let Some(instance) = region.instances.get_mut(id) else {
            return;
        };
        set(
            &mut instance.disable_api_termination,
            self.disable_api_termination,
        );
        set(&mut instance.disable_api_stop, self.disable_api_stop);
        set(&mut instance.ebs_optimized, self.ebs_optimized);
        set(&mut instance.instance_type, self.instance_type);
        set(&mut instance.shutdown_behavior, self.shutdown_behavior);
        if self.user_data.is_some() {
            instance.user_data = self.user_data;
        }
        let first = instance.interface_ids.first();
        if let Some(interface) = first.and_then(|first| region.interfaces.get_mut(first)) {
            set(&mut interface.source_dest_check, self.source_dest_check);
            set(
                &mut interface.group_ids,
                Some(self.group_ids).filter(|ids| !ids.is_empty()),
            );
        }
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn device_changes(instance: &Instance, params: &Params) -> Result<Vec<(String, bool)>, ApiError> {
    let mut changes = Vec::new();
    for mapping in params.structs("BlockDeviceMapping") {
        let device = mapping.required("DeviceName")?;
        let Some(volume) = instance.volumes.get(device) else {
            let text = format!("No device is currently mapped at {device}");
            return Err(ApiError::new("InvalidInstanceAttributeValue", text));
        };
        if let Some(flag) = mapping.group("Ebs").flag("DeleteOnTermination")? {
            changes.push((volume.clone(), flag));
        }
    }
    Ok(changes)
}

pub(super) fn modify_metadata_options(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let instance = ctx
        .region
        .instance_mut(params.required(INSTANCE_IDS.parameter)?)?;
    if instance.state.is_ending() {
        return Err(wrong_state(instance));
    }
    instance.metadata_options = launch::metadata_options(&instance.metadata_options, params)?;
    // The answer says pending; the next Describe says applied.
    let options = render::metadata_options("instanceMetadataOptions", &instance.metadata_options, false);
    Ok(Element::content().text("instanceId", &instance.id).child(options))
}

fn wrong_state(instance: &Instance) -> ApiError {
    ApiError::new(
        "IncorrectInstanceState",
        format!(
            "The instance '{}' is not in the 'stopped' state (it is '{}').",
            instance.id,
            instance.state.name()
        ),
    )
}

fn source_dest_check(instance: &Instance, region: &Region) -> bool {
    let first = instance
        .interface_ids
        .first()
        .and_then(|id| region.interfaces.get(id));
    first.is_none_or(|interface| interface.source_dest_check)
}

fn group_ids(instance: &Instance, region: &Region) -> Vec<String> {
    let first = instance
        .interface_ids
        .first()
        .and_then(|id| region.interfaces.get(id));
    first
        .map(|interface| interface.group_ids.clone())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
