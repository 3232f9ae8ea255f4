use crate::Sim;
use crate::testing::{call, group, refused, sim, vpc};

fn web(sim: &Sim) -> String {
    let vpc = vpc(sim);
    group(sim, &vpc, "web")
}

/// The ingress rules of a group, by range.
fn ranges(sim: &Sim, id: &str) -> Vec<String> {
    let described = call(sim, "DescribeSecurityGroups", &[("GroupId.1", id)]);
    let ingress = described.all("ipPermissions").concat();
    ingress
        .split("<cidrIp>")
        .skip(1)
        .map(|piece| piece.split('<').next().unwrap().to_owned())
        .collect()
}

/// An HTTPS rule for each range.
fn https<'a>(id: &'a str, ranges: &'a [(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut params = vec![
        ("GroupId", id),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "443"),
        ("IpPermissions.1.ToPort", "443"),
    ];
    params.extend(ranges);
    params
}

const FIRST: (&str, &str) = ("IpPermissions.1.IpRanges.1.CidrIp", "203.0.113.0/24");
const SECOND: (&str, &str) = ("IpPermissions.1.IpRanges.2.CidrIp", "198.51.100.0/24");
const WRONG: (&str, &str) = ("IpPermissions.1.IpRanges.2.CidrIp", "198.51.100.0/33");
const NAMED: (&str, &str) = ("IpPermissions.1.IpRanges.1.Description", "office");

#[test]
fn rules_have_ids_tags_and_descriptions() {
    let sim = sim();
    let id = web(&sim);
    let mut params = https(&id, &[FIRST, NAMED, SECOND]);
    params.extend([
        ("TagSpecification.1.ResourceType", "security-group-rule"),
        ("TagSpecification.1.Tag.1.Key", "tenant"),
        ("TagSpecification.1.Tag.1.Value", "t1"),
    ]);
    let made = call(&sim, "AuthorizeSecurityGroupIngress", &params);
    assert_eq!(made.all("securityGroupRuleId").len(), 2);
    assert_eq!(made.all("description"), ["office"]);
    let filter = [("Filter.1.Name", "tag:tenant"), ("Filter.1.Value.1", "t1")];
    let listed = call(&sim, "DescribeSecurityGroupRules", &filter);
    assert_eq!(listed.all("securityGroupRuleId").len(), 2);
    let filter = [("Filter.1.Name", "group-id"), ("Filter.1.Value.1", id.as_str())];
    assert_eq!(
        call(&sim, "DescribeSecurityGroupRules", &filter)
            .all("securityGroupRuleId")
            .len(),
        3
    );
}

#[test]
fn one_bad_rule_fails_the_whole_call() {
    let sim = sim();
    let id = web(&sim);
    let params = https(&id, &[FIRST, WRONG]);
    assert_eq!(
        refused(&sim, "AuthorizeSecurityGroupIngress", &params),
        "InvalidParameterValue"
    );
    assert!(ranges(&sim, &id).is_empty());
}

#[test]
fn one_existing_rule_fails_the_whole_call_whatever_its_description() {
    let sim = sim();
    let id = web(&sim);
    call(&sim, "AuthorizeSecurityGroupIngress", &https(&id, &[FIRST]));
    let params = https(&id, &[FIRST, NAMED, SECOND]);
    assert_eq!(
        refused(&sim, "AuthorizeSecurityGroupIngress", &params),
        "InvalidPermission.Duplicate"
    );
    assert_eq!(ranges(&sim, &id), ["203.0.113.0/24"]);
}

#[test]
fn host_bits_are_cleared_so_that_another_spelling_is_the_same_rule() {
    let sim = sim();
    let id = web(&sim);
    let other = ("IpPermissions.1.IpRanges.1.CidrIp", "203.0.113.9/24");
    call(&sim, "AuthorizeSecurityGroupIngress", &https(&id, &[other]));
    assert_eq!(ranges(&sim, &id), ["203.0.113.0/24"]);
    let params = https(&id, &[FIRST]);
    assert_eq!(
        refused(&sim, "AuthorizeSecurityGroupIngress", &params),
        "InvalidPermission.Duplicate"
    );
}

#[test]
fn rules_are_revoked_by_what_they_are_or_by_id() {
    let sim = sim();
    let id = web(&sim);
    let made = call(
        &sim,
        "AuthorizeSecurityGroupIngress",
        &https(&id, &[FIRST, SECOND]),
    );
    let rule = made.all("securityGroupRuleId").remove(0);
    let revoked = call(
        &sim,
        "RevokeSecurityGroupIngress",
        &[("GroupId", &id), ("SecurityGroupRuleId.1", &rule)],
    );
    assert_eq!(revoked.all("securityGroupRuleId"), [rule]);
    call(&sim, "RevokeSecurityGroupIngress", &https(&id, &[SECOND]));
    assert!(ranges(&sim, &id).is_empty());
}

#[test]
fn revoking_what_is_not_there_is_an_error_and_revokes_nothing() {
    let sim = sim();
    let id = web(&sim);
    call(&sim, "AuthorizeSecurityGroupIngress", &https(&id, &[FIRST]));
    let params = https(&id, &[FIRST, SECOND]);
    assert_eq!(
        refused(&sim, "RevokeSecurityGroupIngress", &params),
        "InvalidPermission.NotFound"
    );
    assert_eq!(ranges(&sim, &id), ["203.0.113.0/24"]);
    let unknown = [
        ("GroupId", id.as_str()),
        ("SecurityGroupRuleId.1", "sgr-12345678"),
    ];
    assert_eq!(
        refused(&sim, "RevokeSecurityGroupIngress", &unknown),
        "InvalidSecurityGroupRuleId.NotFound"
    );
}

#[test]
fn in_the_default_vpc_revoking_what_is_not_there_is_only_listed() {
    let sim = sim();
    let id = group(&sim, crate::DEFAULT_VPC_ID, "web");
    call(&sim, "AuthorizeSecurityGroupIngress", &https(&id, &[FIRST]));
    let reply = call(&sim, "RevokeSecurityGroupIngress", &https(&id, &[FIRST, SECOND]));
    assert!(reply.text("unknownIpPermissionSet").contains("198.51.100.0/24"));
    assert!(ranges(&sim, &id).is_empty());
}

#[test]
fn a_description_changes_by_its_own_operation() {
    let sim = sim();
    let id = web(&sim);
    call(&sim, "AuthorizeSecurityGroupIngress", &https(&id, &[FIRST]));
    call(
        &sim,
        "UpdateSecurityGroupRuleDescriptionsIngress",
        &https(&id, &[FIRST, NAMED]),
    );
    assert_eq!(
        call(&sim, "DescribeSecurityGroups", &[("GroupId.1", &id)]).all("description"),
        ["office"]
    );
    let missing = https(&id, &[SECOND]);
    let code = refused(&sim, "UpdateSecurityGroupRuleDescriptionsIngress", &missing);
    assert_eq!(code, "InvalidPermission.NotFound");
}

#[test]
fn sixty_rules_fit_in_each_direction_and_family() {
    let sim = sim();
    let id = web(&sim);
    let rules = |family: &str, field: &str, prefix: &str, bits: u8, count: usize| {
        let mut params = vec![
            ("GroupId".to_owned(), id.clone()),
            ("IpPermissions.1.IpProtocol".to_owned(), "-1".to_owned()),
        ];
        params.extend((1..=count).map(|n| {
            (
                format!("IpPermissions.1.{family}.{n}.{field}"),
                format!("{prefix}{n}/{bits}"),
            )
        }));
        params
    };
    let pairs = |params: &[(String, String)]| -> Vec<(String, String)> { params.to_vec() };
    let send = |action: &str, params: Vec<(String, String)>| {
        let params: Vec<(&str, &str)> = params.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        crate::testing::ask(&sim, action, &params)
    };
    let v4 = rules("IpRanges", "CidrIp", "10.0.0.", 32, 60);
    let v6 = rules("Ipv6Ranges", "CidrIpv6", "2001:db8::", 128, 60);
    assert_eq!(send("AuthorizeSecurityGroupIngress", pairs(&v4)).status, 200);
    assert_eq!(send("AuthorizeSecurityGroupIngress", pairs(&v6)).status, 200);
    // The default rule takes one of the sixty outwards.
    assert_eq!(
        send("AuthorizeSecurityGroupEgress", v4).code(),
        "RulesPerSecurityGroupLimitExceeded"
    );
    assert_eq!(send("AuthorizeSecurityGroupEgress", v6).status, 200);
    let one_more = https(&id, &[FIRST]);
    let code = refused(&sim, "AuthorizeSecurityGroupIngress", &one_more);
    assert_eq!(code, "RulesPerSecurityGroupLimitExceeded");
}

#[test]
fn a_rule_may_name_a_group_or_a_prefix_list() {
    let sim = sim();
    let vpc = vpc(&sim);
    let (id, peer) = (group(&sim, &vpc, "web"), group(&sim, &vpc, "peer"));
    let params = [
        ("GroupId", id.as_str()),
        ("IpPermissions.1.IpProtocol", "6"),
        ("IpPermissions.1.FromPort", "5432"),
        ("IpPermissions.1.ToPort", "5432"),
        ("IpPermissions.1.Groups.1.GroupId", peer.as_str()),
        ("IpPermissions.1.PrefixListIds.1.PrefixListId", "pl-12345678"),
    ];
    call(&sim, "AuthorizeSecurityGroupIngress", &params);
    let described = call(&sim, "DescribeSecurityGroups", &[("GroupId.1", &id)]);
    assert_eq!(described.all("prefixListId"), ["pl-12345678"]);
    assert!(described.text("groups").contains(&peer));
    assert_eq!(described.all("ipProtocol")[0], "tcp");
}

#[test]
fn ports_and_protocols_must_make_sense() {
    let sim = sim();
    let id = web(&sim);
    for (protocol, from, to) in [("tcp", "9", "8"), ("tcp", "0", "65536"), ("quic", "1", "1")] {
        let params = [
            ("GroupId", id.as_str()),
            ("IpPermissions.1.IpProtocol", protocol),
            ("IpPermissions.1.FromPort", from),
            ("IpPermissions.1.ToPort", to),
            FIRST,
        ];
        assert_eq!(
            refused(&sim, "AuthorizeSecurityGroupIngress", &params),
            "InvalidParameterValue"
        );
    }
}
