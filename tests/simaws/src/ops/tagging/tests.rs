use crate::testing::{call, refused, run, sim};

#[test]
fn tags_come_and_go() {
    let sim = sim();
    let id = run(&sim, &[]);
    let one = [
        ("ResourceId.1", id.as_str()),
        ("Tag.1.Key", "k"),
        ("Tag.1.Value", "v"),
    ];
    call(&sim, "CreateTags", &one);
    let filter = [
        ("Filter.1.Name", "resource-id"),
        ("Filter.1.Value.1", id.as_str()),
    ];
    assert_eq!(call(&sim, "DescribeTags", &filter).all("key"), ["k"]);
    let other = [
        ("ResourceId.1", id.as_str()),
        ("Tag.1.Key", "k"),
        ("Tag.1.Value", "w"),
    ];
    call(&sim, "DeleteTags", &other);
    assert_eq!(
        call(&sim, "DescribeTags", &filter).all("key"),
        ["k"],
        "another value is not deleted"
    );
    call(&sim, "DeleteTags", &[("ResourceId.1", &id), ("Tag.1.Key", "k")]);
    assert!(call(&sim, "DescribeTags", &filter).all("key").is_empty());
}

#[test]
fn one_resource_that_is_not_there_leaves_all_untagged() {
    let sim = sim();
    let id = run(&sim, &[]);
    let params = [
        ("ResourceId.1", id.as_str()),
        ("ResourceId.2", "vol-12345678"),
        ("Tag.1.Key", "k"),
        ("Tag.1.Value", "v"),
    ];
    assert_eq!(refused(&sim, "CreateTags", &params), "InvalidVolume.NotFound");
    assert!(call(&sim, "DescribeTags", &[]).all("key").is_empty());
}
