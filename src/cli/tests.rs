use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::{Cli, cluster_id, period, role_arn};

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn a_controller_needs_a_cluster_id() {
    let refused = Cli::try_parse_from(["yagura", "controller"]).expect_err("no id, no start");
    assert!(refused.to_string().contains("--cluster-id"), "{refused}");
}

#[test]
fn a_span_is_read_as_people_write_it() {
    assert_eq!(period("30s"), Ok(Duration::from_secs(30)));
    assert_eq!(period("2m"), Ok(Duration::from_secs(120)));
    assert!(period("soon").is_err());
    assert!(period("10ms").is_err());
    assert!(period("-5s").is_err());
}

#[test]
fn a_cluster_id_fits_in_names_of_sessions_and_tags() {
    assert!(cluster_id("tokyo-1").is_ok());
    for wrong in ["", "-a", "a-", "Tokyo", "a_b", &"a".repeat(33)] {
        assert!(cluster_id(wrong).is_err(), "{wrong:?} is refused");
    }
}

#[test]
fn a_policy_is_for_named_roles_only() {
    assert!(role_arn("arn:aws:iam::444455556666:role/path/yagura").is_ok());
    for wrong in [
        "*",
        "yagura",
        "arn:aws:iam::444455556666:role/",
        "arn:aws:iam::444455556666:role/*",
        "arn:aws:iam::*:role/yagura",
        "arn:aws:iam::444455556666:user/yagura",
        "arn:aws:s3:::bucket",
    ] {
        assert!(role_arn(wrong).is_err(), "{wrong:?} is refused");
    }
    let line = [
        "yagura",
        "iam-policy",
        "--cluster-id=tokyo-1",
        "--role-arns",
        "arn:aws:iam::444455556666:role/yagura,arn:aws:iam::777788889999:role/yagura",
    ];
    assert!(Cli::try_parse_from(line).is_ok());
    assert!(Cli::try_parse_from(["yagura", "iam-policy"]).is_err());
    let adoption = ["yagura", "iam-policy", "--cluster-id=tokyo-1", "--adoption"];
    assert!(Cli::try_parse_from(adoption).is_ok());
    let with_roles = line.iter().chain(&["--adoption"]);
    assert!(Cli::try_parse_from(with_roles).is_err(), "it names no role");
}
