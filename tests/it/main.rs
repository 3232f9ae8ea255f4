//! it

// The attribute tells clippy that this is test code all through.
#[cfg(test)]
mod lease;
