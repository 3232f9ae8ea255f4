//! it

#[cfg(test)]
mod contract;
mod lease;
