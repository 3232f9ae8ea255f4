//! What can happen to an installation: how it is set up, what a person does, and when it is over.

mod acts;
mod copies;

use std::{fmt, time::Duration};

use yagura::{
    api::{AccessPolicy, Backup, BackupPhase, Containment, Incident, Tenant, TenantClass},
    cloud::Operation,
    cluster::Cluster,
    report::conditions::is_true,
};

use crate::{
    Broken, World,
    judge::{self, Expected},
    objects,
    truth::Truth,
};

/// The operations of the door that no scenario calls yet. One that is called is struck off.
pub const NOT_CALLED_YET: [Operation; 13] = [
    Operation::AssociateAddress,
    Operation::DeleteSecurityGroup,
    Operation::DeleteTags,
    Operation::DeleteVolume,
    Operation::DescribeAddresses,
    Operation::DisassociateAddress,
    Operation::ListSnapshotsInRecycleBin,
    Operation::ListVolumesInRecycleBin,
    Operation::ModifyVolume,
    Operation::RebootInstances,
    Operation::StartInstances,
    Operation::StopInstances,
    Operation::TerminateInstances,
];

/// Who may reach the environments at first.
const OFFICE: &str = "203.0.113.0/24";

/// Who may after the edit.
const BRANCH: &str = "198.51.100.0/25";

/// Another account.
const OTHER_ACCOUNT: &str = "444455556666";

/// The slot of the day: late enough for everything to be set up before.
const SLOT: &str = "00:12";

/// Something that happens to an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Scenario {
    /// A class and two environments are declared, and made.
    Launch,
    /// The same in another account, which a role opens.
    OtherAccount,
    /// The sources of an environment's policy are edited.
    PolicyEdit,
    /// Somebody changes everything that can be changed at AWS.
    Tampering,
    /// The daily slot comes.
    SlotBackup,
    /// A backup is made by hand.
    BackupByHand,
    /// An environment is isolated.
    Isolate,
    /// An isolation is ended.
    UndoIsolation,
    /// A second incident isolates what the first is about to let go; then it ends too.
    SecondIncident,
    /// An environment is deleted, and everything of it is kept.
    Retain,
    /// The daily slot comes once more, and the oldest day's snapshots are let go.
    Expiry,
    /// The daily slot comes, and AWS Backup takes the copies.
    SlotJobs,
    /// It comes once more, and the oldest day's recovery point is let go.
    JobExpiry,
    /// Somebody opens copies to another account, and unlocks one.
    Exposure,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 14] = [
        Self::Launch,
        Self::OtherAccount,
        Self::PolicyEdit,
        Self::Tampering,
        Self::SlotBackup,
        Self::BackupByHand,
        Self::Isolate,
        Self::UndoIsolation,
        Self::SecondIncident,
        Self::Retain,
        Self::Expiry,
        Self::SlotJobs,
        Self::JobExpiry,
        Self::Exposure,
    ];

    /// The operations that a run of it calls after its set-up, at least. Where that made nothing, its own count too.
    pub fn calls(self) -> &'static [Operation] {
        match self {
            Self::Launch => &[
                Operation::AuthorizeSecurityGroupEgress,
                Operation::AuthorizeSecurityGroupIngress,
                Operation::CreateSecurityGroup,
                Operation::DescribeImages,
                Operation::DescribeInstanceAttribute,
                Operation::DescribeInstanceStatus,
                Operation::DescribeInstances,
                Operation::DescribeSecurityGroups,
                Operation::DescribeSnapshots,
                Operation::DescribeSubnets,
                Operation::DescribeVolumes,
                Operation::DescribeVpcs,
                Operation::GetCallerIdentity,
                Operation::RevokeSecurityGroupEgress,
                Operation::RunInstances,
            ],
            Self::OtherAccount => &[Operation::AssumeRole, Operation::RunInstances],
            Self::PolicyEdit => &[
                Operation::AuthorizeSecurityGroupIngress,
                Operation::RevokeSecurityGroupIngress,
            ],
            Self::Tampering => &[
                Operation::AuthorizeSecurityGroupIngress,
                Operation::CreateTags,
                Operation::ModifyInstanceAttribute,
                Operation::ModifyInstanceMetadataOptions,
                Operation::ModifyNetworkInterfaceAttribute,
                Operation::RevokeSecurityGroupEgress,
                Operation::RevokeSecurityGroupIngress,
            ],
            Self::SlotBackup | Self::BackupByHand => &[Operation::CreateSnapshots],
            Self::Isolate | Self::UndoIsolation | Self::SecondIncident => {
                &[Operation::ModifyNetworkInterfaceAttribute]
            }
            Self::Retain => &[Operation::CreateTags],
            Self::Expiry => &[
                Operation::DeleteSnapshot,
                Operation::DescribeLockedSnapshots,
                Operation::LockSnapshot,
            ],
            Self::SlotJobs => &[
                Operation::DescribeBackupVault,
                Operation::DescribeImages,
                Operation::ListBackupJobs,
                Operation::StartBackupJob,
            ],
            Self::JobExpiry => &[Operation::DeleteRecoveryPoint],
            Self::Exposure => &[
                Operation::DescribeImageAttribute,
                Operation::DescribeSnapshotAttribute,
                Operation::LockSnapshot,
                Operation::ModifyImageAttribute,
                Operation::ModifySnapshotAttribute,
            ],
        }
    }

    /// How long it may take after its act, whatever is lost on the way: AWS's listings lag by up to two minutes, an
    /// outcome that nobody knows is looked for during two and a half, and back-off waits up to five.
    pub fn patience(self) -> Duration {
        Duration::from_secs(match self {
            // The slot comes within this time.
            Self::SlotBackup | Self::SlotJobs | Self::Expiry | Self::JobExpiry => 2 * 3600,
            _ => 3600,
        })
    }

    /// The environments.
    fn tenants(self) -> &'static [&'static str] {
        match self {
            Self::Launch | Self::SlotBackup | Self::SlotJobs | Self::Exposure => &["jira", "wiki"],
            _ => &["jira"],
        }
    }

    /// Whether nothing is there before the act.
    pub fn acts_on_nothing(self) -> bool {
        matches!(self, Self::Launch | Self::OtherAccount)
    }

    /// How many acts it has.
    pub fn acts(self) -> usize {
        match self {
            Self::SecondIncident => 2,
            _ => 1,
        }
    }

    /// What is to be there after this many acts.
    pub fn expected(self, acts: usize) -> Expected {
        Expected {
            account: (self == Self::OtherAccount).then_some(OTHER_ACCOUNT),
            cidrs: match (self, acts) {
                (Self::PolicyEdit, 1..) => vec![BRANCH],
                _ => vec![OFFICE],
            },
            without_gap: self == Self::SecondIncident,
        }
    }

    /// Brings about what is there before the act.
    ///
    /// # Errors
    /// Where that does not come about.
    pub fn prepare(self, world: &mut World) -> Result<(), Broken> {
        if self.acts_on_nothing() {
            return world.run_for(Duration::from_secs(60));
        }
        self.declare(world)?;
        copies::declare(self, world)?;
        let expected = self.expected(0);
        world.run_until("the set-up", Duration::from_secs(1800), |world| {
            self.are_ready(world) && judge::not_yet(world, &expected).is_ok_and(|found| found.is_empty())
        })?;
        copies::prepare(self, world)?;
        if matches!(self, Self::UndoIsolation | Self::SecondIncident) {
            let detected_at = yagura::clock::Clock::now(&world.clock);
            world.put::<Incident>(objects::incident("one", &["jira"], "Isolate", detected_at))?;
            world.run_until("the first isolation", Duration::from_secs(1800), |world| {
                is_swapped(world, "one")
            })?;
        }
        // Whatever the set-up leaves to be noticed is noticed before the act.
        world.run_for(world.settings.sweep_every * 3)
    }

    fn declare(self, world: &World) -> Result<(), Broken> {
        let class = match self.expected(0).account {
            Some(account) => objects::class_in_account(account),
            None => objects::class(),
        };
        world.put::<TenantClass>(class)?;
        world.put::<AccessPolicy>(objects::policy(&[OFFICE]))?;
        for name in self.tenants() {
            world.put::<Tenant>(objects::tenant(name))?;
        }
        Ok(())
    }

    /// What a person does; `number` counts from 1.
    ///
    /// # Errors
    /// Where it cannot be done.
    pub fn act(self, number: usize, world: &mut World) -> Result<(), Broken> {
        let now = yagura::clock::Clock::now(&world.clock);
        match (self, number) {
            (Self::Launch | Self::OtherAccount, _) => self.declare(world)?,
            (Self::PolicyEdit, _) => drop(world.put::<AccessPolicy>(objects::policy(&[BRANCH]))?),
            (Self::Tampering, _) => acts::tamper(world, &Truth::of(world, None)?)?,
            // Time does it.
            (Self::SlotBackup | Self::SlotJobs | Self::Expiry | Self::JobExpiry, _) => {}
            (Self::Exposure, _) => copies::expose(world)?,
            (Self::BackupByHand, _) => drop(world.put::<Backup>(objects::backup("by-hand", "jira"))?),
            (Self::Isolate, _) => {
                drop(world.put::<Incident>(objects::incident("one", &["jira"], "Isolate", now))?);
            }
            (Self::UndoIsolation, _) => acts::end_isolation(world, "one"),
            (Self::SecondIncident, 1) => {
                world.put::<Incident>(objects::incident("two", &["jira"], "Isolate", now))?;
                acts::end_isolation(world, "one");
            }
            (Self::SecondIncident, _) => acts::end_isolation(world, "two"),
            (Self::Retain, _) => world.cluster.delete::<Tenant>(&objects::key("jira")),
        }
        Ok(())
    }

    /// Why it is not over yet after this act; empty when it is.
    ///
    /// # Errors
    /// Where the truth cannot be read.
    pub fn open(self, number: usize, world: &World) -> Result<Vec<String>, Broken> {
        let mut open = self.open_by_status(number, world);
        if open.is_empty() {
            open = self.copies_open(world)?;
        }
        if open.is_empty() {
            open = judge::not_yet(world, &self.expected(number))?;
        }
        Ok(open)
    }

    /// Why the copies are not as they should be yet, by what AWS holds; empty when they are.
    ///
    /// # Errors
    /// Where the truth cannot be read.
    pub fn copies_open(self, world: &World) -> Result<Vec<String>, Broken> {
        copies::open(self, world)
    }

    fn open_by_status(self, number: usize, world: &World) -> Vec<String> {
        let is_over = match self {
            Self::Launch | Self::OtherAccount | Self::PolicyEdit | Self::Tampering | Self::Exposure => {
                self.are_ready(world)
            }
            Self::SlotBackup | Self::SlotJobs | Self::BackupByHand => self.are_backed_up(world),
            // What AWS holds tells.
            Self::Expiry | Self::JobExpiry => true,
            Self::Isolate => is_swapped(world, "one"),
            Self::UndoIsolation => is_reconnected(world, "one"),
            Self::SecondIncident if number == 1 => is_swapped(world, "two"),
            Self::SecondIncident => is_reconnected(world, "two"),
            Self::Retain => world.cluster.cached::<Tenant>(&objects::key("jira")).is_none(),
        };
        if is_over {
            Vec::new()
        } else {
            vec![format!("{self} by its status: {}", last_events(world))]
        }
    }

    fn are_ready(self, world: &World) -> bool {
        let tenants = self.tenants().iter();
        let mut found = tenants.map(|name| world.cluster.cached::<Tenant>(&objects::key(name)));
        found.all(|tenant| {
            tenant.is_some_and(|tenant| {
                let status = tenant.status.as_ref();
                status.is_some_and(|status| {
                    status.observed_generation == tenant.metadata.generation
                        && is_true(&status.conditions, "Ready")
                })
            })
        })
    }

    fn are_backed_up(self, world: &World) -> bool {
        let backups = world.cluster.cached_all::<Backup>();
        let are_complete = backups.iter().all(|backup| {
            let status = backup.status.as_ref();
            status.and_then(|status| status.phase) == Some(BackupPhase::Complete)
        });
        backups.len() == self.tenants().len() && are_complete
    }
}

fn is_swapped(world: &World, name: &str) -> bool {
    let incident = world.cluster.cached::<Incident>(&objects::key(name));
    let status = incident.and_then(|incident| incident.status.clone());
    status.is_some_and(|status| {
        !status.isolated.is_empty() && status.isolated.iter().all(|one| one.swapped_at.is_some())
    })
}

fn is_reconnected(world: &World, name: &str) -> bool {
    let incident = world.cluster.cached::<Incident>(&objects::key(name));
    incident.is_some_and(|incident| {
        let isolated = incident.status.iter().flat_map(|status| &status.isolated);
        incident.spec.containment == Containment::None
            && isolated.into_iter().all(|one| one.reconnected_at.is_some())
    })
}

/// The last few things that were told, for a person who wonders why a run does not end.
fn last_events(world: &World) -> String {
    let events = world.cluster.events();
    let last = events.iter().rev().take(4);
    let lines = last.map(|(kind, key, told)| format!("{kind} {key} {}: {}", told.reason, told.message));
    lines.collect::<Vec<_>>().join(" | ")
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self);
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}
