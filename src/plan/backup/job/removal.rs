//! Taking away what jobs made, once newer days replace it: as far as the vault's lock lets us.
//!
//! Which Backup's turn it is the retention decides, not this. Only images that carry the tags of the Backup are ever
//! named here, so nothing that another job made.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    clock::later,
    cloud::{CloudError, Image, ImageId, Observed, Vault},
    plan::vault,
};

/// AWS may answer well and not delete, and a locked vault refuses: both may be different on another day.
const AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// When this process last asked AWS to delete what a Backup made, and what it answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// When.
    pub at: Timestamp,
    /// Why not, where AWS refused.
    pub refusal: Option<CloudError>,
}

/// What to do about what a Backup made.
#[derive(Clone, Debug, PartialEq)]
pub enum Removal {
    /// Nothing, until it is known what is there.
    Unknown,
    /// It is gone.
    Gone,
    /// Ask AWS to delete these.
    Delete(Vec<ImageId>),
    /// Nothing before then, and why.
    Waits(Timestamp, String),
}

/// What to do about what a Backup made that is to go. Which images are the Backup's the caller has found by their tags;
/// those of failed attempts are among them.
pub fn removal(
    images: &Observed<Vec<Image>>,
    vault: Observed<&Vault>,
    tried: Option<&Tried>,
    now: Timestamp,
) -> Removal {
    let images = match images {
        Observed::Unknown => return Removal::Unknown,
        Observed::Absent => return Removal::Gone,
        Observed::Present(images) if images.is_empty() => return Removal::Gone,
        Observed::Present(images) => images,
    };
    let vault = match vault {
        Observed::Unknown => return Removal::Unknown,
        Observed::Absent => None,
        Observed::Present(vault) => Some(vault),
    };
    if let Some(tried) = tried
        && now < later(tried.at, AGAIN)
    {
        let why = match &tried.refusal {
            Some(error) => format!("AWS refuses to delete it, which is tried again daily: {error}"),
            None => "AWS was asked to delete it and has not yet, which is tried again daily".to_owned(),
        };
        return Removal::Waits(later(tried.at, AGAIN), why);
    }
    let kept_until = |image: &Image| {
        let until = vault::kept_until(vault?, image.created_at)?;
        (until > now).then_some(until)
    };
    let mut free: Vec<_> = images
        .iter()
        .filter(|image| kept_until(image).is_none())
        .collect();
    free.sort_by(|a, b| a.id.cmp(&b.id));
    match images.iter().filter_map(kept_until).min() {
        Some(until) if free.is_empty() => {
            let name = vault.map_or("", |vault| vault.name.as_str());
            let why = format!("the lock of vault {name} keeps it for longer than the good days need");
            Removal::Waits(until, why)
        }
        _ => Removal::Delete(free.into_iter().map(|image| image.id.clone()).collect()),
    }
}
