//! What an operator's memory is filled from: an API server that lists and never changes, and a simulated AWS.
//!
//! They live in a process of their own, so that what they hold is not taken for the operator's.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, State},
    response::Response,
};
use bytes::Bytes;
use futures::stream;
use simaws::{Call, Options, Outcome, Sim};

use super::template::{BACKUPS, Template};
use crate::Broken;

/// Both, filled.
pub struct Stage {
    template: Template,
    tenants: usize,
    sim: Sim,
}

/// Where both are served.
pub struct Served {
    /// The endpoint of the simulated AWS.
    pub aws: String,
    /// The URL of the API server.
    pub kubernetes: String,
    _server: simaws::Server,
}

impl Stage {
    /// Makes one environment as an operator does, and as many copies of it.
    ///
    /// # Errors
    /// Where it cannot be made or copied.
    pub fn fill(tenants: usize) -> Result<Self, Broken> {
        let template = Template::make()?;
        let sim = seed(&template, tenants)?;
        Ok(Self {
            template,
            tenants,
            sim,
        })
    }

    /// Serves both on ports of their own until the runtime ends.
    ///
    /// # Errors
    /// Where there is no port.
    pub async fn serve(self) -> Result<Served, Broken> {
        let broken = |error: std::io::Error| Broken::SetUp(error.to_string());
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = self.sim.serve(any).await.map_err(broken)?;
        let listener = tokio::net::TcpListener::bind(any).await.map_err(broken)?;
        let kubernetes = format!("http://{}", listener.local_addr().map_err(broken)?);
        let router = Router::new()
            .route("/apis/yagura.dev/v1alpha1/{plural}", axum::routing::get(answer))
            .with_state(Arc::new(self));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Served {
            aws: server.url(),
            kubernetes,
            _server: server,
        })
    }
}

/// A list, page by page, or a watch that never says anything.
async fn answer(
    State(stage): State<Arc<Stage>>,
    Path(plural): Path<String>,
    RawQuery(asked): RawQuery,
) -> Response {
    let asked = asked.unwrap_or_default();
    let asked: BTreeMap<_, _> = form_urlencoded::parse(asked.as_bytes()).into_owned().collect();
    let body = if asked.contains_key("watch") {
        Body::from_stream(stream::pending::<Result<Bytes, Infallible>>())
    } else {
        let number = |name: &str| asked.get(name).and_then(|value| value.parse().ok());
        Body::from(stage.page(
            &plural,
            number("continue").unwrap_or(0),
            number("limit").unwrap_or(500),
        ))
    };
    let mut response = Response::new(body);
    let json = axum::http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(axum::http::header::CONTENT_TYPE, json);
    response
}

impl Stage {
    /// The objects of the environments from this number on, about as many as asked for.
    fn page(&self, plural: &str, from: usize, limit: usize) -> String {
        let each = if plural == "backups" { BACKUPS } else { 1 };
        let to = (from + (limit / each).max(1)).min(self.tenants);
        let objects: Vec<_> = (from..to)
            .flat_map(|number| self.template.objects(plural, number))
            .collect();
        let next = if to < self.tenants {
            format!("\"continue\":\"{to}\",")
        } else {
            String::new()
        };
        let items = objects.join(",");
        format!(
            "{{\"apiVersion\":\"yagura.dev/v1alpha1\",\"kind\":\"List\",\"metadata\":{{{next}\"resourceVersion\":\"9\"}},\
             \"items\":[{items}]}}"
        )
    }
}

/// Makes so many environments by the calls that made the first one.
fn seed(template: &Template, tenants: usize) -> Result<Sim, Broken> {
    let clock = simaws::ManualClock::at(template.at);
    let sim = Sim::new(Options {
        clock: simaws::Clock::Manual(clock.clone()),
        security_groups_per_region: tenants + 100,
        ..Options::default()
    });
    for number in 0..tenants {
        // What AWS called the things of the first environment, and calls those of this one.
        let mut ids = BTreeMap::new();
        for call in &template.calls {
            let times = if call.operation == "CreateSnapshots" {
                BACKUPS
            } else {
                1
            };
            for backup in 0..times {
                replay(&sim, call, (template, number, backup), &mut ids)?;
            }
        }
    }
    clock.set(yagura::clock::later(
        template.at,
        std::time::Duration::from_secs(3600),
    ));
    Ok(sim)
}

fn replay(
    sim: &Sim,
    call: &Call,
    (template, number, backup): (&Template, usize, usize),
    ids: &mut BTreeMap<&'static str, String>,
) -> Result<(), Broken> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", &call.operation);
    form.append_pair("Version", "2016-11-15");
    for (name, value) in &call.params {
        if matches!(name.as_str(), "Action" | "Version") {
            continue;
        }
        let known = ["sg-", "i-"].into_iter().find(|kind| value.starts_with(kind));
        match known.and_then(|kind| ids.get(kind)) {
            Some(id) => form.append_pair(name, id),
            None => form.append_pair(name, &template.text(value, number, backup)),
        };
    }
    let request = http::Request::post("https://ec2.ap-northeast-1.amazonaws.com/")
        .body(Bytes::from(form.finish()))
        .map_err(|error| Broken::SetUp(error.to_string()))?;
    let Outcome::Answered(answer) = sim.handle(&request) else {
        return Err(Broken::SetUp(format!("{} is not answered", call.operation)));
    };
    let answered = String::from_utf8_lossy(answer.body()).into_owned();
    if !answer.status().is_success() {
        return Err(Broken::SetUp(format!("{}: {answered}", call.operation)));
    }
    let id = match call.operation.as_str() {
        "CreateSecurityGroup" => Some(("sg-", "<groupId>")),
        "RunInstances" => Some(("i-", "<instanceId>")),
        _ => None,
    };
    if let Some((kind, tag)) = id
        && let Some((_, rest)) = answered.split_once(tag)
        && let Some((id, _)) = rest.split_once('<')
    {
        ids.insert(kind, id.to_owned());
    }
    Ok(())
}
