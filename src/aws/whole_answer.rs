//! Refuses answers that were cut short.

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::AfterDeserializationInterceptorContextRef, dyn_dispatch_hint},
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

/// How every successful answer of AWS's query protocols ends, EC2's and STS's alike.
const END: &[u8] = b"Response>";

/// How every answer of AWS Backup ends that has a body: JSON.
const END_OF_JSON: &[u8] = b"}";

/// What AWS Backup answers to with nothing but a status.
const NO_BODY: &str = "DeleteRecoveryPoint";

/// The SDK parses the first half of an answer as if it were whole: of a listing, the rest would look absent. It reads
/// JSON that was cut with more care, but an empty body as an empty object.
#[derive(Clone, Copy, Debug)]
pub(super) enum WholeAnswer {
    /// Of a service that answers in XML.
    Xml,
    /// Of a service that answers in JSON.
    Json,
}

impl WholeAnswer {
    fn is_cut(self, operation: &str, body: &[u8]) -> bool {
        let body = body.trim_ascii_end();
        match self {
            Self::Xml => !body.ends_with(END),
            Self::Json if operation == NO_BODY && body.is_empty() => false,
            Self::Json => !body.ends_with(END_OF_JSON),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the answer was cut short")]
pub(super) struct CutShort;

#[dyn_dispatch_hint]
impl Intercept for WholeAnswer {
    fn name(&self) -> &'static str {
        "WholeAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let operation = config.load::<Metadata>().map_or("", Metadata::name);
        let cut = response
            .body()
            .bytes()
            .is_some_and(|body| self.is_cut(operation, body));
        // A cut error answer is unreadable anyway, and its status says what matters.
        if response.status().is_success() && cut {
            return Err(CutShort.into());
        }
        Ok(())
    }
}
