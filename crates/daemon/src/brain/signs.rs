//! Signs of life to the keeper, and the thread that writes a dump.
//!
//! A sign goes by way of the loop and of the link: where one of them, or the runtime, stands still, none is given. The
//! keeper then asks for a dump, ends this program and starts it again.

use super::Voice;
use super::dump::Dump;
use super::link::Orders;
use super::program::About;
use mainstay::Handle;
use mainstay_keeper::Quit;
use mainstay_wire::keeper::Order;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How many signs are given in the span in which one must come.
const SIGNS: u32 = 4;
/// How soon another span of the spec file holds where no sign is to be given.
const IDLE: Duration = Duration::from_secs(30);

/// Gives signs of life for as long as the tree gives answers. The keeper passes them on to whoever supervises both of
/// us, who may wait for one within `above`.
pub(super) async fn give(
    handle: Handle,
    orders: Orders,
    about: Arc<About>,
    above: Option<Duration>,
) {
    let mut was_within = Duration::ZERO;
    // By way of the loop: a tree that stands still gives no sign.
    while handle.child("").await.is_ok() {
        let within = about.watchdog();
        // That none will come is said once, where nobody else waits for one.
        if !within.is_zero() || !was_within.is_zero() || above.is_some() {
            orders.send(Order::Alive { within });
        }
        was_within = within;
        let next = if within.is_zero() { IDLE } else { within / SIGNS };
        tokio::time::sleep(above.map_or(next, |above| next.min(above / SIGNS))).await;
    }
    // The tree has ended, and with it what a sign would tell of.
    orders.send(Order::Alive { within: Duration::ZERO });
}

/// Begins to write a dump at each SIGQUIT, and to tell `asked` of it.
pub(super) fn dump_when_asked(
    quit: Quit,
    dump: Arc<Dump>,
    voice: Arc<Voice>,
    asked: Arc<Notify>,
) -> io::Result<()> {
    let serve = move || {
        loop {
            quit.wait();
            match dump.write() {
                Ok(path) => voice.say(&format!("what the brain is doing: {}", path.display())),
                Err(error) => voice.say(&format!(
                    "what the brain is doing cannot be written ({error}):\n{}",
                    dump.text()
                )),
            }
            asked.notify_one();
        }
    };
    std::thread::Builder::new().name("mainstay-dump".into()).spawn(serve).map(drop)
}
