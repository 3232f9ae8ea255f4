//! An object as a watch delivered it: readable or not, it never stops the others.

use std::{borrow::Cow, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Resource,
    core::{DeserializeGuard, error_boundary::InvalidObject},
};
use serde::{Deserialize, Deserializer};

use super::Kind;

/// One object in the cache. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Seen<K>(Result<Arc<K>, InvalidObject>);

impl<K: Kind> Seen<K> {
    /// A readable object.
    pub fn new(object: K) -> Self {
        Self(Ok(Arc::new(object)))
    }

    /// An object that cannot be read, and why.
    pub fn unreadable(metadata: ObjectMeta, error: &str) -> Self {
        Self(Err(InvalidObject {
            error: error.to_owned(),
            metadata,
        }))
    }

    /// The object, or why it cannot be read.
    ///
    /// # Errors
    /// What the deserializer said, where the stored object does not fit this operator's types.
    pub fn readable(&self) -> Result<&Arc<K>, &str> {
        self.0.as_ref().map_err(|invalid| invalid.error.as_str())
    }
}

impl<'de, K: Kind> Deserialize<'de> for Seen<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let DeserializeGuard(object) = DeserializeGuard::<K>::deserialize(deserializer)?;
        Ok(Self(object.map(Arc::new)))
    }
}

impl<K: Kind> Resource for Seen<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        match &self.0 {
            Ok(object) => object.meta(),
            Err(invalid) => &invalid.metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => Arc::make_mut(object).meta_mut(),
            Err(invalid) => &mut invalid.metadata,
        }
    }
}
