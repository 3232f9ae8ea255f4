//! One connection to AWS, and from it the door to each account and region.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use aws_config::{AppName, BehaviorVersion, SdkConfig, identity::IdentityCache};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::client::{
    http::SharedHttpClient, stalled_stream_protection::StalledStreamProtectionConfig,
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use jiff::Timestamp;

use super::{
    clock::SdkClock,
    convert::Unreadable,
    ec2::{CallObserver, Calls, Ec2},
    session::Session,
    whole_answer::WholeAnswer,
};
use crate::{
    clock::Clock,
    cloud::{Account, AccountId, Cloud, CloudError, ClusterId, Lane, Operation, Region, Site, Sites},
    governor::{self, Governor, Waited},
};

/// How long a call may take. AWS answers a page of 1,000 instances within a few seconds, and a call that takes
/// longer blocks its object's pass; what it did is then found by looking.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// The region of a simulated AWS, and of identity questions when the environment names none.
const FALLBACK_REGION: &str = "ap-northeast-1";

/// The account of a simulated AWS; its access key is taken for the account.
const SIMULATED_ACCOUNT: &str = "111122223333";

/// The way to AWS.
#[derive(Clone, Debug)]
pub enum Transport {
    /// The real one, or whatever `AWS_ENDPOINT_URL` names: region and credentials as every AWS tool finds them.
    Environment,
    /// A simulated AWS within this process.
    InMemory(SharedHttpClient),
    /// A simulated AWS at this URL.
    Endpoint(String),
}

/// Everything a connection needs.
pub struct Connection {
    /// The way to AWS.
    pub transport: Transport,
    /// The installation whose resources the listings give.
    pub cluster: ClusterId,
    /// The time by which calls are signed and time out.
    pub clock: Arc<dyn Clock>,
    /// Told of every call.
    pub observer: CallObserver,
    /// How calls are paced.
    pub pace: Pace,
}

/// Told of every call to an account and region that had to wait; no account: the operator's own.
pub type SiteWaitObserver = Arc<dyn Fn(Option<&AccountId>, &Region, Waited) + Send + Sync>;

/// How calls are paced.
#[derive(Clone)]
pub enum Pace {
    /// By a governor for each account and region.
    Governed {
        /// What the governors are set to.
        settings: governor::Settings,
        /// Told of every call that had to wait.
        waits: SiteWaitObserver,
    },
    /// Not at all: for a simulated AWS by a clock that stands still while a call is made.
    Free,
}

/// By account, `None` being the own one, and region.
type Governors = BTreeMap<(Option<AccountId>, Region), Arc<Governor>>;

/// AWS, account by account and region by region.
pub struct AwsSites {
    pub(super) config: SdkConfig,
    cluster: ClusterId,
    observer: CallObserver,
    clock: Arc<dyn Clock>,
    pace: Pace,
    /// By account and region, however many roles lead into the account: AWS's limits are per account.
    governors: Mutex<Governors>,
    /// The operator's own account, once it is known.
    own_account: Arc<OnceLock<AccountId>>,
    sessions: Mutex<BTreeMap<Account, SharedCredentialsProvider>>,
    made: Mutex<BTreeMap<Site, Ec2>>,
}

impl AwsSites {
    /// Connects. Reads the environment if the transport says so, but calls nothing yet.
    pub async fn connect(connection: Connection) -> Self {
        let config = sdk_config(&connection.transport, &connection.clock).await;
        Self {
            config,
            cluster: connection.cluster,
            observer: connection.observer,
            clock: connection.clock,
            pace: connection.pace,
            governors: Mutex::default(),
            own_account: Arc::default(),
            sessions: Mutex::default(),
            made: Mutex::default(),
        }
    }

    /// The account that the credentials belong to.
    pub async fn identity(&self) -> Result<AccountId, CloudError> {
        let operation = Operation::GetCallerIdentity;
        let answer = self
            .own_calls()
            .call(
                operation,
                Lane::UserChange,
                self.sts().get_caller_identity().send(),
            )
            .await?;
        let account = answer.account.map(AccountId::from);
        let account = account.ok_or_else(|| Unreadable::missing("Account").of(operation))?;
        Ok(self.own_account.get_or_init(|| account).clone())
    }

    /// The region of questions about identities.
    fn own_region(&self) -> aws_config::Region {
        match self.config.region() {
            Some(region) => region.clone(),
            None => aws_config::Region::from_static(FALLBACK_REGION),
        }
    }

    fn sts(&self) -> aws_sdk_sts::Client {
        let config = aws_sdk_sts::config::Builder::from(&self.config)
            .region(self.own_region())
            .interceptor(WholeAnswer::Xml)
            .build();
        aws_sdk_sts::Client::from_conf(config)
    }

    /// What the calls about the operator's own identity have in common.
    fn own_calls(&self) -> Calls {
        self.calls(None, &Region::new(self.own_region().as_ref()))
    }

    /// What the calls to one account and region have in common: above all their limits. No account, and the number
    /// of the operator's own, are the same one.
    fn calls(&self, account: Option<AccountId>, region: &Region) -> Calls {
        let governor = match &self.pace {
            Pace::Governed { settings, waits } => {
                let account = account.filter(|account| self.own_account.get() != Some(account));
                let mut governors = self.governors.lock().unwrap_or_else(PoisonError::into_inner);
                let place = (account, region.clone());
                let governor = governors.entry(place.clone()).or_insert_with(|| {
                    let (waits, (account, region)) = (Arc::clone(waits), place);
                    let observer = Arc::new(move |waited| waits(account.as_ref(), &region, waited));
                    Arc::new(Governor::new(Arc::clone(&self.clock), *settings, observer))
                });
                Some(Arc::clone(governor))
            }
            Pace::Free => None,
        };
        Calls {
            observer: Arc::clone(&self.observer),
            governor,
        }
    }

    fn make(&self, site: &Site) -> Ec2 {
        // A client is one per site: making one costs as much as a call.
        let mut config = self.config.to_builder();
        config.set_region(aws_config::Region::new(site.region.as_str().to_owned()));
        if let Some(account) = &site.account {
            config.set_credentials_provider(Some(self.session(account)));
        }
        let config = config.build();
        let ec2 = aws_sdk_ec2::config::Builder::from(&config).interceptor(WholeAnswer::Xml);
        let backup = aws_sdk_backup::config::Builder::from(&config).interceptor(WholeAnswer::Json);
        let clients = (
            aws_sdk_ec2::Client::from_conf(ec2.build()),
            aws_sdk_backup::Client::from_conf(backup.build()),
        );
        let calls = self.calls(site.account_id(), &site.region);
        Ec2::new(clients, self.cluster.clone(), site.region.clone(), calls)
    }

    /// The session in an account. All its regions share one, and the SDK's cache renews it in time.
    fn session(&self, account: &Account) -> SharedCredentialsProvider {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.entry(account.clone()).or_insert_with(|| {
            let session = Session::new(self.sts(), account.clone(), &self.cluster, self.own_calls());
            SharedCredentialsProvider::new(session)
        });
        session.clone()
    }
}

impl Sites for AwsSites {
    fn door(&self, site: &Site, lane: Lane) -> Arc<dyn Cloud> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let door = made.entry(site.clone()).or_insert_with(|| self.make(site));
        Arc::new(door.for_lane(lane))
    }

    fn slot_began(&self, site: &Site, at: Timestamp) {
        if let Some(governor) = self.calls(site.account_id(), &site.region).governor {
            governor.slot_began(at);
        }
    }
}

async fn sdk_config(transport: &Transport, clock: &Arc<dyn Clock>) -> SdkConfig {
    let found = match transport {
        // The chain itself waits and caches by our time, too.
        Transport::Environment => {
            let clock = SdkClock(Arc::clone(clock));
            let loader = aws_config::defaults(BehaviorVersion::latest());
            loader.time_source(clock.clone()).sleep_impl(clock).load().await
        }
        Transport::InMemory(_) | Transport::Endpoint(_) => simulated(),
    };
    let clock = SdkClock(Arc::clone(clock));
    let mut config = found
        .into_builder()
        .time_source(clock.clone())
        .sleep_impl(clock)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(OPERATION_TIMEOUT).build())
        // Shared, so that all regions of an account use one session; it is given the time of two calls.
        .identity_cache(IdentityCache::lazy().load_timeout(OPERATION_TIMEOUT * 2).build())
        // Its grace periods run beside the timeout above, which says it all.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    // "yagura" is a valid name; were it not, calls would go out without one.
    config.set_app_name(AppName::new("yagura").ok());
    match transport {
        Transport::Environment => {}
        Transport::InMemory(http_client) => {
            config.set_http_client(Some(http_client.clone()));
        }
        Transport::Endpoint(url) => {
            config.set_endpoint_url(Some(url.clone()));
        }
    }
    config.build()
}

/// Nothing of it comes from the environment, so that no test reaches the real AWS with someone's credentials.
fn simulated() -> SdkConfig {
    let credentials = Credentials::new(SIMULATED_ACCOUNT, "simulated", None, None, "simulated");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_config::Region::from_static(FALLBACK_REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
