use super::*;

fn parsed(text: &str) -> Manifests {
    Manifests::parse(&[File {
        name: "acme.yaml".to_owned(),
        text: text.to_owned(),
    }])
}

const TENANT: &str = "apiVersion: yagura.dev/v1alpha1
kind: Tenant
metadata: {name: jira, namespace: acme}
spec: {className: tokyo, customer: acme, label: jira-prod, plan: small, application: {name: jira, version: '9'}}
";

#[test]
fn documents_of_ours_are_taken_and_others_skipped() {
    let text = format!(
        "{TENANT}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: acme, labels: {{tier: gold}}}}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\n---\napiVersion: v1\nkind: List\nitems:\n- \
         {{apiVersion: yagura.dev/v1alpha1, kind: AccessPolicy, metadata: {{name: office}}, spec: {{ingress: {{cidrs: \
         [], ports: [443]}}}}}}\n"
    );
    let found = parsed(&text);
    assert!(found.errors.is_empty(), "{:?}", found.errors);
    assert_eq!(found.tenants.len(), 1);
    assert_eq!(found.tenants[0].place, "acme.yaml, document 1 (Tenant jira)");
    assert_eq!(
        found.access_policies[0].place,
        "acme.yaml, document 4, item 1 (AccessPolicy office)"
    );
    assert_eq!(found.namespaces["acme"]["tier"], "gold");
    assert_eq!(found.skipped, 1);
}

#[test]
fn each_mistake_names_its_file_and_its_document() {
    let wrong = TENANT.replace("plan: small, ", "");
    let other = TENANT.replace("v1alpha1", "v9");
    let kind = TENANT.replace("kind: Tenant", "kind: Tenat");
    let found = parsed(&format!(
        "{TENANT}---\n{wrong}---\n{other}---\n{kind}---\n{{a: 1}}\n"
    ));
    let said = |at: usize, parts: &[&str]| {
        let error = &found.errors[at];
        for part in parts {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    };
    assert_eq!(found.errors.len(), 4, "{:?}", found.errors);
    said(0, &["acme.yaml, document 2 (Tenant jira): ", "plan"]);
    said(
        1,
        &[
            "document 3",
            "apiVersion is yagura.dev/v9",
            "knows yagura.dev/v1alpha1",
        ],
    );
    said(2, &["document 4", "no kind Tenat"]);
    said(3, &["document 5: there is no kind"]);
    assert_eq!(found.tenants.len(), 1);
}

#[test]
fn a_file_that_is_no_yaml_names_the_document_and_the_line() {
    let found = parsed(&format!("# ours\n---\n{TENANT}---\nkind: [\n"));
    assert_eq!(found.errors.len(), 1, "{:?}", found.errors);
    assert!(
        found.errors[0].starts_with("acme.yaml, document 2: "),
        "{}",
        found.errors[0]
    );
    assert!(found.errors[0].contains("line"), "{}", found.errors[0]);
}

#[test]
fn an_object_that_is_declared_twice_is_said() {
    let mut found = parsed(&format!("{TENANT}---\n{TENANT}"));
    let twice = complete(&mut found.tenants, "default");
    assert_eq!(
        twice,
        ["acme.yaml, document 2 (Tenant jira): declared already in acme.yaml, document 1 (Tenant jira)"]
    );
}

#[test]
fn folders_are_read_by_name_and_subfolders_only_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    for (name, text) in [
        ("b.yaml", "b"),
        ("a.yml", "a"),
        ("c.txt", "c"),
        ("sub/d.json", "d"),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let texts = |recursive| {
        let found = find(&[dir.path().to_owned()], recursive).unwrap();
        found.into_iter().map(|file| file.text).collect::<Vec<_>>()
    };
    assert_eq!(texts(false), ["a", "b"]);
    assert_eq!(texts(true), ["a", "b", "d"]);
    let lost = find(&[dir.path().join("lost.yaml")], false).err().unwrap();
    assert!(lost.to_string().contains("lost.yaml"), "{lost}");
}
