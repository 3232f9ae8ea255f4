#[test]
fn temporary_dump() {
    for file in super::crds().unwrap() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.text).unwrap();
    }
}
