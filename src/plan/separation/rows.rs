//! What each is told: its own part of all that was found.
//!
//! A fleet that is opened at once is ten thousand findings with ten thousand on their other side. So what lets in the
//! same crowd is gathered, and each of the crowd gets the first few of it and the number of the rest: the cost grows with
//! what there is, and not with the pairs.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    Breach, Matrix, Party, Row, Thing,
    sides::{Found, Side},
};

/// How many breaches a Tenant's row keeps: more than a message names, and few enough that a fleet of which every group
/// was opened to all the others fits in memory.
pub(super) const KEPT: usize = 16;

/// How many of the other side a message names.
const NAMED: usize = 2;

/// The rows of these parties. What is kept of many is the same whatever the order in which they were found.
pub(super) fn rows(parties: &[Arc<Party>], mut found: Vec<Found>) -> Matrix {
    found.sort();
    let index = Index::of(&found);
    let rows = parties.iter().map(|party| (party.uid.clone(), index.row(party)));
    Matrix { rows: rows.collect() }
}

/// What was found, by whom it concerns. Numbers are places in the list of what was found.
struct Index<'a> {
    found: &'a [Found],
    /// What each is one of `these` of.
    opened: HashMap<&'a str, Vec<usize>>,
    crowds: Vec<Crowd<'a>>,
    /// The crowds that each is one of.
    within: HashMap<&'a str, Vec<usize>>,
}

/// Those to whom several things let in.
struct Crowd<'a> {
    those: &'a Side,
    ways: Vec<usize>,
    /// How many of these are ways in from one customer only, who is not told of its own.
    from_one: HashMap<&'a str, usize>,
}

impl<'a> Index<'a> {
    fn of(found: &'a [Found]) -> Self {
        let mut opened: HashMap<_, Vec<_>> = HashMap::new();
        let mut crowds: Vec<Crowd<'_>> = Vec::new();
        let mut by_address = HashMap::new();
        let mut within: HashMap<_, Vec<_>> = HashMap::new();
        for (number, found) in found.iter().enumerate() {
            for party in found.these.iter() {
                opened.entry(party.uid.as_str()).or_default().push(number);
            }
            if found.is_shared() {
                continue;
            }
            let place = *by_address.entry(found.those.address()).or_insert_with(|| {
                for party in found.those.iter() {
                    within.entry(party.uid.as_str()).or_default().push(crowds.len());
                }
                crowds.push(Crowd {
                    those: &found.those,
                    ways: Vec::new(),
                    from_one: HashMap::new(),
                });
                crowds.len() - 1
            });
            if let Some(crowd) = crowds.get_mut(place) {
                crowd.ways.push(number);
                if let Some(customer) = found.these.one_customer() {
                    *crowd.from_one.entry(customer).or_default() += 1;
                }
            }
        }
        Self {
            found,
            opened,
            crowds,
            within,
        }
    }

    fn row(&self, party: &Party) -> Row {
        let mut kept: BTreeSet<(usize, bool)> = of(&self.opened, party)
            .filter(|number| self.at(*number).is_some_and(|found| found.concerns(party, true)))
            .map(|number| (number, true))
            .collect();
        let own = kept.clone();
        let mut count = own.len();
        for crowd in of(&self.within, party).filter_map(|place| self.crowds.get(place)) {
            let from_own = crowd.from_one.get(party.customer.as_str());
            // What one is on both sides of is told once.
            let twice = own.iter().filter(|(number, _)| {
                let is_counted = |found: &Found| {
                    found.those.is(crowd.those) && !found.is_shared() && lets_in(found, party)
                };
                self.at(*number).is_some_and(is_counted)
            });
            count += crowd.ways.len() - from_own.copied().unwrap_or_default() - twice.count();
            let ways = crowd.ways.iter().copied().filter(|number| {
                !own.contains(&(*number, true)) && self.at(*number).is_some_and(|found| lets_in(found, party))
            });
            kept.extend(ways.take(KEPT).map(|number| (number, false)));
        }
        let told = kept.into_iter().take(KEPT);
        let told = told.filter_map(|(number, opens)| Some(told_to(party, self.at(number)?, opens)));
        let breaches: Vec<_> = told.map(Arc::new).collect();
        Row {
            more: count - breaches.len(),
            breaches,
            unseen: BTreeSet::new(),
        }
    }

    fn at(&self, number: usize) -> Option<&'a Found> {
        self.found.get(number)
    }
}

fn of<'a>(numbers: &'a HashMap<&str, Vec<usize>>, party: &Party) -> impl Iterator<Item = usize> + use<'a> {
    numbers.get(party.uid.as_str()).into_iter().flatten().copied()
}

/// Whether it lets in this one, who is one of `those`, from another customer: both sides are hardly ever one customer's.
fn lets_in(found: &Found, party: &Party) -> bool {
    found.these.one_customer() != Some(&party.customer)
}

/// What one is told of it, naming both sides and the thing. The same while nothing changes.
fn told_to(party: &Party, found: &Found, opens: bool) -> Breach {
    let own = party.to_string();
    let mut others: Vec<String> = Vec::new();
    for other in found.against(party, opens) {
        let other = other.to_string();
        if others.contains(&other) {
            continue;
        }
        if others.len() == NAMED {
            others.push("others".to_owned());
            break;
        }
        others.push(other);
    }
    let others = match others.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    };
    let (from, to) = if opens { (own, others) } else { (others, own) };
    let text = match &found.thing {
        Thing::Volume(id) => format!("volume {id} is shared by {from} and {to}"),
        Thing::Tagged(id) => format!("{id} carries the tags of {from} and {to}"),
        Thing::Group(id) => format!("security group {id} is shared by {from} and {to}"),
        Thing::Snapshot(id, volume) => format!("snapshot {id} of {volume} is shared by {from} and {to}"),
        Thing::Rule(id, other) => format!("security group {id} of {from} refers to {other} of {to}"),
        Thing::Range(id, range) => {
            format!("security group {id} of {from} lets in {range}, where {to} stands")
        }
    };
    let (is_between_customers, is_between_environments) = found.between(party, opens);
    Breach {
        thing: found.thing.clone(),
        text,
        is_between_customers,
        is_between_environments,
    }
}
