//! The commands `import` and `export`.

use super::spec::{find, load};
use crate::args::{ExportArgs, Global, ImportArgs, Side, Source};
use crate::fault::{Exit, Fault};
use crate::screen::say;
use mainstay_daemon::spec::{Loaded, load_text};
use mainstay_import::{Disk, Exported, Files, ImportError, Item, Neighbour, Report};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

/// Makes a spec file of another supervisor's files.
pub(super) fn import(args: &ImportArgs, global: &Global) -> Result<Exit, Fault> {
    let neighbour = match args.from {
        Source::Supervisord => Neighbour::Supervisord,
        Source::Systemd => Neighbour::Systemd,
        Source::Procfile => Neighbour::Procfile,
        Source::ProcessCompose => Neighbour::ProcessCompose,
        Source::Pm2 => Neighbour::Pm2,
        Source::DockerCompose => Neighbour::DockerCompose,
        Source::Procserv => Neighbour::Procserv,
        Source::S6 => Neighbour::S6,
    };
    let files = Programs { runs: args.allow_node };
    let imported = mainstay_import::import(neighbour, &args.paths, &files).map_err(fault)?;
    let as_if = args.output.clone().unwrap_or_else(|| "mainstay.yaml".into());
    // Nothing is written that `check` would refuse.
    let environment = |name: &str| std::env::var(name).ok();
    if let Err(problems) = load_text(&imported.spec, &as_if, &environment, None) {
        return Err(Fault::Failed {
            text: format!("what would be written is refused: {}", problems.details().join("; ")),
            hint: Some(
                "nothing was written; leave out what it is about, or change it in the input".into(),
            ),
        });
    }
    match &args.output {
        Some(file) => write(file, &imported.spec, args.force)?,
        None => say(imported.spec.trim_end())?,
    }
    tell(&imported.report, args.report.as_deref(), args.force, global)?;
    if let Some(file) = args.output.as_ref().filter(|_| !global.quiet && !global.json) {
        say(&format!("{} is written: look at it, then `mainstay up`", file.display()))?;
    }
    Ok(Exit::Done)
}

/// Writes the processes of a spec file for another supervisor.
pub(super) fn export(args: &ExportArgs, global: &Global) -> Result<Exit, Fault> {
    let file = find(args.file.as_deref())?;
    let loaded = load(&file).map_err(|problems| Fault::Failed {
        text: format!("{} is refused: {}", file.display(), problems.details().join("; ")),
        hint: Some("see `mainstay check`".into()),
    })?;
    let to = match args.to {
        Side::Systemd => Exported::Systemd,
        Side::Procfile => Exported::Procfile,
    };
    let text = fs::read_to_string(&file).map_err(|source| Fault::File {
        path: file.clone(),
        step: "read",
        source,
    })?;
    let shown = file.display().to_string();
    let written = mainstay_import::export(to, &shown, &text, &forms(&loaded)?)
        .map_err(|error| Fault::Failed { text: error.to_string(), hint: None })?;
    match &args.output {
        Some(folder) => {
            fs::create_dir_all(folder).map_err(|source| Fault::File {
                path: folder.clone(),
                step: "make",
                source,
            })?;
            let there =
                written.files.iter().map(|(name, _)| folder.join(name)).find(|path| path.exists());
            if let Some(path) = there.filter(|_| !args.force) {
                return Err(taken(&path));
            }
            for (name, text) in &written.files {
                write(&folder.join(name), text, args.force)?;
            }
        }
        None => {
            let many = written.files.len() > 1;
            let one = |(name, text): &(String, String)| match many {
                true => format!("# {name}\n{}", text.trim_end()),
                false => text.trim_end().to_owned(),
            };
            say(&written.files.iter().map(one).collect::<Vec<_>>().join("\n\n"))?;
        }
    }
    tell(&written.report, args.report.as_deref(), args.force, global)?;
    Ok(Exit::Done)
}

/// Returns the paths and the keys of all processes, in the order in which they stand.
fn forms(loaded: &Loaded) -> Result<Vec<(String, String)>, Fault> {
    fn below(
        children: &mainstay_core::spec::SupervisorSpec,
        above: &str,
        all: &mut Vec<(String, String)>,
    ) {
        for (name, child) in &children.children {
            let path = if above.is_empty() { name.to_string() } else { format!("{above}/{name}") };
            if let Some(form) = child.payload.as_ref().and_then(|payload| payload.form()) {
                all.push((path.clone(), form.to_owned()));
            }
            if let Some(supervisor) = child.supervisor() {
                below(supervisor, &path, all);
            }
        }
    }
    let failed = |text: String| Fault::Failed { text, hint: None };
    let spec = loaded.tree.clone().into_spec();
    let (spec, _) = spec.map_err(|error| failed(format!("the tree is refused: {error:?}")))?;
    let mut all = Vec::new();
    if let Some(root) = spec.root.supervisor() {
        below(root, "", &mut all);
    }
    Ok(all)
}

/// Says what became of each key.
fn tell(report: &Report, file: Option<&Path>, force: bool, global: &Global) -> Result<(), Fault> {
    let text = match global.json {
        true => format!("{:#}\n", value(report)),
        false => report.to_string(),
    };
    match file {
        Some(file) => write(file, &text, force),
        None if global.quiet => Ok(()),
        None => io::stderr().write_all(text.as_bytes()).map_err(Fault::Output),
    }
}

/// Returns the report as JSON.
fn value(report: &Report) -> Value {
    let item = |item: &Item| {
        json!({
            "file": item.place.file,
            "line": (item.place.line > 0).then_some(item.place.line),
            "section": item.section,
            "key": item.key,
            "value": item.value,
            "child": item.child,
            "text": item.verdict.text(),
        })
    };
    json!({
        "neighbour": report.neighbour,
        "processes": report.children,
        "kept": report.kept().map(item).collect::<Vec<_>>(),
        "changed": report.changed().map(item).collect::<Vec<_>>(),
        "not_honoured": report.lost().map(item).collect::<Vec<_>>(),
    })
}

/// Writes a file, and never over another one unless that is wanted.
fn write(path: &Path, text: &str, force: bool) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    options.write(true).truncate(force).create(true).create_new(!force);
    match options.open(path).and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => Ok(()),
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Err(taken(path)),
        Err(source) => Err(Fault::File { path: path.into(), step: "write", source }),
    }
}

fn taken(path: &Path) -> Fault {
    let text = format!("`{}` is there already", path.display());
    Fault::Failed { text, hint: Some("`--force` replaces it; nothing was written".into()) }
}

fn fault(error: ImportError) -> Fault {
    match error {
        ImportError::Read { path, source } => Fault::File { path, step: "read", source },
        ImportError::Program { path } => {
            let hint = format!(
                "`--allow-node` runs it with node; or print it as JSON yourself: \
                 node -p 'JSON.stringify(require(\"./{}\"))' > ecosystem.json",
                path.file_name().unwrap_or_default().to_string_lossy()
            );
            let text = ImportError::Program { path }.to_string();
            Fault::Failed { text, hint: Some(hint) }
        }
        error @ (ImportError::Wrong { .. } | ImportError::Nothing { .. }) => {
            Fault::Failed { text: error.to_string(), hint: None }
        }
    }
}

/// The files of this machine; an ecosystem file that is a program stands for what it exports, where it may be run.
struct Programs {
    runs: bool,
}

impl Files for Programs {
    fn text(&self, path: &Path) -> io::Result<String> {
        let is_program =
            path.extension().is_some_and(|end| ["js", "cjs"].iter().any(|known| end == *known));
        if !(self.runs && is_program) {
            return Disk.text(path);
        }
        let whole = fs::canonicalize(path)?;
        let output = Command::new("node")
            .args(["-e", "process.stdout.write(JSON.stringify(require(process.argv[1])))"])
            .arg(whole)
            .output()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("node cannot be run: {error}"))
            })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().find(|line| line.contains("Error")).unwrap_or("node failed");
        Err(io::Error::other(first.trim().to_owned()))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        Disk.names(folder)
    }

    fn exists(&self, path: &Path) -> bool {
        Disk.exists(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        Disk.is_folder(path)
    }
}
