//! Which consoles are open: brought in line with what is declared, without touching what has not changed.

use super::door::{Door, DoorError};
use super::endpoint::Written;
use super::feed::Feed;
use super::hub::{Ask, Hub, KEYS};
use super::viewer::{self, Room};
use super::{Declared, Surroundings, transcript};
use crate::attend::Attendance;
use mainstay::Handle;
use mainstay::console::ConsoleMode;
use mainstay_wire::spec::{Console, Endpoint, Transcript};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};

/// How many are connected to one console at most.
const MOST: usize = 64;
/// How long until a place that could not be listened at is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// How long those who look on get to see the last of it.
const LAST: Duration = Duration::from_secs(1);

/// Opens every place where a console would listen, and closes it again: before anything begins it is told what would
/// not work. To be called within a runtime.
///
/// # Errors
///
/// The first place that cannot be listened at.
pub fn try_open(endpoints: &[Endpoint]) -> Result<Vec<Endpoint>, DoorError> {
    let doors: Result<Vec<Door>, DoorError> = endpoints.iter().map(Door::open).collect();
    Ok(doors?.iter().map(|door| door.endpoint().clone()).collect())
}

/// What is told of a console that does not work: which one, and why; nothing once it does.
pub(crate) type Tell = Arc<dyn Fn(&str, Option<String>) + Send + Sync>;

/// All consoles of a daemon.
pub(crate) struct Consoles {
    handle: Handle,
    surroundings: Arc<Surroundings>,
    tell: Tell,
    open: BTreeMap<String, Open>,
}

/// One that is open.
struct Open {
    declared: watch::Sender<Arc<Declared>>,
    room: Room,
    doors: BTreeMap<(bool, Endpoint), AbortHandle>,
    transcript: Option<(Transcript, AbortHandle)>,
    reopen: watch::Sender<u64>,
    info: Arc<Listing>,
    tasks: JoinSet<()>,
}

impl Consoles {
    pub(crate) fn new(handle: Handle, surroundings: Surroundings, tell: Tell) -> Self {
        Self { handle, surroundings: Arc::new(surroundings), tell, open: BTreeMap::new() }
    }

    /// Brings what is open in line with what is declared. `begins` tells that a life of the daemon does. Files that are
    /// written are opened anew.
    pub(crate) fn present(&mut self, declared: &BTreeMap<String, Declared>, begins: bool) {
        self.open.retain(|path, _| declared.contains_key(path));
        for (path, declared) in declared {
            let declared = Arc::new(declared.clone());
            let known = self.open.remove(path);
            let mut open = known.unwrap_or_else(|| self.begin(path, &declared, begins));
            open.change(&declared, &self.tell, begins);
            self.open.insert(path.clone(), open);
        }
    }

    fn begin(&self, path: &str, declared: &Arc<Declared>, begins: bool) -> Open {
        let (change, watched) = watch::channel(Arc::clone(declared));
        let (asks, asked) = mpsc::channel(KEYS);
        let is_up = Arc::new(AtomicBool::new(false));
        let path: Arc<str> = path.into();
        let room = Room {
            path: Arc::clone(&path),
            handle: self.handle.clone(),
            declared: watched.clone(),
            book: Arc::clone(&self.surroundings.book),
            asks,
            is_up: Arc::clone(&is_up),
        };
        let mut tasks = JoinSet::new();
        let (handle, surroundings) = (self.handle.clone(), Arc::clone(&self.surroundings));
        tasks.spawn(async move {
            let hub = Hub::new(path, handle, watched, surroundings, is_up).await;
            if let Ok(hub) = hub {
                hub.serve(asked, begins).await;
            }
        });
        let info = Arc::new(Listing::new(Arc::clone(&self.surroundings)));
        let (reopen, _) = watch::channel(0);
        let doors = BTreeMap::new();
        Open { declared: change, room, doors, transcript: None, reopen, info, tasks }
    }

    /// Waits until those who look on have seen the last of it, once the tree has ended; not for ever.
    pub(crate) async fn close(self) {
        let all = async {
            for mut open in self.open.into_values() {
                while open.tasks.join_next().await.is_some() {}
            }
        };
        // Who does not read by then is left.
        let _ = tokio::time::timeout(LAST, all).await;
    }
}

impl Open {
    fn change(&mut self, declared: &Arc<Declared>, tell: &Tell, begins: bool) {
        let Console { listen, log_listen, info_file, transcript, .. } = &declared.console;
        self.info.change(info_file.as_deref());
        let typing = listen.iter().map(|endpoint| (false, endpoint.clone()));
        let looking = log_listen.iter().map(|endpoint| (true, endpoint.clone()));
        let wanted: Vec<(bool, Endpoint)> = typing.chain(looking).collect();
        let info = Arc::clone(&self.info);
        self.doors.retain(|key, task| {
            let stays = wanted.contains(key);
            if !stays {
                task.abort();
                info.closed(key);
            }
            stays
        });
        let mut found = Vec::new();
        for key in wanted {
            if self.doors.contains_key(&key) {
                continue;
            }
            // At once, so that whoever hears that this daemon serves finds it open.
            let opened = Door::open(&key.1);
            found.extend(opened.as_ref().ok().map(|door| (key.clone(), door.endpoint().clone())));
            let (info, tell) = (Arc::clone(&self.info), Arc::clone(tell));
            let door = keep(key.clone(), opened, self.room.clone(), info, tell);
            self.doors.insert(key, self.tasks.spawn(door));
        }
        // All of them at once: whoever waits for the file finds every place in it.
        self.info.opened(found);
        self.declared.send_replace(Arc::clone(declared));
        if self.transcript.as_ref().map(|(known, _)| known) != transcript.as_ref() {
            if let Some((_, task)) = self.transcript.take() {
                task.abort();
            }
            self.transcript = transcript.as_ref().map(|transcript| {
                let (room, reopen) = (self.room.clone(), self.reopen.subscribe());
                let write = write(transcript.clone(), room, reopen, Arc::clone(tell), begins);
                (transcript.clone(), self.tasks.spawn(write))
            });
        } else {
            self.reopen.send_modify(|count| *count += 1);
        }
        if begins && self.transcript.is_none() {
            // Of a console that begins the queue is empty.
            let _ = self.room.asks.try_send(Ask::Begin);
        }
    }
}

/// Listens at one place, and serves all who come.
async fn keep(
    key: (bool, Endpoint),
    mut opened: Result<Door, DoorError>,
    room: Room,
    info: Arc<Listing>,
    tell: Tell,
) {
    let (is_logger, endpoint) = &key;
    let mut ended = std::pin::pin!(room.handle.ended());
    let mut has_failed = false;
    let door = loop {
        match opened {
            Ok(door) => break door,
            Err(error) if !has_failed => {
                let why = error.source_text();
                tracing::warn!(child = &*room.path, %error, why, "tried again");
                tell(&room.path, Some(format!("{error}: {why}")));
            }
            Err(_) => {}
        }
        has_failed = true;
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => opened = Door::open(endpoint),
            _ = &mut ended => return,
        }
    };
    if has_failed {
        tell(&room.path, None);
        info.opened([(key.clone(), door.endpoint().clone())]);
    }
    let places = Arc::new(Semaphore::new(MOST));
    let mut viewers = JoinSet::new();
    loop {
        tokio::select! {
            came = door.next() => match came {
                Ok((line, who)) => {
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                        tracing::warn!(child = &*room.path, who, "its console is full");
                        continue;
                    };
                    let (room, is_logger) = (room.clone(), *is_logger);
                    viewers.spawn(async move {
                        viewer::serve(line, who.into(), is_logger, room).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // No descriptor is left, or the other side has gone: neither mends itself by hurrying.
                    tracing::warn!(child = &*room.path, %error, "nobody can come to its console");
                    tokio::time::sleep(AGAIN).await;
                }
            },
            Some(_) = viewers.join_next() => {}
            _ = &mut ended => break,
        }
    }
    drop(door);
    while viewers.join_next().await.is_some() {}
}

/// Writes what is seen. Where a life begins, the child is to start once this is ready for what it prints.
async fn write(
    transcript: Transcript,
    room: Room,
    reopen: watch::Receiver<u64>,
    tell: Tell,
    begins: bool,
) {
    let (answer, answered) = oneshot::channel();
    if room.asks.send(Ask::Listen { answer }).await.is_err() {
        return;
    }
    let Ok(ear) = answered.await else { return };
    let (who, mode, book) = ("transcript", ConsoleMode::ReadOnly, Some(Arc::clone(&room.book)));
    let attendance = Attendance::join(&room.handle, book, &room.path, who, mode).await;
    if begins {
        // Without the middle nothing begins.
        let _ = room.asks.send(Ask::Begin).await;
    }
    let path = Arc::clone(&room.path);
    // The room would keep the middle waiting for keys.
    drop(room);
    let feed = match attendance {
        Ok(attendance) => Feed::new(attendance, ear.notes, ear.told),
        Err(error) => return tell(&path, Some(format!("nothing is written of it: {error}"))),
    };
    transcript::keep(feed, transcript, reopen, |why| tell(&path, why)).await;
}

/// The file that says where a console listens. It goes when the console does.
struct Listing {
    surroundings: Arc<Surroundings>,
    state: Mutex<Listed>,
}

#[derive(Default)]
struct Listed {
    file: Option<PathBuf>,
    /// Where it listens, those to type at first.
    places: BTreeMap<(bool, Endpoint), Endpoint>,
}

impl Listing {
    fn new(surroundings: Arc<Surroundings>) -> Self {
        Self { surroundings, state: Mutex::default() }
    }

    fn with(&self, change: impl FnOnce(&mut Listed)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let Some(file) = &state.file else { return };
        if state.places.is_empty() {
            return;
        }
        let mut text = format!("pid:{}\n", self.surroundings.pid());
        for place in state.places.values() {
            text.push_str(&format!("{}\n", Written(place)));
        }
        if let Err(error) = replace(file, &text) {
            tracing::warn!(file = %file.display(), %error, "the file of a console cannot be written");
        }
    }

    fn change(&self, file: Option<&Path>) {
        self.with(|state| {
            if state.file.as_deref() != file {
                state.remove();
                state.file = file.map(Path::to_owned);
            }
        });
    }

    fn opened(&self, found: impl IntoIterator<Item = ((bool, Endpoint), Endpoint)>) {
        self.with(|state| state.places.extend(found));
    }

    fn closed(&self, key: &(bool, Endpoint)) {
        self.with(|state| drop(state.places.remove(key)));
    }
}

impl Listed {
    fn remove(&self) {
        if let Some(file) = &self.file {
            // It may never have been written.
            let _ = fs::remove_file(file);
        }
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner).remove();
    }
}

/// Puts a file in the place of another, whole: whoever reads it never sees a part.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    fs::write(&name, text)?;
    fs::rename(&name, file)
}
