//! What happens by itself as time passes: pending things become real, ending things go.

use std::time::Duration;

use jiff::Timestamp;

use super::{InstanceState, Region, SnapshotState, StateReason, VolumeState};
use crate::clock::later;

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// Each step of an instance between states.
    pub instance: Duration,
    /// From a snapshot's start to its completion.
    pub snapshot: Duration,
    /// From a volume's creation to its availability.
    pub volume: Duration,
    /// How long a terminated instance is still listed.
    pub terminated: Duration,
    /// From a backup job's creation to its start, if its resource has no other job then. AWS says "within an
    /// hour".
    pub backup_start: Duration,
    /// How much later than that at most, job by job.
    pub backup_start_spread: Duration,
    /// From the completion of a job's snapshots to its own.
    pub backup_finish: Duration,
    /// From DeleteRecoveryPoint to the recovery point's end.
    pub recovery_point_deletion: Duration,
    /// How long a rule of the Recycle Bin keeps snapshots that are deleted; zero is no rule.
    pub recycled_snapshots: Duration,
    /// The same of volumes.
    pub recycled_volumes: Duration,
}

impl Default for Timings {
    /// Short enough to wait for, long enough to be seen; a terminated instance stays an hour as in AWS.
    fn default() -> Self {
        Self {
            instance: Duration::from_secs(2),
            snapshot: Duration::from_secs(5),
            volume: Duration::from_secs(1),
            terminated: Duration::from_secs(3600),
            backup_start: Duration::from_secs(2),
            backup_start_spread: Duration::ZERO,
            backup_finish: Duration::from_secs(1),
            recovery_point_deletion: Duration::from_secs(2),
            recycled_snapshots: Duration::ZERO,
            recycled_volumes: Duration::ZERO,
        }
    }
}

impl Region {
    /// Lets everything happen that is due by `now`.
    pub(crate) fn settle(&mut self, now: Timestamp, timings: &Timings) {
        while let Some((at, _)) = self.agenda.first()
            && *at <= now
        {
            let Some((at, id)) = self.agenda.pop_first() else {
                break;
            };
            self.now = self.now.max(at);
            self.settle_instance(&id, at, timings);
            self.settle_volume(&id, at);
            self.settle_snapshot(&id, at);
            self.settle_job(&id, at, timings);
            self.settle_point(&id, at);
            self.settle_recycled(&id, at);
        }
        self.now = self.now.max(now);
    }

    /// Notes that a resource changes by itself at `at`.
    pub(crate) fn schedule(&mut self, id: &str, at: Timestamp) {
        self.agenda.insert((at, id.to_owned()));
    }

    /// Puts an instance into a state that ends after `delay`.
    pub(crate) fn move_instance(&mut self, id: &str, state: InstanceState, delay: Duration) {
        let due = later(self.now, delay);
        if state != InstanceState::Running {
            self.cut_flows(id, None);
        }
        if let Some(instance) = self.instances.get_mut(id) {
            instance.state = state;
            instance.due = Some(due);
            self.schedule(id, due);
        }
    }

    fn settle_instance(&mut self, id: &str, at: Timestamp, timings: &Timings) {
        let Some(instance) = self.instances.get_mut(id).filter(|it| it.due == Some(at)) else {
            return;
        };
        instance.due = None;
        match instance.state {
            InstanceState::Pending => match instance.doomed.take() {
                None => instance.state = InstanceState::Running,
                Some(code) => {
                    instance.transition_reason.clone_from(&code);
                    instance.state_reason = Some(StateReason::of_launch(code));
                    self.end_instance(id, at, timings);
                }
            },
            InstanceState::Stopping => instance.state = InstanceState::Stopped,
            InstanceState::ShuttingDown => self.end_instance(id, at, timings),
            InstanceState::Terminated => {
                self.instances.remove(id);
            }
            InstanceState::Running | InstanceState::Stopped => {}
        }
    }

    /// A terminated instance gives back its network and volumes and is listed for a while.
    fn end_instance(&mut self, id: &str, at: Timestamp, timings: &Timings) {
        let gone = later(at, timings.terminated);
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        instance.state = InstanceState::Terminated;
        instance.due = Some(gone);
        let had_profile = instance.profile.is_some();
        let interfaces = std::mem::take(&mut instance.interface_ids);
        let volumes = std::mem::take(&mut instance.volumes);
        self.schedule(id, gone);
        for interface in interfaces {
            self.free_interface(&interface);
        }
        for volume in volumes.into_values() {
            self.free_volume(&volume, timings);
        }
        if had_profile {
            self.profile_associations
                .retain(|_, association| association.instance_id != id);
        }
    }

    fn free_interface(&mut self, id: &str) {
        let Some(interface) = self.interfaces.get_mut(id) else {
            return;
        };
        match interface.attachment.take() {
            Some(attachment) if attachment.delete_on_termination => self.remove_interface(id),
            _ => {}
        }
    }

    /// Removes an interface and frees its address.
    pub(crate) fn remove_interface(&mut self, id: &str) {
        let Some(interface) = self.interfaces.remove(id) else {
            return;
        };
        if let Some(address) = &interface.address_id {
            self.disassociate(address);
        }
        if let Some(subnet) = self.subnets.get_mut(&interface.subnet_id) {
            subnet.release_address(&interface.private_ip);
        }
    }

    fn free_volume(&mut self, id: &str, timings: &Timings) {
        let Some(volume) = self.volumes.get_mut(id) else {
            return;
        };
        match volume.attachment.take() {
            Some(attachment) if attachment.delete_on_termination => {
                self.delete_volume(id, timings.recycled_volumes);
            }
            _ => volume.state = VolumeState::Available,
        }
    }

    fn settle_volume(&mut self, id: &str, at: Timestamp) {
        if let Some(volume) = self.volumes.get_mut(id).filter(|it| it.due == Some(at)) {
            volume.due = None;
            if volume.state == VolumeState::Creating {
                volume.state = VolumeState::Available;
            }
        }
    }

    fn settle_snapshot(&mut self, id: &str, at: Timestamp) {
        if let Some(snapshot) = self.snapshots.get_mut(id).filter(|it| it.due == Some(at)) {
            snapshot.due = None;
            self.pending_snapshots
                .remove(&(snapshot.volume_id.clone(), snapshot.id.clone()));
            if snapshot.doomed {
                snapshot.state = SnapshotState::Error;
                // A snapshot that failed is nothing to keep: its lock goes.
                snapshot.lock = None;
            } else {
                snapshot.state = SnapshotState::Completed;
                snapshot.completed_at = Some(at);
                if let Some(lock) = &mut snapshot.lock {
                    lock.start(at);
                }
            }
        }
    }
}
