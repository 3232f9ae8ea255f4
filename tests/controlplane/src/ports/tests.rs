use super::{COUNT, FIRST, candidate, free_port};

#[test]
fn candidates_stay_in_the_range_for_any_process_and_turn() {
    for process in [0, 1, 4_194_304, u32::MAX] {
        for turn in [0, 1, COUNT - 1, COUNT, u16::MAX] {
            assert!((FIRST..FIRST + COUNT).contains(&candidate(process, turn)));
        }
    }
}

#[test]
fn two_calls_give_two_ports() {
    assert_ne!(free_port().unwrap(), free_port().unwrap());
}
