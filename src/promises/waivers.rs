//! Exceptions: a promise that somebody with the right to do so lets go unkept for a while.
//!
//! A promise under an exception reads waived, never pass: the customer was promised it all the same.

use jiff::Timestamp;

use super::{Judgement, REASON_MAX, Scoreboard, Verdict, tally};
use crate::{api::PromiseException, terms::Terms, text::shortened};

/// Why an exception does not count.
enum Void {
    /// Its approver may approve none.
    Approver,
    /// Its time has not come.
    Early,
    /// Its time is over.
    Over,
}

fn void(exception: &PromiseException, approvers: &[String], now: Timestamp) -> Option<Void> {
    if !approvers.contains(&exception.approver) {
        return Some(Void::Approver);
    }
    if now < exception.approved_at.0 {
        return Some(Void::Early);
    }
    (exception.until.0 <= now).then_some(Void::Over)
}

impl Scoreboard {
    /// The same with the exceptions that count; `approvers` are the class's. One that does not count is told where it
    /// would have.
    #[must_use]
    pub fn waive(
        mut self,
        terms: &Terms,
        (exceptions, approvers): (&[PromiseException], &[String]),
        now: Timestamp,
    ) -> Self {
        for exception in exceptions {
            let mut results = self.results.iter_mut();
            if let Some(result) = results.find(|result| result.id.to_string() == exception.promise) {
                waive(result, exception, void(exception, approvers, now).as_ref());
            }
        }
        tally(terms, self.results)
    }
}

fn waive(result: &mut Judgement, exception: &PromiseException, void: Option<&Void>) {
    let PromiseException {
        reason,
        approver,
        approved_at,
        until,
        ..
    } = exception;
    let but = match void {
        None => {
            let reason = format!(
                "waived by {approver} until {}: {reason}; without that {}: {}",
                until.0, result.verdict, result.reason
            );
            result.reason = shortened(&reason, REASON_MAX);
            result.verdict = Verdict::Waived;
            return;
        }
        // What was never broken needs no word on what would excuse it.
        Some(_) if result.verdict == Verdict::Pass => return,
        Some(Void::Approver) => {
            format!(
                "the exception of {approver} does not count: the class's exceptionApprovers do not name them"
            )
        }
        Some(Void::Early) => format!("the exception is in force from {} on", approved_at.0),
        Some(Void::Over) => format!("the exception of {approver} ended at {}", until.0),
    };
    result.reason = shortened(&format!("{}; {but}", result.reason), REASON_MAX);
}

/// When exceptions begin or end to count next.
pub fn next_edge(exceptions: &[PromiseException], now: Timestamp) -> Option<Timestamp> {
    let edges = exceptions
        .iter()
        .flat_map(|exception| [exception.approved_at.0, exception.until.0]);
    edges.filter(|edge| *edge > now).min()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::*, *};
    use crate::promises::judge_all;

    const APPROVER: &str = "ciso@example.com";

    fn exception(approver: &str, from: Timestamp, until: Timestamp) -> PromiseException {
        let exception = json!({
            "promise": "P15", "reason": "an old client needs port 80", "approver": approver,
            "approvedAt": from.to_string(), "until": until.to_string(),
        });
        serde_json::from_value(exception).unwrap()
    }

    fn judged(exception: &PromiseException, board: Scoreboard, now: Timestamp) -> Judgement {
        let approvers = [APPROVER.to_owned()];
        let board = board.waive(&terms(), (std::slice::from_ref(exception), &approvers), now);
        let results = board.results.into_iter();
        results.into_iter().find(|result| result.id.0 == 15).unwrap()
    }

    #[test]
    fn a_promise_under_an_exception_reads_waived_and_never_pass() {
        let facts = kept();
        let now = facts.now;
        let hour = std::time::Duration::from_secs(3600);
        let board = judge_all(&terms(), &facts);
        let before = (board.pass, board.waived, board.total);
        assert!(
            board
                .results
                .iter()
                .any(|result| result.id.0 == 15 && result.verdict == Verdict::Pass)
        );
        let exception = exception(APPROVER, now, now + hour);
        let approvers = [APPROVER.to_owned()];
        let after = board
            .clone()
            .waive(&terms(), (std::slice::from_ref(&exception), &approvers), now);
        assert_eq!(
            (after.pass, after.waived, after.total),
            (before.0 - 1, 1, before.2)
        );
        let result = judged(&exception, board, now);
        assert_eq!(result.verdict, Verdict::Waived);
        assert!(
            result.reason.contains("an old client needs port 80"),
            "{}",
            result.reason
        );
        assert_eq!(next_edge(&[exception], now), Some(now + hour));
    }

    #[test]
    fn an_exception_counts_between_its_times_and_by_an_approver_of_the_class_only() {
        let mut facts = kept();
        facts.heartbeat = None;
        let now = facts.now;
        let hour = std::time::Duration::from_secs(3600);
        for (exception, told) in [
            (
                exception("somebody@example.com", now, now + hour),
                "does not count",
            ),
            (
                exception(APPROVER, now + hour, now + 2 * hour),
                "is in force from",
            ),
            (exception(APPROVER, now - hour, now), "ended at"),
        ] {
            let result = judged(&exception, judge_all(&terms(), &facts), now);
            assert_eq!(result.verdict, Verdict::Unknown);
            assert!(result.reason.contains(told), "{}", result.reason);
        }
    }
}
