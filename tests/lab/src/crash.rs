//! The crash sweep: every scenario, cut off at every effect, before it and after it.
//!
//! What is lost is the whole process, or only the one call; and a second operator may act all the while.

use std::fmt;

use crate::{
    Broken, Cut, Loss, Settings, When,
    play::{self, Played, settings},
    scenario::Scenario,
    verdict::Verdict,
};

/// One run that is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What happens.
    pub scenario: Scenario,
    /// Decides every order, latency and lag.
    pub seed: u64,
    /// Where it is cut off, if anywhere.
    pub cut: Option<Cut>,
    /// How many operators act at once.
    pub operators: usize,
}

impl Trial {
    /// Runs it.
    ///
    /// # Errors
    /// Where something is wrong at the end, or the cut did not happen.
    pub fn run(&self) -> Result<Played, Broken> {
        let settings = Settings {
            operators: self.operators,
            ..settings(self.seed)
        };
        let account = self.scenario.expected(0).account;
        let mut verdict = None;
        let played = play::play(self.scenario, settings, |world| {
            verdict = Some(Verdict::watch(world, account));
            world.watch_effects(self.cut);
        });
        // A wrong call comes before what it leads to.
        let wrong = verdict.map(|verdict| verdict.seen().wrong).unwrap_or_default();
        if !wrong.is_empty() {
            return Err(Broken::Wrong(wrong));
        }
        let played = played?;
        let dies = self.cut.is_some_and(|cut| cut.loss == Loss::Process);
        if played.is_cut != self.cut.is_some() || played.crashes != usize::from(dies) {
            return Err(Broken::NotFired(format!("{self}")));
        }
        Ok(played)
    }
}

impl fmt::Display for Trial {
    /// The words after `lab run` that repeat it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} --seed {}", self.scenario, self.seed)?;
        if self.operators != 1 {
            write!(f, " --operators {}", self.operators)?;
        }
        let Some(cut) = self.cut else { return Ok(()) };
        write!(f, " --effect {} --cut {}", cut.effect, cut.when)?;
        f.write_str(if cut.loss == Loss::Answer { " --lives" } else { "" })
    }
}

/// A run that showed something wrong.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The run.
    pub trial: Trial,
    /// The effect at which it was cut off.
    pub at: String,
    /// What was wrong.
    pub why: Broken,
}

/// What a sweep came to.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// How many runs there were.
    pub runs: usize,
    /// How many effects the uninterrupted run had.
    pub effects: usize,
    /// The runs that showed something wrong.
    pub failed: Vec<Failed>,
    /// The uninterrupted run.
    pub whole: Played,
}

/// What is cut off in a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What happens.
    pub scenario: Scenario,
    /// Decides every order, latency and lag.
    pub seed: u64,
    /// What is lost with each effect.
    pub loss: Loss,
    /// How many operators act at once; the effects of the first are cut off.
    pub operators: usize,
}

impl Plan {
    fn trial(&self, cut: Option<Cut>) -> Trial {
        Trial {
            scenario: self.scenario,
            seed: self.seed,
            cut,
            operators: self.operators,
        }
    }
}

/// Cuts one scenario off at each effect that `picks` lets through, on both sides of it.
///
/// # Errors
/// Where already the run without a cut is wrong.
pub fn sweep(plan: Plan, picks: impl Fn(u64) -> bool) -> Result<Swept, Broken> {
    let whole = plan.trial(None).run()?;
    let mut swept = Swept {
        runs: 1,
        effects: whole.effects.len(),
        ..Swept::default()
    };
    let numbered = whole.effects.iter().zip(1..);
    for (name, effect) in numbered.filter(|(_, effect)| picks(*effect)) {
        for when in When::ALL {
            let trial = plan.trial(Some(Cut {
                effect,
                when,
                loss: plan.loss,
            }));
            swept.runs += 1;
            if let Err(why) = trial.run() {
                let at = name.clone();
                swept.failed.push(Failed { trial, at, why });
            }
        }
    }
    swept.whole = whole;
    Ok(swept)
}
