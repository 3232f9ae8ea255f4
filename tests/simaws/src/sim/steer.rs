//! What a test makes happen on AWS's side, besides faults of calls.

use super::Sim;
use crate::faults::{FaultKind, FaultSpec};
use crate::{BackupDoom, Role, StatusCheck};

impl Sim {
    /// Makes a status check of an instance fail from now on, in whatever account and region it is; false
    /// when there is no such instance. DescribeInstanceStatus shows it while the instance runs.
    pub fn impair(&self, instance_id: &str, check: StatusCheck) -> bool {
        let now = self.clock().now();
        let mut state = self.lock();
        let region = state.backend.world.region_of_instance(instance_id);
        let Some(instance) = region.and_then(|region| region.instances.get_mut(instance_id)) else {
            return false;
        };
        instance.impaired.entry(check).or_insert(now);
        true
    }

    /// Makes a status check of an instance pass again; false when there is no such instance.
    pub fn heal(&self, instance_id: &str, check: StatusCheck) -> bool {
        let mut state = self.lock();
        let region = state.backend.world.region_of_instance(instance_id);
        let Some(instance) = region.and_then(|region| region.instances.get_mut(instance_id)) else {
            return false;
        };
        instance.impaired.remove(&check);
        true
    }

    /// Lets the next launch be accepted and then end by itself, with this code as its state reason
    /// (`Client.InvalidKMSKey.InvalidState`, `Server.InsufficientInstanceCapacity`); gives the fault's id.
    pub fn fail_launch(&self, reason: impl Into<String>) -> String {
        self.add_fault(FaultSpec {
            code: Some(reason.into()),
            ..FaultSpec::new("RunInstances", FaultKind::Fail)
        })
    }

    /// Lets every backup job of an instance or volume that runs from now on end as told instead of completing;
    /// `place` is account and region, without it the default ones.
    pub fn doom_backups(
        &self,
        place: Option<(&str, &str)>,
        resource_id: impl Into<String>,
        doom: BackupDoom,
    ) {
        let mut state = self.lock();
        let dooms = &mut state.backend.present_at(place).backup.dooms;
        dooms.insert(resource_id.into(), doom);
    }

    /// Lets them complete again, those of one resource or of all.
    pub fn heal_backups(&self, place: Option<(&str, &str)>, resource_id: Option<&str>) {
        let mut state = self.lock();
        let dooms = &mut state.backend.present_at(place).backup.dooms;
        dooms.retain(|id, _| resource_id.is_some_and(|wanted| wanted != id));
    }

    /// Sets a role up, in place of what it was before.
    pub fn set_role(&self, role: Role) {
        self.lock().backend.world.roles.insert(role.arn.clone(), role);
    }
}
