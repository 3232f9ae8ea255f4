//! The lab at the command line: a thin list of subcommands, one module each.

mod commands;

use std::process::ExitCode;

use clap::Parser;

/// Operators in one process, on virtual time, over a cluster and a simulated AWS in memory.
///
/// Each subcommand is a sweep: many runs, each repeatable by its seed. A run that shows something wrong is printed as
/// the words after `lab run` that repeat it, and the sweep ends with an exit code that is not zero.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
enum Command {
    /// Cut every scenario off at each of its effects, before and after it, and restart the operator.
    Crash(commands::crash::Crash),
    /// Repeat one run, with all that the operator says.
    Run(commands::run::Run),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Crash(crash) => crash.run(),
        Command::Run(run) => run.run(),
    }
}
