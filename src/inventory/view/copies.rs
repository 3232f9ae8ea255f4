//! What is known of copies beside themselves.

use std::{collections::HashSet, fmt};

use jiff::Timestamp;

use super::{View, tagged};
use crate::{
    api::names::tags,
    cloud::{
        BackupJob, BackupJobId, Image, ImageId, Observed, Sharing, Snapshot, SnapshotId, SnapshotLock, Tags,
        Vault, VaultName,
    },
    inventory::{
        facts::Facts,
        owner::{HOLDS, PUBLIC, is_guarded_image, is_guarded_snapshot, is_own_recovery_point},
    },
};

/// A snapshot or an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CopyId {
    /// A snapshot.
    Snapshot(SnapshotId),
    /// An image.
    Image(ImageId),
}

impl CopyId {
    /// What it is, in one word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Snapshot(_) => "snapshot",
            Self::Image(_) => "image",
        }
    }
}

impl fmt::Display for CopyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(id) => id.fmt(f),
            Self::Image(id) => id.fmt(f),
        }
    }
}

/// A copy of ours that others can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed<'a> {
    /// The copy.
    pub id: CopyId,
    /// Its tags, which say whose it is.
    pub tags: &'a Tags,
    /// Who can use it, as far as is known.
    pub sharing: Sharing,
}

impl View {
    /// The lock of this snapshot, whoever set it; `Absent`: it is not locked, or the lock has ended.
    ///
    /// Locks of ours show at once, those of others and their removal when locks are listed next: within two minutes,
    /// and an absence a few seconds after that, when a second listing confirms it.
    pub fn lock_of(&self, id: &SnapshotId) -> Observed<&SnapshotLock> {
        self.copies.locks.of(id, self.now)
    }

    /// When the last complete listing of locks began: what was locked before that was read back by it.
    pub fn locks_listed_at(&self) -> Option<Timestamp> {
        self.copies.locks.listed_at()
    }

    /// Whether everybody may use this snapshot of ours.
    ///
    /// `Unknown` where the snapshot is, and while the listing of public ones cannot be told from none.
    pub fn is_public(&self, id: &SnapshotId) -> Observed<bool> {
        self.of_snapshot(id, || match self.copies.public.of(id, self.now) {
            Observed::Unknown => Observed::Unknown,
            Observed::Absent => Observed::Present(false),
            Observed::Present(_) => Observed::Present(true),
        })
    }

    /// To whom this snapshot of ours is opened.
    ///
    /// `Unknown` until it was first read; then as of its last turn in the rotation, which comes after as many seconds
    /// as there are snapshots. What AWS Backup made for others has no turn.
    pub fn sharing_of(&self, id: &SnapshotId) -> Observed<&Sharing> {
        self.of_snapshot(id, || {
            let read = self.copies.snapshots.of(id);
            read.map_or(Observed::Unknown, Observed::Present)
        })
    }

    fn of_snapshot<T>(&self, id: &SnapshotId, known: impl FnOnce() -> Observed<T>) -> Observed<T> {
        match self.snapshot(id) {
            Observed::Unknown => Observed::Unknown,
            Observed::Absent => Observed::Absent,
            Observed::Present(_) => known(),
        }
    }

    /// Whether a snapshot is ours to guard: by its own tags, or behind an image that AWS Backup made for a job of ours.
    pub fn guards(&self, snapshot: &Snapshot) -> bool {
        guarded_as(&self.images, &snapshot.id, Some(snapshot)).is_some()
    }

    /// The image of this id, as far as it carries our cluster tag.
    pub fn image(&self, id: &ImageId) -> Observed<&Image> {
        self.images.by_id(id, self.now)
    }

    /// The images that carry this tag.
    pub fn images_tagged(&self, key: &str, value: &str) -> Observed<Vec<&Image>> {
        tagged(&self.images, key, value, self.now)
    }

    /// When the last two complete listings of images began, the newer first.
    pub fn images_listed(&self) -> [Option<Timestamp>; 2] {
        let listing = self.images.listing.as_ref();
        [
            listing.map(|listing| listing.begun_at),
            listing.and_then(|listing| listing.previous_at),
        ]
    }

    /// To whom this image of ours is opened; as with [`View::sharing_of`].
    pub fn image_sharing_of(&self, id: &ImageId) -> Observed<&Sharing> {
        match self.image(id) {
            Observed::Unknown => Observed::Unknown,
            Observed::Absent => Observed::Absent,
            Observed::Present(_) => {
                let read = self.copies.images.of(id);
                read.map_or(Observed::Unknown, Observed::Present)
            }
        }
    }

    /// The job of this id, if it was created since the earliest instant that jobs are watched from.
    ///
    /// `Unknown` while nobody watches jobs.
    pub fn backup_job(&self, id: &BackupJobId) -> Observed<&BackupJob> {
        self.copies.jobs.of(id, self.now)
    }

    /// The vault of this name; `Absent`: there is none, or none that we may see.
    ///
    /// `Unknown` while nobody watches it; then as of the last look, which is some ten minutes ago.
    pub fn vault(&self, name: &VaultName) -> Observed<&Vault> {
        self.copies.vaults.of(name, self.now)
    }

    /// The snapshots and images of ours that others can use, as far as was last known, however long ago: what was once
    /// seen open is open until something says otherwise. What was released is not ours any more, and what AWS Backup
    /// made for others never was.
    ///
    /// The cost grows with what is open, not with what there is.
    pub fn exposed(&self) -> Vec<Exposed<'_>> {
        let mut exposed = self.exposed_snapshots();
        exposed.extend(self.exposed_images());
        exposed
    }

    fn exposed_snapshots(&self) -> Vec<Exposed<'_>> {
        let open = self.copies.snapshots.open();
        let public = self.copies.public.last_known();
        let public = public.filter(|snapshot| !self.snapshots.gone.contains(&snapshot.id));
        let public = public.map(|snapshot| {
            // The other listing may know better what it carries now.
            let same = self.snapshots.last_known_by_id(&snapshot.id).unwrap_or(snapshot);
            let mut sharing = open.get(&snapshot.id).cloned().unwrap_or_default();
            sharing.public = true;
            (same, sharing)
        });
        let public: Vec<(&Snapshot, Sharing)> = public.collect();
        let listed: HashSet<&SnapshotId> = public.iter().map(|(snapshot, _)| &snapshot.id).collect();
        let named = open.iter().filter(|(id, _)| !listed.contains(id));
        let named = named.map(|(id, sharing)| (id, self.snapshots.last_known_by_id(id), sharing.clone()));
        let found = public
            .iter()
            .map(|(snapshot, sharing)| (&snapshot.id, Some(*snapshot), sharing.clone()));
        let guarded = found.chain(named).filter_map(|(id, snapshot, sharing)| {
            Some(Exposed {
                id: CopyId::Snapshot(id.clone()),
                tags: guarded_as(&self.images, id, snapshot)?,
                sharing,
            })
        });
        guarded.collect()
    }

    fn exposed_images(&self) -> impl Iterator<Item = Exposed<'_>> {
        let open = self.copies.images.open();
        let (key, value) = PUBLIC;
        let public = self.images.last_known_having(key, value);
        let public = public.filter(|image| !open.contains_key(&image.id));
        let named = open.keys().filter_map(|id| self.images.last_known_by_id(id));
        let guarded = public.chain(named).filter(|image| is_guarded_image(&image.tags));
        guarded.map(|image| {
            let mut sharing = open.get(&image.id).cloned().unwrap_or_default();
            sharing.public |= image.public;
            Exposed {
                id: CopyId::Image(image.id.clone()),
                tags: &image.tags,
                sharing,
            }
        })
    }
}

/// The tags that say whose a snapshot is, if it is ours to guard: its own, or of the image of our own job that it is
/// behind, since AWS does not promise to copy any onto it.
pub(in crate::inventory) fn guarded_as<'a>(
    images: &'a Facts<Image>,
    id: &SnapshotId,
    snapshot: Option<&'a Snapshot>,
) -> Option<&'a Tags> {
    let own = snapshot.map(|snapshot| &snapshot.tags);
    if let Some(own) = own.filter(|own| is_guarded_snapshot(own)) {
        return Some(own);
    }
    if own.is_some_and(|own| own.contains_key(tags::RELEASED)) {
        return None;
    }
    let mut holding = images.last_known_having(HOLDS, id.as_str());
    holding
        .find(|image| is_own_recovery_point(&image.tags))
        .map(|image| &image.tags)
}
