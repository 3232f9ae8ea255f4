//! What people do while AWS's listings are stale.

use yagura::{
    api::{AccessPolicy, Backup, Containment, Incident, Tenant},
    clock::Clock,
};

use crate::{
    Broken, World,
    objects::{self, rule},
    truth::{Instance, Truth},
};

/// The sources of which a policy has some.
const SOURCES: [&str; 4] = [
    "203.0.113.0/24",
    "198.51.100.0/25",
    "192.0.2.0/26",
    "198.51.100.128/25",
];

/// People, and what they did so far.
pub(super) struct People {
    chance: fastrand::Rng,
    /// The sources that the policy names.
    pub(super) cidrs: Vec<&'static str>,
    /// The Incident that isolates, if any.
    isolating: Option<String>,
    incidents: usize,
    backups: usize,
    has_wiki: bool,
}

impl People {
    pub(super) fn new(chance: fastrand::Rng) -> Self {
        Self {
            chance,
            cidrs: vec![SOURCES[0]],
            isolating: None,
            incidents: 0,
            backups: 0,
            has_wiki: false,
        }
    }

    /// Does something, and says what; `None` where it could not be done.
    pub(super) fn act(&mut self, world: &mut World, is_last: bool) -> Result<Option<String>, Broken> {
        if is_last {
            return Ok(self.leave(world));
        }
        match self.chance.u8(..10) {
            0..=2 => self.edit_policy(world).map(Some),
            3..=5 => self.tamper(world),
            6 | 7 => self.isolate_or_end(world).map(Some),
            8 => {
                self.backups += 1;
                let name = format!("by-hand-{}", self.backups);
                world.put::<Backup>(objects::backup(&name, "jira"))?;
                Ok(Some(name))
            }
            _ if !self.has_wiki => {
                self.has_wiki = true;
                world.put::<Tenant>(objects::tenant("wiki"))?;
                Ok(Some("tenant wiki".to_owned()))
            }
            _ => Ok(None),
        }
    }

    /// The end of a run: isolations end, and now and then an environment is let go.
    fn leave(&mut self, world: &mut World) -> Option<String> {
        if let Some(name) = self.isolating.take() {
            end(world, &name);
            return Some(format!("{name} ends"));
        }
        if self.chance.u8(..3) == 0 {
            world.cluster.delete::<Tenant>(&objects::key("jira"));
            return Some("jira is let go".to_owned());
        }
        None
    }

    fn edit_policy(&mut self, world: &World) -> Result<String, Broken> {
        let chance = &mut self.chance;
        let some: Vec<_> = SOURCES.into_iter().filter(|_| chance.bool()).collect();
        self.cidrs = some;
        world.put::<AccessPolicy>(objects::policy(&self.cidrs))?;
        Ok(format!("policy {:?}", self.cidrs))
    }

    fn isolate_or_end(&mut self, world: &mut World) -> Result<String, Broken> {
        if let Some(name) = self.isolating.take() {
            end(world, &name);
            return Ok(format!("{name} ends"));
        }
        self.incidents += 1;
        let name = format!("incident-{}", self.incidents);
        let now = world.clock.now();
        world.put::<Incident>(objects::incident(&name, &["jira"], "Isolate", now))?;
        self.isolating = Some(name.clone());
        Ok(name)
    }

    /// Somebody changes one thing of an environment at AWS.
    fn tamper(&mut self, world: &World) -> Result<Option<String>, Broken> {
        let truth = Truth::of(world, None)?;
        let live: Vec<_> = truth.instances.iter().filter(|one| one.is_live()).collect();
        let Some(instance) = self.chance.choice(live) else {
            return Ok(None);
        };
        let what = self.chance.usize(..8);
        change(world, &truth, instance, what)
    }
}

fn end(world: &World, name: &str) {
    world.edit::<Incident>(&objects::key(name), |incident| {
        incident.spec.containment = Containment::None;
    });
}

fn change(world: &World, truth: &Truth, instance: &Instance, what: usize) -> Result<Option<String>, Broken> {
    let uid = instance.tags.get(yagura::api::names::tags::UID).cloned();
    let groups = truth.groups(&uid.unwrap_or_default());
    let parts = groups
        .first()
        .zip(instance.interface_ids.first())
        .zip(instance.volumes.last_key_value());
    let Some(((group, interface), (device, volume))) = parts else {
        return Ok(None);
    };
    let id = &*instance.id;
    let (action, params): (&str, Vec<(&str, &str)>) = match what {
        0 => (
            "ModifyInstanceMetadataOptions",
            vec![
                ("InstanceId", id),
                ("HttpTokens", "optional"),
                ("HttpPutResponseHopLimit", "3"),
            ],
        ),
        1 => (
            "ModifyInstanceAttribute",
            vec![("InstanceId", id), ("DisableApiTermination.Value", "false")],
        ),
        2 => (
            "ModifyInstanceAttribute",
            vec![
                ("InstanceId", id),
                ("BlockDeviceMapping.1.DeviceName", device),
                ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"),
            ],
        ),
        3 => (
            "CreateTags",
            vec![
                ("ResourceId.1", id),
                ("Tag.1.Key", "yagura.dev/customer"),
                ("Tag.1.Value", "globex"),
            ],
        ),
        4 => (
            "DeleteTags",
            vec![("ResourceId.1", volume), ("Tag.1.Key", "yagura.dev/cluster")],
        ),
        5 => (
            "AuthorizeSecurityGroupIngress",
            rule(&group.id, "tcp", "22", "0.0.0.0/0"),
        ),
        6 => {
            let held = group.rules();
            let Some(cidr) = SOURCES
                .iter()
                .find(|cidr| held.contains(&format!("ingress tcp 443 {cidr}")))
            else {
                return Ok(None);
            };
            ("RevokeSecurityGroupIngress", rule(&group.id, "tcp", "443", cidr))
        }
        _ => return backdoor(world, truth, interface).map(Some),
    };
    // The same may have been done before and not be undone yet, which AWS refuses.
    Ok(world
        .someone(action, &params)
        .is_ok()
        .then(|| format!("{action} {}", instance.id)))
}

/// Somebody puts the interface into a group of their own.
fn backdoor(world: &World, truth: &Truth, interface: &str) -> Result<String, Broken> {
    const NAME: &str = "backdoor";
    let is_there = |truth: &Truth| truth.security_groups.iter().any(|group| group.name == NAME);
    if !is_there(truth) {
        let made = [
            ("GroupName", NAME),
            ("GroupDescription", "by hand"),
            ("VpcId", simaws::DEFAULT_VPC_ID),
        ];
        world.someone("CreateSecurityGroup", &made)?;
    }
    let truth = Truth::of(world, None)?;
    let group = truth.security_groups.iter().find(|group| group.name == NAME);
    let id = group.map(|group| group.id.clone()).unwrap_or_default();
    world.someone(
        "ModifyNetworkInterfaceAttribute",
        &[("NetworkInterfaceId", interface), ("SecurityGroupId.1", &id)],
    )?;
    Ok(format!("{interface} into {NAME}"))
}
