//! The way from an operator to the simulated AWS: every request takes its time, is seen, and can be cut off.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use yagura::clock::{Clock, ManualClock};

use crate::{
    effects::{Effects, Fate, Loss, When},
    eye::{Arrival, Eye},
};

/// How long requests and answers are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// At least.
    pub least: Duration,
    /// At most.
    pub most: Duration,
}

impl Latency {
    /// Nothing takes any time.
    pub const NONE: Self = Self {
        least: Duration::ZERO,
        most: Duration::ZERO,
    };
}

/// What all ways of one process have in common: its time under way, and its effects.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) clock: ManualClock,
    pub(crate) effects: Effects,
    pub(crate) latency: Latency,
    pub(crate) chance: Arc<Mutex<fastrand::Rng>>,
}

impl Way {
    /// A time under way.
    pub(crate) async fn travel(&self) {
        let share = self.chance.lock().unwrap_or_else(PoisonError::into_inner).f64();
        let span = self
            .latency
            .most
            .saturating_sub(self.latency.least)
            .mul_f64(share);
        self.clock.after(self.latency.least + span).await;
        if self.effects.is_dead() {
            lost::<()>().await;
        }
    }

    /// The call that was to be cut off is; whether the caller lives on without an answer.
    pub(crate) async fn cut(&self, loss: Loss) {
        self.effects.fire(loss);
        if loss == Loss::Process {
            lost::<()>().await;
        }
    }
}

/// An answer that never comes.
pub(crate) async fn lost<T>() -> T {
    std::future::pending().await
}

/// The HTTP client under an operator's SDK.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) way: Way,
    pub(crate) sim: simaws::Connector,
    pub(crate) eye: Eye,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lab::Wire")
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move { wire.carry(request).await })
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Wire {
    async fn carry(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        self.way.travel().await;
        let asked = Arrival::read(&request);
        let fate = match &asked {
            Some(asked) if asked.has_effect() => self.way.effects.begin(|| asked.action.clone()),
            _ => Fate::Goes,
        };
        if let Fate::Cut(When::Before, loss) = fate {
            self.way.cut(loss).await;
            return lost().await;
        }
        if let Some(asked) = &asked {
            self.eye.see(asked);
        }
        let answer = self.sim.call(request).await;
        if let Fate::Cut(When::After, loss) = fate {
            self.way.cut(loss).await;
            return lost().await;
        }
        self.way.travel().await;
        answer
    }
}
