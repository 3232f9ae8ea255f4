//! What is to be done, as arithmetic: desired and observed go in, steps come out.

pub mod incident;
