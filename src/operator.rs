//! The operator as a process: what is started, in which order, and how it ends.
//!
//! Watches and pages run from the start. Controllers and sweeps run only while this process holds the Lease; one
//! that loses it ends, and its successor begins from what AWS and the cluster say.

mod caches;
mod state;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, Config, ResourceExt};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    task::JoinSet,
};

pub use self::caches::Caches;
use self::state::Stores;
use crate::{
    aws::{AwsSites, Connection, OPERATION_TIMEOUT, Pace, Transport},
    clock::{Clock, SystemClock},
    cloud::{CloudError, ClusterId, Site},
    cluster::{Cluster, KubeCluster},
    controllers::{self, Guard, Waker},
    engine::{Context, Identity, Services},
    governor::{self, Share},
    http::{ListenError, Server},
    inventory::{Inventories, Swept},
    lease::{Claimant, Elector, KubeLease, Leadership, LeaseError},
    metrics::{Metrics, MetricsError},
    terms::{Registry, TermsError},
};

/// How long passes under way may take to end at shutdown: less than the 30 s that Kubernetes grants, more than
/// one call to AWS may take with the wait for its turn.
const PATIENCE: Duration = Duration::from_secs(27);

const _: () = assert!(PATIENCE.as_secs() > governor::MAX_WAIT.as_secs() + OPERATION_TIMEOUT.as_secs());

/// The name of the Lease, which the deployment makes.
const LEASE: &str = "yagura";

/// How the operator was started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of this installation.
    pub cluster_id: ClusterId,
    /// How often everything we own in AWS is listed.
    pub inventory_period: Duration,
    /// The part of the account's rate limits that the operator takes.
    pub aws_share: Share,
    /// Where the pages are served.
    pub listen: SocketAddr,
    /// The namespace of the Lease.
    pub namespace: String,
    /// What this process is called in the Lease.
    pub identity: String,
}

/// Why the operator ended.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// No way to the API server is configured.
    #[error("finding the cluster: set KUBECONFIG, or run in a pod with a service account")]
    NoCluster(#[source] kube::config::InferConfigError),
    /// The API server could not be asked.
    #[error("asking the API server for {what}")]
    Kubernetes {
        /// What was asked for.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: Box<kube::Error>,
    },
    /// AWS could not be asked.
    #[error("asking AWS who we are: check AWS_REGION and the credentials")]
    Aws(#[source] CloudError),
    /// The built-in terms are broken.
    #[error("reading the built-in terms")]
    Terms(#[from] TermsError),
    /// The metrics could not be set up.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The pages could not be served.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The Lease belongs to another installation.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// Another process holds the Lease now.
    #[error("the Lease was lost: another process acts now")]
    LeaseLost,
    /// A part that never ends did.
    #[error("{0} ended by itself")]
    Ended(&'static str),
    /// Signals cannot be received.
    #[error("listening for signals")]
    Signals(#[source] std::io::Error),
}

/// Runs the operator until a signal ends it.
///
/// # Errors
/// Where it cannot start, or must not go on.
pub async fn run(options: Options) -> Result<(), OperatorError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let client = connect().await?;
    let identity = identify(&client, &options).await?;
    let (swept, sweeps) = mpsc::unbounded_channel();
    let services = Services {
        terms: Arc::new(Registry::built_in()?),
        metrics: Arc::new(Metrics::new()?),
    };
    let regions = connect_aws(&options, &clock, &services.metrics).await?;
    let on_sweep = Arc::new(move |site: &Site, sweep: Swept| {
        // Fails only while the operator ends.
        drop(swept.send((site.clone(), sweep)));
    });
    let inventories = Inventories::new(Arc::new(regions), Arc::clone(&clock), options.cluster_id.clone())
        .every(options.inventory_period)
        .sweeping(Arc::new(|sweeps| drop(tokio::spawn(sweeps))), on_sweep);
    let caches = Caches::new();
    let cluster = caches.serve(KubeCluster::new(client.clone(), &options.identity));
    let ctx = Arc::new(Context::new(
        cluster,
        clock,
        identity,
        Arc::new(inventories),
        services,
    ));
    supervise(&options, client, ctx, caches, sweeps).await
}

/// A client without retries of its own: a Lease renewal must not hang in one, and back-off is per object.
async fn connect() -> Result<Client, OperatorError> {
    let mut config = Config::infer().await.map_err(OperatorError::NoCluster)?;
    config.default_retry = false;
    Client::try_from(config).map_err(|source| OperatorError::Kubernetes {
        what: "a connection",
        source: Box::new(source),
    })
}

async fn identify(client: &Client, options: &Options) -> Result<Identity, OperatorError> {
    let namespaces = Api::<Namespace>::all(client.clone());
    let system =
        namespaces
            .get_metadata("kube-system")
            .await
            .map_err(|source| OperatorError::Kubernetes {
                what: "the namespace kube-system",
                source: Box::new(source),
            })?;
    Ok(Identity {
        cluster_id: options.cluster_id.clone(),
        cluster_uid: system.uid().unwrap_or_default(),
    })
}

async fn connect_aws(
    options: &Options,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) -> Result<AwsSites, OperatorError> {
    let counted = Arc::clone(metrics);
    let metrics = Arc::clone(metrics);
    let regions = AwsSites::connect(Connection {
        transport: Transport::Environment,
        cluster: options.cluster_id.clone(),
        clock: Arc::clone(clock),
        observer: Arc::new(move |operation, outcome| {
            metrics.request_ended(operation, outcome);
        }),
        pace: Pace::Governed {
            settings: governor::Settings {
                share: options.aws_share,
            },
            waits: Arc::new(move |account, region, waited| {
                tracing::debug!(?account, %region, ?waited, "a call to AWS waited for its turn");
                counted.waited(account, region, waited);
            }),
        },
    })
    .await;
    let account = regions.identity().await.map_err(OperatorError::Aws)?;
    tracing::info!(%account, cluster_id = %options.cluster_id, "acting on AWS");
    Ok(regions)
}

type Ctx = Arc<Context<KubeCluster>>;
type Sweeps = mpsc::UnboundedReceiver<(Site, Swept)>;

/// Starts everything and waits for the first thing that ends.
async fn supervise(
    options: &Options,
    client: Client,
    ctx: Ctx,
    caches: Caches,
    sweeps: Sweeps,
) -> Result<(), OperatorError> {
    let claimant = Claimant {
        identity: options.identity.clone(),
        cluster: options.cluster_id.clone(),
    };
    let lease = KubeLease::new(client.clone(), &options.namespace, LEASE);
    let (elector, leadership) = Elector::new(lease, claimant, Arc::clone(&ctx.clock));
    let stores = Stores {
        ctx: Arc::clone(&ctx),
        leadership: leadership.clone(),
        caches: caches.clone(),
    };
    ctx.metrics.show(Arc::new(stores.clone()))?;
    let pages = Server::bind(options.listen, (*ctx.metrics).clone(), stores.readiness()).await?;
    tracing::info!(address = %pages.address(), "serving /metrics, /healthz and /readyz");

    let waker = Arc::new(Waker::default());
    let mut parts = JoinSet::new();
    caches.watch(&mut parts, &client, &ctx, &waker);
    parts.spawn(async move {
        // Served until the process ends: a probe during shutdown should find somebody.
        match pages.run(std::future::pending()).await {
            Ok(()) => OperatorError::Ended("the pages"),
            Err(error) => error.into(),
        }
    });
    parts.spawn(act(Arc::clone(&ctx), caches, leadership, sweeps));

    let (over, told) = watch::channel(false);
    let election = tokio::spawn(elector.run(until(told)));
    let end = tokio::select! {
        ended = parts.join_next() => Err(match ended {
            Some(Ok(error)) => error,
            Some(Err(_)) | None => OperatorError::Ended("a part of the operator"),
        }),
        result = stop_asked() => result,
    };
    // New passes stay out; those under way end; then, and only then, somebody else may act.
    ctx.close(PATIENCE).await;
    parts.abort_all();
    over.send_replace(true);
    match election.await {
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(())) | Err(_) => end,
    }
}

async fn until(mut told: watch::Receiver<bool>) {
    // An error means that nobody can tell any more: it is over too.
    drop(told.wait_for(|over| *over).await);
}

async fn stop_asked() -> Result<(), OperatorError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(OperatorError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(OperatorError::Signals)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("asked to stop");
    Ok(())
}

/// Runs the controllers while this process leads; ends when it does not lead any more.
async fn act(
    ctx: Ctx,
    caches: Caches,
    mut leadership: watch::Receiver<Leadership>,
    mut sweeps: Sweeps,
) -> OperatorError {
    if leadership
        .wait_for(|now| *now == Leadership::Leading)
        .await
        .is_err()
    {
        return OperatorError::Ended("the election");
    }
    // A pass on half a cache would see Tenants without their policies.
    caches.ready().await;
    tracing::info!("leading");
    let mut running = JoinSet::new();
    controllers::guard_every_site(&ctx);
    let (exposed, told) = mpsc::unbounded_channel();
    running.spawn(Guard::default().run(Arc::clone(&ctx), told));
    controllers::start(&mut running, &ctx, &caches);
    loop {
        tokio::select! {
            lost = leadership.wait_for(|now| *now == Leadership::Standby) => {
                drop(lost);
                return OperatorError::LeaseLost;
            }
            _ = running.join_next(), if !running.is_empty() => {
                return OperatorError::Ended("a controller");
            }
            Some((site, swept)) = sweeps.recv() => {
                take_note(&ctx, &site, &swept);
                if swept.is_exposed {
                    // Fails only while the operator ends.
                    drop(exposed.send(site));
                }
            }
        }
    }
}

fn take_note<C: Cluster>(ctx: &Context<C>, site: &Site, swept: &Swept) {
    for error in &swept.failed {
        tracing::debug!(%site, %error, "a listing failed");
    }
    controllers::swept(ctx, site, swept);
}
