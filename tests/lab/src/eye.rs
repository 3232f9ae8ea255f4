//! Whoever looks at each request of an operator at the instant at which it arrives at AWS, before it has any effect.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use bytes::Bytes;
use yagura::cloud::Operation;

/// A request as it arrives.
#[derive(Clone, Debug, Default)]
pub struct Arrival {
    /// The operation.
    pub action: String,
    /// All other fields of its form, or of its path, query and body.
    pub params: BTreeMap<String, String>,
}

impl Arrival {
    /// A request of whatever protocol; `None` where it is none at all.
    pub(crate) fn read(request: &HttpRequest) -> Option<Self> {
        let body = Bytes::copy_from_slice(request.body().bytes()?);
        let asked = http::Request::builder()
            .method(request.method())
            .uri(request.uri());
        let (action, mut params) = simaws::asked(&asked.body(body).ok()?);
        params.remove("Action");
        Some(Self { action, params })
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    /// The values `name.1`, `name.2` and so on.
    pub fn list(&self, name: &str) -> Vec<&str> {
        (1..)
            .map_while(|number| self.get(&format!("{name}.{number}")))
            .collect()
    }

    /// Whether AWS is only asked what it would do.
    pub fn is_dry_run(&self) -> bool {
        self.get("DryRun") == Some("true")
    }

    /// Whether it changes something; an operation that nobody knows is taken for one that does.
    pub fn has_effect(&self) -> bool {
        let operation = Operation::ALL.iter().find(|one| one.to_string() == self.action);
        !self.is_dry_run() && operation.is_none_or(|operation| !operation.is_read())
    }
}

type Look = Box<dyn FnMut(&Arrival) + Send>;

/// Who looks, nobody at first; clones are the same one.
#[derive(Clone, Default)]
pub struct Eye(Arc<Mutex<Option<Look>>>);

impl Eye {
    /// Lets `look` see every request from here on.
    pub fn open(&self, look: impl FnMut(&Arrival) + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(look));
    }

    pub(crate) fn see(&self, arrival: &Arrival) {
        if let Some(look) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            look(arrival);
        }
    }
}

impl fmt::Debug for Eye {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lab::Eye")
    }
}
