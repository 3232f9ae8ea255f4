use super::*;

const COUNT: SnapshotCount = SnapshotCount {
    others: 1_234,
    ours: 6_000,
    volumes: 2_000,
};

#[test]
fn the_sets_to_come_count_and_not_those_there_are() {
    // 2,000 volumes, three good days and two sets beside them.
    let needed = 1_234 + 10_000;
    assert_eq!(COUNT.shortage(3, needed), None);
    assert_eq!(
        COUNT.shortage(3, needed - 1).as_deref(),
        Some(
            "about 10000 snapshots to be kept and about 1300 that are not ours are more than the quota of 11233"
        )
    );
}

#[test]
fn what_is_kept_already_counts_where_it_is_more() {
    let many = SnapshotCount {
        ours: 50_000,
        ..COUNT
    };
    assert!(many.shortage(3, 51_000).is_some());
    assert_eq!(many.shortage(3, 52_000), None);
}

#[test]
fn a_count_that_is_a_little_different_is_told_alike() {
    for (many, told) in [
        (0, 0),
        (7, 7),
        (99, 99),
        (100, 100),
        (101, 110),
        (1_234, 1_300),
        (99_999, 100_000),
    ] {
        assert_eq!(rounded(many), told);
    }
    let told = |others| SnapshotCount { others, ..COUNT }.shortage(3, 10_000);
    assert_eq!(told(1_201), told(1_234));
}
