//! A simulated AWS on a loopback port.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use simaws::{Clock, Options, Sim};

/// A simulated AWS: EC2 and STS.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:5000")]
    listen: SocketAddr,
    /// Ids follow from it.
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
    /// How many seconds Describe does not show what was made.
    #[arg(long, default_value_t = 0.0)]
    describe_lag: f64,
    /// How many security groups a region takes.
    #[arg(long, default_value_t = 2500)]
    security_groups_per_region: usize,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let sim = Sim::new(Options {
        seed: arguments.seed,
        clock: if arguments.manual_clock {
            Clock::manual()
        } else {
            Clock::Wall
        },
        account: arguments.account,
        region: arguments.region,
        describe_lag: Duration::try_from_secs_f64(arguments.describe_lag)?,
        security_groups_per_region: arguments.security_groups_per_region,
        ..Options::default()
    });
    let mut server = sim.serve(arguments.listen).await?;
    announce(&server.url());
    tokio::select! {
        () = server.ended() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "whoever started the process reads the port from this line"
)]
fn announce(url: &str) {
    println!("simaws listening on {url}");
}
