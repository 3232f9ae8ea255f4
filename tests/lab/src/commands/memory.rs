//! `lab memory`.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitCode, Stdio},
};

use clap::Args;
use lab::memory::{Measured, measure, stage::Stage};

/// What a process may hold beside its objects, in KiB.
const BASE: u64 = 30 * 1024;

/// What it may hold for each, in bytes.
const PER_OBJECT: u64 = 7 * 1024;

/// Measure what an operator holds resident of installations.
///
/// Each environment has a namespace, an AccessPolicy and a BackupPolicy of its own, five Backups, an instance with two
/// volumes, a group and ten snapshots. A process for each size is filled by the operator's own watches and listings
/// from servers in another process.
#[derive(Args)]
pub(crate) struct Memory {
    /// How many environments, one process each.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    tenants: Vec<usize>,
    /// Only serve so many environments, and say where.
    #[arg(long, hide = true)]
    serve: bool,
    /// Only measure this process, filled from these: AWS, then Kubernetes.
    #[arg(long, hide = true, num_args = 2)]
    fill_from: Vec<String>,
}

impl Memory {
    #[expect(clippy::print_stdout, reason = "the command's result")]
    pub(crate) fn run(self) -> ExitCode {
        let result = match (&self.fill_from[..], self.serve) {
            ([aws, kubernetes], _) => {
                fill(aws, kubernetes, self.tenants.first().copied().unwrap_or_default())
            }
            (_, true) => serve(self.tenants.first().copied().unwrap_or_default()),
            _ => self
                .tenants
                .iter()
                .try_fold(true, |is_good, tenants| Ok(is_good & in_processes(*tenants)?)),
        };
        match result {
            Ok(is_good) => ExitCode::from(u8::from(!is_good)),
            Err(error) => {
                println!("{error}");
                ExitCode::FAILURE
            }
        }
    }
}

/// A child that does not outlive us.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Fails only where it has ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn in_processes(tenants: usize) -> Result<bool, String> {
    let lab = env::current_exe().map_err(|error| error.to_string())?;
    let tenants = tenants.to_string();
    let mut serving = Command::new(&lab);
    serving.args(["memory", "--serve", "--tenants", &tenants]);
    serving.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut serving = Ended(serving.spawn().map_err(|error| error.to_string())?);
    let out = serving.0.stdout.take().ok_or("no output")?;
    let mut lines = BufReader::new(out).lines();
    let mut line = || match lines.next() {
        Some(Ok(line)) if line.starts_with("http://") => Ok(line),
        Some(Ok(line)) => Err(line),
        Some(Err(_)) | None => Err("the servers ended early".to_owned()),
    };
    let (aws, kubernetes) = (line()?, line()?);
    let mut filled = Command::new(&lab);
    filled.args(["memory", "--tenants", &tenants, "--fill-from", &aws, &kubernetes]);
    let status = filled.status().map_err(|error| error.to_string())?;
    Ok(status.success())
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build();
    runtime.map_err(|error| error.to_string())
}

/// Serves until its standard input ends.
#[expect(clippy::print_stdout, reason = "the command's result")]
fn serve(tenants: usize) -> Result<bool, String> {
    // Before there is a runtime: within one, tokio takes a whole run for one task that never lets others run.
    let stage = Stage::fill(tenants).map_err(|error| error.to_string())?;
    let runtime = runtime()?;
    let served = runtime.block_on(stage.serve());
    let served = served.map_err(|error| error.to_string())?;
    println!("{}\n{}", served.aws, served.kubernetes);
    let ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    ended.map(|_| true).map_err(|error| error.to_string())
}

#[expect(clippy::print_stdout, reason = "the command's result")]
fn fill(aws: &str, kubernetes: &str, tenants: usize) -> Result<bool, String> {
    let measured = runtime()?.block_on(measure(aws, kubernetes));
    let measured = measured.map_err(|error| error.to_string())?;
    println!("{tenants} Tenants                 objects  resident    grew by  per object");
    println!(
        "  empty                               {:>7.1} MiB",
        mib(measured.empty)
    );
    let mut before = measured.empty;
    for part in &measured.parts {
        let grown = part.resident.saturating_sub(before);
        println!(
            "  {:<24} {:>9}  {:>5.1} MiB  {:>5.1} MiB  {:>6} B",
            part.name,
            part.objects,
            mib(part.resident),
            mib(grown),
            grown * 1024 / part.objects.max(1) as u64,
        );
        before = part.resident;
    }
    println!("  {}", summary(&measured));
    Ok(measured.resident() <= bar(&measured))
}

fn bar(measured: &Measured) -> u64 {
    BASE + measured.objects() as u64 * PER_OBJECT / 1024
}

fn summary(measured: &Measured) -> String {
    let grown = measured.resident().saturating_sub(measured.empty);
    format!(
        "{:.1} MiB for {} objects and resources, {} B each; bar {:.0} MiB",
        mib(measured.resident()),
        measured.objects(),
        grown * 1024 / measured.objects().max(1) as u64,
        mib(bar(measured)),
    )
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
