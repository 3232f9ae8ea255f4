use super::*;

#[test]
fn a_first_sweep_that_fails_is_not_looked_for_every_two_seconds() {
    let start: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
    let memory = Memory::new(start);
    let tokyo = Site::from("ap-northeast-1");
    assert_eq!(memory.wait_for_sweep(&tokyo, start), SWEEP_SOON);
    let fails = start + jiff::SignedDuration::from_secs(10);
    assert_eq!(memory.wait_for_sweep(&tokyo, fails), SWEEP_LATER);
    assert_eq!(memory.wait_for_sweep(&"ap-northeast-3".into(), fails), SWEEP_SOON);
}
