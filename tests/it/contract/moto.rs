//! moto as a second opinion on AWS: written by others after the same documentation, so that what we and our
//! simulation misread alike shows.

use std::{env, fs, io::Write, path::PathBuf, process::Command, time::Duration};

use controlplane::{Process, free_port};
use serde_json::json;

/// The interpreter that has moto; `cargo xtask test` sets it.
const PYTHON: &str = "YAGURA_TEST_PYTHON";

/// It loads all of itself first, on a busy machine for a while.
const START: Duration = Duration::from_secs(60);

/// A moto server, ended when dropped.
pub(super) struct Moto {
    process: Process,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Moto {
    /// Starts one; `None` when no interpreter is named, and then it says so.
    pub(super) fn start() -> Option<Self> {
        let Some(python) = env::var_os(PYTHON).map(PathBuf::from) else {
            skip();
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let images = dir.path().join("images.json");
        fs::write(&images, images_json().to_string()).unwrap();
        let port = free_port().expect("a port is free");
        let mut command = Command::new(python);
        command
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .env("MOTO_AMIS_PATH", images);
        let log = dir.path().join("moto.log");
        let mut process = Process::spawn("moto", &mut command, &log).unwrap();
        let url = format!("http://127.0.0.1:{port}/moto-api/data.json");
        let ready = process.wait_until_ready(START, || {
            ureq::get(&url)
                .call()
                .map(drop)
                .map_err(|error| error.to_string())
        });
        ready.unwrap();
        Some(Self {
            process,
            port,
            _dir: dir,
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The end of what it logged, for a failure's message.
    pub(super) fn log_tail(&self) -> String {
        controlplane::tail(self.process.log(), 20)
    }
}

/// A test that passes has its prints swallowed; this has to be seen, so it goes to the terminal itself.
fn skip() {
    let is_ci = env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    let reason = format!(
        "the contract suite does not run on moto: {PYTHON} names no Python that has it; `cargo xtask test it` does"
    );
    assert!(!is_ci, "{reason} (in CI nothing is skipped)");
    writeln!(std::io::stderr(), "SKIPPED: {reason}").unwrap();
}

/// The one image of the simulated AWS: moto's own 1,300 differ from release to release and take seconds to load.
fn images_json() -> serde_json::Value {
    json!([{
        "ami_id": simaws::DEFAULT_IMAGE_ID,
        "name": "contract",
        "description": "the image of the contract suite",
        "owner_id": "801119661308",
        "public": true,
        "virtualization_type": "hvm",
        "architecture": "x86_64",
        "state": "available",
        "platform": null,
        "image_type": "machine",
        "hypervisor": "xen",
        "root_device_name": "/dev/xvda",
        "root_device_type": "ebs",
        "sriov": "simple",
    }])
}

/// A guarantee that moto does not meet.
pub(super) struct Broken {
    pub(super) guarantee: &'static str,
    /// Part of what its failure says.
    pub(super) shows: &'static str,
    pub(super) reason: &'static str,
}

/// What moto lacks or gets wrong, so that the suite says nothing about AWS there. It fails when one of them holds.
pub(super) const BROKEN: &[Broken] = &[
    Broken {
        guarantee: "instances::what_fails_is_listed_and_nothing_else",
        shows: "no status check fails here",
        reason: "DescribeInstanceStatus leaves its filters by check out of account, and nothing there ever fails",
    },
    Broken {
        guarantee: "lifecycle::a_type_is_changed_while_stopped_only",
        shows: "on an `Ok` value",
        reason: "ModifyInstanceAttribute changes the type of a running instance",
    },
    Broken {
        guarantee: "lifecycle::a_type_that_is_none_is_the_users_mistake",
        shows: "on an `Ok` value",
        reason: "ModifyInstanceAttribute takes any word for a type",
    },
    Broken {
        guarantee: "lifecycle::one_that_is_gone_does_not_start",
        shows: "on an `Ok` value",
        reason: "StartInstances brings a terminated instance back",
    },
    Broken {
        guarantee: "addresses::one_is_put_on_an_interface_twice",
        shows: "right: Some(InstanceId",
        reason: "an address that was put on an interface does not say whose instance that is",
    },
    Broken {
        guarantee: "addresses::one_is_taken_from_nobody",
        shows: "right: Some(InstanceId",
        reason: "an address that was put on an interface does not say whose instance that is",
    },
    Broken {
        guarantee: "launch::the_same_again_gives_the_same_instance",
        shows: "InstanceId",
        reason: "RunInstances keeps the client token and makes another instance all the same",
    },
    Broken {
        guarantee: "launch::a_token_with_other_parameters_is_refused",
        shows: "on an `Ok` value",
        reason: "RunInstances never refuses a client token",
    },
    Broken {
        guarantee: "launch::one_is_found_by_its_token_whatever_its_tags_say",
        shows: "operation: DescribeInstances",
        reason: "DescribeInstances has no filter client-token",
    },
    Broken {
        guarantee: "launch::the_instance_is_protected",
        shows: "Ok(false)",
        reason: "RunInstances leaves DisableApiTermination out of account",
    },
    Broken {
        guarantee: "launch::the_images_own_volume_need_not_be_ordered",
        shows: "must contain the parameter size or snapshotId",
        reason: "RunInstances wants the size of a root volume again, which AWS takes from the image",
    },
    Broken {
        guarantee: "launch::the_interface_is_tagged",
        shows: "eni-",
        reason: "RunInstances tags instances and volumes only",
    },
    Broken {
        guarantee: "launch::a_lost_one_is_found_by_its_token",
        shows: "an AWS that can be told to fail",
        reason: "it loses no answers",
    },
    Broken {
        guarantee: "network::a_group_in_use_is_not_deleted_and_a_free_one_is_gone",
        shows: "on an `Ok` value",
        reason: "DeleteSecurityGroup looks at nothing that uses the group",
    },
    Broken {
        guarantee: "storage::a_volume_grows_and_does_not_shrink",
        shows: "on an `Ok` value",
        reason: "ModifyVolume makes a volume smaller",
    },
    Broken {
        guarantee: "storage::what_the_recycle_bin_keeps_is_listed",
        shows: "an AWS with rules of the Recycle Bin",
        reason: "it knows no Recycle Bin",
    },
    Broken {
        guarantee: "network::an_interface_takes_a_whole_set_of_groups_twice",
        shows: "SecurityGroupId",
        reason: "an attached interface shows the groups of the launch for ever, besides those set since",
    },
    Broken {
        guarantee: "storage::a_set_holds_every_volume",
        shows: "status is missing",
        reason: "CreateSnapshots answers no state",
    },
    Broken {
        guarantee: "storage::a_set_is_pending_then_listed_as_completed",
        shows: "status is missing",
        reason: "CreateSnapshots answers no state",
    },
    Broken {
        guarantee: "storage::a_set_is_encrypted_and_tagged",
        shows: "status is missing",
        reason: "CreateSnapshots answers no state",
    },
    Broken {
        guarantee: "storage::a_set_is_made_as_often_as_it_is_ordered",
        shows: "status is missing",
        reason: "CreateSnapshots answers no state",
    },
    Broken {
        guarantee: "copies::a_lock_is_read_back_and_prolonged",
        shows: "LockSnapshot",
        reason: "it knows no locks of snapshots",
    },
    Broken {
        guarantee: "copies::what_is_not_locked_has_no_lock",
        shows: "DescribeLockedSnapshots",
        reason: "it knows no locks of snapshots",
    },
    Broken {
        guarantee: "copies::a_locked_one_is_not_deleted_and_a_free_one_is_gone",
        shows: "LockSnapshot",
        reason: "it knows no locks of snapshots",
    },
    Broken {
        guarantee: "copies::a_shared_snapshot_is_seen_and_closed",
        shows: "accounts: {}",
        reason: "ModifySnapshotAttribute takes the older parameters UserId and OperationType only",
    },
    Broken {
        guarantee: "copies::a_public_snapshot_is_listed_until_it_is_closed",
        shows: "SnapshotId",
        reason: "DescribeSnapshots leaves RestorableByUserIds out of account",
    },
    Broken {
        guarantee: "copies::images_of_ours_are_listed_and_no_others",
        shows: "left: 1",
        reason: "CreateImage takes the root volume only",
    },
    Broken {
        guarantee: "copies::what_is_not_there_is_not_found",
        shows: "on an `Ok` value",
        reason: "ModifySnapshotAttribute leaves the parameters that we send out of account, and then changes nothing anywhere",
    },
    Broken {
        guarantee: "backups::the_same_again_gives_the_same_job",
        shows: "StartBackupJob",
        reason: "AWS Backup takes no jobs there",
    },
    Broken {
        guarantee: "backups::a_job_ends_with_an_image_of_ours",
        shows: "StartBackupJob",
        reason: "AWS Backup takes no jobs there",
    },
    Broken {
        guarantee: "backups::a_vault_that_is_not_there_is_none",
        shows: "StartBackupJob",
        reason: "AWS Backup takes no jobs there",
    },
    Broken {
        guarantee: "backups::a_vault_is_found_with_its_key_and_its_lock",
        shows: "kms_key_id: None",
        reason: "a vault that was made without a key has none, where AWS takes its own",
    },
    Broken {
        guarantee: "backups::a_missing_right_is_no_missing_vault",
        shows: "an AWS that can be told to deny",
        reason: "it permits everything",
    },
    Broken {
        guarantee: "backups::a_recovery_point_is_deleted_once_and_takes_its_image_along",
        shows: "StartBackupJob",
        reason: "AWS Backup takes no jobs there",
    },
    Broken {
        guarantee: "backups::a_locked_vault_keeps_what_is_in_it",
        shows: "StartBackupJob",
        reason: "AWS Backup takes no jobs there",
    },
    Broken {
        guarantee: "permission::every_call_can_be_asked_for",
        shows: "LockSnapshot",
        reason: "it knows no locks of snapshots; and many operations know no DryRun and are carried out",
    },
    Broken {
        guarantee: "permission::what_is_denied_is_said_to_be",
        shows: "an AWS that can be told to deny",
        reason: "it permits everything",
    },
    Broken {
        guarantee: "permission::of_what_is_not_there_nothing_is_known",
        shows: "Permitted",
        reason: "DryRun is answered before anybody looks whether the resource is there",
    },
    Broken {
        guarantee: "door::a_listing_has_every_page",
        shows: "few resources only",
        reason: "it looks at every resource for each it lists: a thousand take longer than the door waits",
    },
    Broken {
        guarantee: "door::a_listing_of_groups_has_every_page",
        shows: "few resources only",
        reason: "it looks at every resource for each it lists: a thousand take longer than the door waits",
    },
    Broken {
        guarantee: "door::a_listing_cut_short_is_an_error",
        shows: "an AWS that can be told to fail",
        reason: "it cuts no answers short",
    },
    Broken {
        guarantee: "door::a_listing_without_end_is_an_error",
        shows: "an AWS that can be told to fail",
        reason: "its listings end",
    },
    Broken {
        guarantee: "door::what_is_not_there_cannot_be_tagged",
        shows: "on an `Ok` value",
        reason: "CreateTags takes any id",
    },
];
