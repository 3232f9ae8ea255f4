use super::{ETCD, HELM, KUBE_APISERVER, KUBECTL, Kit, fnv1a, pinned};

#[test]
fn versions_are_read_from_go_mod() {
    assert_eq!(ETCD.version(), "3.7.0");
    assert_eq!(KUBE_APISERVER.version(), "1.37.2");
    assert_eq!(KUBECTL.version(), "1.37.2");
    assert_eq!(HELM.version(), "4.3.1");
}

#[test]
fn a_tool_line_without_a_version_is_no_version() {
    let go_mod = "go 1.26.0\ntool (\n\tk8s.io/x\n)\nrequire k8s.io/x v1.2.3\nrequire (\n\tk8s.io/x v1.2.3\n)";
    assert_eq!(pinned(go_mod, "k8s.io/x"), Some("1.2.3"));
    assert_eq!(pinned(go_mod, "go"), Some("1.26.0"));
    assert_eq!(pinned(go_mod, "k8s.io/y"), None);
}

#[test]
fn the_linker_tells_kube_apiserver_its_version_and_etcd_nothing() {
    assert!(KUBE_APISERVER.ldflags().contains("gitVersion=v1.37.2"));
    assert!(KUBE_APISERVER.ldflags().contains("gitMajor=1 "));
    assert!(KUBE_APISERVER.ldflags().contains("gitMinor=37 "));
    assert_eq!(ETCD.ldflags(), "-s -w");
    assert!(HELM.ldflags().ends_with("version.version=v4.3.1"));
}

#[test]
fn the_cache_key_tells_versions_and_a_hash() {
    assert!(
        Kit::ControlPlane
            .cache_key()
            .starts_with("kubernetes-1.37.2-etcd-3.7.0-")
    );
    assert!(Kit::Helm.cache_key().starts_with("helm-4.3.1-"));
    assert_ne!(fnv1a(&["a"]), fnv1a(&["b"]));
}
