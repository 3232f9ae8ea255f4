//! Whether an account's quota of snapshots has room for those that a policy keeps.
//!
//! Said beforehand: a quota that is used up shows otherwise only at half past midnight, in every run at once. It never
//! stops a run; AWS decides. Numbers are rounded, so that what is said does not change with every count.

/// AWS's own quota "Snapshots per Region", where a class does not say that it was raised.
pub const SNAPSHOT_QUOTA: u64 = 100_000;

/// Sets of a Tenant that there are for a while beside its good days: the one being taken, and the oldest, which goes
/// only when that one is complete.
const BESIDE: u64 = 2;

/// What was counted in an account and region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotCount {
    /// Snapshots that no Backup of ours made, whatever their tags.
    pub others: u64,
    /// Our own, by either engine.
    pub ours: u64,
    /// Our volumes.
    pub volumes: u64,
}

impl SnapshotCount {
    /// Why there is too little room in a quota for so many good days of each volume; `None` where there is enough.
    pub fn shortage(&self, good_days: u32, quota: u64) -> Option<String> {
        // Another policy of the account may keep more days: then there are more already.
        let kept = self
            .volumes
            .saturating_mul(u64::from(good_days) + BESIDE)
            .max(self.ours);
        (self.others.saturating_add(kept) > quota).then(|| {
            format!(
                "about {} snapshots to be kept and about {} that are not ours are more than the quota of {quota}",
                rounded(kept),
                rounded(self.others)
            )
        })
    }
}

/// Two digits, and zeros: up, since it is about room.
fn rounded(many: u64) -> u64 {
    let mut unit = 1;
    while many / unit >= 100 {
        unit *= 10;
    }
    many.div_ceil(unit).saturating_mul(unit)
}

#[cfg(test)]
mod tests;
