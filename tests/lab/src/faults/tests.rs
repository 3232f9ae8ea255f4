use std::collections::BTreeSet;

use super::*;

#[test]
fn every_operation_is_called_in_some_scenario() {
    for operation in Operation::ALL {
        assert!(!homes(operation).is_empty(), "{operation}");
    }
}

#[test]
fn every_fault_comes_to_every_operation_that_it_can_come_to() {
    let trials = all(0);
    let pairs: BTreeSet<_> = trials
        .iter()
        .map(|trial| (trial.operation, trial.fault))
        .collect();
    for operation in Operation::ALL {
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
