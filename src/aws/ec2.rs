//! One account and region: the client, and what every call to it has in common.

use std::{
    collections::{BTreeSet, HashMap},
    error::Error,
    future::Future,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use aws_sdk_ec2::{Client, types::Filter};
use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{
    convert::Unreadable,
    error::{cloud_error, is_rate_limit},
    launch::ImageVolumes,
};
use crate::{
    api::names::tags,
    cloud::{CloudError, ClusterId, ImageId, Lane, Listed, Operation, PaceApi, Region},
    governor::Governor,
};

/// Told of every call and its outcome: `ok`, `dry_run` for a call that was permitted and not made, or the kind of its
/// failure.
pub type CallObserver = Arc<dyn Fn(Operation, &'static str) + Send + Sync>;

/// What every call to one account and region has in common.
#[derive(Clone)]
pub(super) struct Calls {
    pub(super) observer: CallObserver,
    /// `None` where calls are not paced.
    pub(super) governor: Option<Arc<Governor>>,
}

impl Calls {
    /// Waits until the call may be made and then for its answer, counts it and says what a failure means.
    /// `answer` sends nothing before it is polled.
    pub(super) async fn call<T, E>(
        &self,
        operation: Operation,
        lane: Lane,
        answer: impl Future<Output = Result<T, SdkError<E, Response>>>,
    ) -> Result<T, CloudError>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        self.count(operation, lane, ("ok", answer)).await
    }

    /// As [`Calls::call`], with the word that a success is counted by.
    async fn count<T, E>(
        &self,
        operation: Operation,
        lane: Lane,
        (success, answer): (
            &'static str,
            impl Future<Output = Result<T, SdkError<E, Response>>>,
        ),
    ) -> Result<T, CloudError>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let Some(governor) = &self.governor {
            // One instance at a time is all that we ever launch.
            governor.admit(operation, lane, 1).await?;
        }
        let result = answer.await.map_err(|error| cloud_error(operation, &error));
        if let Err(error) = &result {
            if error.operation != operation {
                // The account could not be entered: this call was not sent.
                return result;
            }
            if let Some(governor) = self.governor.as_ref().filter(|_| is_rate_limit(error)) {
                governor.throttled(operation);
            }
        }
        let outcome = result
            .as_ref()
            .map_or_else(|error| error.kind.as_str(), |_| success);
        (self.observer)(operation, outcome);
        result
    }
}

/// The door to one site, for the work of one lane.
#[derive(Clone)]
pub(super) struct Ec2 {
    pub(super) client: Client,
    /// AWS Backup of the same account and region.
    pub(super) backup: aws_sdk_backup::Client,
    /// What launches need to know of images, which never changes.
    pub(super) images: Arc<Mutex<HashMap<ImageId, Arc<ImageVolumes>>>>,
    cluster: ClusterId,
    pub(super) region: Region,
    calls: Calls,
    lane: Lane,
}

impl Ec2 {
    pub(super) fn new(
        (client, backup): (Client, aws_sdk_backup::Client),
        cluster: ClusterId,
        region: Region,
        calls: Calls,
    ) -> Self {
        Self {
            client,
            backup,
            images: Arc::default(),
            cluster,
            region,
            calls,
            lane: Lane::Drift,
        }
    }

    /// The same door for the work of another lane.
    pub(super) fn for_lane(&self, lane: Lane) -> Self {
        Self { lane, ..self.clone() }
    }

    /// Picks out what carries our cluster tag.
    pub(super) fn ours(&self) -> Filter {
        tag_filter(tags::CLUSTER, self.cluster.as_str())
    }

    /// Waits for the answer of one call, counts it and says what a failure means.
    pub(super) async fn call<T, E>(
        &self,
        operation: Operation,
        answer: impl Future<Output = Result<T, SdkError<E, Response>>>,
    ) -> Result<T, CloudError>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        self.calls.call(operation, self.lane, answer).await
    }

    /// As [`Ec2::call`], for a call with DryRun set.
    pub(super) async fn dry_run<T, E>(
        &self,
        operation: Operation,
        answer: impl Future<Output = Result<T, SdkError<E, Response>>>,
    ) -> Result<T, CloudError>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        self.calls.count(operation, self.lane, ("dry_run", answer)).await
    }
}

#[async_trait]
impl PaceApi for Ec2 {
    async fn book_calls(&self, operation: Operation, calls: u32) -> Result<(), CloudError> {
        match &self.calls.governor {
            Some(governor) => governor.book(operation, self.lane, calls),
            None => Ok(()),
        }
    }
}

/// A listing of more pages than this does not end: AWS's quotas allow a twentieth of what it would hold.
const MOST_PAGES: u32 = 2000;

/// A part of a listing, and where the next one starts.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}

/// All pages of a listing, or an error.
///
/// The SDK's own paginator ends quietly when AWS repeats a token: what is left out would look absent.
pub(super) async fn all_pages<T, F>(
    operation: Operation,
    mut page: impl FnMut(Option<String>) -> F,
) -> Result<Listed<T>, CloudError>
where
    F: Future<Output = Result<Page<T>, CloudError>>,
{
    let mut items = Vec::new();
    let mut pages = 0;
    let mut seen = BTreeSet::new();
    let mut start = None;
    loop {
        let Page { items: more, next } = page(start).await?;
        items.extend(more);
        pages += 1;
        // Some of AWS's services end a listing with an empty token.
        let Some(next) = next.filter(|next| !next.is_empty()) else {
            return Ok(Listed { items, pages });
        };
        if !seen.insert(next.clone()) {
            return Err(Unreadable::new("a listing does not end: AWS repeats its NextToken").of(operation));
        }
        if pages == MOST_PAGES {
            let endless = format!("a listing does not end: AWS has more than {MOST_PAGES} pages of it");
            return Err(Unreadable::new(endless).of(operation));
        }
        start = Some(next);
    }
}

/// Picks out what has exactly this value.
pub(super) fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(literal(value)).build()
}

/// Picks out what carries exactly this tag.
pub(super) fn tag_filter(key: &str, value: &str) -> Filter {
    filter(&format!("tag:{key}"), value)
}

/// In a filter `*` and `?` stand for anything; what a user wrote stands for itself.
fn literal(value: &str) -> String {
    let mut literal = String::with_capacity(value.len());
    for char in value.chars() {
        if matches!(char, '*' | '?' | '\\') {
            literal.push('\\');
        }
        literal.push(char);
    }
    literal
}

#[cfg(test)]
mod tests;
