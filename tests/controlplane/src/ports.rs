//! Free ports on loopback.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range the kernel takes ports of outgoing connections from (32768 and up on Linux), so
/// that no client connection can take a port between our look and the server's bind.
const FIRST: u16 = 21_000;
const COUNT: u16 = 11_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port on 127.0.0.1 on which nobody listens now. Two calls in one process never give the same.
///
/// The port is not held: a caller whose server then finds it taken tries again with another.
#[must_use]
pub fn free_port() -> Option<u16> {
    (0..COUNT).find_map(|_| {
        let turn = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = candidate(std::process::id(), turn);
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .is_ok()
            .then_some(port)
    })
}

/// Each process begins elsewhere, so that two test binaries seldom look at the same port.
fn candidate(process: u32, turn: u16) -> u16 {
    let start = u16::try_from((process.wrapping_mul(97)) % u32::from(COUNT)).unwrap_or(0);
    FIRST + (u32::from(start) + u32::from(turn)).rem_euclid(u32::from(COUNT)) as u16
}

#[cfg(test)]
mod tests;
