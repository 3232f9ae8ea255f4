//! The templates of the Helm charts: the files of `deploy/` and `crds/` with values in place of what differs between
//! installations. So there is one source, and a chart cannot say something else.

use super::{GenerateError, GeneratedFile, HEADER, crds::crds};
use crate::api::names::SYSTEM_NAMESPACE;

const ADMISSION: &str = include_str!("../../deploy/admission.yaml");
const DEPLOYMENT: &str = include_str!("../../deploy/deployment.yaml");
const LEASE: &str = include_str!("../../deploy/lease.yaml");

/// A text of `deploy/`, and what stands in the chart instead.
type Replacement = (&'static str, &'static str);

const OF_ADMISSION: &[Replacement] = &[(
    "delegates: \"\"",
    "delegates: {{ join \",\" .Values.delegates | quote }}",
)];

const OF_RBAC: &[Replacement] = &[(
    "kind: ServiceAccount\nmetadata:\n  name: yagura\n",
    "kind: ServiceAccount\nmetadata:\n  name: yagura\n  annotations: {{ toJson .Values.serviceAccount.annotations }}\n",
)];

const OF_DEPLOYMENT: &[Replacement] = &[
    ("replicas: 2", "replicas: {{ .Values.replicas }}"),
    (
        "image: yagura:0.1.0",
        "image: \"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}\"",
    ),
    (
        "            # Without it the pod does not start: an installation's name has no good default.\n",
        "",
    ),
    (
        "              valueFrom:\n                configMapKeyRef:\n                  name: yagura-config\n                  \
         key: clusterId\n",
        "              value: {{ required \"clusterId is required: a name for this installation, never used again\" \
         .Values.clusterId | quote }}\n",
    ),
    ("value: \"0.8\"", "value: {{ .Values.awsShare | quote }}"),
];

/// The templates of both charts. `rbac` is the generated file of `deploy/`.
pub(super) fn files(rbac: &GeneratedFile) -> Result<Vec<GeneratedFile>, GenerateError> {
    Ok(vec![
        template("admission", ADMISSION, OF_ADMISSION)?,
        template("deployment", DEPLOYMENT, OF_DEPLOYMENT)?,
        template("lease", LEASE, &[])?,
        template("rbac", rbac.text.trim_start_matches(HEADER), OF_RBAC)?,
        definitions()?,
    ])
}

fn template(name: &str, source: &str, replacements: &[Replacement]) -> Result<GeneratedFile, GenerateError> {
    let path = format!("charts/yagura/templates/{name}.yaml");
    let mut text = source.to_owned();
    for (from, to) in replacements {
        let count = text.matches(from).count();
        if count != 1 {
            return Err(GenerateError::Template {
                template: path,
                text: (*from).to_owned(),
                count,
            });
        }
        text = text.replace(from, to);
    }
    let text = text.replace(SYSTEM_NAMESPACE, "{{ .Release.Namespace }}");
    Ok(GeneratedFile {
        path,
        text: format!("{HEADER}{text}"),
    })
}

/// All CRDs as templates, not in the chart's own folder for CRDs: Helm never upgrades those. Uninstalling leaves them,
/// since with a CRD all its objects would go.
fn definitions() -> Result<GeneratedFile, GenerateError> {
    let mut text = HEADER.to_owned();
    for file in crds()? {
        let keep = "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n";
        text.push_str("---\n");
        text.push_str(
            &file
                .text
                .trim_start_matches(HEADER)
                .replacen("metadata:\n", keep, 1),
        );
    }
    Ok(GeneratedFile {
        path: "charts/yagura-crds/templates/crds.yaml".into(),
        text,
    })
}
