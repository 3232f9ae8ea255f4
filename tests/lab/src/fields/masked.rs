//! What must differ between two installations, taken out: ids, uids, tokens, times, addresses.

use serde_json::{Map, Value};

/// What AWS's ids begin with.
const KINDS: [&str; 10] = [
    "i",
    "sg",
    "sgr",
    "vol",
    "eni",
    "eni-attach",
    "snap",
    "r",
    "ami",
    "vpc",
];

/// Fields that count or tell what came to be, and not what is.
const COUNTED: [&str; 13] = [
    "observedGeneration",
    "parametersHash",
    "hash",
    "privateIp",
    "privateIpAddress",
    "privateDnsName",
    "incarnation",
    "seq",
    "firstReadyAt",
    "stateTransitionReason",
    "modification",
    "restart",
    "change",
];

/// The same with all that must differ masked, and lists in an order that does not depend on it.
pub(super) fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask(text)),
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(masked).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => {
            let kept = fields
                .iter()
                .filter(|(name, _)| !COUNTED.contains(&name.as_str()));
            let kept = kept.map(|(name, value)| (mask(name), masked(value)));
            Value::Object(kept.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// A text with its ids and times masked, word by word.
fn mask(text: &str) -> String {
    let is_of_word = |sign: char| sign.is_ascii_alphanumeric() || "-:.+_".contains(sign);
    let mut told = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|sign| is_of_word(sign) != is_of_word(first));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        told.push_str(&mask_word(word));
        rest = after;
    }
    told
}

fn mask_word(word: &str) -> String {
    if word
        .trim_end_matches(['.', ':'])
        .parse::<jiff::Timestamp>()
        .is_ok()
    {
        return "<time>".to_owned();
    }
    if let Some((kind, number)) = word.rsplit_once('-')
        && KINDS.contains(&kind)
        && number.len() >= 8
        && number.bytes().all(|sign| sign.is_ascii_hexdigit())
    {
        return format!("{kind}-<id>");
    }
    // A uid, by itself or in a name that is made of it.
    let is_hex =
        |part: &str, length: usize| part.len() == length && part.bytes().all(|sign| sign.is_ascii_hexdigit());
    let parts: Vec<&str> = word.split('-').collect();
    let is_uid = |window: &[&str]| {
        let lengths = [8, 4, 4, 4, 12];
        window
            .iter()
            .zip(lengths)
            .all(|(part, length)| is_hex(part, length))
    };
    match parts.windows(5).position(is_uid) {
        Some(at) => {
            let (before, rest) = parts.split_at(at);
            let (_, after) = rest.split_at(5);
            // What follows is the number of the launch.
            let after = after.iter().filter(|part| part.parse::<u32>().is_err());
            let all: Vec<&str> = before
                .iter()
                .copied()
                .chain(["<uid>"])
                .chain(after.copied())
                .collect();
            all.join("-")
        }
        None => word.to_owned(),
    }
}

/// Where two masked values differ, by path.
pub(super) fn differ(wanted: &Value, found: &Value, path: &str, told: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(one), Value::Object(other)) => {
            let names: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for name in names {
                let none = Value::Null;
                let (one, other) = (one.get(name).unwrap_or(&none), other.get(name).unwrap_or(&none));
                differ(one, other, &format!("{path}.{name}"), told);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (number, (one, other)) in one.iter().zip(other).enumerate() {
                differ(one, other, &format!("{path}[{number}]"), told);
            }
        }
        _ if wanted == found => {}
        _ => told.push(format!("{path} is {found}, not {wanted}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_must_differ_is_masked_and_nothing_else() {
        let uid = "5f2d3c1a-0b1c-4d2e-8f3a-1234567890ab";
        for (text, wanted) in [
            ("i-0123456789abcdef0", "i-<id>"),
            ("instance i-0123456789abcdef0 runs", "instance i-<id> runs"),
            (&*format!("yagura-{uid}"), "yagura-<uid>"),
            (&*format!("yagura-{uid}-2"), "yagura-<uid>-<n>"),
            ("since 2026-11-28T01:02:03Z.", "since <time>"),
            ("m6i.large", "m6i.large"),
            ("acme-jira-prod", "acme-jira-prod"),
            ("i-beam", "i-beam"),
        ] {
            let wanted = wanted.replace("-<n>", "");
            assert_eq!(mask(text), wanted, "{text}");
        }
    }

    #[test]
    fn differences_are_named_by_their_path() {
        let mut told = Vec::new();
        differ(
            &json!({"a": [1, {"b": 2}], "c": 3}),
            &json!({"a": [1, {"b": 4}]}),
            "",
            &mut told,
        );
        assert_eq!(told, [".a[1].b is 4, not 2", ".c is null, not 3"]);
        let mut told = Vec::new();
        differ(&json!([1]), &json!([1, 2]), "", &mut told);
        assert_eq!(told, [" is [1,2], not [1]"]);
    }
}
