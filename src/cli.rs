//! The command line of the one binary.

mod backup;
mod connect;
mod plan;
mod span;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::{backup::BackupCommand, plan::PlanArgs};
use crate::{generate, governor::Share, iam, inventory::LONGEST, lease, operator};

/// Keeps, measures and proves the security promises of a hosting service on AWS EC2.
///
/// Engineers declare Tenant, AccessPolicy, BackupPolicy and Incident objects with kubectl or from Git; the
/// controller makes AWS match them and says in each status which published promises hold.
#[derive(Debug, Parser)]
#[command(
    name = "yagura",
    version,
    after_help = "As kubectl-yagura on the PATH it is a kubectl plugin: kubectl yagura …\n\nExit codes: 0 done, 1 failed, 2 \
                  the command line was wrong. `backup now --wait` and `plan` have their own; see \
                  their help."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator: reconcile the objects of a cluster with AWS until it is told to stop.
    ///
    /// Kubernetes is found by KUBECONFIG, ~/.kube/config or the pod's service account; AWS by the usual
    /// environment (AWS_REGION, AWS_PROFILE, web identity, AWS_ENDPOINT_URL and so on).
    Controller(Box<ControllerArgs>),
    /// Back environments up by hand (backups.yagura.dev).
    Backup {
        #[command(subcommand)]
        command: BackupCommand,
    },
    /// Show what would change in AWS if manifests were applied, and change nothing.
    ///
    /// Plans every Tenant by the operator's own planner, from your manifests laid over what the cluster holds and from
    /// what AWS holds now. It reads as you: the cluster by your kubeconfig, AWS by your credentials. Calls that would
    /// change something are only asked about, by DryRuns.
    Plan(Box<PlanArgs>),
    /// Print the custom resource definitions as YAML, for kubectl apply --server-side -f -.
    Crds,
    /// Print the IAM policy that one installation needs, as JSON.
    ///
    /// Give it to the operator's own identity. A role in another account needs the same without --role-arns.
    IamPolicy(IamPolicyArgs),
    /// Write every file that is made from the code.
    #[command(hide = true)]
    Generate {
        /// The root of the repository, or an empty folder.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
struct IamPolicyArgs {
    /// The name of the installation, as the controller is given it.
    #[arg(long, env = "YAGURA_CLUSTER_ID", value_name = "ID", value_parser = cluster_id)]
    cluster_id: String,
    /// The roles in other accounts that TenantClasses name.
    #[arg(long, value_name = "ARN", value_delimiter = ',', num_args = 1.., value_parser = role_arn)]
    role_arns: Vec<String>,
    /// The roles that AWS Backup works as in this account, as TenantClasses name them.
    #[arg(long, value_name = "ARN", value_delimiter = ',', num_args = 1.., value_parser = role_arn)]
    backup_role_arns: Vec<String>,
    /// Print the policy that adopting instances needs besides, in place of the operator's own.
    #[arg(long, conflicts_with_all = ["role_arns", "backup_role_arns"])]
    adoption: bool,
}

#[derive(Debug, Args)]
struct ControllerArgs {
    /// The name of this installation, on every AWS resource it makes. Never reuse one in the same AWS account.
    #[arg(long, env = "YAGURA_CLUSTER_ID", value_name = "ID", value_parser = cluster_id)]
    cluster_id: String,
    /// How often everything we own in AWS is listed.
    #[arg(long, default_value = "30s", value_name = "SPAN", value_parser = period)]
    inventory_period: Duration,
    /// The part of the account's AWS rate limits that the operator takes, above 0 and at most 1. What is left is
    /// for people and other tools in the same account.
    #[arg(long, env = "YAGURA_AWS_SHARE", default_value_t, value_name = "PART")]
    aws_share: Share,
    /// Where /metrics, /healthz and /readyz are served.
    #[arg(long, default_value = "0.0.0.0:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The namespace this operator runs in, where its Lease is.
    #[arg(
        long,
        env = "POD_NAMESPACE",
        default_value = "yagura-system",
        value_name = "NAME"
    )]
    namespace: String,
    /// What this process is called in the Lease; a restarted process of the same name goes on at once.
    /// [default: the host's name]
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    identity: Option<String>,
    /// How log lines look.
    #[arg(long, default_value = "human", value_name = "FORMAT")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    /// For reading.
    Human,
    /// One JSON object a line.
    Json,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Controller(args) => controller(*args),
        Command::Backup { command } => return backup::run(command),
        Command::Plan(args) => return plan::run(&args),
        Command::Crds => print_crds(),
        Command::IamPolicy(args) => print_iam_policy(&args),
        Command::Generate { dir } => generate::write(&dir).map_err(|error| chain(&error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(&message);
            ExitCode::FAILURE
        }
    }
}

fn controller(args: ControllerArgs) -> Result<(), String> {
    log_as(args.log_format);
    let options = operator::Options {
        cluster_id: args.cluster_id.as_str().into(),
        inventory_period: args.inventory_period,
        aws_share: args.aws_share,
        listen: args.listen,
        namespace: args.namespace,
        identity: args.identity.unwrap_or_else(lease::default_identity),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    runtime
        .block_on(operator::run(options))
        .map_err(|error| chain(&error))
}

fn log_as(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Human => logs.init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
}

#[expect(clippy::print_stdout, reason = "the command's whole purpose")]
fn print_crds() -> Result<(), String> {
    for file in generate::crds().map_err(|error| chain(&error))? {
        print!("---\n{}", file.text);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's whole purpose")]
fn print_iam_policy(args: &IamPolicyArgs) -> Result<(), String> {
    let roles = iam::Roles {
        accounts: args.role_arns.clone(),
        backup: args.backup_role_arns.clone(),
    };
    let policy = if args.adoption {
        iam::adoption_policy(&args.cluster_id)
    } else {
        iam::policy(&args.cluster_id, &roles)
    };
    let text = serde_json::to_string_pretty(&policy).map_err(|error| chain(&error))?;
    println!("{text}");
    Ok(())
}

#[expect(clippy::print_stderr, reason = "this is where a failed command says why")]
fn complain(message: &str) {
    eprintln!("yagura: {message}");
}

#[expect(clippy::print_stdout, reason = "what a command was asked for")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "how it goes, beside what was asked for")]
fn tell(line: &str) {
    eprintln!("{line}");
}

/// An error with its causes, outermost first.
fn chain(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Some errors repeat their cause in their own words.
        if !message.contains(&inner_text) {
            message = format!("{message}: {inner_text}");
        }
        cause = inner.source();
    }
    message
}

fn period(text: &str) -> Result<Duration, String> {
    let span = span::parse(text)?;
    if span < Duration::from_secs(1) {
        return Err("at least 1s: faster listing only uses up AWS's rate limit".to_owned());
    }
    if span > LONGEST {
        return Err(format!(
            "at most {}s: what is known of AWS counts for five minutes, in which one listing may fail",
            LONGEST.as_secs()
        ));
    }
    Ok(span)
}

fn cluster_id(text: &str) -> Result<String, String> {
    let fits = (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("1 to 32 lower-case letters, digits and inner hyphens".to_owned())
    }
}

fn role_arn(text: &str) -> Result<String, String> {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let fits = match parts.as_slice() {
        ["arn", partition, "iam", "", account, role] => {
            partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && role.strip_prefix("role/").is_some_and(|name| !name.is_empty())
        }
        _ => false,
    };
    if fits && !text.contains(['*', '?']) {
        Ok(text.to_owned())
    } else {
        Err("a role's ARN without wildcards, such as arn:aws:iam::444455556666:role/yagura".to_owned())
    }
}

#[cfg(test)]
mod tests;
