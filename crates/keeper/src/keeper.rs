//! A keeper as a thread of somebody's program.

use crate::contain::Instance;
use crate::hold::{Hold, Settings as HoldSettings};
use crate::link::{Link, Mailbox, ThreadLink};
use crate::relay::Relay;
use crate::sys::signals;
use mainstay_wire::Text;
use mainstay_wire::keeper::{Order, Report};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

/// How a keeper stands to others of its kind.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What tells the processes of this keeper from those of others on the machine, from life to life. Two
    /// keepers that live at once must not share one. Empty: nothing is looked for that was left behind; only a thread
    /// may do without, since what it holds ends with its program unless that dies.
    pub identity: String,
    /// Set where it is there for one command only: signals to its process go to that, beside what the brain decides,
    /// and so do the descriptors that its process was started with; and its exit code is that of the command. Only for
    /// a keeper that is a process.
    pub relay: Option<Relay>,
}

/// A keeper that is a thread of this program. Dropping it ends by force whatever it still holds.
#[derive(Debug)]
pub struct Keeper {
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts a keeper.
    ///
    /// `tell` is called on the keeper's thread for each report and must not wait for anything.
    ///
    /// # Errors
    ///
    /// There is no thread or descriptor left.
    pub fn thread(settings: &Settings, tell: Box<dyn FnMut(Report) + Send>) -> io::Result<Self> {
        let mailbox = Arc::new(Mailbox::new()?);
        let wake = Arc::clone(mailbox.waker());
        let link = Link::Thread(ThreadLink::new(Arc::clone(&mailbox), tell));
        // Children of this program that others have made are none of our business.
        let hold = HoldSettings {
            instance: instance(&settings.identity),
            identity: settings.identity.clone(),
            owns_all: false,
            program: Text::default(),
            arguments: Vec::new(),
            files: None,
        };
        let mut hold = Hold::new(hold, link, wake, None)?;
        let serve = move || {
            signals::block_all();
            signals::run_soon();
            hold.find_leftovers();
            if let Err(error) = hold.serve() {
                eprintln!("mainstay: the keeper cannot wait any more: {error}");
            }
        };
        let thread = std::thread::Builder::new().name("mainstay-keeper".into()).spawn(serve)?;
        Ok(Self { mailbox, thread: Some(thread) })
    }

    /// Asks for something. It never waits; what comes of it is a report.
    pub fn order(&self, order: Order) {
        self.mailbox.put(order);
    }

    /// Returns a way to ask from any thread. Once the keeper is gone nothing comes of it.
    pub fn orders(&self) -> Arc<dyn Fn(Order) + Send + Sync> {
        let mailbox = Arc::clone(&self.mailbox);
        Arc::new(move |order| mailbox.put(order))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.order(Order::Leave { kill: true });
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Checks the identity of a keeper that is a process.
pub(crate) fn check(identity: &str) -> io::Result<()> {
    if identity.is_empty() {
        let what = "a keeper that is a process needs an identity: without one, what it leaves when it \
                    dies is never found again";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    Ok(())
}

/// Returns a number that stays the same for this identity, and is another one for none.
pub(crate) fn instance(identity: &str) -> Instance {
    if !identity.is_empty() {
        return Instance::of(identity);
    }
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = crate::hold::now().as_nanos();
    Instance::of(&format!("{} {now} {number}", std::process::id()))
}
