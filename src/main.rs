//! Yagura.
fn main() {}
