//! Who is on each side of what keeps apart no longer: ten thousand may be, and each is told of at most two.

use std::sync::Arc;

use super::{Party, Thing};
use crate::api::Environment;

/// Several environments, in order and each once. It is shared, not copied: what lets one in to all of a fleet often lets
/// in a thousand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Side(Arc<Members>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Members {
    parties: Vec<Arc<Party>>,
    /// Up to two customers that have an environment for this purpose: one of two is another than any third.
    in_production: Vec<String>,
    in_verification: Vec<String>,
}

impl Side {
    pub(super) fn new(mut parties: Vec<Arc<Party>>) -> Self {
        parties.sort_unstable();
        parties.dedup();
        let two_of = |environment| {
            let parties = parties.iter();
            let mut two: Vec<String> = parties
                .filter(|party| party.environment == Some(environment))
                .map(|party| party.customer.clone())
                .collect();
            two.dedup();
            two.truncate(2);
            two
        };
        Self(Arc::new(Members {
            in_production: two_of(Environment::Production),
            in_verification: two_of(Environment::Verification),
            parties,
        }))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Party>> {
        self.0.parties.iter()
    }

    /// Whether it is the very same one, as it is for all that share it.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Where it is: the same for all that share it.
    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn ends(&self) -> Option<(&Party, &Party)> {
        Some((self.0.parties.first()?, self.0.parties.last()?))
    }

    /// The customer whose all of these are, if they are one customer's.
    pub(super) fn one_customer(&self) -> Option<&str> {
        let (first, last) = self.ends()?;
        (first.customer == last.customer).then_some(&first.customer)
    }

    /// Whether anything may be said of its being shared: it is not all one customer's, for one purpose.
    pub(super) fn is_mixed(&self) -> bool {
        self.ends().is_some_and(|(first, last)| {
            (&first.customer, first.environment) != (&last.customer, last.environment)
        })
    }

    /// Whether one of these and one of those are not the same customer's.
    pub(super) fn is_of_other_customers_than(&self, those: &Self) -> bool {
        if self.ends().is_none() || those.ends().is_none() {
            return false;
        }
        self.one_customer().is_none() || self.one_customer() != those.one_customer()
    }

    /// The ones of these who are another customer's than this one.
    pub(super) fn other_customers<'a>(&'a self, party: &Party) -> impl Iterator<Item = &'a Arc<Party>> {
        let [before, _, after] = self.around(party);
        before.iter().chain(after)
    }

    /// The ones of these who are the same customer's, and for another purpose.
    pub(super) fn other_kinds<'a>(&'a self, party: &Party) -> impl Iterator<Item = &'a Arc<Party>> {
        let [_, own, _] = self.around(party);
        let (less, rest) = split(own, |other| other.environment < party.environment);
        let (_, more) = split(rest, |other| other.environment == party.environment);
        // Those that were let go come first, and of them nobody can say it.
        let (_, less) = split(less, |other| other.environment.is_none());
        let is_known = party.environment.is_some();
        less.iter().chain(more).filter(move |_| is_known)
    }

    /// Those before this one's customer, that customer's, and those after: it is in this order that they stand.
    fn around(&self, party: &Party) -> [&[Arc<Party>]; 3] {
        let (before, rest) = split(&self.0.parties, |other| other.customer < party.customer);
        let (own, after) = split(rest, |other| other.customer == party.customer);
        [before, own, after]
    }
}

fn split<T>(items: &[T], is_before: impl Fn(&T) -> bool) -> (&[T], &[T]) {
    items.split_at(items.partition_point(is_before))
}

/// Something that keeps two sides apart no longer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub(super) thing: Thing,
    /// The ones; of a way in, those who open it.
    pub(super) these: Side,
    /// The others; the same as the ones where it is shared.
    pub(super) those: Side,
}

impl Found {
    /// The breach that it is to be these parties' in common; nothing where they may.
    pub(super) fn shared(thing: Thing, these: &Side) -> Option<Self> {
        these.is_mixed().then(|| Self {
            thing,
            these: these.clone(),
            those: these.clone(),
        })
    }

    /// Whether both sides are the same.
    pub(super) fn is_shared(&self) -> bool {
        self.these.is(&self.those)
    }

    /// The others that must have nothing in common with this one, where it stands on the side of `these`, or of `those`.
    pub(super) fn against<'a>(&'a self, party: &Party, opens: bool) -> impl Iterator<Item = &'a Arc<Party>> {
        let opposite = if opens { &self.those } else { &self.these };
        let kinds = (!self.thing.is_way_in()).then(|| opposite.other_kinds(party));
        opposite.other_customers(party).chain(kinds.into_iter().flatten())
    }

    /// Whether it concerns one on this side at all.
    pub(super) fn concerns(&self, party: &Party, opens: bool) -> bool {
        self.against(party, opens).next().is_some()
    }

    /// Whether one on this side has something in common with another customer, and with another purpose.
    pub(super) fn between(&self, party: &Party, opens: bool) -> (bool, bool) {
        let opposite = if opens { &self.those } else { &self.these };
        let customers = opposite.other_customers(party).next().is_some();
        // Of another customer's, too, some are for production and some for verification.
        let others = match party.environment {
            Some(Environment::Production) => &opposite.0.in_verification[..],
            Some(Environment::Verification) => &opposite.0.in_production,
            None => &[],
        };
        let of_others = others.iter().any(|customer| *customer != party.customer);
        let of_own = !self.thing.is_way_in() && opposite.other_kinds(party).next().is_some();
        (customers, of_others || of_own)
    }
}
