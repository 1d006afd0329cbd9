//! All viewers of a tree, and what the keeper shows them.
//!
//! The keeper speaks on a thread of its own and never waits: what it shows a viewer goes into the store of that viewer,
//! and the keeper hears how much of it was taken.

use super::seat::{Joined, Seat};
use super::{Console, ConsoleError, ConsoleMode, Shown, Viewer};
use crate::process::Orders;
use crate::shared::Shared;
use mainstay_wire::keeper::{Fact, Key, Order, Report};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many viewers a tree has at most: each may have 256 KiB waiting at the keeper.
pub(super) const MOST: usize = 256;
/// How much is handed over in one piece.
const PIECE: usize = 16 * 1024;

/// Every viewer of a tree.
#[derive(Default)]
pub(crate) struct Hall {
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    /// What the keeper is told by.
    orders: Option<Orders>,
    last: u64,
    seats: BTreeMap<u64, Seat>,
    /// By the name that the keeper has for a child.
    rooms: BTreeMap<Arc<str>, Room>,
}

/// The viewers of one child.
#[derive(Default)]
struct Room {
    seats: Vec<u64>,
    /// The run that is known to have begun and not to have ended.
    run: Option<u64>,
}

impl Hall {
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is a keeper.
    pub(crate) fn connect(&self, orders: Orders) {
        self.lock().orders = Some(orders);
    }

    /// Gives somebody a place at the terminal of the child that the keeper calls so.
    pub(crate) fn join(
        &self,
        shared: &Arc<Shared>,
        room: Arc<str>,
        who: Arc<str>,
        mode: ConsoleMode,
    ) -> Result<Console, ConsoleError> {
        let since = shared.clock.now();
        let mut places = self.lock();
        if places.seats.len() >= MOST {
            return Err(ConsoleError::TooMany { most: MOST });
        }
        places.last += 1;
        let number = places.last;
        let viewer = Viewer { number, name: who, mode, since };
        let seat = Seat::new(viewer, Arc::clone(&room));
        let news = Arc::clone(&seat.news);
        places.ask(&seat);
        places.seats.insert(number, seat);
        places.rooms.entry(Arc::clone(&room)).or_default().seats.push(number);
        places.tell_viewers(&room);
        Ok(Console { shared: Arc::clone(shared), number, mode, news })
    }

    pub(super) fn take(&self, number: u64) -> Option<Option<Shown>> {
        let mut places = self.lock();
        let shown = places.seats.get_mut(&number)?.take()?;
        if let Some(Shown::Bytes(bytes)) = &shown {
            places.order(Order::Shown { viewer: number, bytes: bytes.len() as u64 });
        }
        Some(shown)
    }

    pub(super) fn type_in(&self, number: u64, bytes: &[u8]) {
        let mut places = self.lock();
        let Some(seat) = places.seats.get_mut(&number) else { return };
        let taken = seat.types(bytes.len());
        for piece in bytes[..taken].chunks(PIECE) {
            places.order(Order::Type { viewer: number, bytes: piece.to_vec() });
        }
    }

    pub(super) fn resize(&self, number: u64, rows: u16, columns: u16) {
        let mut places = self.lock();
        let Some(seat) = places.seats.get_mut(&number) else { return };
        if seat.size.replace((rows, columns)) != Some((rows, columns)) {
            places.order(Order::Resize { viewer: number, rows, columns });
        }
    }

    pub(super) fn viewers(&self, number: u64) -> Arc<[Viewer]> {
        let places = self.lock();
        let room = places.seats.get(&number).map(|seat| Arc::clone(&seat.room));
        room.map_or_else(|| Arc::new([]) as Arc<[Viewer]>, |room| places.viewers_of(&room))
    }

    pub(super) fn leave(&self, number: u64) {
        let mut places = self.lock();
        let Some(seat) = places.seats.remove(&number) else { return };
        if !seat.has_left() {
            places.order(Order::Detach(number));
        }
        places.vacate(&seat.room, number);
    }

    /// Sends the viewers of a child away.
    pub(crate) fn close(&self, room: &str, why: &str) {
        let mut places = self.lock();
        let Some(Room { seats, .. }) = places.rooms.remove(room) else { return };
        for number in seats {
            places.order(Order::Detach(number));
            if let Some(seat) = places.seats.get_mut(&number) {
                seat.ends(why);
            }
        }
    }

    /// Sends everybody away.
    pub(crate) fn close_all(&self, why: &str) {
        let rooms: Vec<_> = self.lock().rooms.keys().cloned().collect();
        rooms.iter().for_each(|room| self.close(room, why));
        self.lock().orders = None;
    }

    /// Takes what concerns viewers out of what the keeper tells.
    pub(crate) fn hear(&self, report: Report) -> Option<Report> {
        let mut places = self.lock();
        match report {
            Report::Hello { .. } => {
                places.meet_keeper();
                return Some(report);
            }
            Report::Fact { ref fact, .. } => {
                places.hear_fact(fact);
                return Some(report);
            }
            Report::Inventory(_) | Report::Descriptors { .. } | Report::Aside { .. } => {
                return Some(report);
            }
            Report::Screen { viewer, bytes, lost } => {
                if let Some(seat) = places.seats.get_mut(&viewer) {
                    seat.show(bytes, lost);
                }
            }
            Report::Typed { viewer, taken, refused } => {
                if let Some(seat) = places.seats.get_mut(&viewer) {
                    seat.answered(taken, refused);
                }
            }
            Report::Left { viewer, why } => places.has_nothing(viewer, &why),
        }
        None
    }
}

impl Places {
    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            orders(order);
        }
    }

    /// Has the keeper show a terminal to a viewer.
    fn ask(&self, seat: &Seat) {
        let viewer = seat.viewer.number;
        let (child, read_only) = (Arc::clone(&seat.room), seat.is_read_only());
        self.order(Order::Attach { child, viewer, read_only });
        if let Some((rows, columns)) = seat.size {
            self.order(Order::Resize { viewer, rows, columns });
        }
    }

    /// Has the keeper show a terminal to those viewers of a child that it may have nothing to show to yet.
    fn ask_again(&mut self, room: &str, of: impl Fn(Joined) -> bool) {
        let Some(Room { seats, .. }) = self.rooms.get(room) else { return };
        for number in seats {
            if let Some(seat) = self.seats.get_mut(number).filter(|seat| of(seat.joined)) {
                seat.joined = Joined::Asked;
            } else {
                continue;
            }
            if let Some(seat) = self.seats.get(number) {
                self.ask(seat);
            }
        }
    }

    /// Another keeper speaks, which may know nobody.
    fn meet_keeper(&mut self) {
        let rooms: Vec<_> = self.rooms.keys().cloned().collect();
        for room in rooms {
            self.ask_again(&room, |_| true);
            self.each(&room, Seat::gap);
        }
    }

    fn hear_fact(&mut self, fact: &Fact) {
        match fact {
            Fact::Started { key, .. } | Fact::Adopted { key, .. } => self.began(key),
            Fact::Ended { key, .. } => {
                let Some(room) = self.rooms.get_mut(&key.child) else { return };
                room.run = room.run.filter(|run| *run > key.run);
                self.each(&key.child, |seat| seat.happened(Shown::Ended(key.run)));
            }
            Fact::MainEnded { .. }
            | Fact::Outlived { .. }
            | Fact::Said { .. }
            | Fact::Demand(_)
            | Fact::Listening { .. }
            | Fact::Done { .. }
            | Fact::Dropped { .. }
            | Fact::Trouble { .. }
            | Fact::Stranger { .. }
            | Fact::Forgotten { .. } => {}
        }
    }

    fn began(&mut self, key: &Key) {
        let Some(room) = self.rooms.get_mut(&key.child) else { return };
        let is_new = room.run.replace(key.run) != Some(key.run);
        self.ask_again(&key.child, |joined| joined == Joined::Apart);
        if is_new {
            self.each(&key.child, |seat| seat.happened(Shown::Began(key.run)));
        }
    }

    /// The keeper has no terminal for a viewer. It may just be about to.
    fn has_nothing(&mut self, number: u64, why: &str) {
        let Some(seat) = self.seats.get_mut(&number) else { return };
        let is_live = self.rooms.get(&seat.room).is_some_and(|room| room.run.is_some());
        match seat.joined {
            Joined::Asked if is_live => {
                seat.joined = Joined::Again;
                if let Some(seat) = self.seats.get(&number) {
                    self.ask(seat);
                }
            }
            Joined::Again if is_live => {
                seat.ends(why);
                let room = Arc::clone(&seat.room);
                self.vacate(&room, number);
            }
            Joined::Asked | Joined::Again | Joined::Apart => seat.joined = Joined::Apart,
        }
    }

    fn each(&mut self, room: &str, tell: impl Fn(&mut Seat)) {
        let Some(Room { seats, .. }) = self.rooms.get(room) else { return };
        for number in seats {
            if let Some(seat) = self.seats.get_mut(number) {
                tell(seat);
            }
        }
    }

    fn vacate(&mut self, name: &Arc<str>, number: u64) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.seats.retain(|other| *other != number);
        if room.seats.is_empty() {
            self.rooms.remove(name);
        } else {
            self.tell_viewers(name);
        }
    }

    fn viewers_of(&self, room: &str) -> Arc<[Viewer]> {
        let seats = self.rooms.get(room).map_or(&[][..], |room| &room.seats);
        seats.iter().filter_map(|number| Some(self.seats.get(number)?.viewer.clone())).collect()
    }

    fn tell_viewers(&mut self, room: &str) {
        let viewers = self.viewers_of(room);
        self.each(room, |seat| seat.meets(&viewers));
    }
}
