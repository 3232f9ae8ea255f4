//! What holds for any facts at all.

use proptest::prelude::*;

use super::*;
use crate::api::Environment;

fn rules() -> impl Strategy<Value = BTreeSet<Rule>> {
    let peers = prop::sample::select(vec![
        "203.0.113.0/24",
        "0.0.0.0/0",
        "10.1.0.0/16",
        "::/0",
        "fd00::/8",
        "sg-other",
        "pl-some",
    ]);
    let protocols = prop::sample::select(vec![Protocol::All, Protocol::Tcp, Protocol::Udp]);
    let ports = prop::sample::select(vec![(443, 443), (80, 80), (22, 22), (0, 65535), (-1, -1)]);
    prop::collection::btree_set(
        (protocols, ports, peers).prop_map(|(protocol, ports, peer)| rule(protocol, ports, peer)),
        0..4,
    )
}

fn observed<T: std::fmt::Debug + Clone + 'static>(
    inner: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Observed<T>> {
    prop_oneof![
        1 => Just(Observed::Unknown),
        1 => Just(Observed::Absent),
        6 => inner.prop_map(Observed::Present),
    ]
}

fn groups() -> impl Strategy<Value = Vec<AttachedGroup>> {
    let roles = prop::sample::select(vec![
        GroupRole::Own,
        GroupRole::Base,
        GroupRole::Quarantine,
        GroupRole::Foreign,
    ]);
    let group = (roles, observed(rules())).prop_map(|(role, rules)| AttachedGroup {
        id: "sg-some".into(),
        role,
        rules,
    });
    prop::collection::vec(group, 0..3)
}

fn methods() -> impl Strategy<Value = BTreeSet<Method>> {
    prop::sample::subsequence(vec![Method::Files, Method::Database, Method::Snapshot], 0..=3)
        .prop_map(|methods| methods.into_iter().collect())
}

fn locks() -> impl Strategy<Value = Lock> {
    prop::sample::select(vec![Lock::Missing, Lock::Unknown, Lock::Coming, Lock::Held])
}

fn engines() -> impl Strategy<Value = Engine> {
    prop::sample::select(Engine::ALL.to_vec())
}

fn checks() -> impl Strategy<Value = BTreeSet<SetCheck>> {
    let all = vec![
        check("SnapshotsCompleted", true),
        check("EncryptionEqual", true),
        check("EncryptionEqual", false),
    ];
    prop::sample::subsequence(all, 0..=2).prop_map(|checks| checks.into_iter().collect())
}

fn exposed() -> impl Strategy<Value = Observed<BTreeSet<String>>> {
    observed(Just(BTreeSet::from(["snap-1 is public".to_owned()])))
}

fn sets() -> impl Strategy<Value = Vec<BackupSet>> {
    let states = prop::sample::select(vec![
        SetState::Pending,
        SetState::Running,
        SetState::Complete,
        SetState::Partial,
        SetState::Failed,
        SetState::Missed,
        SetState::Expired,
    ]);
    let skew = prop::option::of((0u64..7200).prop_map(Duration::from_secs));
    let days = prop::sample::subsequence(vec![22i8, 23, 24, 25], 0..=4);
    (
        days,
        prop::collection::vec((states, skew, methods(), any::<bool>(), any::<bool>()), 4),
        prop::collection::vec((locks(), engines(), any::<bool>(), checks()), 4),
    )
        .prop_map(|(days, runs, guards)| {
            let one = |((day, run), guard): ((i8, _), _)| {
                let (state, start_skew, succeeded, held, scheduled) = run;
                let (lock, engine, lock_recorded, checks) = guard;
                BackupSet {
                    slot: set(day).slot.filter(|_| scheduled),
                    day: set(day).day,
                    state,
                    start_skew,
                    succeeded,
                    held,
                    engine,
                    lock,
                    lock_recorded,
                    checks,
                }
            };
            days.into_iter().zip(runs).zip(guards).map(one).collect()
        })
}

fn backups() -> impl Strategy<Value = BackupFacts> {
    let due_slots = prop::sample::subsequence(vec![22i8, 23, 24, 25], 0..=4)
        .prop_map(|days| days.into_iter().map(due).collect());
    (methods(), due_slots, sets(), exposed()).prop_map(|(methods, due, sets, exposed)| BackupFacts {
        methods,
        due,
        sets,
        exposed,
        ..kept().backup.unwrap()
    })
}

fn incidents() -> impl Strategy<Value = Vec<IncidentSummary>> {
    let times = || {
        prop::option::of(
            (-100_000i64..100_000)
                .prop_map(|by| at("2026-11-25T03:00:00Z") + jiff::SignedDuration::from_secs(by)),
        )
    };
    let one = (times(), times(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(notify_by, notified_at, breached, closed, decided)| IncidentSummary {
            notify_by,
            notified_at,
            breached,
            closed,
            decisions: if decided {
                BTreeSet::from(Decision::ALL)
            } else {
                BTreeSet::new()
            },
            ..incident("some")
        },
    );
    prop::collection::vec(one, 0..3)
}

fn labels() -> impl Strategy<Value = LabelFacts> {
    let holder = prop::option::of(prop::sample::select(vec!["acme/acme-jira", "other/env"]));
    let others = prop::option::of(prop::sample::select(vec![vec![], vec!["i-0other".to_owned()]]));
    let tag =
        observed(prop::sample::select(vec!["acme-jira-prod", "acme-jira-test"]).prop_map(str::to_owned));
    (holder, others, tag).prop_map(|(holder, others, tag)| LabelFacts {
        holder: holder.map(str::to_owned),
        other_instances: others.map(|names| names.into_iter().collect()),
        tag,
        ..kept().label
    })
}

fn breach() -> impl Strategy<Value = BreachFact> {
    let bits = (any::<bool>(), any::<bool>(), any::<bool>());
    bits.prop_map(|(customers, environments, is_way_in)| BreachFact {
        text: "security group sg-1 is shared by acme/a and globex/g".to_owned(),
        is_between_customers: customers,
        is_between_environments: environments,
        is_way_in,
    })
}

fn separation() -> impl Strategy<Value = SeparationFacts> {
    let breaches = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(breach(), 1..3)];
    let assignee = prop::option::of(Just("sato@example.com".to_owned()));
    let unseen = prop::sample::subsequence(vec!["sg-odd".into()], 0..=1);
    (any::<bool>(), assignee, any::<bool>(), breaches, unseen).prop_map(
        |(verifies, assignee, is_compared, breaches, unseen)| SeparationFacts {
            environment: match verifies {
                true => Environment::Verification,
                false => Environment::Production,
            },
            assignee,
            is_compared,
            breaches,
            unseen: unseen.into_iter().collect(),
        },
    )
}

fn facts() -> impl Strategy<Value = Facts> {
    let metadata = (any::<bool>(), 1i32..3).prop_map(|(tokens_required, hop_limit)| MetadataOptions {
        tokens_required,
        hop_limit,
    });
    let cloud = (
        observed(groups()),
        prop::option::of(rules()),
        observed(metadata),
        observed(Just("arn:aws:iam::111122223333:instance-profile/p".to_owned())),
    );
    let cluster = (
        labels(),
        prop::option::of(backups()),
        prop::option::of(incidents()),
        any::<bool>(),
        separation(),
    );
    (cloud, cluster, any::<bool>()).prop_map(
        |(
            (groups, declared_ingress, metadata, instance_profile),
            (label, backup, incidents, ready, separation),
            seen,
        )| {
            let kept = kept();
            Facts {
                now: kept.now,
                heartbeat: kept.heartbeat.filter(|_| seen),
                first_ready_at: kept.first_ready_at.filter(|_| ready),
                label,
                groups,
                declared_ingress,
                metadata,
                instance_profile,
                separation,
                backup,
                incidents,
            }
        },
    )
}

/// Every way of knowing one thing less.
const ERASURES: [fn(&mut Facts); 21] = [
    |facts| facts.heartbeat = None,
    |facts| facts.first_ready_at = None,
    |facts| facts.label.holder = None,
    |facts| facts.label.other_instances = None,
    |facts| facts.label.tag = Observed::Unknown,
    |facts| facts.groups = Observed::Unknown,
    |facts| {
        if let Observed::Present(groups) = &mut facts.groups
            && let Some(group) = groups.first_mut()
        {
            group.rules = Observed::Unknown;
        }
    },
    |facts| facts.declared_ingress = None,
    |facts| facts.metadata = Observed::Unknown,
    |facts| facts.instance_profile = Observed::Unknown,
    |facts| facts.separation.is_compared = false,
    |facts| facts.separation.assignee = None,
    |facts| {
        facts.separation.unseen.insert("sg-unseen".into());
    },
    |facts| facts.backup = None,
    |facts| {
        if let Some(backup) = &mut facts.backup {
            backup.methods.clear();
        }
    },
    |facts| {
        if let Some(backup) = &mut facts.backup {
            backup.exposed = Observed::Unknown;
        }
    },
    |facts| {
        for set in facts.backup.iter_mut().flat_map(|backup| &mut backup.sets) {
            set.lock = Lock::Unknown;
        }
    },
    |facts| {
        for set in facts.backup.iter_mut().flat_map(|backup| &mut backup.sets) {
            set.checks.clear();
        }
    },
    |facts| facts.incidents = None,
    |facts| {
        for incident in facts.incidents.iter_mut().flatten() {
            incident.notify_by = None;
        }
    },
    |facts| {
        for incident in facts.incidents.iter_mut().flatten() {
            incident.notified_at = None;
        }
    },
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn missing_data_never_passes(facts in facts(), erasure in 0..ERASURES.len()) {
        let mut less = facts.clone();
        ERASURES[erasure](&mut less);
        for id in JUDGED.into_iter().chain([IDLE]) {
            let (before, after) = (said(id, &facts), said(id, &less));
            prop_assert!(
                after.0 != Verdict::Pass || before.0 == Verdict::Pass,
                "P{} went from {:?} to {:?} by knowing less", id, before, after
            );
        }
    }

    #[test]
    fn the_order_of_what_is_known_does_not_matter(facts in facts()) {
        let mut turned = facts.clone();
        if let Observed::Present(groups) = &mut turned.groups {
            groups.reverse();
        }
        if let Some(backup) = &mut turned.backup {
            backup.sets.reverse();
            backup.due.reverse();
        }
        turned.incidents.iter_mut().for_each(|incidents| incidents.reverse());
        prop_assert_eq!(judge_all(&terms(), &facts), judge_all(&terms(), &turned));
    }

    #[test]
    fn a_minute_later_every_reason_reads_the_same(facts in facts()) {
        let mut then = facts.clone();
        then.now = later(then.now, Duration::from_mins(1));
        then.heartbeat = then.heartbeat.map(|_| then.now);
        // Unless a deadline passed in that minute, nothing changed that could be news.
        let passed = facts.incidents.iter().flatten().any(|incident| {
            [incident.notify_by, incident.notified_at].into_iter().flatten().any(|at| at >= facts.now && at <= then.now)
        });
        prop_assume!(!passed);
        prop_assert_eq!(judge_all(&terms(), &facts), judge_all(&terms(), &then));
    }

    #[test]
    fn the_counts_add_up_and_reasons_fit_a_status(facts in facts()) {
        let board = judge_all(&terms(), &facts);
        prop_assert_eq!(board.results.len(), 52);
        prop_assert_eq!(board.total + board.idle, 52);
        prop_assert_eq!(board.total, board.pass + board.fail + board.unknown + board.manual + board.waived);
        prop_assert_eq!(usize::try_from(board.fail).unwrap(), board.failing.len());
        for result in &board.results {
            prop_assert!(!result.reason.is_empty() && result.reason.len() <= 512);
        }
    }
}
