//! The manifests of `examples/`, and what kubectl shows of them.

use super::Ground;

/// With an API server of its own: the examples have fixed names.
#[tokio::test]
async fn every_example_is_taken_and_reads_well() {
    let plane = Ground::new_alone().plane;
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    plane.kubectl(&["apply", "--server-side", "-f", examples]);
    for folder in ["incident", "verification"] {
        plane.kubectl(&["apply", "--server-side", "-f", &format!("{examples}/{folder}")]);
    }
    for (kind, columns) in [
        (
            "tenants",
            "NAMESPACE NAME LABEL CUSTOMER READY PROMISES LAST-BACKUP MODE",
        ),
        (
            "accesspolicies",
            "NAMESPACE NAME READY TENANTS RULES UNEXPECTED LAST-TAMPERING AGE",
        ),
        (
            "backuppolicies",
            "NAMESPACE NAME READY AT ZONE NEXT-RUN TENANTS PROTECTED MISSED GOOD-DAYS AGE",
        ),
        (
            "incidents",
            "NAMESPACE NAME TYPE PHASE CONTAINMENT NOTIFY-BY NOTIFIED BREACHED AGE",
        ),
    ] {
        let shown = plane.kubectl(&["get", kind, "-A"]);
        let header: Vec<&str> = shown
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        assert_eq!(header.join(" "), columns);
        assert!(shown.contains("acme"), "{shown}");
    }
}
