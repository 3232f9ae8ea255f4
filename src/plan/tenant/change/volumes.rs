//! Making volumes larger, while they are in use.

use std::time::Duration;

use jiff::Timestamp;

use super::{Case, FRESH, Size};
use crate::{
    api::Reason,
    clock::later,
    cloud::{Instance, VolumeId},
    plan::tenant::{TenantAction, TenantWorld, listed},
};

/// AWS takes one change of a volume in six hours.
pub const COOL_DOWN: Duration = Duration::from_secs(6 * 60 * 60);

/// A volume that was made larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The size in GiB that was asked for.
    pub size_gib: i32,
    /// When.
    pub at: Timestamp,
}

/// A volume whose size is another than it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unlike<'a> {
    pub(super) device: &'a str,
    pub(super) id: &'a VolumeId,
    pub(super) has: i32,
    pub(super) wants: i32,
}

/// The data volumes whose sizes are known and differ, in the order of devices. One that is another Tenant's is not ours to
/// change, wherever it is attached.
fn unlike<'a>(
    size: &'a Size,
    instance: &'a Instance,
    world: &'a TenantWorld,
) -> impl Iterator<Item = Unlike<'a>> {
    let volumes = world.volumes.present().map_or(&[][..], Vec::as_slice);
    let is_foreign = |id| world.foreign_volumes.contains(id);
    size.volumes.iter().filter_map(move |(device, wants)| {
        let mut attached = instance.volumes.iter();
        let attached = attached.find(|volume| volume.device == *device && !is_foreign(&volume.id))?;
        let has = listed(volumes, &attached.id)?.size_gib;
        // One that no listing showed yet has no size.
        (has > 0 && has != *wants).then_some(Unlike {
            device,
            id: &attached.id,
            has,
            wants: *wants,
        })
    })
}

/// Those that should be larger.
pub(super) fn grow<'a>(
    size: &'a Size,
    instance: &'a Instance,
    world: &'a TenantWorld,
) -> impl Iterator<Item = Unlike<'a>> {
    unlike(size, instance, world).filter(|volume| volume.wants > volume.has)
}

impl Case<'_> {
    /// Makes volumes larger. Whether nothing is asked for that cannot be done: else the type stays as it is too.
    pub(super) fn volumes(&mut self) -> bool {
        let Some(size) = &self.wish.size else { return true };
        let missing = size.volumes.keys().find(|device| {
            !self
                .instance
                .volumes
                .iter()
                .any(|volume| volume.device == **device)
        });
        if let Some(device) = missing {
            self.plan.wait(
                Reason::Unsupported,
                format!(
                    "spec.plan: plan {} has a volume {device}, and instance {} has none there: attach it by hand, since \
                     no volume is added to an instance that exists",
                    size.plan, self.instance.id
                ),
            );
            return false;
        }
        let smaller = unlike(size, self.instance, self.world).find(|volume| volume.wants < volume.has);
        if let Some(volume) = smaller {
            self.plan.wait(
                Reason::VolumeWouldShrink,
                format!(
                    "spec.plan: plan {} asks for {} GiB of {}, where {} has {}: a volume never shrinks",
                    size.plan, volume.wants, volume.device, volume.id, volume.has
                ),
            );
            return false;
        }
        for volume in grow(size, self.instance, self.world) {
            self.grow(&volume);
        }
        true
    }

    fn grow(&mut self, volume: &Unlike<'_>) {
        let last = self.facts.growths.get(volume.id);
        // Where the last one does not show, it may never have come to AWS: that refuses a second one itself.
        let again_at = last
            .filter(|last| volume.has >= last.size_gib)
            .map(|last| later(last.at, COOL_DOWN));
        if let Some(again_at) = again_at.filter(|at| *at > self.now) {
            self.plan.wait(
                Reason::VolumeCoolingDown,
                format!(
                    "{} GiB of {} wait: AWS takes one change of a volume in six hours, and {} was changed within them",
                    volume.wants, volume.device, volume.id
                ),
            );
            return self.plan.look_again_at(again_at);
        }
        if self.is_in_use() || self.is_behind_others() {
            return;
        }
        let is_written =
            last.is_some_and(|last| last.size_gib == volume.wants && self.now < later(last.at, FRESH));
        if !is_written {
            let by_class = self.wish.is_by_class(self.facts);
            self.push(TenantAction::RecordGrowth {
                volume: volume.id.clone(),
                size_gib: volume.wants,
                by_class,
            });
        }
        self.push(TenantAction::GrowVolume {
            volume: volume.id.clone(),
            size_gib: volume.wants,
        });
    }
}
