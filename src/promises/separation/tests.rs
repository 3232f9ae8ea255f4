use std::collections::BTreeSet;

use crate::{
    cloud::Observed,
    promises::{
        Verdict,
        tests::{kept, said, verdict},
    },
};

#[test]
fn a_copy_that_others_can_use_breaks_the_separation_and_is_named() {
    let mut facts = kept();
    let exposed = ["snap-1 is public", "ami-1 is shared with 444455556666"];
    facts.backup.as_mut().unwrap().exposed =
        Observed::Present(exposed.map(str::to_owned).into_iter().collect::<BTreeSet<_>>());
    let reason = "others can use copies: ami-1 is shared with 444455556666, snap-1 is public".to_owned();
    assert_eq!(said(8, &facts), (Verdict::Fail, reason));
}

#[test]
fn what_is_half_measured_is_never_passed() {
    assert_eq!(verdict(8, &kept()), Verdict::Unknown);
    let mut facts = kept();
    facts.backup.as_mut().unwrap().exposed = Observed::Unknown;
    assert_eq!(
        said(8, &facts),
        (
            Verdict::Unknown,
            "who can use each copy was not read yet".to_owned()
        )
    );
    facts.backup = None;
    assert_eq!(verdict(8, &facts), Verdict::Unknown);
}
