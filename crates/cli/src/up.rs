//! `mainstay up`: checks what is declared, then becomes the keeper of it, or starts one behind.

use crate::args::{Global, HoldArgs, RelayArgs, UpArgs};
use crate::brain;
use crate::command;
use crate::fault::Fault;
use crate::passed;
use crate::place::{self, Place, Surroundings};
use crate::screen::Screen;
use mainstay_daemon::spec::Loaded;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How long a daemon may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Carries out `mainstay up`.
pub(crate) fn up(args: &UpArgs, global: &Global) -> Result<ExitCode, Fault> {
    let around = Surroundings::here()?;
    let file = match &args.file {
        Some(file) => file.clone(),
        None => place::spec_file(&around).ok_or_else(|| Fault::Failed {
            text: format!("there is no {} here or above", place::SPEC_FILE),
            hint: Some("write one with `mainstay init`, or look at `mainstay demo`".into()),
        })?,
    };
    let file = fs::canonicalize(&file).map_err(|source| Fault::File {
        path: file.clone(),
        step: "read the spec file",
        source,
    })?;
    let name = match &global.name {
        Some(name) => name.clone(),
        None => place::name_of(&file)?,
    };
    let declared = Declared { name, file, text: None, state: args.state.clone(), relay: None };
    begin(&declared, &Manner::of(args), global)
}

/// What is to be brought up.
pub(crate) struct Declared {
    pub(crate) name: String,
    /// The spec file; where there is a text, the folder it is read as if in.
    pub(crate) file: PathBuf,
    pub(crate) text: Option<String>,
    pub(crate) state: Option<PathBuf>,
    /// Where all there is to it is one command: how signals get to that.
    pub(crate) relay: Option<RelayArgs>,
}

/// How it is brought up.
pub(crate) struct Manner {
    pub(crate) detach: bool,
    pub(crate) wait: Option<Duration>,
    /// Whether what children print is repeated.
    pub(crate) echo: bool,
    /// Whether that is without a prefix.
    pub(crate) bare: bool,
    /// Whether what happens is told on standard error.
    pub(crate) tells: bool,
}

impl Manner {
    fn of(args: &UpArgs) -> Self {
        Self {
            detach: args.detach,
            wait: args.wait,
            echo: !args.no_output,
            bare: false,
            tells: true,
        }
    }
}

/// Brings up what is declared.
pub(crate) fn begin(
    declared: &Declared,
    manner: &Manner,
    global: &Global,
) -> Result<ExitCode, Fault> {
    let around = Surroundings::here()?;
    let mut place = match &global.name {
        Some(name) => Place::named(name, &around)?,
        None => Place::of(&declared.name, &around)?,
    };
    if let Some(state) = &declared.state {
        place.state = std::path::absolute(state).map_err(|source| Fault::File {
            path: state.clone(),
            step: "use as the folder of what lasts",
            source,
        })?;
    }
    let mut args = HoldArgs {
        tree: place.name.clone(),
        file: declared.file.clone(),
        text: declared.text.clone(),
        state: place.state.clone(),
        answers_at: global.socket.clone().unwrap_or_else(|| place.socket()),
        foreground: !manner.detach && manner.tells,
        echo: manner.echo && !manner.detach,
        bare: manner.bare,
        colour: Screen::of(global).has_colour,
        relays: declared.relay.is_some(),
        relay: declared.relay.clone().unwrap_or_default(),
    };
    let loaded = check(&args)?;
    // What `run` is given is its command's.
    let passed = match declared.relay {
        Some(_) => None,
        None => passed::api(manner.detach)?,
    };
    if let (None, Some(socket)) = (&global.socket, &loaded.api.socket) {
        args.answers_at.clone_from(socket);
    }
    place.make(&around)?;
    match passed {
        // Nobody has taken a connection from it yet: to connect tells nothing.
        Some(path) => args.answers_at = path,
        None => refuse_second(&args.answers_at, &place)?,
    }
    if manner.detach {
        args.colour = false;
        return detach(&args, &place, &loaded, manner, global);
    }
    brain::keep(&args)
}

/// Says everything that is wrong while somebody looks on, before anything begins.
fn check(args: &HoldArgs) -> Result<Loaded, Fault> {
    args.source().load(&args.state.join("logs")).map_err(|problems| Fault::Failed {
        text: problems.to_string(),
        hint: Some("`mainstay check` says what each policy means".into()),
    })
}

fn refuse_second(socket: &Path, place: &Place) -> Result<(), Fault> {
    let Ok(stream) = UnixStream::connect(socket) else { return Ok(()) };
    let pid = rustix::net::sockopt::socket_peercred(&stream)
        .map_or_else(|_| String::new(), |peer| format!(" (process {})", peer.pid.as_raw_nonzero()));
    Err(Fault::Failed {
        text: format!("{} is up already{pid}", place.name),
        hint: Some(
            "look at it with `mainstay status`, bring it in line with `mainstay apply`, end it \
             with `mainstay down`"
                .into(),
        ),
    })
}

/// Starts the keeper behind, and waits until its brain answers.
fn detach(
    args: &HoldArgs,
    place: &Place,
    loaded: &Loaded,
    manner: &Manner,
    global: &Global,
) -> Result<ExitCode, Fault> {
    let command = args.command("keeper")?;
    let Some((program, arguments)) = command.split_first() else {
        return Err(Fault::Failed { text: "there is no program to start".into(), hint: None });
    };
    let behind = Behind {
        program: program.as_path().to_owned(),
        arguments: arguments.iter().map(|argument| argument.as_path().into()).collect(),
        socket: args.answers_at.clone(),
    };
    behind.start(place)?;
    if !global.quiet {
        let count = loaded.names().count();
        let children = if count == 1 { "child" } else { "children" };
        println!("{} is up with {count} {children}: look at it with `mainstay status`", place.name);
    }
    match manner.wait {
        Some(timeout) => {
            let global =
                Global { socket: Some(args.answers_at.clone()), name: None, ..global.clone() };
            command::wait_for_all(timeout, &global)
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

/// A keeper that is to be started behind.
pub(crate) struct Behind {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Where its brain answers.
    pub(crate) socket: PathBuf,
}

impl Behind {
    /// Starts it, with a log of its own, and waits until its brain answers. Returns its process.
    pub(crate) fn start(self, place: &Place) -> Result<u32, Fault> {
        let path = place.state.join("daemon.log");
        let fault =
            |source| Fault::File { path: path.clone(), step: "open the daemon's log", source };
        let mut log =
            OpenOptions::new().create(true).append(true).read(true).open(&path).map_err(fault)?;
        let from = log.seek(SeekFrom::End(0)).map_err(fault)?;
        let mut started = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(fault)?)
            .stderr(log.try_clone().map_err(fault)?)
            .process_group(0)
            .spawn()
            .map_err(|source| Fault::File { path: self.program.clone(), step: "start", source })?;
        let answered = answers(&mut started, &self.socket);
        answered.map(|()| started.id()).map_err(|()| {
            let mut said = String::new();
            // What it said before it ended is the reason.
            let _ = log.seek(SeekFrom::Start(from)).and_then(|_| log.read_to_string(&mut said));
            let said = said.trim();
            let said = said.strip_prefix("error: ").unwrap_or(said);
            Fault::Failed {
                text: format!("{} did not come up: {said}", place.name),
                hint: Some(format!("its log is {}", path.display())),
            }
        })
    }
}

/// Waits until somebody answers on the socket, or the daemon has ended.
fn answers(started: &mut Child, socket: &Path) -> Result<(), ()> {
    let until = Instant::now() + PATIENCE;
    loop {
        if UnixStream::connect(socket).is_ok() {
            return Ok(());
        }
        let has_ended = !matches!(started.try_wait(), Ok(None));
        if has_ended || Instant::now() >= until {
            return Err(());
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
