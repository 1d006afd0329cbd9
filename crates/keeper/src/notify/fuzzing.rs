//! What fuzz targets, and tests outside of this crate, reach.

use super::{LONGEST, Message, Relation, Speech};
use crate::store::Store;
use mainstay_wire::keeper::Notice;
use mainstay_wire::process::Access;

/// Hears datagrams, one after the other, as one run says them, and returns what came of each.
pub fn hear<'a>(datagrams: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<Notice>> {
    let mut speech = Speech::new(Access::All);
    let mut store = Store::default();
    let hear_one = |text: &'a [u8]| {
        let mut out = Vec::new();
        let text = text.to_vec();
        let message = Message { text, is_cut: false, pid: 1, uid: 0, fds: Vec::new() };
        // What does not count is as good an answer as any.
        _ = speech.take(message, Relation::Main, &mut store, &mut out);
        out
    };
    datagrams.into_iter().map(hear_one).collect()
}

/// Asserts what holds for any datagrams: each comes to few notices, none of them longer than it can be, and
/// nothing comes back once the run has said that it stops.
pub fn check(heard: &[Vec<Notice>]) {
    let mut is_stopping = false;
    for notice in heard.iter().flatten() {
        match notice {
            Notice::Stopping => is_stopping = true,
            Notice::Ready(_) | Notice::Reloading(_) => assert!(!is_stopping),
            Notice::Status(text) => assert!(text.as_bytes().len() <= LONGEST),
            Notice::Word { name, value } => {
                assert!(name.as_bytes().len() + value.as_bytes().len() < LONGEST);
                assert!(!value.as_bytes().contains(&b'\n'));
            }
            Notice::Main(pid) => assert!(i32::try_from(*pid).is_ok_and(|pid| pid > 0)),
            Notice::Errno(errno) => assert!((0..=4095).contains(errno)),
            Notice::Beat
            | Notice::Trigger
            | Notice::Watchdog(_)
            | Notice::Extend(_)
            | Notice::ResetRestarts
            | Notice::Stored(_) => {}
        }
    }
    assert!(heard.iter().all(|of_one| of_one.len() <= 48));
}
