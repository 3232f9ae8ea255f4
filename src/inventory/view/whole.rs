//! Everything at once, for what compares all with all.

use super::View;
use crate::cloud::{Image, Instance, SecurityGroup, Snapshot, Volume};

impl View {
    /// Rises with all that may be known of resources otherwise than before; the same view for as long as it stays.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether of every kind of resource it can be told what is absent, so that nothing is left out of the whole.
    pub fn is_whole(&self) -> bool {
        self.instances.is_conclusive(self.now)
            && self.volumes.is_conclusive(self.now)
            && self.groups.is_conclusive(self.now)
            && self.snapshots.is_conclusive(self.now)
            && self.images.is_conclusive(self.now)
    }

    /// Every instance as it was last known; one that a listing missed once is in it, as with all of these.
    pub fn every_instance(&self) -> impl Iterator<Item = &Instance> {
        self.instances.last_known()
    }

    /// Every volume.
    pub fn every_volume(&self) -> impl Iterator<Item = &Volume> {
        self.volumes.last_known()
    }

    /// Every group.
    pub fn every_group(&self) -> impl Iterator<Item = &SecurityGroup> {
        self.groups.last_known()
    }

    /// Every snapshot.
    pub fn every_snapshot(&self) -> impl Iterator<Item = &Snapshot> {
        self.snapshots.last_known()
    }

    /// Every image.
    pub fn every_image(&self) -> impl Iterator<Item = &Image> {
        self.images.last_known()
    }
}
