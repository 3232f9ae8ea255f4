//! Every field that users set: what becomes of a change of it, and of the change back.
//!
//! What was changed and changed back, or set to what is refused and set back, is as if nobody had touched it: AWS and the
//! statuses are compared with those of an installation that was made so and left alone, but for what must differ (ids,
//! times). After that nothing may be written any more, neither at AWS nor in Kubernetes.
//!
//! [`table::fields`] has one row for each leaf of the schemas, which a test compares with the schemas themselves.

mod masked;
pub mod table;

use std::time::Duration;

use serde_json::{Value, json};
use yagura::{
    api::{AccessPolicy, Tenant, TenantClass},
    cluster::{Cluster, Kind},
};

use self::{
    masked::masked,
    table::{Fate, Field, Of},
};
use crate::{
    Broken, Settings, World, objects,
    objects::{key, merge},
};

/// An installation in which nothing happened for so long rests.
const QUIET: Duration = Duration::from_secs(600);

/// How often that is waited for: edits of a class are carried out slowly, at most one Tenant in an hour of so few.
const QUIETS: usize = 24;

/// The name of the one class.
const CLASS: &str = "tokyo";

/// The name of the one Tenant.
const TENANT: &str = "jira";

/// What is wrong with a field.
pub type Wrong = Vec<String>;

/// Changes this field and changes it back, as its row says.
///
/// # Errors
/// Where the installation cannot be made, or does not come to rest.
pub fn change_and_change_back(field: &Field) -> Result<Wrong, Broken> {
    let Fate::Free { other, refused } = &field.fate else {
        return Ok(Wrong::new());
    };
    let mut fresh = Place::new(field)?;
    fresh.come_to_rest()?;
    let mut place = Place::new(field)?;
    place.come_to_rest()?;
    let mut wrong = Wrong::new();

    place.set(other)?;
    place.come_to_rest()?;
    place.set(&json!({}))?;
    place.come_to_rest()?;
    compare(&fresh, &place, "changed back", &mut wrong);

    if let Some(refused) = refused {
        let before = place.at_aws();
        place.set(refused)?;
        place.come_to_rest()?;
        if place.stalled().is_none() {
            wrong.push(format!("{refused} is not refused"));
        }
        if place.at_aws() != before {
            wrong.push(format!("{refused} is refused, and changed something at AWS"));
        }
        place.set(&json!({}))?;
        place.come_to_rest()?;
        compare(&fresh, &place, "set back from what is refused", &mut wrong);
    }
    place.stays_quiet(&mut wrong)?;
    Ok(wrong)
}

/// One installation with one environment.
struct Place {
    world: World,
    of: Of,
    class: Value,
    tenant: Value,
    /// What stands for what in a row: what simaws calls some things is known only then.
    names: Vec<(&'static str, String)>,
}

impl Place {
    fn new(field: &Field) -> Result<Self, Broken> {
        let mut settings = Settings::seeded(11);
        settings.watch_lag = Duration::from_millis(50);
        let world = World::new(settings)?;
        let mut place = Self {
            names: names(&world)?,
            world,
            of: field.of,
            class: table::class(),
            tenant: table::tenant(),
        };
        let needs = place.named(&field.needs);
        let base = match place.of {
            Of::Class => &mut place.class,
            Of::Tenant => &mut place.tenant,
        };
        merge(base, &json!({"spec": needs}));
        place.world.put::<TenantClass>(place.class.clone())?;
        place
            .world
            .put::<AccessPolicy>(objects::policy(&["203.0.113.0/24"]))?;
        place.world.put::<Tenant>(place.tenant.clone())?;
        Ok(place)
    }

    /// A patch with the names that things have here.
    fn named(&self, patch: &Value) -> Value {
        let text = self
            .names
            .iter()
            .fold(patch.to_string(), |text, (name, id)| text.replace(name, id));
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Applies what was declared first, with a patch of its spec.
    fn set(&self, patch: &Value) -> Result<(), Broken> {
        let patch = json!({"spec": self.named(patch)});
        match self.of {
            Of::Class => {
                let mut class = self.class.clone();
                merge(&mut class, &patch);
                self.world.put::<TenantClass>(class)?;
            }
            Of::Tenant => {
                let mut tenant = self.tenant.clone();
                merge(&mut tenant, &patch);
                self.world.put::<Tenant>(tenant)?;
            }
        }
        Ok(())
    }

    fn come_to_rest(&mut self) -> Result<(), Broken> {
        let mut done = Vec::new();
        for _ in 0..QUIETS {
            let happened = self.happens_within(QUIET)?;
            if happened.is_empty() {
                return Ok(());
            }
            done = happened;
        }
        Err(Broken::Wrong(vec![format!("no rest: {done:?}")]))
    }

    /// What is written within so long, at AWS and in Kubernetes.
    fn happens_within(&mut self, span: Duration) -> Result<Vec<String>, Broken> {
        let last = self.world.sim.calls().last().map_or(0, |call| call.seq);
        let writes = self.world.cluster.writes();
        self.world.run_for(span)?;
        let calls = self.world.sim.calls_since(last).into_iter();
        let calls = calls.filter(|call| call.effect && !call.dry_run);
        let mut happened: Vec<_> = calls.map(|call| call.operation).collect();
        if self.world.cluster.writes() != writes {
            happened.push(format!("{} writes", self.world.cluster.writes() - writes));
        }
        Ok(happened)
    }

    fn stays_quiet(&mut self, wrong: &mut Wrong) -> Result<(), Broken> {
        let happened = self.happens_within(QUIET * 3)?;
        if !happened.is_empty() {
            wrong.push(format!("at rest: {happened:?}"));
        }
        Ok(())
    }

    /// What the Tenant, or the class, says of being stalled.
    fn stalled(&self) -> Option<String> {
        let [class, tenant] = self.objects();
        let stalled = |object: &Value| {
            let conditions = object.pointer("/status/conditions")?.as_array()?;
            let is =
                |condition: &&Value| says(condition, "type", "Stalled") && says(condition, "status", "True");
            let found = conditions.iter().find(is)?;
            Some(found.get("message")?.to_string())
        };
        stalled(&class).or_else(|| stalled(&tenant))
    }

    fn objects(&self) -> [Value; 2] {
        let class = self
            .world
            .cluster
            .cached::<TenantClass>(&yagura::api::Key::new("", CLASS));
        let tenant = self.world.cluster.cached::<Tenant>(&key(TENANT));
        [
            class.map(|object| value(&*object)).unwrap_or_default(),
            tenant.map(|object| value(&*object)).unwrap_or_default(),
        ]
    }

    /// Everything that AWS holds, with what must differ masked.
    fn at_aws(&self) -> Value {
        masked(&self.world.sim.state(None, None))
    }

    /// Everything that is said of it, with what must differ masked.
    fn told(&self) -> Vec<Value> {
        let told = self.objects().into_iter().map(|object| {
            let mut status = object.get("status").map(masked).unwrap_or_default();
            if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
                conditions.retain(|condition| !is_of_the_past(condition));
            }
            status
        });
        told.collect()
    }
}

/// That nothing is suspended any more, or that what was to change was changed, is said only of what once was so.
fn is_of_the_past(condition: &Value) -> bool {
    let is = |type_: &str, status: &str| says(condition, "type", type_) && says(condition, "status", status);
    is("Suspended", "False") || is("PlanApplied", "True")
}

fn says(object: &Value, name: &str, value: &str) -> bool {
    object.get(name).is_some_and(|found| found == value)
}

fn value<K: Kind>(object: &K) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

/// What a row calls things of which only simaws knows the ids.
fn names(world: &World) -> Result<Vec<(&'static str, String)>, Broken> {
    let made = [
        ("GroupName", "monitoring"),
        ("GroupDescription", "shared by all"),
        ("VpcId", simaws::DEFAULT_VPC_ID),
    ];
    world.someone("CreateSecurityGroup", &made)?;
    let all = |kind: &str| {
        let all = world.sim.resources(kind, None, None);
        all.and_then(|all| all.as_array().cloned()).unwrap_or_default()
    };
    let group = all("securityGroups")
        .into_iter()
        .find(|one| says(one, "name", "monitoring"));
    let subnet = all("subnets")
        .into_iter()
        .find(|one| !says(one, "id", simaws::DEFAULT_SUBNET_ID));
    let id = |found: Option<Value>, what: &str| {
        let id = found.and_then(|one| Some(one.get("id")?.as_str()?.to_owned()));
        id.ok_or_else(|| Broken::SetUp(format!("no {what}")))
    };
    Ok(vec![
        (table::BASE_GROUP, id(group, "group")?),
        (table::OTHER_SUBNET, id(subnet, "second subnet")?),
    ])
}

/// Where the two differ, leaf by leaf.
fn compare(fresh: &Place, place: &Place, when: &str, wrong: &mut Wrong) {
    let pairs = [
        ("AWS", vec![fresh.at_aws()], vec![place.at_aws()]),
        ("status", fresh.told(), place.told()),
    ];
    for (what, wanted, found) in pairs {
        let mut differing = Vec::new();
        masked::differ(&json!(wanted), &json!(found), "", &mut differing);
        wrong.extend(differing.into_iter().map(|one| format!("{when}, {what}{one}")));
    }
}
