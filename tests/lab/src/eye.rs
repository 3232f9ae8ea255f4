//! Whoever looks at each request of an operator at the instant at which it arrives at AWS, before it has any effect.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// A request as it arrives.
#[derive(Clone, Debug, Default)]
pub struct Arrival {
    /// The operation.
    pub action: String,
    /// All other fields of its form.
    pub params: BTreeMap<String, String>,
}

impl Arrival {
    /// A request of this form.
    pub fn read(form: &[u8]) -> Self {
        let fields = form_urlencoded::parse(form).into_owned();
        let mut params: BTreeMap<_, _> = fields.collect();
        let action = params.remove("Action").unwrap_or_default();
        Self { action, params }
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

    pub(crate) fn see(&self, form: &[u8]) {
        if let Some(look) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            look(&Arrival::read(form));
        }
    }
}

impl fmt::Debug for Eye {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lab::Eye")
    }
}
