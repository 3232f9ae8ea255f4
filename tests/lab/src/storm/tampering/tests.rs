//! A storm in which nothing can be wrong would say nothing.

use super::*;
use crate::objects;

fn tampering(change: Change) -> Tampering {
    Tampering {
        tenant: objects::key("jira"),
        instance: "i-1".to_owned(),
        group: "sg-1".to_owned(),
        change,
    }
}

#[test]
fn a_message_of_something_else_tells_nothing() {
    let added = tampering(Change::Rule("ingress tcp 22 198.18.0.1/32".to_owned()));
    assert!(
        added.is_told_by("rule tcp 22 from 198.18.0.1/32 was added to sg-1 by someone else and was removed")
    );
    assert!(
        !added.is_told_by("rule tcp 22 from 198.18.0.1/32 was added to sg-2 by someone else and was removed")
    );
    assert!(
        !added.is_told_by("rule tcp 22 from 198.18.0.2/32 was added to sg-1 by someone else and was removed")
    );
    let hops = tampering(Change::Hops(3));
    assert!(hops.is_told_by(
        "the metadata options of i-1 were weakened to tokens optional, hop limit 3 and were set back"
    ));
    assert!(!hops.is_told_by(
        "the metadata options of i-1 were weakened to tokens optional, hop limit 30 and were set back"
    ));
}

#[test]
fn only_the_first_page_of_a_listing_of_ours_shows_something() {
    let asked = |params: &[(&str, &str)]| Arrival {
        action: "DescribeSecurityGroups".to_owned(),
        params: params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    let ours = ("Filter.1.Name", "tag:yagura.dev/cluster");
    let added = tampering(Change::Rule("ingress tcp 22 198.18.0.1/32".to_owned()));
    let shown = Shown::by(&asked(&[ours])).unwrap();
    assert!(added.is_shown_by(&shown));
    assert!(!tampering(Change::Unprotected).is_shown_by(&shown));
    assert_eq!(Shown::by(&asked(&[ours, ("NextToken", "2")])), None);
    assert_eq!(Shown::by(&asked(&[("GroupId.1", "sg-1")])), None);
}
