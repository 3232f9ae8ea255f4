//! Do the Helm charts say what `deploy/` and `crds/` say?
//!
//! The operator's tests install `deploy/` and `crds/`; the charts are made from these, and here Helm itself lints and
//! renders them. Nothing is installed by Helm: no kubelet would run the Deployment.

use crate::failure::{Failure, Outcome};
use crate::{python, repo, say};
use controlplane::{Error, ensure_helm};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const OPERATOR: &str = "charts/yagura";
const DEFINITIONS: &str = "charts/yagura-crds";

/// The files of `deploy/` that the chart holds; the namespace is Helm's to create.
const DEPLOY: [&str; 4] = ["rbac.yaml", "admission.yaml", "lease.yaml", "deployment.yaml"];

/// The namespace of `deploy/`.
const NAMESPACE: &str = "yagura-system";

/// The only value without a default.
const CLUSTER_ID: &str = "clusterId=tokyo-1";

/// What keeps the definitions when the chart is uninstalled, by Helm's own word.
const KEEP: &str = "helm.sh/resource-policy";

/// Values of every kind that the chart takes, each unlike its default.
const OTHER_VALUES: [&str; 6] = [
    "clusterId=osaka-2",
    "image.repository=registry.example/yagura",
    "image.tag=9.9.9",
    "replicas=3",
    r"serviceAccount.annotations.eks\.amazonaws\.com/role-arn=arn:aws:iam::111122223333:role/yagura",
    "delegates={alice,system:serviceaccount:argocd:argocd}",
];

/// One thing that has to hold.
type Step = fn(&Helm) -> Outcome;

/// Objects by kind and name.
type Objects = BTreeMap<(String, String), Value>;

/// The whole layer; every step that holds is one line.
pub(crate) fn run() -> Outcome {
    let helm = match ensure_helm(&|line| say::step(line)) {
        Ok(helm) => Helm(helm),
        Err(error @ Error::Go { .. }) => return python::skip_or_fail(&error.to_string()),
        Err(error) => return Err(error.into()),
    };
    say::step(format!("helm: {}", helm.0.display()));
    let steps: [(&str, Step); 5] = [
        ("both charts pass helm lint --strict", lints),
        (
            "without clusterId nothing is rendered, and the error names it",
            needs_cluster_id,
        ),
        (
            "yagura-crds renders the CRDs of crds/, kept when it is uninstalled",
            renders_crds,
        ),
        ("yagura renders the objects of deploy/", renders_deploy),
        (
            "every value and the namespace arrive where they belong",
            renders_values,
        ),
    ];
    for (name, step) in steps {
        step(&helm).map_err(|failure| Failure::new(format!("not so: {name}")).with(&failure.to_string()))?;
        say::step(format!("ok: {name}"));
    }
    Ok(())
}

/// The program.
struct Helm(PathBuf);

impl Helm {
    fn output(&self, args: &[&str]) -> Outcome<Output> {
        // Neither the caller's repositories and plugins nor a cluster have a say.
        Command::new(&self.0)
            .args(args)
            .current_dir(repo::root())
            .env_clear()
            .env("HOME", "/nonexistent")
            .stdin(Stdio::null())
            .output()
            .map_err(Failure::of(format_args!("start {}", self.0.display())))
    }

    fn run(&self, args: &[&str]) -> Outcome<String> {
        let output = self.output(args)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Failure::new(format!("helm {} failed", args.join(" "))).with(&told(&output)))
    }

    /// What `helm template` makes of the operator's chart.
    fn render(&self, namespace: &str, values: &[&str]) -> Outcome<String> {
        let mut args = vec!["template", "yagura", OPERATOR, "--namespace", namespace];
        args.extend(values.iter().flat_map(|value| ["--set", value]));
        self.run(&args)
    }
}

fn lints(helm: &Helm) -> Outcome {
    helm.run(&["lint", "--strict", DEFINITIONS])?;
    helm.run(&["lint", "--strict", OPERATOR, "--set", CLUSTER_ID])?;
    Ok(())
}

fn needs_cluster_id(helm: &Helm) -> Outcome {
    let output = helm.output(&["template", "yagura", OPERATOR, "--namespace", NAMESPACE])?;
    let text = told(&output);
    if output.status.success() {
        return Err(Failure::new("it was rendered"));
    }
    expect("what helm says", &text, "clusterId is required")
}

fn renders_crds(helm: &Helm) -> Outcome {
    let mut rendered = objects(&helm.run(&["template", "yagura-crds", DEFINITIONS])?)?;
    for ((_, name), object) in &mut rendered {
        if annotations(object).and_then(|all| all.remove(KEEP)) != Some(json!("keep")) {
            return Err(Failure::new(format!(
                "{name} would go with the chart, and all its objects with it"
            )));
        }
        drop_empty_annotations(object);
    }
    let mut shipped = Objects::new();
    for path in repo::files(&repo::root().join("crds")) {
        shipped.extend(objects(&read(&path)?)?);
    }
    expect_equal(&rendered, &shipped)
}

fn renders_deploy(helm: &Helm) -> Outcome {
    let mut rendered = objects(&helm.render(NAMESPACE, &[CLUSTER_ID])?)?;
    rendered.values_mut().for_each(drop_empty_annotations);
    let mut shipped = Objects::new();
    for name in DEPLOY {
        shipped.extend(objects(&read(&repo::root().join("deploy").join(name))?)?);
    }
    // The one difference that is meant: the chart has a value for it, deploy/ a ConfigMap.
    let name = ("Deployment".to_owned(), "yagura".to_owned());
    let from_value = json!({"name": "YAGURA_CLUSTER_ID", "value": "tokyo-1"});
    for (side, objects) in [("the chart", &mut rendered), ("deploy/", &mut shipped)] {
        let env = objects
            .get_mut(&name)
            .and_then(|object| object.pointer_mut("/spec/template/spec/containers/0/env/0"))
            .filter(|env| env.get("name") == from_value.get("name"))
            .ok_or_else(|| Failure::new(format!("{side} does not begin its env with YAGURA_CLUSTER_ID")))?;
        if side == "deploy/" {
            *env = from_value.clone();
        }
    }
    expect_equal(&rendered, &shipped)
}

fn renders_values(helm: &Helm) -> Outcome {
    let text = helm.render("elsewhere", &OTHER_VALUES)?;
    if text.contains(NAMESPACE) {
        return Err(Failure::new(format!("{NAMESPACE} is still named")));
    }
    let objects = objects(&text)?;
    let expected = [
        ("Deployment/yagura/metadata/namespace", json!("elsewhere")),
        ("Deployment/yagura/spec/replicas", json!(3)),
        (
            "Deployment/yagura/spec/template/spec/containers/0/image",
            json!("registry.example/yagura:9.9.9"),
        ),
        (
            "Deployment/yagura/spec/template/spec/containers/0/env/0/value",
            json!("osaka-2"),
        ),
        (
            "ServiceAccount/yagura/metadata/annotations",
            json!({"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/yagura"}),
        ),
        (
            "ConfigMap/yagura-delegates/data/delegates",
            json!("alice,system:serviceaccount:argocd:argocd"),
        ),
        (
            "ClusterRoleBinding/yagura/subjects/0/namespace",
            json!("elsewhere"),
        ),
        (
            "ValidatingAdmissionPolicyBinding/yagura-incident-authors/spec/paramRef/namespace",
            json!("elsewhere"),
        ),
        (
            "ValidatingAdmissionPolicyBinding/yagura-exception-approvers/spec/paramRef/namespace",
            json!("elsewhere"),
        ),
        (
            "ValidatingAdmissionPolicy/yagura-backup-slots/spec/variables/0/expression",
            json!("request.userInfo.username == 'system:serviceaccount:elsewhere:yagura'"),
        ),
    ];
    for (path, value) in expected {
        let mut parts = path.splitn(3, '/').map(str::to_owned);
        let key = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let pointer = format!("/{}", parts.next().unwrap_or_default());
        let found = objects.get(&key).and_then(|object| object.pointer(&pointer));
        if found != Some(&value) {
            return Err(Failure::new(format!("{path} is {}, not {value}", spell(found))));
        }
    }
    Ok(())
}

/// The documents of a file or of a rendering.
fn objects(text: &str) -> Outcome<Objects> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(Failure::of("read what was rendered as YAML"))?;
    let name = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut objects = Objects::new();
    for object in documents.into_iter().filter(|document| !document.is_null()) {
        let key = (name(object.get("kind")), name(object.pointer("/metadata/name")));
        if objects.insert(key.clone(), object).is_some() {
            return Err(Failure::new(format!("{} {} stands there twice", key.0, key.1)));
        }
    }
    Ok(objects)
}

fn annotations(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object.pointer_mut("/metadata/annotations")?.as_object_mut()
}

/// An empty set of annotations says the same as none.
fn drop_empty_annotations(object: &mut Value) {
    if annotations(object).is_some_and(|all| all.is_empty())
        && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.remove("annotations");
    }
}

/// Names the first place where the two differ.
fn expect_equal(rendered: &Objects, shipped: &Objects) -> Outcome {
    if shipped.is_empty() {
        return Err(Failure::new("there is nothing to compare with"));
    }
    for key in rendered.keys().chain(shipped.keys()) {
        let (chart, source) = (rendered.get(key), shipped.get(key));
        if chart != source {
            let (kind, name) = key;
            return Err(Failure::new(format!(
                "{kind} {name} differs\nin the chart: {}\nin its source: {}",
                spell(chart),
                spell(source)
            )));
        }
    }
    Ok(())
}

fn expect(what: &str, text: &str, part: &str) -> Outcome {
    if text.contains(part) {
        return Ok(());
    }
    Err(Failure::new(format!("{what} does not hold {part:?}:\n{text}")))
}

fn spell(value: Option<&Value>) -> String {
    value.map_or_else(|| "not there".to_owned(), Value::to_string)
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(Failure::of(format_args!("read {}", path.display())))
}
