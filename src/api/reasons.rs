//! Types and reasons of conditions, and reasons of events: one vocabulary, documented where it stands.
//!
//! The table in the documentation is made from [`ConditionType::ALL`] and [`Reason::ALL`].

/// An enum whose variants carry their documentation to run time.
macro_rules! vocabulary {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[doc = $doc:literal])+ $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $doc])+ $variant),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value as it stands in conditions and events.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii()),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// What a condition is about.
    pub enum ConditionType {
        /// The object is as its spec says, at its current generation.
        Ready,
        /// The operator is at work on the object, or waits for something; present only while true.
        Reconciling,
        /// A person must act: a retry cannot help; present only while true.
        Stalled,
        /// The Tenant's instance runs and is the one that was bound.
        InstanceReady,
        /// The Tenant's security group holds exactly the accepted rules.
        FirewallReady,
        /// The instance's metadata options, protection, tags, volumes and groups are as they must be.
        Hardened,
        /// The Tenant is backed up as the terms promise.
        Protected,
        /// Nothing of the Tenant is shared with, or open to, another customer or the other kind of environment.
        Separated,
        /// Tenants of several customers are in one namespace; present only while true.
        NamespaceShared,
        /// AWS permits the operator every call that the object may need.
        Permitted,
        /// Another policy is in force for some of the policy's Tenants.
        Conflict,
        /// A person suspended it: no backup is begun for a policy, nothing is written to AWS for a Tenant.
        Suspended,
        /// The account's quota has room for the snapshots that the policy keeps.
        QuotaSufficient,
        /// No backup expires in the class's account and region until a person says so.
        Braked,
        /// Every method of the Backup succeeded.
        Complete,
        /// The Backup is given up.
        Failed,
        /// The instance has the type and the volume sizes of its plan.
        PlanApplied,
        /// Every network interface of the Incident's instances stands in quarantine.
        Isolated,
        /// For each of the Incident's Tenants a person of the customer was reached.
        Notified,
        /// Connections that were open before the isolation are cut.
        ConnectionsCut,
    }
}

vocabulary! {
    /// Why a condition is as it is, or what an event is about.
    pub enum Reason {
        /// All is as the spec says.
        Succeeded,
        /// The operator is at work.
        Progressing,
        /// The object is being deleted.
        Deleting,
        /// What stands in AWS was tagged as released and is touched no more.
        Released,
        /// What AWS holds was left as it is, without a tag: it was not reachable, or nothing may be written.
        ReleasedUntagged,

        /// The spec cannot be honoured as it stands.
        InvalidSpec,
        /// The stored object does not fit its schema.
        Unreadable,
        /// The installed CRDs are older than the operator.
        OutdatedSchema,
        /// No TenantClass has that name.
        UnknownClass,
        /// The class does not allow the Tenant's namespace.
        NamespaceNotAllowed,
        /// The class has no plan of that name.
        UnknownPlan,
        /// The class has no application of that name.
        UnknownApplication,
        /// The class has no image for that version.
        UnknownVersion,
        /// No terms have that name.
        UnknownTerms,
        /// The class's region is not one of the terms' regions.
        RegionNotInTerms,
        /// Another Tenant, or something in AWS, carries the label already.
        DuplicateLabel,
        /// No Tenant of that name is in the namespace.
        UnknownTenant,
        /// The Tenants of an Incident belong to more than one customer.
        SeveralCustomers,
        /// A source overlaps the VPC of the class.
        CidrOverlapsVpc,
        /// The time zone is not known.
        UnknownTimeZone,
        /// Fewer good days are asked for than the terms promise.
        TooFewGoodDays,
        /// A change of this field is not carried out by this release.
        Unsupported,

        /// What AWS holds is not known: the last listing failed or is too old.
        ViewStale,
        /// AWS throttles the calls.
        Throttled,
        /// AWS denies the calls: a right is missing.
        Denied,
        /// AWS permits the calls.
        Permitted,
        /// AWS was not asked yet, or did not say.
        NotKnown,
        /// A quota of the account is used up.
        QuotaExceeded,
        /// AWS has no capacity for the instance at the moment.
        CapacityMissing,
        /// A call to AWS failed in a way that a retry may cure.
        CallFailed,
        /// AWS answered what it should not.
        UnexpectedResponse,

        /// The instance is being made.
        Launching,
        /// The instance was made.
        Launched,
        /// The instance starts.
        Starting,
        /// The instance runs.
        Running,
        /// AWS says that a status check of the instance fails.
        StatusCheckFailed,
        /// The instance could not be made.
        LaunchFailed,
        /// The instance that was bound is gone; another is never made in its place.
        Vanished,
        /// An instance that is not ours carries the label, or is what a status names.
        ForeignInstance,
        /// A security group that is not ours has the name that ours must have.
        ForeignGroup,
        /// More than one live instance carries the Tenant's uid.
        SeveralInstances,
        /// A person stopped the instance; it is not started again.
        StoppedByHand,
        /// The Tenant has no instance yet, or has it no more.
        InstanceMissing,
        /// The instance is stopped.
        Stopped,
        /// The instance is stopped, as `powerState` asks.
        StoppedAsAsked,
        /// The instance is stopped to give it another type, and is started again.
        Resizing,
        /// The instance has another type, or larger volumes.
        Resized,
        /// AWS did not take the instance type of the plan; the instance runs as it was.
        TypeRefused,
        /// The plan asks for a smaller volume than there is.
        VolumeWouldShrink,
        /// A volume is made larger once the six hours after its last change are over.
        VolumeCoolingDown,
        /// A change that interrupts the environment waits for its maintenance window.
        WaitsForWindow,
        /// A change that interrupts the environment waits, and no maintenance window says for when.
        NoWindow,
        /// An edit of a class reaches its Tenants slowly, and others are before this one.
        WaitsForTurn,
        /// A change waits for the end of a backup.
        WaitsForBackup,
        /// A change waits for the end of an isolation.
        WaitsForIncident,
        /// The instance was restarted, as was asked for by hand.
        Restarted,
        /// A person put interfaces into quarantine; they are not connected again.
        IsolatedByHand,
        /// An Incident keeps the interfaces in quarantine.
        Isolated,
        /// The isolation was undone.
        Reconnected,
        /// Nothing is to be isolated.
        NotIsolated,

        /// The security group holds exactly the accepted rules.
        GroupExact,
        /// The security group is being made exact.
        GroupChanging,
        /// No AccessPolicy is for the Tenant; what was accepted last stays in force.
        NoAccessPolicy,
        /// The present policy cannot be accepted; what was accepted last stays in force.
        LastAcceptedInForce,
        /// A rule that somebody else added was removed.
        RuleRevoked,
        /// A rule that somebody else removed was put back.
        RuleRestored,
        /// A change that somebody else made to a resource of ours was undone.
        DriftRepaired,
        /// Differences were found and are being repaired.
        Drifted,
        /// No Tenant is contested.
        NoConflict,
        /// Another policy is in force for some Tenants.
        Contested,
        /// The policy is for no Tenant.
        NoTenants,

        /// What the Tenant has in AWS is nobody else's, and no other customer gets in.
        NothingShared,
        /// Something in AWS belongs to two customers, or to Production and Verification, at once.
        SharedWithOthers,
        /// A security group of one customer names another customer's group, or the address of their instance.
        OpenToOthers,
        /// Tenants of several customers are in one namespace.
        SeveralCustomersInNamespace,
        /// Every namespace has Tenants of one customer only.
        OneCustomerPerNamespace,

        /// Backed up as a policy says.
        ByPolicy,
        /// No policy is for the Tenant, so it is backed up as the terms say.
        ByTerms,
        /// The terms promise methods that this release does not have.
        MethodsMissing,
        /// No complete Backup exists yet.
        NoBackupYet,
        /// The Tenant was never Ready, so it is not due for backups.
        NeverReady,
        /// The newest complete Backup is older than it should be.
        BackupOverdue,
        /// Fewer good days are held than are wanted.
        GoodDaysMissing,
        /// Snapshots that are guaranteed can be deleted: nothing locks them.
        NotLocked,
        /// AWS did not say whether snapshots that are guaranteed are locked.
        LockNotRead,
        /// The vault of AWS Backup has no lock, or one shorter than the guarantee.
        VaultNotLocked,
        /// Snapshots or images of the Tenant can be used by others.
        CopiesShared,
        /// A person suspended it for a while.
        Suspended,
        /// The mode lets the operator only look; the plan says what it would do.
        Observing,
        /// The mode lets the operator write tags, snapshots and locks only; the plan says what it would do.
        Protecting,
        /// The account's quota leaves too little room for the snapshots to come.
        QuotaShort,
        /// The backup's time has come and the run was recorded.
        BackupDue,
        /// AWS was asked for the snapshots.
        BackupStarted,
        /// Every method succeeded.
        BackupComplete,
        /// Some methods did not succeed.
        BackupPartial,
        /// The run is given up.
        BackupFailed,
        /// The run started later than it should.
        BackupLate,
        /// The run could not be started in time.
        BackupMissed,
        /// A suspension is asked for, and it is over: backups go on.
        SuspensionOver,
        /// No suspension is asked for.
        NotSuspended,
        /// The engine needs what the Tenant's class does not have.
        EngineUnavailable,
        /// The account's quota has room for the snapshots to come.
        QuotaAmple,
        /// AWS Backup begins within the hour, so backups may start later than is promised.
        StartMayBeLate,
        /// A Backup of the slot's name exists that is not the slot's.
        ForeignBackup,
        /// The class names no vault and role for AWS Backup, or its vault is not there.
        NoVault,
        /// A snapshot or an image of ours was public or shared with another account, and was closed to them.
        SharingRevoked,
        /// A snapshot or an image of ours is public or shared with another account, and could not be closed yet.
        SharingNotRevoked,
        /// AWS Backup does not delete what newer days replace: its vault is locked, for example.
        VaultRefuses,
        /// The Backup was complete, and not all of its snapshots are there any more.
        SnapshotsGone,
        /// What a Backup made was gone and shows in AWS again.
        SnapshotsBack,
        /// Newer good days replaced the Backup, and what it made was deleted.
        RetentionEnded,
        /// A lock that somebody removed or shortened was put back.
        LockRestored,
        /// A snapshot of a Backup that newer days replace is in use, so AWS does not delete it.
        SnapshotInUse,
        /// More backups expired within a day than a day brings.
        TooManyExpiries,
        /// The newest good day of a Tenant is so old that none of its backups expires.
        NoRecentDay,
        /// A person lets backups expire again.
        ExpiryResumed,

        /// The Incident is open and its clock runs.
        Open,
        /// For each Tenant a person of the customer was reached.
        Reached,
        /// The customer must still be told; where the spec says closed, no valid notice stopped the clock.
        NotNotified,
        /// Half of the time for telling the customer is spent.
        NotifyHalfSpent,
        /// Three quarters of the time for telling the customer are spent.
        NotifyMostSpent,
        /// The customer was not told in time.
        NotifyOverdue,
        /// The Incident is closed.
        Closed,
        /// Nothing looked into the instance, so it is not known.
        NotObserved,
    }
}
