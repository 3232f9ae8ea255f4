//! A token bucket in whole numbers: it neither loses nor invents a part of a token, however long it runs.

use std::time::Duration;

use jiff::Timestamp;

use super::{limits::Limit, share::Share};

/// One token. A refill of one token a second, at a millionth of share and one per cent of speed, is one of these
/// units a nanosecond, so every level and every gain is a whole number of them.
const TOKEN: i128 = 1_000_000_000 * PER_SECOND;

/// One token a second, at full share and speed, in units a nanosecond.
const PER_SECOND: i128 = 1_000_000 * FULL_SPEED;

/// In per cent.
const FULL_SPEED: i128 = 100;

/// The speed is never halved below this: some calls must go out to find out whether AWS answers again.
const LEAST_SPEED: i128 = 10;

/// By how much the speed recovers at a time, in per cent, and how often. Someone who for good takes half of what
/// the table promises us makes the speed swing between a quarter and a half of it: five steps, 50 s, in which a
/// bucket of 5 tokens a second, used at 0.8, grants 75 calls for the one that AWS refuses. From the bottom it
/// takes 3 minutes to be back, so a passing trouble is soon forgotten.
const SPEED_STEP: i128 = 5;
const STEP_EVERY: i128 = 10 * SECOND;

/// Answers that come so soon after one that slowed us down are to calls which had been sent before, and say
/// nothing about the new speed.
const SAME_TROUBLE: i128 = 2 * SECOND;

/// What is left in AWS's own bucket before the share is taken, in tenths of a second of refill. One second
/// because AWS adds the tokens of a second at once at its end; half a second because calls do not all travel
/// equally long, so that some of those made later arrive together with some made before.
const LEFT_AT_AWS: i128 = 15;

/// The part of the capacity that is kept for containing incidents: a tenth.
const RESERVE_PART: i128 = 10;

const SECOND: i128 = 1_000_000_000;

/// Who takes from a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Leaves the reserve where it is.
    AboveReserve,
    /// Takes the last token, too.
    ToTheBottom,
}

/// What a share of one of AWS's buckets comes to.
#[derive(Clone, Copy, Debug)]
struct Size {
    capacity: i128,
    reserve: i128,
    /// What it gains in a nanosecond for each per cent of speed.
    gain: i128,
}

impl Size {
    fn of(limit: Limit, share: Share) -> Self {
        let share = i128::from(share.millionths());
        let refill = i128::from(limit.refill);
        let capacity = i128::from(limit.capacity);
        // A tenth of a millionth of a token.
        let part = TOKEN / 10_000_000;
        let reserve = capacity * share * (part * 10) / RESERVE_PART;
        let shared = (capacity * 10 - refill * LEFT_AT_AWS) * share * part;
        // And where AWS's bucket holds it, for what comes in while somebody is woken a little late for it.
        let with_slack = (reserve + TOKEN + TOKEN / 4).min(capacity * share * part * 10);
        Self {
            // Whatever the share, there must be room for one call above the reserve, or none would ever be made.
            capacity: shared.max(with_slack).max(reserve + TOKEN),
            reserve,
            gain: refill * share,
        }
    }
}

/// The operator's own picture of one of AWS's buckets.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    /// As it is now.
    size: Size,
    /// By the operator's share.
    shared: Size,
    /// By all of the account's limit.
    whole: Size,
    /// Until when all of the limit may be taken.
    rush_until: Option<i128>,
    /// Below zero after a call that was larger than the bucket.
    level: i128,
    speed: i128,
    /// When `level` was as it says.
    at: i128,
    /// When the speed last changed.
    changed_at: i128,
    /// When the speed was last halved.
    halved_at: Option<i128>,
}

impl Bucket {
    /// A bucket that is empty at `now`: what was used before is not known.
    pub(super) fn new(limit: Limit, share: Share, now: Timestamp) -> Self {
        let now = now.as_nanosecond();
        let shared = Size::of(limit, share);
        Self {
            size: shared,
            shared,
            whole: Size::of(limit, Share::ALL),
            rush_until: None,
            level: 0,
            speed: FULL_SPEED,
            at: now,
            changed_at: now,
            halved_at: None,
        }
    }

    /// When `tokens` can be taken: `now` if at once.
    pub(super) fn ready_at(&mut self, now: Timestamp, tokens: u32, depth: Depth) -> Timestamp {
        self.advance(now.as_nanosecond());
        let needed = self.needed(tokens, depth);
        let mut ahead = self.clone();
        while ahead.level < needed {
            let rate = ahead.rate();
            // Rounded up: at that instant it is there, not almost.
            let wait = (needed - ahead.level + rate - 1) / rate;
            let full_at = ahead.at + wait;
            // The gain grows at the next step, so look again from there.
            ahead.advance(ahead.next_step().map_or(full_at, |step| step.min(full_at)));
        }
        Timestamp::from_nanosecond(ahead.at).unwrap_or(Timestamp::MAX)
    }

    /// Takes `tokens`, which must be ready.
    pub(super) fn take(&mut self, now: Timestamp, tokens: u32) {
        self.advance(now.as_nanosecond());
        self.level -= i128::from(tokens) * TOKEN;
    }

    /// Takes all of the account's limit until then, whatever the share.
    pub(super) fn rush(&mut self, now: Timestamp, until: Timestamp) {
        if until <= now {
            return;
        }
        self.advance(now.as_nanosecond());
        self.size = self.whole;
        let until = until.as_nanosecond();
        self.rush_until = Some(self.rush_until.map_or(until, |before| before.max(until)));
    }

    /// AWS refused a call for coming too fast: someone else uses the bucket too, or it is smaller than we think.
    pub(super) fn throttled(&mut self, now: Timestamp) {
        let now = now.as_nanosecond();
        self.advance(now);
        self.level = self.level.min(0);
        if self.halved_at.is_some_and(|last| now - last < SAME_TROUBLE) {
            return;
        }
        self.halved_at = Some(now);
        self.changed_at = now;
        self.speed = (self.speed / 2).max(LEAST_SPEED);
    }

    /// Whether so many tokens are in it now, one for each of so many calls.
    pub(super) fn holds(&mut self, now: Timestamp, tokens: u32, depth: Depth) -> bool {
        self.missing(now, tokens, depth) == 0
    }

    /// How long it takes at its present speed until so many calls of one token were made, one after another.
    pub(super) fn span_until(&mut self, now: Timestamp, tokens: u32, depth: Depth) -> Duration {
        let missing = self.missing(now, tokens, depth);
        span(missing, self.rate())
    }

    /// What it lacks for so many calls, which may be more than it can hold at a time.
    fn missing(&mut self, now: Timestamp, tokens: u32, depth: Depth) -> i128 {
        self.advance(now.as_nanosecond());
        let kept = self.kept(depth);
        (i128::from(tokens) * TOKEN + kept - self.level).max(0)
    }

    /// How long it takes from then on to gain so many tokens at its present speed.
    pub(super) fn span_of(&self, from: Timestamp, tokens: u32) -> Duration {
        let is_rushed = self.rush_until.is_some_and(|until| from.as_nanosecond() < until);
        let Size { gain, .. } = if is_rushed { self.whole } else { self.shared };
        span(i128::from(tokens) * TOKEN, gain * self.speed)
    }

    /// What must be in it. A call larger than the bucket goes when the bucket is full and owes the rest, so that
    /// it is late, but not for ever.
    fn needed(&self, tokens: u32, depth: Depth) -> i128 {
        (i128::from(tokens) * TOKEN + self.kept(depth)).min(self.size.capacity)
    }

    /// What a call leaves in it.
    fn kept(&self, depth: Depth) -> i128 {
        match depth {
            Depth::AboveReserve => self.size.reserve,
            Depth::ToTheBottom => 0,
        }
    }

    fn rate(&self) -> i128 {
        self.size.gain * self.speed
    }

    /// When its rate changes next.
    fn next_step(&self) -> Option<i128> {
        let recovers_at = (self.speed < FULL_SPEED).then_some(self.changed_at + STEP_EVERY);
        recovers_at.into_iter().chain(self.rush_until).min()
    }

    fn step(&mut self, at: i128) {
        if self.rush_until.is_some_and(|until| until <= at) {
            self.rush_until = None;
            self.size = self.shared;
            self.level = self.level.min(self.size.capacity);
        } else {
            self.speed = (self.speed + SPEED_STEP).min(FULL_SPEED);
            self.changed_at = at;
        }
    }

    /// Lets the time pass until `to`; a time already passed changes nothing.
    fn advance(&mut self, to: i128) {
        while let Some(step) = self.next_step().filter(|step| *step <= to) {
            self.fill(step);
            self.step(step);
        }
        self.fill(to);
    }

    fn fill(&mut self, to: i128) {
        if to > self.at {
            self.level = (self.level + (to - self.at) * self.rate()).min(self.size.capacity);
            self.at = to;
        }
    }
}

fn span(units: i128, rate: i128) -> Duration {
    Duration::from_nanos(u64::try_from(units / rate).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
