//! How often one address may ask.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Requests that may come at once: a page with many parts.
const BURST: u32 = 200;
/// How long until one more may come: 50 a second.
const EACH: Duration = Duration::from_millis(20);
/// The most addresses that are remembered; then those that have not asked for a while are forgotten.
const MOST: usize = 4096;

/// Counts requests by address.
#[derive(Default)]
pub(super) struct Rates {
    /// When each address will have used up nothing. It lies ahead by as much as was used.
    free: Mutex<HashMap<IpAddr, Instant>>,
}

impl Rates {
    /// Takes one request into account, or refuses it.
    pub(super) fn admit(&self, peer: IpAddr) -> bool {
        let now = Instant::now();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() >= MOST && !free.contains_key(&peer) {
            free.retain(|_, free| *free > now);
            if free.len() >= MOST {
                return false;
            }
        }
        let at = free.entry(peer).or_insert(now);
        let next = (*at).max(now) + EACH;
        if next > now + EACH * BURST {
            return false;
        }
        *at = next;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_so_many_a_second() {
        let rates = Rates::default();
        let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let passed = (0..1_000).filter(|_| rates.admit(one)).count();
        assert_eq!(passed, 200);
        assert!(rates.admit(other), "each address has its own");
        tokio::time::advance(Duration::from_secs(1)).await;
        let passed = (0..1_000).filter(|_| rates.admit(one)).count();
        assert_eq!(passed, 50);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_addresses_are_remembered_than_there_is_room() {
        let rates = Rates::default();
        for number in 0..u32::try_from(MOST).expect("it fits") {
            assert!(rates.admit(IpAddr::from(number.to_be_bytes())));
        }
        let late = IpAddr::from([200, 0, 0, 1]);
        assert!(!rates.admit(late));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(rates.admit(late), "those who have asked long ago make place");
    }
}
