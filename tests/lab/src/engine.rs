//! What takes copies of environments, and what that needs.

use serde_json::{Value, json};
use yagura::api::TenantClass;

use crate::{Broken, World};

/// The vault of AWS Backup.
const VAULT: &str = "yagura";

/// What takes the copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// CreateSnapshots.
    #[default]
    Ec2,
    /// StartBackupJob.
    Awsbackup,
}

impl Engine {
    /// What a policy says to have it.
    pub fn policy(self) -> Value {
        match self {
            Self::Ec2 => json!({}),
            Self::Awsbackup => json!({"engine": "AWSBackup"}),
        }
    }

    /// The call that takes a copy.
    pub fn call(self) -> &'static str {
        match self {
            Self::Ec2 => "CreateSnapshots",
            Self::Awsbackup => "StartBackupJob",
        }
    }

    /// How many such calls AWS takes at once, and how many a second after that: the EC2 Developer Guide's "Request
    /// throttling" and "AWS Backup endpoints and quotas", which states a rate and no burst.
    pub fn limit(self) -> (usize, f64) {
        match self {
            Self::Ec2 => (100, 5.0),
            Self::Awsbackup => (5, 5.0),
        }
    }

    /// Makes what it needs, in a world that stands: the vault, and the class that names it.
    ///
    /// # Errors
    /// Where that cannot be made.
    pub fn prepare(self, world: &World, mut class: Value) -> Result<(), Broken> {
        if self == Self::Ec2 {
            return Ok(());
        }
        world.someone("CreateBackupVault", &[("BackupVaultName", VAULT)])?;
        if let Some(spec) = class.get_mut("spec").and_then(Value::as_object_mut) {
            let role = "arn:aws:iam::111122223333:role/backup";
            spec.insert("backup".to_owned(), json!({"vault": VAULT, "roleArn": role}));
        }
        world.put::<TenantClass>(class)?;
        Ok(())
    }
}
