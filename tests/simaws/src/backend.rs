//! Doing what a request asks; no faults and no log here.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Options;
use crate::answer::{invalid_action, request_id, respond, unauthorized};
use crate::clock::earlier;
use crate::draw::{Draws, part_of};
use crate::log::Call;
use crate::ops::{self, Caller, Context, Operation};
use crate::protocol::{ApiError, Content, Lag, Request, Service, wildcard};
use crate::state::{Region, World};

/// A call that is not permitted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Denial {
    /// `RunInstances`, `ec2:RunInstances` or a pattern with `*`.
    pub(crate) action: String,
    /// Only this access key; absent: everyone.
    #[serde(default)]
    pub(crate) access_key: Option<String>,
}

/// Everything that answers a request.
pub(crate) struct Backend {
    /// As at the start, but for what a test has changed since.
    pub(crate) options: Options,
    pub(crate) world: World,
    pub(crate) denials: Vec<Denial>,
    read_lags: Draws,
}

/// What is special about the way a call is carried out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    /// What it makes fails later, a launch for the reason with this code.
    pub(crate) doomed: Option<String>,
    /// It reads the state so many changes ago.
    pub(crate) versions: Option<usize>,
    /// Somebody else does it: nothing forbids it.
    pub(crate) by_others: bool,
    /// Its answer gives this token for the next page.
    pub(crate) next_token: Option<String>,
}

/// What the execution of a request gave.
pub(crate) struct Executed {
    pub(crate) response: http::Response<Bytes>,
    pub(crate) code: String,
    pub(crate) effect: bool,
    pub(crate) replayed: bool,
    /// Whether the answer is not the one that the present state gives.
    pub(crate) untrue: bool,
}

impl Executed {
    /// Writes it into the log's entry.
    pub(crate) fn note(&self, call: &mut Call) {
        call.code.clone_from(&self.code);
        call.status = self.response.status().as_u16();
        call.effect = self.effect;
        call.replayed = self.replayed;
    }
}

impl Backend {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            world: World::new(options.seed),
            denials: Vec::new(),
            read_lags: Draws::new(options.seed, "read lag"),
            options,
        }
    }

    /// The truth about a region, the default one where none is named.
    pub(crate) fn state(&mut self, account: Option<&str>, region: Option<&str>) -> serde_json::Value {
        // The state holds only maps with text keys, which JSON takes all.
        serde_json::to_value(self.present(account, region)).unwrap_or_default()
    }

    /// One kind of things of it.
    pub(crate) fn resources(
        &mut self,
        kind: &str,
        account: Option<&str>,
        region: Option<&str>,
    ) -> Option<serde_json::Value> {
        self.present(account, region).part(kind)
    }

    /// A place as it is now: account and region, without them the default ones.
    pub(crate) fn present_at(&mut self, place: Option<(&str, &str)>) -> &mut Region {
        let (account, region) = place.unzip();
        self.present(account, region)
    }

    fn present(&mut self, account: Option<&str>, region: Option<&str>) -> &mut Region {
        let options = &self.options;
        let now = options.clock.now();
        let account = account.unwrap_or(&options.account);
        let region = self.world.region(account, region.unwrap_or(&options.region), now);
        region.settle(now, &options.timings);
        region
    }

    /// The account a request acts in.
    pub(crate) fn account(&self, request: &Request) -> String {
        match &request.access_key {
            Some(key) if key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit()) => key.clone(),
            Some(key) => match self.world.sessions.get(key) {
                Some(session) => session.account.clone(),
                None => self.options.account.clone(),
            },
            None => self.options.account.clone(),
        }
    }

    /// The region a request acts in.
    pub(crate) fn region_name<'a>(&'a self, request: &'a Request) -> &'a str {
        request.region.as_deref().unwrap_or(&self.options.region)
    }

    /// Does what the request asks and writes the answer.
    pub(crate) fn execute(&mut self, request: &Request, call: u64, manner: &Manner) -> Executed {
        let (answer, done) = match self.refusal(request, manner.by_others) {
            Some(error) => (Err(error), Done::default()),
            None => match (request.service, ops::operation(request.service, &request.action)) {
                (Service::Sts, _) => (self.run_sts(request), Done::default()),
                (_, None) => (Err(invalid_action(request)), Done::default()),
                (_, Some(operation)) if is_dry_run(request) => {
                    let answer = self.attempt(request, operation, manner);
                    (Err(ops::dry_run(answer)), Done::default())
                }
                (_, Some(operation)) => match (self.run(request, operation, manner), &manner.next_token) {
                    ((Ok(content), done), Some(token)) => {
                        let content = content.with_next_token(token);
                        let untrue = true;
                        (Ok(content), Done { untrue, ..done })
                    }
                    (other, _) => other,
                },
            },
        };
        let id = request_id(call);
        let code = answer
            .as_ref()
            .err()
            .map_or("OK".to_owned(), |error| error.code.to_string());
        let response = match answer {
            Ok(content) => respond(request.service, Ok(()), content.document(request, &id), &id),
            Err(error) => respond(
                request.service,
                Err(&error),
                error.document(request.service, &id),
                &id,
            ),
        };
        Executed {
            response,
            code,
            effect: done.effect,
            replayed: done.replayed,
            untrue: done.untrue,
        }
    }

    /// Why a request is not even looked at, if so.
    fn refusal(&self, request: &Request, by_others: bool) -> Option<ApiError> {
        if request.service == Service::Other {
            return Some(ApiError::new("UnknownService", "This service is not simulated.").with_status(404));
        }
        if request.action.is_empty() {
            return Some(ApiError::new(
                "MissingAction",
                "The request must contain the parameter Action",
            ));
        }
        ops::check_credentials(&self.world, request, self.options.clock.now())
            .err()
            .or_else(|| (!by_others && is_denied(&self.denials, request)).then(|| unauthorized(request)))
    }

    fn run_sts(&mut self, request: &Request) -> Result<Content, ApiError> {
        let caller = Caller {
            account: self.account(request),
            access_key: request.access_key.clone(),
            now: self.options.clock.now(),
        };
        ops::sts(&mut self.world, &caller, &request.action, &request.params)
            .unwrap_or_else(|| Err(invalid_action(request)))
            .map(Content::Xml)
    }

    /// Runs an operation on a copy of its region, so that nothing it does can stay.
    fn attempt(
        &mut self,
        request: &Request,
        operation: Operation,
        manner: &Manner,
    ) -> Result<Content, ApiError> {
        let place = (self.account(request), self.region_name(request).to_owned());
        let now = self.options.clock.now();
        let region = self.world.region(&place.0, &place.1, now);
        region.settle(now, &self.options.timings);
        let mut copy = region.clone();
        let what = (request, operation);
        run_in((&mut copy, &mut self.world), &self.options, what, manner).answer
    }

    fn run(
        &mut self,
        request: &Request,
        operation: Operation,
        manner: &Manner,
    ) -> (Result<Content, ApiError>, Done) {
        let place = (self.account(request), self.region_name(request).to_owned());
        let now = self.options.clock.now();
        let past = match operation.mutates {
            true => None,
            false => self.past(&place, now, manner.versions),
        };
        let keeps = operation.mutates && (self.options.history > 0 || !self.options.read_lag.is_zero());
        let what = (request, operation);
        // Out of the world while it is worked in, so that the operation can look at all others.
        let mut region = self.world.take(&place.0, &place.1, now);
        region.settle(now, &self.options.timings);
        let before = keeps.then(|| region.clone());
        let ran = run_in((&mut region, &mut self.world), &self.options, what, manner);
        self.world.give_back(region);
        if let Some(mut past) = past {
            let told = run_in((&mut past, &mut self.world), &self.options, what, manner).answer;
            let untrue = told != ran.answer;
            return (
                told,
                Done {
                    untrue,
                    ..Done::default()
                },
            );
        }
        let effect = operation.mutates && ran.answer.is_ok() && !ran.replayed && !ran.ignored;
        if let Some(before) = before.filter(|_| effect) {
            let since = earlier(now, self.options.read_lag);
            let bounds = (self.options.history, since);
            self.world.history(&place.0, &place.1).keep(before, now, bounds);
        }
        let done = Done {
            effect,
            replayed: ran.replayed,
            untrue: ran.ignored,
        };
        (ran.answer, done)
    }

    /// The state that a read is to answer from when it is not the present one.
    fn past(
        &mut self,
        (account, region): &(String, String),
        now: Timestamp,
        versions: Option<usize>,
    ) -> Option<Region> {
        let Options {
            read_lag, timings, ..
        } = &self.options;
        let history = self.world.history(account, region);
        if let Some(versions) = versions {
            return history.back(versions).cloned();
        }
        if read_lag.is_zero() {
            return None;
        }
        let time = earlier(now, part_of(*read_lag, self.read_lags.next()));
        let mut past = history.at(time)?.clone();
        past.settle(time, timings);
        Some(past)
    }
}

/// What running an operation gave.
struct Ran {
    answer: Result<Content, ApiError>,
    replayed: bool,
    ignored: bool,
}

/// Runs an operation in a region.
fn run_in(
    (region, elsewhere): (&mut Region, &mut World),
    options: &Options,
    (request, operation): (&Request, Operation),
    manner: &Manner,
) -> Ran {
    let mut ctx = Context {
        region,
        elsewhere,
        timings: &options.timings,
        lag: Lag {
            least: options.describe_lag,
            spread: options.describe_lag_spread,
            seed: options.seed,
        },
        group_quota: options.security_groups_per_region,
        doomed: manner.doomed.clone(),
        replayed: false,
        ignored: false,
    };
    let answer = operation.answer(&mut ctx, &request.params);
    Ran {
        answer,
        replayed: ctx.replayed,
        ignored: ctx.ignored,
    }
}

/// What an operation did.
#[derive(Default)]
struct Done {
    effect: bool,
    replayed: bool,
    untrue: bool,
}

/// Whether a request only asks whether it would be permitted, of a service that takes such questions.
pub(crate) fn is_dry_run(request: &Request) -> bool {
    let takes_them = request.service != Service::Backup;
    let asked = request
        .params
        .get("DryRun")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    takes_them && asked
}

fn is_denied(denials: &[Denial], request: &Request) -> bool {
    denials.iter().any(|denial| {
        let prefix = format!("{}:", request.service.name());
        let action = denial.action.strip_prefix(&prefix).unwrap_or(&denial.action);
        wildcard(action, &request.action)
            && denial
                .access_key
                .as_ref()
                .is_none_or(|key| Some(key) == request.access_key.as_ref())
    })
}
