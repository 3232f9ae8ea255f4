use crate::{
    cloud::{MetadataOptions, Observed},
    promises::{
        Facts, Verdict,
        tests::{kept, said, verdict},
    },
};

fn options(tokens_required: bool, hop_limit: i32) -> Facts {
    Facts {
        metadata: Observed::Present(MetadataOptions {
            tokens_required,
            hop_limit,
        }),
        ..kept()
    }
}

#[test]
fn a_hardened_instance_passes() {
    assert_eq!(verdict(22, &kept()), Verdict::Pass);
}

#[test]
fn weakened_metadata_options_fail() {
    assert_eq!(verdict(22, &options(false, 1)), Verdict::Fail);
    let found = said(22, &options(true, 2));
    assert_eq!(found, (Verdict::Fail, "the metadata hop limit is 2".to_owned()));
    let found = said(22, &options(false, 2)).1;
    assert_eq!(
        found,
        "metadata is given without a session token (IMDSv1); the metadata hop limit is 2"
    );
}

#[test]
fn an_instance_profile_fails() {
    let facts = Facts {
        instance_profile: Observed::Present("arn:p".to_owned()),
        ..kept()
    };
    assert_eq!(
        said(22, &facts),
        (Verdict::Fail, "the instance has the profile arn:p".to_owned())
    );
}

#[test]
fn what_was_not_seen_is_unknown_unless_the_rest_fails() {
    let facts = Facts {
        instance_profile: Observed::Unknown,
        ..kept()
    };
    assert_eq!(verdict(22, &facts), Verdict::Unknown);
    for metadata in [Observed::Unknown, Observed::Absent] {
        assert_eq!(verdict(22, &Facts { metadata, ..kept() }), Verdict::Unknown);
    }
    let facts = Facts {
        instance_profile: Observed::Unknown,
        ..options(false, 1)
    };
    assert_eq!(verdict(22, &facts), Verdict::Fail);
}
