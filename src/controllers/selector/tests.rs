use super::*;

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([("team".to_owned(), "a".to_owned())])
}

fn expression(operator: &str, key: &str, values: &[&str]) -> LabelSelector {
    LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: key.to_owned(),
            operator: operator.to_owned(),
            values: Some(values.iter().map(|&value| value.to_owned()).collect()),
        }]),
        ..LabelSelector::default()
    }
}

#[test]
fn an_empty_selector_fits_everything() {
    assert!(matches(&LabelSelector::default(), &labels()));
}

#[test]
fn every_label_must_be_there() {
    let wanted = |key: &str, value: &str| LabelSelector {
        match_labels: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
        ..LabelSelector::default()
    };
    assert!(matches(&wanted("team", "a"), &labels()));
    assert!(!matches(&wanted("team", "b"), &labels()));
    assert!(!matches(&wanted("other", "a"), &labels()));
}

#[test]
fn expressions_read_as_kubernetes_defines_them() {
    assert!(matches(&expression("In", "team", &["a", "b"]), &labels()));
    assert!(!matches(&expression("In", "other", &["a"]), &labels()));
    assert!(matches(&expression("NotIn", "team", &["b"]), &labels()));
    assert!(matches(&expression("NotIn", "other", &["b"]), &labels()));
    assert!(matches(&expression("Exists", "team", &[]), &labels()));
    assert!(matches(&expression("DoesNotExist", "other", &[]), &labels()));
    assert!(!matches(&expression("Near", "team", &["a"]), &labels()));
}
