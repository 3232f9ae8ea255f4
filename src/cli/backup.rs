//! `yagura backup now`: asks for a Backup of one Tenant, as the calling user, and follows it to its end.
//!
//! It writes one object and nothing else; the operator takes the backup. Deliberately absent: any call to AWS, and
//! any right of the operator's. What the user may not do is refused by the API server, and said in its words.

mod show;

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use futures::{FutureExt, StreamExt, pin_mut, select};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PostParams},
    core::Status,
    runtime::{
        WatchStreamExt,
        watcher::{self, watch_object},
    },
};

use super::{
    chain, complain,
    connect::{ANSWER_WITHIN, BadConfig, config_of},
    say, span, tell,
};
use crate::{
    api::{Backup, BackupPhase, BackupSpec, Tenant},
    clock::{Clock, SystemClock},
};

use show::{Progress, created, has_come_to, json};

/// How many times another name is tried where one is taken: of 27^6 names a second clash is no accident.
const NAMES: usize = 3;

/// What a name's end is made of: no vowels, so that it spells nothing, and nothing that reads like another letter.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// How long a name's end is.
const SUFFIX: usize = 6;

/// Work with backups.yagura.dev.
#[derive(Debug, Subcommand)]
pub(super) enum BackupCommand {
    /// Back one Tenant up now, beside its schedule: before an upgrade, say.
    ///
    /// Writes one Backup (backups.yagura.dev) as you, by your kubeconfig; the operator then takes it by the methods
    /// that are in force for the Tenant. It is kept and locked like a scheduled one, counts for the day on which it
    /// begins, and expires with that day.
    #[command(after_help = EXAMPLES)]
    Now(NowArgs),
}

const EXAMPLES: &str = "\
Examples:
  # Before an upgrade: go on only when the backup is whole.
  yagura backup now acme-jira -n acme --reason \"before upgrade to 9.12.5\" --wait

  # For a script: the finished object as JSON.
  yagura backup now acme-jira -n acme --reason nightly-test --wait --timeout 2h -o json

  # What there is.
  kubectl get backups.yagura.dev -n acme

As kubectl-yagura on the PATH it is a kubectl plugin: kubectl yagura backup now …

Exit codes: 0 asked for (with --wait: Complete), 1 it could not be asked for or did not end in time, 2 it ended
Failed, Partial, Missed or Expired, or the command line was wrong.";

/// What `backup now` is told.
#[derive(Debug, Args)]
pub(super) struct NowArgs {
    /// The Tenant to back up.
    #[arg(value_name = "TENANT", value_parser = name)]
    tenant: String,
    /// Its namespace. [default: the one of your kubeconfig's context]
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// Why, for whoever looks at the backups later.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// Follow it until it ended, and tell how it goes.
    #[arg(long)]
    wait: bool,
    /// How long to wait; the backup goes on all the same.
    #[arg(long, value_name = "SPAN", default_value = "6h", value_parser = span_of_wait, requires = "wait")]
    timeout: Duration,
    /// The context of your kubeconfig. [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// What to print instead of lines for people.
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The object; progress goes to standard error.
    Json,
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
enum NowError {
    #[error("finding the cluster: set KUBECONFIG, or give --context one of your kubeconfig")]
    NoCluster(#[source] BadConfig),
    #[error("asking the API server at {url}")]
    NoAnswer {
        url: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("the API server at {url} did not answer within {} s", ANSWER_WITHIN.as_secs())]
    Silent { url: String },
    #[error("you may not {verb} {resource}.yagura.dev in namespace {namespace}: {message}")]
    Forbidden {
        verb: &'static str,
        resource: &'static str,
        namespace: String,
        message: String,
    },
    #[error("the API server refuses to {verb} {resource}.yagura.dev in namespace {namespace}: {message}")]
    Refused {
        verb: &'static str,
        resource: &'static str,
        namespace: String,
        message: String,
    },
    #[error("this cluster has no {0}.yagura.dev: Yagura's CRDs are not installed (yagura crds prints them)")]
    NoKind(&'static str),
    #[error("there is no Tenant {tenant} in namespace {namespace}; {there_are}")]
    NoTenant {
        tenant: String,
        namespace: String,
        there_are: String,
    },
    #[error("Tenant {0} is being deleted")]
    Deleting(String),
    #[error("{0} did not end within the time given ({1}); it goes on: kubectl get backups.yagura.dev {0} -w")]
    OutOfTime(String, String),
    #[error("{0} was deleted while it was waited for")]
    Gone(String),
    #[error("writing JSON")]
    Json(#[from] serde_json::Error),
}

/// Runs a command, and says with which code to exit.
pub(super) fn run(command: BackupCommand) -> ExitCode {
    let BackupCommand::Now(args) = command;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(now(&args)) {
        Ok(phase) => exit_code(phase),
        Err(error) => {
            complain(&chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Asks for the backup; gives the phase it ended in, if that was waited for.
async fn now(args: &NowArgs) -> Result<Option<BackupPhase>, NowError> {
    let door = Door::open(args).await?;
    door.find_tenant(&args.tenant).await?;
    let backup = door.create(args).await?;
    let is_json = args.output == Some(Output::Json);
    if !args.wait {
        say(&if is_json { json(&backup)? } else { created(&backup) });
        return Ok(None);
    }
    // For people both are one story; a pipe gets the object alone.
    tell(&created(&backup));
    let ended = door.follow(&backup, args.timeout).await?;
    say(&if is_json {
        json(&ended)?
    } else {
        has_come_to(&ended)
    });
    Ok(ended.phase())
}

fn exit_code(phase: Option<BackupPhase>) -> ExitCode {
    match phase {
        None | Some(BackupPhase::Complete) => ExitCode::SUCCESS,
        Some(_) => ExitCode::from(2),
    }
}

/// The cluster, as the user sees it.
struct Door {
    client: Client,
    url: String,
    namespace: String,
}

impl Door {
    async fn open(args: &NowArgs) -> Result<Self, NowError> {
        let config = config_of(args.context.as_deref()).await;
        let config = config.map_err(NowError::NoCluster)?;
        let namespace = args
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        let url = config.cluster_url.to_string();
        let client = Client::try_from(config).map_err(|error| NowError::NoCluster(error.into()))?;
        Ok(Self {
            client,
            url,
            namespace,
        })
    }

    /// Makes sure that there is such a Tenant: the operator would only say so in a status.
    async fn find_tenant(&self, name: &str) -> Result<(), NowError> {
        let tenants = Api::<Tenant>::namespaced(self.client.clone(), &self.namespace);
        let found = self.answer(tenants.get_metadata_opt(name)).await?;
        match found.map_err(|error| self.told(error, "get", "tenants"))? {
            Some(tenant) if tenant.metadata.deletion_timestamp.is_some() => {
                Err(NowError::Deleting(name.to_owned()))
            }
            Some(_) => Ok(()),
            None => {
                let listed = self.answer(tenants.list_metadata(&ListParams::default())).await?;
                let names = match listed {
                    Ok(all) => Some(all.items.iter().map(ResourceExt::name_any).collect()),
                    // The kind itself is missing, and not the object.
                    Err(kube::Error::Api(status)) if status.code == 404 => {
                        return Err(NowError::NoKind("tenants"));
                    }
                    Err(_) => None,
                };
                Err(NowError::NoTenant {
                    tenant: name.to_owned(),
                    namespace: self.namespace.clone(),
                    there_are: there_are(names),
                })
            }
        }
    }

    async fn create(&self, args: &NowArgs) -> Result<Backup, NowError> {
        let backups = Api::<Backup>::namespaced(self.client.clone(), &self.namespace);
        let mut tried = 0;
        loop {
            let backup = asked_for(&args.tenant, &args.reason, &suffix());
            let made = self
                .answer(backups.create(&PostParams::default(), &backup))
                .await?;
            tried += 1;
            match made {
                Err(kube::Error::Api(status)) if status.is_already_exists() && tried < NAMES => {}
                made => return made.map_err(|error| self.told(error, "create", "backups")),
            }
        }
    }

    /// Waits for the end, and tells each change on the way there.
    async fn follow(&self, backup: &Backup, limit: Duration) -> Result<Backup, NowError> {
        let name = backup.name_any();
        let backups = Api::<Backup>::namespaced(self.client.clone(), &self.namespace);
        // Backing off, or a server that is gone for a moment would be asked without a pause.
        let seen = watch_object(backups, &name).default_backoff().fuse();
        let mut out_of_time = SystemClock.after(limit).fuse();
        pin_mut!(seen);
        let mut progress = Progress::default();
        loop {
            let next = select! {
                next = seen.next() => next,
                () = out_of_time => {
                    let limit = format!("{} s", limit.as_secs());
                    return Err(NowError::OutOfTime(name, limit));
                }
            };
            match next {
                Some(Ok(Some(backup))) => {
                    if let Some(line) = progress.of(&backup) {
                        tell(&line);
                    }
                    if backup.has_ended() {
                        return Ok(backup);
                    }
                }
                Some(Err(error)) => self.is_passing(error)?,
                None | Some(Ok(None)) => return Err(NowError::Gone(name)),
            }
        }
    }

    /// A watch begins again by itself; what no time cures ends the wait.
    fn is_passing(&self, error: watcher::Error) -> Result<(), NowError> {
        let refusal = |source: Box<Status>| self.told(kube::Error::Api(source), "watch", "backups");
        match error {
            watcher::Error::InitialListFailed(kube::Error::Api(status))
            | watcher::Error::WatchStartFailed(kube::Error::Api(status))
                if matches!(status.code, 401 | 403 | 404) =>
            {
                Err(refusal(status))
            }
            _ => Ok(()),
        }
    }

    /// What the API server answers, if it does.
    async fn answer<T>(
        &self,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<kube::Result<T>, NowError> {
        let mut silent = SystemClock.after(ANSWER_WITHIN).fuse();
        let call = call.fuse();
        pin_mut!(call);
        select! {
            answer = call => Ok(answer),
            () = silent => Err(NowError::Silent { url: self.url.clone() }),
        }
    }

    /// A failure in the words of whoever typed the command.
    fn told(&self, error: kube::Error, verb: &'static str, resource: &'static str) -> NowError {
        let namespace = self.namespace.clone();
        match error {
            kube::Error::Api(status) if matches!(status.code, 401 | 403) => NowError::Forbidden {
                verb,
                resource,
                namespace,
                message: status.message.clone(),
            },
            // An object that is not there has details; a path that is not there has none.
            kube::Error::Api(status) if status.code == 404 && status.details.is_none() => {
                NowError::NoKind(resource)
            }
            kube::Error::Api(status) => NowError::Refused {
                verb,
                resource,
                namespace,
                message: status.message.clone(),
            },
            source => NowError::NoAnswer {
                url: self.url.clone(),
                source: Box::new(source),
            },
        }
    }
}

/// The object that is written.
fn asked_for(tenant: &str, reason: &str, suffix: &str) -> Backup {
    Backup::new(
        &format!("{tenant}-{suffix}"),
        BackupSpec {
            tenant_ref: tenant.to_owned(),
            reason: Some(reason.to_owned()),
            ..BackupSpec::default()
        },
    )
}

/// The end of a name. Twelve digits would read as a slot's, and six letters never do.
fn suffix() -> String {
    let letter = |_| ALPHABET.get(fastrand::usize(..ALPHABET.len())).copied();
    (0..SUFFIX).filter_map(letter).map(char::from).collect()
}

/// Which Tenants there are, for whoever mistyped one.
fn there_are(names: Option<BTreeSet<String>>) -> String {
    match names {
        None => "and you may not list the Tenants there".to_owned(),
        Some(names) if names.is_empty() => "it has none: is it the right namespace (-n)?".to_owned(),
        Some(names) => {
            let names: Vec<_> = names.into_iter().collect();
            format!("there are: {}", names.join(", "))
        }
    }
}

fn name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    if (1..=50).contains(&text.len()) && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("the name of a Tenant: up to 50 lower-case letters, digits, hyphens and dots".to_owned())
    }
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if (1..=500).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err("say why in 1 to 500 characters".to_owned())
    }
}

/// The longest wait: a run begins within half a day and takes no longer than another half.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

fn span_of_wait(text: &str) -> Result<Duration, String> {
    let span = span::parse(text)?;
    if (Duration::from_secs(1)..=LONGEST_WAIT).contains(&span) {
        Ok(span)
    } else {
        Err("from 1s to 24h".to_owned())
    }
}

#[cfg(test)]
mod tests;
