//! The way to the cluster of whoever types a command.

use std::time::Duration;

use kube::{Config, config::KubeConfigOptions};

/// How long the API server may take to answer: a person waits.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What a kubeconfig can fail with.
pub(super) type BadConfig = Box<dyn std::error::Error + Send + Sync>;

/// The user's own way to this context of their kubeconfig, or to its current one.
pub(super) async fn config_of(context: Option<&str>) -> Result<Config, BadConfig> {
    let mut config = match context {
        None => Config::infer().await?,
        Some(context) => {
            let options = KubeConfigOptions {
                context: Some(context.to_owned()),
                ..KubeConfigOptions::default()
            };
            Config::from_kubeconfig(&options).await?
        }
    };
    // A person waits, and would rather know.
    config.default_retry = false;
    config.connect_timeout = Some(ANSWER_WITHIN);
    Ok(config)
}
