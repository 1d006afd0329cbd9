//! Moving in and out: the files of other supervisors become a spec file, and a spec file becomes theirs.
//!
//! ```text
//!  files ─▶ supervisord.rs, systemd.rs, ... ─▶ model ─▶ write ─▶ spec file
//!              │  every key of the input gets one verdict
//!              └▶ given ─▶ report: kept, changed in meaning, not honoured
//! ```
//!
//! Nothing is dropped silently: what no importer has judged is reported as not honoured. This crate reads files only
//! through [`Files`], runs nothing, and knows no tree: what it writes is text that the daemon's loader accepts.

mod compose;
mod docker;
mod export;
mod files;
mod given;
mod ini;
mod lines;
mod model;
mod pm2;
mod process_compose;
mod procfile;
mod procserv;
mod report;
mod s6;
mod shell;
mod supervisord;
mod systemd;
mod units;
mod write;
mod yaml;

pub use export::{ExportError, Exported, Written, export};
pub use files::{Disk, Files};
pub use report::{Item, Place, Report, Verdict};

use std::io;
use std::path::{Path, PathBuf};

/// A supervisor whose files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbour {
    /// `supervisord.conf`.
    Supervisord,
    /// Unit files and their drop-ins: services, sockets, timers.
    Systemd,
    /// A `Procfile`, as foreman, overmind and others read it.
    Procfile,
    /// `process-compose.yaml`.
    ProcessCompose,
    /// PM2's ecosystem file, as JSON or YAML.
    Pm2,
    /// `compose.yaml`.
    DockerCompose,
    /// `procServ.conf`, or a file with a procServ command line.
    Procserv,
    /// Service folders of s6, s6-rc and runit.
    S6,
}

impl Neighbour {
    /// Returns how it calls itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Supervisord => "supervisord",
            Self::Systemd => "systemd",
            Self::Procfile => "procfile",
            Self::ProcessCompose => "process-compose",
            Self::Pm2 => "pm2",
            Self::DockerCompose => "docker-compose",
            Self::Procserv => "procserv",
            Self::S6 => "s6",
        }
    }
}

/// A spec file, and what became of all that it was made of.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The text of the spec file.
    pub spec: String,
    /// What became of every key of the input.
    pub report: Report,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is not what it is taken for.
    #[error("{place}: {text}")]
    Wrong {
        /// Where.
        place: Place,
        /// What is wrong, and what helps.
        text: String,
    },
    /// The files declare nothing that can be run.
    #[error("{files} declares no process: {help}")]
    Nothing {
        /// The files that were read.
        files: String,
        /// What would be one.
        help: &'static str,
    },
    /// The file is a program.
    #[error("`{}` is a program, and is not run", .path.display())]
    Program {
        /// Which.
        path: PathBuf,
    },
}

/// Makes a spec file of another supervisor's files.
///
/// Relative paths in them are taken as their supervisor takes them; in the spec file they are relative to the folder in
/// which it will stand.
///
/// # Errors
///
/// When a file cannot be read or has no such form, or when nothing in them is a process. Keys that are not understood
/// are no error: they are reported.
pub fn import(
    neighbour: Neighbour,
    paths: &[PathBuf],
    files: &dyn Files,
) -> Result<Imported, ImportError> {
    let draft = match neighbour {
        Neighbour::Supervisord => supervisord::read(paths, files),
        Neighbour::Systemd => systemd::read(paths, files),
        Neighbour::Procfile => procfile::read(paths, files),
        Neighbour::ProcessCompose => process_compose::read(paths, files),
        Neighbour::Pm2 => pm2::read(paths, files),
        Neighbour::DockerCompose => docker::read(paths, files),
        Neighbour::Procserv => procserv::read(paths, files),
        Neighbour::S6 => s6::read(paths, files),
    }?;
    let (mut model, given) = draft;
    let children = model.settle();
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if model.children.is_empty() {
        let help = match neighbour {
            Neighbour::Systemd => "a process is a `.service` unit with `ExecStart=`",
            Neighbour::Supervisord => "a process is a section `[program:NAME]`",
            Neighbour::Procfile => "a process is a line `NAME: COMMAND`",
            Neighbour::ProcessCompose => "processes stand below `processes:`",
            Neighbour::Pm2 => "processes stand below `apps`",
            Neighbour::DockerCompose => "processes stand below `services:`",
            Neighbour::Procserv => "a process is a section with `command =`",
            Neighbour::S6 => "a process is a folder with a file `run`",
        };
        return Err(ImportError::Nothing { files: shown.join(", "), help });
    }
    let report = given.report(neighbour.name(), children);
    let spec = write::spec(&model, &report, &shown);
    Ok(Imported { spec, report })
}

/// Reads a text, and says which one cannot be read.
fn text(files: &dyn Files, path: &Path) -> Result<String, ImportError> {
    files.text(path).map_err(|source| ImportError::Read { path: path.into(), source })
}
