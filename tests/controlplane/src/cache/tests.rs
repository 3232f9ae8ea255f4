use super::locate;
use std::path::PathBuf;

fn with(set: &[(&str, &str)]) -> Option<PathBuf> {
    locate(|name| {
        set.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| PathBuf::from(value))
    })
}

#[test]
fn our_own_variable_beats_the_desktop_standard_and_that_beats_home() {
    let home = ("HOME", "/home/u");
    let xdg = ("XDG_CACHE_HOME", "/xdg");
    assert_eq!(
        with(&[home, xdg, ("YAGURA_CACHE", "/mine")]),
        Some("/mine".into())
    );
    assert_eq!(with(&[home, xdg]), Some("/xdg/yagura".into()));
    assert_eq!(with(&[home]), Some("/home/u/.cache/yagura".into()));
    assert_eq!(with(&[]), None);
}
