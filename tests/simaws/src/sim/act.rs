//! Acting on the simulated AWS without being its client: seeding it, and what others do to it.

use super::Sim;
use crate::backend::Manner;
use crate::ops;
use crate::protocol::{Params, Request, Service};

impl Sim {
    /// Carries out an operation of EC2 or AWS Backup at once, as somebody else in the account would: no fault strikes it,
    /// no bucket counts it, nothing forbids it, and it is not in the log. For what a person changes by
    /// hand, and to begin with ten thousand instances. `place` is account and region; without it the
    /// default ones. Gives the answer's XML or JSON.
    ///
    /// # Errors
    /// AWS's code and message.
    pub fn act(
        &self,
        place: Option<(&str, &str)>,
        action: &str,
        params: &[(&str, &str)],
    ) -> Result<String, String> {
        let mut state = self.lock();
        let options = &self.0.options;
        let (account, region) = place.unwrap_or((&options.account, &options.region));
        // No two services have an operation of the same name here.
        let of_backup = ops::operation(Service::Backup, action).is_some();
        let service = if of_backup { Service::Backup } else { Service::Ec2 };
        let mut form = Params::default();
        for (name, value) in params {
            form.set(name, Some((*value).to_owned()));
        }
        let request = Request {
            service,
            action: action.to_owned(),
            region: Some(region.to_owned()),
            access_key: Some(account.to_owned()),
            user_agent: String::new(),
            params: form,
        };
        let manner = Manner {
            by_others: true,
            ..Manner::default()
        };
        let executed = state.backend.execute(&request, 0, &manner);
        let body = String::from_utf8_lossy(executed.response.body()).into_owned();
        if executed.response.status().is_success() {
            Ok(body)
        } else {
            Err(format!("{}: {body}", executed.code))
        }
    }
}
