use super::stale;
use crate::repo::Scratch;
use std::fs;

#[test]
fn changed_missing_and_left_over_files_are_stale_and_hand_written_ones_are_not() {
    let (root, generated) = (
        Scratch::new("stale-root").unwrap(),
        Scratch::new("stale-new").unwrap(),
    );
    for dir in [root.path(), generated.path()] {
        fs::create_dir_all(dir.join("crds")).unwrap();
        fs::write(dir.join("crds/same.yaml"), "a").unwrap();
    }
    fs::write(root.path().join("crds/changed.yaml"), "old").unwrap();
    fs::write(generated.path().join("crds/changed.yaml"), "new").unwrap();
    fs::write(root.path().join("crds/left-over.yaml"), "x").unwrap();
    fs::write(generated.path().join("crds/missing.yaml"), "x").unwrap();
    fs::write(root.path().join("hand-written.md"), "x").unwrap();
    assert_eq!(
        stale(root.path(), generated.path()),
        ["crds/changed.yaml", "crds/left-over.yaml", "crds/missing.yaml"]
    );
}
