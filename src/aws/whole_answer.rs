//! Refuses answers that were cut short.

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::AfterDeserializationInterceptorContextRef, dyn_dispatch_hint},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

/// How every successful answer of AWS's query protocols ends, EC2's and STS's alike.
const END: &[u8] = b"Response>";

/// The SDK parses the first half of an answer as if it were whole: of a listing, the rest would look absent.
#[derive(Debug)]
pub(super) struct WholeAnswer;

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
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let cut = response
            .body()
            .bytes()
            .is_some_and(|body| !body.trim_ascii_end().ends_with(END));
        // A cut error answer is unreadable anyway, and its status says what matters.
        if response.status().is_success() && cut {
            return Err(CutShort.into());
        }
        Ok(())
    }
}
