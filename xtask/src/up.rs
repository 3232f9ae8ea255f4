//! `cargo xtask up`: the stage without a play.

use crate::failure::{Failure, Outcome};
use crate::stage::{KEY, REGION, Stage};
use crate::{say, signals};
use std::fs;
use std::path::{Path, PathBuf};

/// Starts the stage, writes `file` when everything answers, and stays until a signal comes.
pub(crate) fn run(file: &Path, inventory_period: Option<&str>, operator: &[String]) -> Outcome {
    let mut arguments = Vec::new();
    if let Some(period) = inventory_period {
        arguments.extend(["--inventory-period".to_owned(), period.to_owned()]);
    }
    arguments.extend_from_slice(operator);
    let mut stage = Stage::start(&arguments)?;
    let written = EnvFile::write(file, &stage)?;
    how_to_go_on(&stage, Some(file));
    let stayed = signals::stay(|| match stage.expect_alive() {
        Err(failure) if failure.is_interrupt() => Ok(()),
        result => result,
    });
    drop(written);
    if stayed.is_err() {
        stage.keep_logs();
    }
    stage.stop();
    stayed
}

/// Prints what a person needs to use what runs.
pub(crate) fn how_to_go_on(stage: &Stage, file: Option<&Path>) {
    say::heading("go on by yourself");
    match file {
        Some(file) => say::block(format!("in another shell:  source {}", file.display())),
        None => say::block(format!("in another shell:\n{}", variables(stage))),
    }
    say::block(format!(
        "\n{kubectl} get yagura -A\n{kubectl} explain tenant.spec\n\
         aws ec2 describe-instances        (or boto3, or any other AWS tool)\n\
         curl {aws}/_sim/counts   (also /_sim/calls, /_sim/state)\n\
         curl {operator}/metrics\n\nCtrl-C ends everything.",
        kubectl = stage.kubectl_path().display(),
        aws = stage.endpoint(),
        operator = stage.operator_url(),
    ));
}

/// boto3 reads the region from `AWS_DEFAULT_REGION`, everything else from `AWS_REGION`. A profile or a session of
/// the caller's would go before the keys.
fn variables(stage: &Stage) -> String {
    format!(
        "export KUBECONFIG='{}'\nexport AWS_ENDPOINT_URL='{}'\n\
         export AWS_REGION='{REGION}'\nexport AWS_DEFAULT_REGION='{REGION}'\n\
         export AWS_ACCESS_KEY_ID='{KEY}'\nexport AWS_SECRET_ACCESS_KEY='{KEY}'\n\
         unset AWS_PROFILE AWS_SESSION_TOKEN\n",
        stage.kubeconfig().display(),
        stage.endpoint(),
    )
}

/// The file of variables; removed with the stage, so that nobody sources the ports of yesterday.
struct EnvFile(PathBuf);

impl EnvFile {
    fn write(path: &Path, stage: &Stage) -> Outcome<Self> {
        let new = path.with_added_extension("new");
        let failed = || format!("write {}", path.display());
        // In one step: whoever waits for the file never reads half of it.
        fs::write(&new, variables(stage)).map_err(Failure::of(failed()))?;
        fs::rename(&new, path).map_err(Failure::of(failed()))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for EnvFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
