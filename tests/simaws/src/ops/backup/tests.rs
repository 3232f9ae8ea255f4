mod jobs;
mod points;
mod vaults;
