use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};

fn parsed(line: &[&str]) -> Result<PlanArgs, String> {
    let words = ["yagura", "plan"].iter().chain(line);
    match Cli::try_parse_from(words)
        .map_err(|error| error.to_string())?
        .command
    {
        Command::Plan(args) => Ok(*args),
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_and_the_name_of_the_installation_suffice() {
    let args = parsed(&["--cluster-id", "tokyo-1", "-f", "a.yaml", "b/", "-f", "c"]).unwrap();
    assert_eq!(args.file, ["a.yaml", "b/", "c"].map(PathBuf::from));
    assert_eq!(args.output, Output::Text);
    assert_eq!(args.dry_run_aws, YesNo::Yes);
    assert!(!args.recursive);
    let line = ["--cluster-id=a", "-Rf", "x", "-o", "json", "--dry-run-aws=no"];
    let args = parsed(&line).unwrap();
    assert_eq!((args.output, args.dry_run_aws), (Output::Json, YesNo::No));
    assert!(args.recursive);
    assert!(parsed(&["--cluster-id=a"]).unwrap_err().contains("--filename"));
}

fn tenant(items: usize) -> ShownTenant {
    let item = crate::api::PlannedChange {
        op: crate::api::PlanOp::Add,
        resource: "sg-1".to_owned(),
        field: "rule".to_owned(),
        from: None,
        to: Some("tcp 443 from 203.0.113.0/24".to_owned()),
        disruptive: false,
        permitted: None,
    };
    ShownTenant {
        namespace: "acme".to_owned(),
        name: "jira".to_owned(),
        label: "jira-prod".to_owned(),
        customer: "acme".to_owned(),
        mode: "Enforce".to_owned(),
        items: vec![item; items],
        ..ShownTenant::default()
    }
}

#[test]
fn a_mistake_outweighs_a_change_in_the_exit_code() {
    let mut shown = Shown::default();
    shown.push(tenant(0));
    assert_eq!(shown.text(), "No changes for 1 Tenant");
    assert_eq!(exit_code(&shown), ExitCode::SUCCESS);
    shown.push(tenant(3));
    assert!(
        shown
            .text()
            .ends_with("3 changes for 1 of 2 Tenants, 0 disruptive, 0 denied"),
        "{}",
        shown.text()
    );
    assert_eq!(exit_code(&shown), ExitCode::from(2));
    let error = ShownError::new("CidrOverlapsVpc", "spec.ingress.cidrs: …");
    shown.err(error.of("AccessPolicy acme/office"));
    assert!(
        shown
            .text()
            .contains("error: AccessPolicy acme/office CidrOverlapsVpc: spec")
    );
    assert!(shown.text().ends_with("; 1 error"), "{}", shown.text());
    assert_eq!(exit_code(&shown), ExitCode::FAILURE);
}
