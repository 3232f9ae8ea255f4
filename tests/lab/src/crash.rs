//! The crash sweep: every scenario, cut off at every effect, before it and after it.

use std::fmt;

use crate::{
    Broken, Cut, Loss, When,
    play::{self, Played, settings},
    scenario::Scenario,
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
}

impl Trial {
    /// Runs it.
    ///
    /// # Errors
    /// Where something is wrong at the end, or the cut did not happen.
    pub fn run(&self) -> Result<Played, Broken> {
        let played = play::play(self.scenario, settings(self.seed), |world| {
            world.watch_effects(self.cut);
        })?;
        let died = self.cut.is_some_and(|cut| cut.loss == Loss::Process);
        if played.crashes != usize::from(died) {
            return Err(Broken::NotFired(format!("{self}")));
        }
        Ok(played)
    }
}

impl fmt::Display for Trial {
    /// The words after `lab run` that repeat it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} --seed {}", self.scenario, self.seed)?;
        match self.cut {
            Some(cut) => write!(f, " --effect {} --cut {}", cut.effect, cut.when),
            None => Ok(()),
        }
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

/// Cuts one scenario off at each effect that `picks` lets through, on both sides of it.
///
/// # Errors
/// Where already the run without a cut is wrong.
pub fn sweep(scenario: Scenario, seed: u64, picks: impl Fn(u64) -> bool) -> Result<Swept, Broken> {
    let whole = Trial {
        scenario,
        seed,
        cut: None,
    };
    let whole = whole.run()?;
    let mut swept = Swept {
        runs: 1,
        effects: whole.effects.len(),
        ..Swept::default()
    };
    for (at, name) in whole.effects.iter().enumerate() {
        let effect = at as u64 + 1;
        if !picks(effect) {
            continue;
        }
        for when in When::ALL {
            let cut = Cut {
                effect,
                when,
                loss: Loss::Process,
            };
            let trial = Trial {
                scenario,
                seed,
                cut: Some(cut),
            };
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
