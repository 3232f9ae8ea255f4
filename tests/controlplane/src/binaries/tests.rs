use super::suits;

#[test]
fn a_kubectl_five_minors_behind_the_server_is_not_taken() {
    assert!(!suits(
        "kubectl",
        "Client Version: v1.32.4\nKustomize Version: v5.5.0\n"
    ));
    assert!(suits(
        "kubectl",
        "Client Version: v1.37.1\nKustomize Version: v5.8.0\n"
    ));
}

#[test]
fn a_server_too_old_for_our_rules_or_never_tried_is_not_taken() {
    assert!(!suits("kube-apiserver", "Kubernetes v1.34.0\n"));
    assert!(suits("kube-apiserver", "Kubernetes v1.37.2\n"));
    assert!(!suits("kube-apiserver", "Kubernetes v1.38.0\n"));
}

#[test]
fn output_without_a_version_is_not_taken() {
    assert!(suits("etcd", "etcd Version: 3.7.0\nGit SHA: GitNotFound\n"));
    assert!(!suits("etcd", "etcd Version: 3.4.30\n"));
    assert!(!suits("etcd", ""));
    assert!(!suits("kube-apiserver", "Kubernetes v0.0.0-master+$Format:%H$\n"));
}

#[test]
fn a_helm_of_another_major_version_is_not_taken() {
    assert!(suits("helm", "v4.3.1\n"));
    assert!(!suits("helm", "v3.18.4+gd80839c\n"));
}
