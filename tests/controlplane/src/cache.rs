//! Where things that are slow to make are kept between runs, outside the repository.

use crate::Error;
use std::path::PathBuf;
use std::{env, fs};

/// `$YAGURA_CACHE`, else `$XDG_CACHE_HOME/yagura`, else `~/.cache/yagura`; made if missing.
///
/// # Errors
/// When none of the three variables is set, or the folder cannot be made.
pub fn cache_dir() -> Result<PathBuf, Error> {
    let dir = locate(|name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    })
    .ok_or(Error::NoCacheDir)?;
    fs::create_dir_all(&dir).map_err(Error::io(format!("make the cache folder {}", dir.display())))?;
    Ok(dir)
}

fn locate(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    variable("YAGURA_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|dir| dir.join("yagura")))
        .or_else(|| variable("HOME").map(|dir| dir.join(".cache/yagura")))
}

#[cfg(test)]
mod tests;
