//! What is known around an isolation, and what can be done about it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::Reason,
    cloud::{
        Direction, InstanceId, NetworkInterfaceId, NewGroup, Observed, Rule, SecurityGroup, SecurityGroupId,
        Site, VpcId,
    },
};

/// Groups by interface.
pub type Interfaces = BTreeMap<NetworkInterfaceId, BTreeSet<SecurityGroupId>>;

/// What an Incident wants of its Tenants' interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// Every interface stands in quarantine.
    Isolate,
    /// What this Incident isolated is connected again, unless another Incident still isolates it.
    Undo,
    /// Nothing: the Incident is closed, or was never accepted.
    LeaveAlone,
}

/// Where a quarantine group stands: there is one per class and VPC.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The site.
    pub site: Site,
    /// The VPC.
    pub vpc: VpcId,
    /// The TenantClass.
    pub class: String,
}

/// A quarantine group: how it is made, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// The group to be made where there is none. Its tags tell ours from a stranger's of the same name.
    pub wanted: NewGroup,
    /// The group of that name in that VPC, whoever made it.
    pub observed: Observed<SecurityGroup>,
}

/// The live instance of a Tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its id.
    pub instance: InstanceId,
    /// Its interfaces with the groups in force on them.
    pub interfaces: Interfaces,
}

/// A Tenant's own security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// Whether it holds the accepted rules and no other.
    pub exact: bool,
}

/// What was recorded of an interface before it was isolated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// The Tenant.
    pub tenant: String,
    /// The instance.
    pub instance: InstanceId,
    /// The interface.
    pub interface: NetworkInterfaceId,
    /// Its groups from before: written once, never the quarantine group.
    pub originals: BTreeSet<SecurityGroupId>,
    /// Whether it was connected again.
    pub returned: bool,
}

/// What another Incident does to the same Tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The other Incident's name.
    pub incident: String,
    /// Whether it wants isolation now.
    pub isolates: bool,
    /// What it recorded of this Tenant.
    pub held: Vec<Held>,
}

/// What is known of one Tenant of an Incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantWorld {
    /// Where its quarantine group stands; `None` while its class or VPC is not known.
    pub place: Option<Place>,
    /// Its instance: the bound one, or where that is not its own, the one this Incident recorded. Absent when there
    /// is none, or it is gone.
    pub target: Observed<Target>,
    /// The instance that its status names although no launch of this Tenant made it. Nothing is done with it, and
    /// where the Tenant's own is, nobody can tell.
    pub foreign: Option<InstanceId>,
    /// Its own group.
    pub own_group: Observed<OwnGroup>,
    /// The class's base groups.
    pub base_groups: BTreeSet<SecurityGroupId>,
    /// The other Incidents that name it.
    pub elsewhere: Vec<Elsewhere>,
}

/// What is known of everything an Incident may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// What this Incident recorded.
    pub held: Vec<Held>,
    /// Its Tenants by name; one that is not listed is gone.
    pub tenants: BTreeMap<String, TenantWorld>,
    /// The quarantine groups of those Tenants. One that is not listed is unknown.
    pub quarantines: BTreeMap<Place, Quarantine>,
}

/// Why an interface is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Into quarantine.
    Isolate,
    /// Back to the Tenant's own group and the base groups.
    Reconnect,
}

/// One call that replaces the whole set of groups of an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Swap {
    /// The Tenant.
    pub tenant: String,
    /// The site.
    pub site: Site,
    /// The instance.
    pub instance: InstanceId,
    /// The interface.
    pub interface: NetworkInterfaceId,
    /// The groups seen on it; for the event, never for the call.
    pub from: BTreeSet<SecurityGroupId>,
    /// The groups it gets.
    pub to: BTreeSet<SecurityGroupId>,
    /// Why.
    pub purpose: Purpose,
}

/// One step of isolating or undoing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Writes these entries into the Incident's status, before anything is touched. An entry of an interface that
    /// was recorded before is opened again, with the originals it had.
    RecordOriginals(Vec<Held>),
    /// Makes the quarantine group. AWS gives it an allow-all egress rule, so nothing can be moved into it yet.
    CreateQuarantine(Place),
    /// Takes these rules of one direction out of the quarantine group.
    EmptyQuarantine {
        /// Its site.
        site: Site,
        /// The group.
        group: SecurityGroupId,
        /// Which way the rules go.
        direction: Direction,
        /// The rules.
        rules: BTreeSet<Rule>,
    },
    /// Moves an interface.
    Swap(Swap),
    /// Writes into the Incident's status that these interfaces are connected again, or gone.
    RecordReturned(Vec<NetworkInterfaceId>),
}

/// What stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Waiting {
    /// For knowing what AWS holds of this Tenant.
    View {
        /// The Tenant.
        tenant: String,
    },
    /// For the quarantine group that this plan makes.
    Quarantine(Place),
    /// For a person: a group of the quarantine group's name is not ours.
    ForeignQuarantine {
        /// That group.
        group: SecurityGroupId,
        /// Its name.
        name: String,
    },
    /// For a person: the status of this Tenant names an instance that is not its own.
    ForeignInstance {
        /// The Tenant.
        tenant: String,
        /// That instance.
        instance: InstanceId,
    },
    /// For the Tenant's own group to be made exact.
    OwnGroup {
        /// The Tenant.
        tenant: String,
    },
    /// For another Incident that still isolates this Tenant.
    Elsewhere {
        /// The Tenant.
        tenant: String,
        /// That Incident.
        incident: String,
    },
}

impl From<Waiting> for crate::plan::Waiting {
    fn from(waiting: Waiting) -> Self {
        match waiting {
            Waiting::View { tenant } => Self::new(
                Reason::ViewStale,
                format!("what AWS holds of {tenant} is not known at the moment"),
            ),
            Waiting::Quarantine(place) => Self::new(
                Reason::GroupChanging,
                format!("the quarantine group of {} is being made", place.class),
            ),
            Waiting::ForeignQuarantine { group, name } => Self::new(
                Reason::ForeignGroup,
                format!("security group {group} has the name {name} but not our tags: rename or delete it"),
            ),
            Waiting::ForeignInstance { tenant, instance } => Self::new(
                Reason::ForeignInstance,
                format!("status.instanceId of {tenant} names {instance}, which was not launched for it"),
            ),
            Waiting::OwnGroup { tenant } => Self::new(
                Reason::GroupChanging,
                format!("the security group of {tenant} is not exact yet"),
            ),
            Waiting::Elsewhere { tenant, incident } => Self::new(
                Reason::Isolated,
                format!("Incident {incident} still isolates {tenant}"),
            ),
        }
    }
}

/// What to do, in this order, and what to wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// What stands in the way of the rest.
    pub waiting_for: BTreeSet<Waiting>,
}

impl TenantWorld {
    /// The groups of a connected interface, given the Tenant's own.
    pub(super) fn connected(&self, own: &SecurityGroupId) -> BTreeSet<SecurityGroupId> {
        let mut groups = self.base_groups.clone();
        groups.insert(own.clone());
        groups
    }
}
