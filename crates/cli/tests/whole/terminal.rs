//! A terminal with a program on it: what it draws becomes a screen, and keys are typed.

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program on a terminal of its own.
pub(crate) struct Terminal {
    program: Child,
    keyboard: File,
    /// The program's end, held open so that its settings can be looked at.
    own: OwnedFd,
    drawn: mpsc::Receiver<Vec<u8>>,
    screen: Screen,
}

impl Terminal {
    /// Starts the program on a terminal of this size.
    pub(crate) fn start(program: &Command, columns: u16, rows: u16) -> Self {
        let pty = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&pty).expect("granted");
        unlockpt(&pty).expect("unlocked");
        let name = ptsname(&pty, Vec::new()).expect("a name");
        let own =
            rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("open");
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&own, size).expect("a size");
        let end = || Stdio::from(own.try_clone().expect("another descriptor"));
        // In a session of its own the terminal is the one that it asks for its size.
        let mut started = Command::new("setsid");
        started.arg("--ctty").arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => started.env(name, value),
                None => started.env_remove(name),
            };
        }
        if let Some(folder) = program.get_current_dir() {
            started.current_dir(folder);
        }
        started.env("TERM", "xterm-256color").stdin(end()).stdout(end()).stderr(end());
        let program = started.spawn().expect("it starts");
        let keyboard = File::from(pty);
        let mut output = keyboard.try_clone().expect("another descriptor");
        let (tell, drawn) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                if tell.send(bytes[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let screen = Screen::new(columns.into(), rows.into());
        Self { program, keyboard, own, drawn, screen }
    }

    /// Types.
    pub(crate) fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("typed");
    }

    /// Waits until the screen shows this.
    pub(crate) fn shows(&mut self, wanted: &str) {
        self.until(&format!("`{wanted}` is shown"), |screen| screen.text().contains(wanted));
    }

    /// Waits until something holds of the screen.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&Screen) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds(&self.screen) {
            let left = until.saturating_duration_since(Instant::now());
            match self.drawn.recv_timeout(left) {
                Ok(bytes) => self.screen.take(&bytes),
                Err(_) => panic!("{what}: never came to be so:\n{}", self.screen.text()),
            }
        }
    }

    /// Gives the terminal another size, and tells the program.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.screen = Screen::new(columns.into(), rows.into());
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.own, size).expect("a size");
    }

    /// Returns whether what is typed is echoed line by line, as a shell leaves it.
    pub(crate) fn is_plain(&self) -> bool {
        let modes = tcgetattr(&self.own).expect("settings").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Returns whether the first page, that of the shell, is shown with its cursor.
    pub(crate) fn is_given_back(&mut self) -> bool {
        while let Ok(bytes) = self.drawn.try_recv() {
            self.screen.take(&bytes);
        }
        !self.screen.is_other_page && self.screen.has_cursor
    }

    /// Returns the process of the program.
    pub(crate) fn pid(&self) -> u32 {
        self.program.id()
    }

    /// Waits for its end.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        let status = self.program.wait().expect("it ends");
        self.until("the terminal is given back", |screen| {
            !screen.is_other_page && screen.has_cursor
        });
        status
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended already where the test has gone well.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// What stands on a terminal, as far as a program like this one needs one.
pub(crate) struct Screen {
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
    rest: Vec<u8>,
    is_other_page: bool,
    has_cursor: bool,
}

impl Screen {
    fn new(columns: usize, rows: usize) -> Self {
        let cells = vec![vec![' '; columns]; rows];
        let (is_other_page, has_cursor) = (false, true);
        Self { cells, row: 0, column: 0, rest: Vec::new(), is_other_page, has_cursor }
    }

    /// Returns the lines.
    pub(crate) fn text(&self) -> String {
        let line = |cells: &Vec<char>| cells.iter().collect::<String>().trim_end().to_owned();
        self.cells.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Takes what a program writes.
    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend(bytes);
        let all = std::mem::take(&mut self.rest);
        // A letter that is cut in its middle waits for its end.
        let whole = match std::str::from_utf8(&all) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let text = String::from_utf8_lossy(&all[..whole]).into_owned();
        let mut kept = all[whole..].to_vec();
        let mut letters = text.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\x1b' => {
                    let Some(length) = sequence(&text[at..]) else {
                        kept.splice(0..0, text.as_bytes()[at..].iter().copied());
                        break;
                    };
                    self.carry_out(&text[at..at + length]);
                    while letters.as_str().len() > text.len() - at - length {
                        letters.next();
                    }
                }
                '\r' => self.column = 0,
                '\n' => self.row += 1,
                letter if letter.is_control() => {}
                letter => {
                    let cell =
                        self.cells.get_mut(self.row).and_then(|row| row.get_mut(self.column));
                    if let Some(cell) = cell {
                        *cell = letter;
                    }
                    self.column += 1;
                }
            }
        }
        self.rest = kept;
    }

    fn carry_out(&mut self, sequence: &str) {
        match sequence {
            "\x1b[?1049h" => self.is_other_page = true,
            "\x1b[?1049l" => self.is_other_page = false,
            "\x1b[?25h" => self.has_cursor = true,
            "\x1b[?25l" => self.has_cursor = false,
            "\x1b[2J" => self.cells.iter_mut().for_each(|row| row.fill(' ')),
            sequence if sequence.ends_with('H') => {
                let numbers = sequence.trim_start_matches("\x1b[").trim_end_matches('H');
                let mut numbers = numbers.split(';').map(|n| n.parse().unwrap_or(1_usize) - 1);
                self.row = numbers.next().unwrap_or(0);
                self.column = numbers.next().unwrap_or(0);
            }
            _ => {}
        }
    }
}

/// Returns the length of the escape sequence that a text begins with; none: its end is missing.
fn sequence(text: &str) -> Option<usize> {
    let mut letters = text.char_indices().skip(1);
    let (_, second) = letters.next()?;
    if second != '[' {
        return Some(1 + second.len_utf8());
    }
    letters.find(|(_, letter)| ('@'..='~').contains(letter)).map(|(at, _)| at + 1)
}
