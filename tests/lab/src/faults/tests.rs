use std::collections::BTreeSet;

use super::*;
use crate::NOT_CALLED_YET;

#[test]
fn every_operation_is_called_in_some_scenario() {
    for operation in Operation::ALL {
        let is_called = !homes(operation).is_empty();
        assert_eq!(is_called, !NOT_CALLED_YET.contains(&operation), "{operation}");
    }
}

#[test]
fn every_fault_comes_to_every_operation_that_it_can_come_to() {
    let trials = all(0);
    let pairs: BTreeSet<_> = trials
        .iter()
        .map(|trial| (trial.operation, trial.fault))
        .collect();
    let mut called = Operation::ALL.to_vec();
    called.retain(|operation| !NOT_CALLED_YET.contains(operation));
    for operation in called {
        for fault in Fault::ALL {
            let is_tried = pairs.contains(&(operation, fault));
            assert_eq!(
                is_tried,
                fault.excluded(operation).is_none(),
                "{fault} of {operation}"
            );
        }
    }
    assert!(pairs.len() > 150, "{}", pairs.len());
}
