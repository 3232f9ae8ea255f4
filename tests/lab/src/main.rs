//! The lab at the command line.

fn main() {}
