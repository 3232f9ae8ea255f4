//! `yagura plan`: what the operator would change if these manifests were applied, by the operator's own planner.
//!
//! It reads as the calling user: the cluster by their kubeconfig, AWS by their credentials. Nothing goes through the
//! operator, and nothing is changed: the doors to AWS are read-only, and let only DryRuns through.
//!
//! Deliberately absent: what the API server would say of the manifests (`kubectl apply --dry-run=server` asks it), and
//! what backups and policies of backups will do by their own times.

mod manifests;
mod overlay;
mod show;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, ValueEnum};
use futures::{FutureExt, pin_mut, select};
use kube::Client;

use self::{
    manifests::{Manifests, ReadError, complete},
    overlay::Overlay,
    show::{Shown, ShownError, ShownTenant},
};
use super::{
    chain, cluster_id, complain,
    connect::{ANSWER_WITHIN, BadConfig, config_of},
    say, tell,
};
use crate::{
    api::{AccessPolicy, ConditionType, Key, Reason, Tenant, TenantClass},
    aws::{AwsSites, Connection, Pace, Transport},
    clock::{Clock, SystemClock},
    cloud::{CloudError, ReadOnly, Site},
    cluster::{Cluster, Kind, MemoryCluster},
    controllers::{
        AccessPolicyReconciler, Subnets, TenantReconciler,
        tenant::{Previewed, preview},
    },
    engine::{Context, ControllerName, Identity, Services, Stepper},
    governor::{self, Share},
    inventory::Inventories,
    metrics::{Metrics, MetricsError},
    plan::{preview::Preview, tenant::needs_a_person},
    report::{
        conditions::{find_condition, is_true},
        failure,
    },
    terms::{Registry, TermsError},
};

/// The part of AWS's rate limits that a plan takes: what the operator leaves to people by default.
const SHARE: f64 = 0.2;

const EXAMPLES: &str = "\
Examples:
  # What would this folder change? Before a merge, in CI:
  yagura plan --cluster-id tokyo-1 -f tenants/ --recursive

  # One edit, before it is applied:
  yagura plan --cluster-id tokyo-1 -f acme-jira.yaml

  # For a script:
  yagura plan --cluster-id tokyo-1 -f tenants/ -o json | jq '.tenants[].items[] | select(.disruptive)'

It prints, for each Tenant that would change:

  acme/acme-jira  label acme-jira-prod, customer acme, mode Enforce
    + rule tcp 443 from 203.0.113.0/24  on security group sg-0a1b2c3d
    - rule tcp 443 from 198.51.100.0/24  on security group sg-0a1b2c3d (disruptive)
    ~ instance i-0a1b2c3d httpTokens optional → required (disruptive, denied: ec2:ModifyInstanceMetadataOptions)

+ is made or added, ~ changed, - removed; \"disruptive\" may break what the environment serves; \"denied\" is what AWS
would refuse you.

As kubectl-yagura on the PATH it is a kubectl plugin: kubectl yagura plan …

Exit codes: 0 nothing would change, 2 something would, 1 a mistake in a manifest or something that could not be read
(a command line that is wrong exits with 2, too).";

/// What `plan` is told.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PlanArgs {
    /// A file of manifests, a folder of such files, or - for standard input. What they do not name is taken as it is
    /// in the cluster; what was taken out of a folder is not deleted.
    #[arg(short, long = "filename", value_name = "FILE|DIR", required = true, num_args = 1..)]
    file: Vec<PathBuf>,
    /// Read the subfolders of folders, too.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// The name of the installation, as the controller is given it.
    #[arg(long, env = "YAGURA_CLUSTER_ID", value_name = "ID", value_parser = cluster_id)]
    cluster_id: String,
    /// The context of your kubeconfig. [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Whether to ask AWS, by DryRuns, which of the calls it would refuse you.
    #[arg(long, value_name = "YES|NO", default_value = "yes")]
    dry_run_aws: YesNo,
    /// How the plan is printed; how it goes is told on standard error.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum YesNo {
    /// Ask.
    Yes,
    /// Do not.
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines for people.
    Text,
    /// One object.
    Json,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
enum PlanError {
    #[error(transparent)]
    Files(#[from] ReadError),
    #[error("the manifests cannot be read:\n  {}", .0.join("\n  "))]
    Manifests(Vec<String>),
    #[error("finding the cluster: set KUBECONFIG, or give --context one of your kubeconfig")]
    NoCluster(#[source] BadConfig),
    #[error("you could not {what}")]
    Kubernetes {
        what: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("the API server at {url} did not answer within {} s", ANSWER_WITHIN.as_secs())]
    Silent { url: String },
    #[error("asking AWS who you are: check AWS_REGION and your credentials")]
    Aws(#[source] CloudError),
    #[error("reading the built-in terms")]
    Terms(#[from] TermsError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error("writing JSON")]
    Json(#[from] serde_json::Error),
}

impl PlanError {
    fn kubernetes(what: &str, source: kube::Error) -> Self {
        Self::Kubernetes {
            what: what.to_owned(),
            source: Box::new(source),
        }
    }
}

/// Runs the command, and says with which code to exit.
pub(super) fn run(args: &PlanArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(plan(args)) {
        Ok(shown) => exit_code(&shown),
        Err(error) => {
            complain(&chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn exit_code(shown: &Shown) -> ExitCode {
    match (shown.summary.errors, shown.summary.changes) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(2),
        (_, _) => ExitCode::FAILURE,
    }
}

async fn plan(args: &PlanArgs) -> Result<Shown, PlanError> {
    let files = manifests::find(&args.file, args.recursive)?;
    let mut manifests = Manifests::parse(&files);
    let config = config_of(args.context.as_deref()).await;
    let config = config.map_err(PlanError::NoCluster)?;
    let namespace = &config.default_namespace;
    let mut errors = std::mem::take(&mut manifests.errors);
    errors.extend(complete(&mut manifests.tenants, namespace));
    errors.extend(complete(&mut manifests.access_policies, namespace));
    errors.extend(complete(&mut manifests.incidents, namespace));
    if !errors.is_empty() {
        return Err(PlanError::Manifests(errors));
    }
    tell(&format!(
        "read {} files: {} classes, {} Tenants, {} AccessPolicies; {} documents no plan depends on",
        files.len(),
        manifests.classes.len(),
        manifests.tenants.len(),
        manifests.access_policies.len(),
        manifests.skipped
    ));
    let url = config.cluster_url.to_string();
    tell(&format!("reading the cluster at {url}"));
    let client = Client::try_from(config).map_err(|error| PlanError::NoCluster(error.into()))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let overlay = {
        let reading = Overlay::of(&client, Arc::clone(&clock), manifests).fuse();
        let mut silent = clock.after(ANSWER_WITHIN).fuse();
        pin_mut!(reading);
        select! {
            overlay = reading => overlay?,
            () = silent => return Err(PlanError::Silent { url }),
        }
    };
    let planner = Planner::new(args, clock, &overlay).await?;
    let shown = planner.plan_all(&overlay).await;
    say(&match args.output {
        Output::Text => shown.text(),
        Output::Json => serde_json::to_string_pretty(&shown)?,
    });
    Ok(shown)
}

/// The operator's own parts over the cluster as it would be, behind doors through which nothing can be changed.
struct Planner {
    ctx: Arc<Context<MemoryCluster>>,
    subnets: Arc<Subnets>,
    tenants: TenantReconciler,
    asks_rights: bool,
}

impl Planner {
    async fn new(args: &PlanArgs, clock: Arc<dyn Clock>, overlay: &Overlay) -> Result<Self, PlanError> {
        let identity = Identity {
            cluster_id: args.cluster_id.as_str().into(),
            cluster_uid: overlay.cluster_uid.clone(),
        };
        let sites = AwsSites::connect(Connection {
            transport: Transport::Environment,
            cluster: identity.cluster_id.clone(),
            clock: Arc::clone(&clock),
            observer: Arc::new(|_, _| {}),
            pace: Pace::Governed {
                settings: governor::Settings {
                    share: Share::try_from(SHARE).unwrap_or_default(),
                },
                waits: Arc::new(|_, _, _| {}),
            },
        })
        .await;
        let account = sites.identity().await.map_err(PlanError::Aws)?;
        tell(&format!("reading AWS as you, in account {account}"));
        let sites = Arc::new(ReadOnly::new(Arc::new(sites)));
        let inventories = Inventories::new(sites, Arc::clone(&clock), identity.cluster_id.clone());
        let services = Services {
            terms: Arc::new(Registry::built_in()?),
            metrics: Arc::new(Metrics::new()?),
        };
        let now = clock.now();
        let ctx = Context::new(
            overlay.cluster.clone(),
            clock,
            identity,
            Arc::new(inventories),
            services,
        );
        let subnets = Arc::new(Subnets::default());
        Ok(Self {
            ctx: Arc::new(ctx),
            tenants: TenantReconciler::new(Arc::clone(&subnets), now),
            subnets,
            asks_rights: args.dry_run_aws == YesNo::Yes,
        })
    }

    async fn plan_all(&self, overlay: &Overlay) -> Shown {
        let mut shown = Shown::default();
        for unreadable in &overlay.unreadable {
            shown.err(ShownError::new("Unreadable", unreadable));
        }
        let tenants = self.ctx.cluster.cached_all::<Tenant>();
        self.sweep(&tenants, &mut shown).await;
        self.judge_policies(&overlay.policies, &mut shown).await;
        tell(&format!("planning {} Tenants", tenants.len()));
        for tenant in tenants {
            let is_new = overlay.new.contains(&tenant.key());
            shown.push(self.plan_one(&tenant, is_new).await);
        }
        shown
    }

    /// Lists once what AWS holds wherever a Tenant is.
    async fn sweep(&self, tenants: &[Arc<Tenant>], shown: &mut Shown) {
        let names: BTreeSet<_> = tenants.iter().map(|tenant| &tenant.spec.class_name).collect();
        let class_of = |name: &String| self.ctx.cluster.cached::<TenantClass>(&Key::new("", name));
        let sites: BTreeSet<Site> = names
            .into_iter()
            .filter_map(class_of)
            .map(|class| class.site())
            .collect();
        for site in &sites {
            tell(&format!("listing what AWS holds in {site}"));
            // From now on it is listed.
            drop(self.ctx.inventories.of(site));
        }
        for (site, swept) in self.ctx.inventories.sweep_all().await {
            for error in swept.failed {
                // A call that the operator needs and a plan does not is no fault of the plan; what was not seen is said
                // at each Tenant.
                tell(&format!("in {site}: {error}"));
            }
            if !self.ctx.inventories.of(&site).has_swept() {
                let message = "not all of what AWS holds there could be listed";
                shown.err(ShownError::new("ViewStale", message).of(site.to_string()));
            }
        }
    }

    /// Lets the operator's own judge accept the policies of the manifests, or refuse them.
    async fn judge_policies(&self, policies: &[Key], shown: &mut Shown) {
        let judge = AccessPolicyReconciler::new(Arc::clone(&self.subnets));
        let stepper = Stepper::new(Arc::clone(&self.ctx)).with(judge);
        for key in policies {
            if let Some(pass) = stepper.pass(ControllerName::AccessPolicy, key.clone()) {
                pass.await;
            }
            let Some(policy) = self.ctx.cluster.cached::<AccessPolicy>(key) else {
                continue;
            };
            let conditions = policy.status.as_ref().map(|status| &status.conditions);
            let conditions = conditions.map(Vec::as_slice).unwrap_or_default();
            let is_accepted = policy
                .status
                .as_ref()
                .and_then(|status| status.accepted.as_ref())
                .is_some_and(|accepted| accepted.generation == policy.generation());
            let told = [ConditionType::Stalled, ConditionType::Ready];
            let told = told
                .iter()
                .filter_map(|type_| find_condition(conditions, type_.as_str()));
            let is_stalled = is_true(conditions, ConditionType::Stalled.as_str());
            if let Some(condition) = { told }.next().filter(|_| is_stalled || !is_accepted) {
                let error = ShownError::new(&condition.reason, &condition.message);
                shown.err(error.of(format!("AccessPolicy {key}")));
            }
        }
    }

    async fn plan_one(&self, tenant: &Tenant, is_new: bool) -> ShownTenant {
        let key = tenant.key();
        let class = Key::new("", &tenant.spec.class_name);
        let class = self.ctx.cluster.cached::<TenantClass>(&class);
        let mut shown = ShownTenant {
            namespace: key.namespace,
            name: key.name,
            label: tenant.spec.label.to_string(),
            customer: tenant.spec.customer.clone(),
            mode: tenant.mode().to_string(),
            new: is_new,
            deleting: tenant.is_terminating(),
            suspended: class.and_then(|class| tenant.suspended(&class)),
            ..ShownTenant::default()
        };
        match preview(&self.tenants, &self.ctx, tenant).await {
            Ok(previewed) => self.tell_of(&previewed, &mut shown).await,
            Err(failure) => {
                let reason = failure::reason_of(&failure);
                let error = ShownError::new(reason.as_str(), failure.to_string());
                shown.errors.push(error);
            }
        }
        shown
    }

    async fn tell_of(&self, previewed: &Previewed, shown: &mut ShownTenant) {
        let refusals = previewed.refusals.iter();
        shown.errors = refusals
            .map(|refusal| ShownError::new(refusal.reason.as_str(), &refusal.message))
            .collect();
        for waiting in &previewed.waiting_for {
            let told = ShownError::new(waiting.reason.as_str(), &waiting.message);
            if previewed.blind_spots().any(|blind| blind == waiting) || needs_a_person(waiting.reason) {
                shown.errors.push(told);
            } else if !is_on_its_way(waiting.reason) {
                shown.waits.push(told);
            }
        }
        let Some(preview) = &previewed.preview else { return };
        let rights = if self.asks_rights {
            let (rights, error) = previewed.permissions(&self.ctx).await;
            if let Some(error) = error {
                let (namespace, name) = (&shown.namespace, &shown.name);
                tell(&format!("{namespace}/{name}: not all rights are known: {error}"));
            }
            rights
        } else {
            BTreeMap::new()
        };
        let postponed = previewed.postponed.as_ref();
        let postponed = postponed.map(Preview::changes).unwrap_or_default();
        shown.plan(preview, postponed, |operation| rights.get(&operation).copied());
    }
}

/// Whether the plan's own steps end this waiting.
fn is_on_its_way(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::GroupChanging | Reason::Launching | Reason::Starting
    )
}

#[cfg(test)]
mod tests;
