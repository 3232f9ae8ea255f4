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
    /// Declare many environments at once under AWS's default limits, and restart the operator midway.
    Converge(commands::converge::Converge),
    /// Cut every scenario off at each of its effects, before and after it, and restart the operator.
    Crash(commands::crash::Crash),
    /// Let the daily slot come for many environments at once, under AWS's default limits.
    Herd(commands::herd::Herd),
    /// Measure what an operator holds resident of installations.
    Memory(commands::memory::Memory),
    /// Count what installations take that have nothing to do.
    Rest(commands::rest::Rest),
    /// Let every fault stand on every operation for a while, lift it, and see that everything comes right.
    Faults(commands::faults::Faults),
    /// Repeat one run, with all that the operator says.
    Run(commands::run::Run),
    /// Let AWS's listings answer from several changes ago, while people change things.
    Stale(commands::stale::Stale),
    /// Let somebody change much of a fleet at AWS, and see that all is undone and all that could be seen is told.
    Storm(commands::storm::StormArgs),
    /// Let two operators act at once in every scenario.
    Twins(commands::twins::Twins),
    /// Live through seven days: one slot each, with a volume that fails on one and outages over two.
    Week(commands::week::Week),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Converge(converge) => converge.run(),
        Command::Crash(crash) => crash.run(),
        Command::Herd(herd) => herd.run(),
        Command::Memory(memory) => memory.run(),
        Command::Rest(rest) => rest.run(),
        Command::Faults(faults) => faults.run(),
        Command::Run(run) => run.run(),
        Command::Stale(stale) => stale.run(),
        Command::Storm(storm) => storm.run(),
        Command::Twins(twins) => twins.run(),
        Command::Week(week) => week.run(),
    }
}
