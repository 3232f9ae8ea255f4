//! One door for every task of this repository: `cargo xtask --help`.
//!
//! It depends on neither the operator nor the AWS SDK, so that its first line appears at once and not after
//! minutes of compiling.

mod bench;
mod charts;
mod check;
mod clock;
mod conformance;
mod demo;
mod failure;
mod generate;
mod http;
mod layers;
mod python;
mod repo;
mod say;
mod signals;
mod stage;
mod up;

use clap::{Parser, Subcommand};
use failure::Outcome;
use layers::Layer;
use std::path::PathBuf;
use std::process::ExitCode;

/// One door for every task of this repository. It needs cargo; Go once, to build the control plane;
/// Python for three test layers.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// See Yagura at work: a real control plane, a simulated AWS, the operator, and a story told live.
    Demo {
        /// End with exit code 0 when the story is told (1 when something in it did not come true),
        /// instead of staying until Ctrl-C.
        #[arg(long)]
        once: bool,
    },
    /// Start the same without samples and story, write how to reach it to FILE, and stay until Ctrl-C.
    Up {
        /// Where to write KUBECONFIG, AWS_ENDPOINT_URL and the like as shell variables, once everything
        /// answers. `source` it in another shell. Removed at the end.
        #[arg(long, value_name = "FILE")]
        env: PathBuf,
        /// How often the operator looks at all of AWS, such as 2s; its own default when not given.
        #[arg(long, value_name = "SPAN")]
        inventory_period: Option<String>,
        /// More arguments for `yagura controller`.
        #[arg(last = true, value_name = "OPERATOR_ARGUMENTS")]
        operator: Vec<String>,
    },
    /// Run the tests: all layers, or one.
    Test {
        /// Which layer; all of them when not given.
        #[arg(value_enum)]
        layer: Option<Layer>,
        /// Given to `cargo test`: a filter, and after another `--` what the test binary takes.
        #[arg(last = true, value_name = "CARGO_TEST_ARGUMENTS")]
        filter: Vec<String>,
    },
    /// Measure the bars: pace under AWS's limits, the slot of every day, calls at rest, memory. Some minutes.
    Bench {
        /// Then at the sizes that the bars are stated for: ten thousand environments, and a week of a hundred. Long.
        #[arg(long)]
        large: bool,
        /// Then every sweep of crashes, faults, stale reads and second operators. Hours.
        #[arg(long)]
        sweep: bool,
    },
    /// What has to hold before a commit: format, lints, file sizes, generated files, spelling, licences.
    Check,
    /// Write the generated files anew (crds/, parts of deploy/ and docs/).
    Gen,
}

fn main() -> ExitCode {
    say::start();
    let task = Arguments::parse().task;
    match signals::catch().and_then(|()| run(task)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_interrupt() => {
            say::line("\ninterrupted; nothing is left running");
            ExitCode::from(130)
        }
        Err(failure) => {
            say::line(format!("\nFAILED: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Outcome {
    match task {
        Task::Demo { once } => demo::run(once),
        Task::Up {
            env,
            inventory_period,
            operator,
        } => up::run(&env, inventory_period.as_deref(), &operator),
        Task::Test { layer, filter } => layers::run(layer, &filter),
        Task::Bench { large, sweep } => bench::run(large, sweep),
        Task::Check => check::run(),
        Task::Gen => generate::write(),
    }
}
