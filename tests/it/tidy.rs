//! House rules that no compiler knows, each failing with the file and the line.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use yagura::terms::{PromiseId, Registry};

/// A file longer than this is two files.
const MOST_LINES: usize = 600;

/// One source file: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Whether it is compiled for tests only, which may stand on anything.
    fn is_test(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        let is_test = |part: &&str| ["tests", "tests.rs", "testing.rs", "stage.rs"].contains(part);
        parts.iter().any(is_test)
    }

    /// The lines that are code, with their numbers from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines
            .map(|(at, line)| (at + 1, line.trim()))
            .filter(|(_, line)| !line.starts_with("//"))
    }

    /// Where it says one of these words, as `path:line: word`.
    fn says(&self, words: &[String]) -> Vec<String> {
        let found = self.code().flat_map(|(at, line)| {
            let said = words.iter().filter(|word| holds_word(line, word));
            said.map(move |word| format!("{}:{at}: {word}", self.path))
        });
        found.collect()
    }
}

/// Whether a line holds this text, and not as the end of a longer name.
fn holds_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        !before.is_some_and(|before| before.is_alphanumeric() || before == '_')
    })
}

/// Every Rust file under these folders.
fn sources(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut sources = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            waiting.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(Source {
                path: path.strip_prefix(root).unwrap().display().to_string(),
                text: fs::read_to_string(&path).unwrap(),
            });
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!sources.is_empty(), "nothing found under {folders:?}");
    sources
}

/// Everything we wrote in Rust.
fn everything() -> Vec<Source> {
    sources(&["src", "tests", "xtask"])
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn expect_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn plans_and_judges_name_no_runtime_no_client_and_no_clock() {
    let forbidden = words(&[
        "tokio",
        "kube::client",
        "kube::runtime",
        "Client",
        "Api<",
        "aws_sdk_",
        "aws_smithy",
        "SystemClock",
        "Timestamp::now",
        "Zoned::now",
        "SystemTime",
        "Instant::now",
        "std::fs",
        "std::net",
        "async fn",
    ]);
    let pure = sources(&["src/plan", "src/promises"]);
    let found: Vec<_> = pure
        .iter()
        .filter(|source| !source.is_test())
        .flat_map(|source| source.says(&forbidden))
        // AWS's own words for why an instance stopped are data.
        .filter(|found| !found.ends_with("Client") || !is_state_reason(found))
        .collect();
    expect_none(&found, "src/plan and src/promises are arithmetic");
}

/// Whether the line found is a state reason such as `"Client.UserInitiatedShutdown"`.
fn is_state_reason(found: &str) -> bool {
    let mut parts = found.split(':');
    let (path, line) = (parts.next().unwrap(), parts.next().unwrap().parse::<usize>());
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let line = text.lines().nth(line.unwrap() - 1).unwrap();
    line.matches("Client").count() == line.matches("\"Client.").count()
}

#[test]
fn only_the_door_names_the_aws_sdk() {
    let sdk = words(&["aws_sdk_", "aws_smithy", "aws_config", "aws_credential_types"]);
    let found: Vec<_> = sources(&["src", "xtask"])
        .iter()
        .filter(|source| !source.path.starts_with("src/aws") && !source.is_test())
        .flat_map(|source| source.says(&sdk))
        .collect();
    expect_none(&found, "only src/aws names the SDK");
}

#[test]
fn no_file_is_long() {
    let found: Vec<_> = everything()
        .iter()
        .map(|source| (&source.path, source.text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(path, lines)| format!("{path}:{lines}: the last line"))
        .collect();
    expect_none(&found, "a file has at most 600 lines");
}

#[test]
fn nothing_is_left_undone_or_silenced() {
    // Put together here, so that this file does not find itself.
    let forbidden: Vec<String> = [
        ["todo", "!"],
        ["unimplemented", "!"],
        ["#[", "ignore"],
        ["#[", "allow("],
        ["#![", "allow("],
    ]
    .iter()
    .map(|parts| parts.concat())
    .collect();
    let all = everything();
    let mut found: Vec<_> = all.iter().flat_map(|source| source.says(&forbidden)).collect();
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    for source in &all {
        for (at, line) in source.text.lines().enumerate() {
            let said = marks.iter().filter(|mark| holds_word(line, mark));
            found.extend(said.map(|mark| format!("{}:{}: {mark}", source.path, at + 1)));
        }
    }
    expect_none(&found, "what is in the tree is finished");
}

#[test]
fn every_controller_runs_a_bounded_number_of_passes() {
    let starts = words(&["applier(", "Controller::new(", "Controller::for_stream("]);
    let mut running = 0;
    for source in sources(&["src"]) {
        let found = source.says(&starts);
        if found.is_empty() {
            continue;
        }
        running += found.len();
        let bounds = source.code().filter(|(_, line)| line.contains(".concurrency("));
        assert_eq!(
            bounds.count(),
            found.len(),
            "a controller without bound: {found:?}"
        );
    }
    assert_eq!(running, 1, "one place runs every controller");
}

/// Of each of these kinds there are as many as Tenants, or more: a pass over one object that went through all of them
/// would make a night of N Tenants N² looks.
#[test]
fn no_pass_goes_through_all_objects_of_a_kind() {
    // What wakes everything does so once after a start, a brake counts once in a while, and all are compared with all
    // when a listing brings something new, outside of any pass.
    let excepted = [
        "src/controllers/wake.rs",
        "src/controllers/backup/brake.rs",
        "src/controllers/separation.rs",
    ];
    let all = [
        "AccessPolicy",
        "Backup",
        "BackupPolicy",
        "Incident",
        "Tenant",
        "K",
    ];
    let all = all.map(|kind| format!("cached_all::<{kind}>"));
    let found: Vec<_> = sources(&["src/controllers", "src/engine"])
        .iter()
        .filter(|source| !source.is_test() && !excepted.contains(&source.path.as_str()))
        .flat_map(|source| source.says(&all))
        .collect();
    expect_none(&found, "a pass finds what it looks for by an index");
}

#[test]
fn every_promise_that_is_judged_is_in_the_terms() {
    let path = "src/promises/mod.rs";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    // The one list of judges: `3 => label::is_unique(facts),`.
    let judged: BTreeSet<PromiseId> = text
        .lines()
        .filter_map(|line| line.trim().split_once(" => "))
        .filter(|(_, judge)| judge.ends_with("facts),"))
        .filter_map(|(number, _)| number.parse().ok().map(PromiseId))
        .collect();
    assert!(judged.len() >= 11, "the list of judges was not found: {judged:?}");
    let registry = Registry::built_in().unwrap();
    for name in registry.names() {
        let terms = registry.find(name).unwrap();
        for id in &judged {
            assert!(
                terms.promise(*id).is_some(),
                "{path}: {id} is not in the terms {name}"
            );
        }
    }
}

#[test]
fn no_test_sleeps() {
    let naps = [["sleep", "("].concat(), ["sleep_until", "("].concat()];
    let found: Vec<_> = sources(&["tests/it"])
        .iter()
        .flat_map(|source| source.says(&naps))
        .collect();
    expect_none(&found, "a test waits for a condition, never for a while");
}
