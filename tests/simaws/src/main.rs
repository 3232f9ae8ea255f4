//! A simulated AWS on a loopback port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use jiff::SignedDuration;
use simaws::{Clock, Limits, Options, Sim, Timings};

const TEACH: &str = "\
Point any AWS client at it; any credentials do:

  simaws --listen 127.0.0.1:5000
  AWS_ENDPOINT_URL=http://127.0.0.1:5000 aws ec2 describe-instances

An access key of twelve digits is that account, a key from AssumeRole the role's account, every other
the default one. Each region has a default VPC vpc-0123456789abcdef0, a subnet per zone, the first of
which is subnet-0123456789abcdef0, and an image ami-0123456789abcdef0.

What a test steers and reads is JSON under /_sim/ on the same port:

  curl localhost:5000/_sim/calls                          who asked what, and what came of it
  curl localhost:5000/_sim/counts                         calls by operation and code
  curl localhost:5000/_sim/state                          the truth about a region
  curl localhost:5000/_sim/limits                         what is left in the buckets
  curl -d '{\"operation\": \"RunInstances\", \"kind\": \"drop\"}' localhost:5000/_sim/faults
                                                          the next launch happens, its answer is lost
  curl -d '{\"limits\": \"aws\", \"readLag\": \"5s\"}' localhost:5000/_sim/settings
  curl -d '{\"advance\": \"1h\"}' localhost:5000/_sim/clock   with --manual-clock
  curl -X POST localhost:5000/_sim/reset                  as at the start

Kinds of faults: hold, drop, error, truncate, fail, throttle, unavailable, deny, staleRead,
endlessToken, duplicatePage, delay. All of it is described in tests/simaws/README.md.";

/// A simulated AWS: EC2, STS and AWS Backup, in memory, for tests and demonstrations.
#[derive(Parser)]
#[command(version, after_help = TEACH)]
struct Arguments {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:5000")]
    listen: SocketAddr,
    /// Ids, jitter and lags follow from it: same seed, same calls, same log.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Let the time stand still until POST /_sim/clock moves it.
    #[arg(long)]
    manual_clock: bool,
    /// The account of callers whose access key is not itself an account's number.
    #[arg(long, default_value = "111122223333")]
    account: String,
    /// The region of requests that name none.
    #[arg(long, default_value = "ap-northeast-1")]
    region: String,
    /// Refuse too many calls as AWS does by default, by account, region and action.
    #[arg(long, value_enum, default_value = "off")]
    limits: LimitsArgument,
    /// What part of the tokens that flow into every bucket another client takes, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = part)]
    other_client: f64,
    /// How long a request is on its way, and again its answer: a time, or LEAST..MOST (20ms..300ms).
    #[arg(long, default_value = "0s", value_parser = range)]
    latency: RangeInclusive<Duration>,
    /// For how many seconds Describe does not show what was made.
    #[arg(long, default_value_t = 0.0, value_parser = seconds)]
    describe_lag: f64,
    /// For how many seconds more at most, resource by resource.
    #[arg(long, default_value_t = 0.0, value_parser = seconds)]
    describe_lag_spread: f64,
    /// How many seconds old at most the state is that a read answers from, call by call.
    #[arg(long, default_value_t = 0.0, value_parser = seconds)]
    read_lag: f64,
    /// From a backup job's creation to its start: a time, or LEAST..MOST (0s..1h), job by job.
    #[arg(long, default_value = "2s", value_parser = range)]
    backup_start: RangeInclusive<Duration>,
    /// How many security groups a region takes.
    #[arg(long, default_value_t = 2500)]
    security_groups_per_region: usize,
    /// Check signatures against this key and secret, and those of AssumeRole's sessions; may be given
    /// several times. Without it any credentials do, and none.
    #[arg(long, value_name = "KEY=SECRET", value_parser = credential)]
    check_signatures: Vec<(String, String)>,
}

#[derive(Clone, Copy, ValueEnum)]
enum LimitsArgument {
    Off,
    Aws,
}

impl Arguments {
    fn options(self) -> Options {
        let credentials: BTreeMap<String, String> = self.check_signatures.into_iter().collect();
        Options {
            seed: self.seed,
            clock: if self.manual_clock {
                Clock::manual()
            } else {
                Clock::Wall
            },
            account: self.account,
            region: self.region,
            limits: match self.limits {
                LimitsArgument::Off => Limits::Off,
                LimitsArgument::Aws => Limits::Aws,
            },
            other_client: self.other_client,
            latency: self.latency,
            timings: Timings {
                backup_start: *self.backup_start.start(),
                backup_start_spread: *self.backup_start.end() - *self.backup_start.start(),
                ..Timings::default()
            },
            describe_lag: Duration::from_secs_f64(self.describe_lag),
            describe_lag_spread: Duration::from_secs_f64(self.describe_lag_spread),
            read_lag: Duration::from_secs_f64(self.read_lag),
            security_groups_per_region: self.security_groups_per_region,
            credentials: (!credentials.is_empty()).then_some(credentials),
            ..Options::default()
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let listen = arguments.listen;
    let sim = Sim::new(arguments.options());
    let mut server = sim.serve(listen).await?;
    announce(&server.url());
    tokio::select! {
        () = server.ended() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    Ok(())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(_) => Ok(seconds),
        Err(error) => Err(error.to_string()),
    }
}

fn part(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(part) if (0.0..=1.0).contains(&part) => Ok(part),
        _ => Err("not a number from 0 to 1".to_owned()),
    }
}

fn range(text: &str) -> Result<RangeInclusive<Duration>, String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let (least, most) = (duration(least)?, duration(most)?);
    if least > most {
        return Err("the least is more than the most".to_owned());
    }
    Ok(least..=most)
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(span).map_err(|_| "a duration cannot be negative".to_owned())
}

fn credential(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, secret)) if !key.is_empty() => Ok((key.to_owned(), secret.to_owned())),
        _ => Err("expected KEY=SECRET".to_owned()),
    }
}

#[expect(
    clippy::print_stdout,
    reason = "whoever started the process reads the port from this line"
)]
fn announce(url: &str) {
    println!("simaws listening on {url}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory, Parser};

    use super::{Arguments, range};

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_latency_is_a_time_or_a_range() {
        let millis = Duration::from_millis;
        assert_eq!(range("20ms..300ms"), Ok(millis(20)..=millis(300)));
        assert_eq!(range("1s"), Ok(millis(1000)..=millis(1000)));
        assert!(range("2s..1s").is_err());
        assert!(range("soon").is_err());
    }

    #[test]
    fn a_secret_may_contain_the_sign_that_sets_it_off() {
        let arguments = Arguments::parse_from(["simaws", "--check-signatures", "AKID=a=b"]);
        let options = arguments.options();
        assert_eq!(options.credentials.unwrap()["AKID"], "a=b");
    }

    #[test]
    fn parts_and_lags_that_cannot_be_are_refused() {
        for wrong in [
            ["--other-client", "1.5"],
            ["--describe-lag", "-1"],
            ["--limits", "some"],
        ] {
            let arguments = ["simaws"].into_iter().chain(wrong);
            assert!(Arguments::try_parse_from(arguments).is_err(), "{wrong:?}");
        }
    }
}
