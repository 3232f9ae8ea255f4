//! `lab run`.

use std::process::ExitCode;

use clap::Args;
use lab::{Cut, Loss, Scenario, When, crash::Trial};
use tracing_subscriber::EnvFilter;

/// Repeat one run, and say what the operator says.
///
/// RUST_LOG decides how much it says, as for the operator itself.
#[derive(Args)]
pub(crate) struct Run {
    /// What happens.
    scenario: Scenario,
    /// Decides every order, latency and lag.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The effect at which the operator is cut off, from 1; without it, it is not.
    #[arg(long)]
    effect: Option<u64>,
    /// On which side of the effect.
    #[arg(long, default_value = "before")]
    cut: When,
    /// Lose only the answer: the operator lives on without it.
    #[arg(long)]
    lives: bool,
    /// How many operators act at once.
    #[arg(long, default_value_t = 1)]
    operators: usize,
}

impl Run {
    #[expect(clippy::print_stdout, reason = "the command's result")]
    pub(crate) fn run(self) -> ExitCode {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("yagura=info"));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .without_time()
            .init();
        let loss = if self.lives { Loss::Answer } else { Loss::Process };
        let trial = Trial {
            scenario: self.scenario,
            seed: self.seed,
            cut: self.effect.map(|effect| Cut {
                effect,
                when: self.cut,
                loss,
            }),
            operators: self.operators,
        };
        match trial.run() {
            Ok(played) => {
                for (at, effect) in played.effects.iter().enumerate() {
                    println!("{:>4}  {effect}", at + 1);
                }
                println!("nothing is wrong");
                ExitCode::SUCCESS
            }
            Err(why) => {
                println!("{why}");
                ExitCode::FAILURE
            }
        }
    }
}
