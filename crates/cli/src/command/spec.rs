//! The commands about spec files: check, schema, init.

use crate::args::{CheckArgs, Global, InitArgs};
use crate::fault::{Exit, Fault};
use crate::place::{self, Surroundings};
use crate::screen::{Screen, Tint, say};
use crate::show;
use mainstay_daemon::spec::{self, Loaded, SpecProblems};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Says what is wrong with a spec file, or in plain words what it means.
pub(super) fn check(args: &CheckArgs, global: &Global) -> Result<Exit, Fault> {
    let file = find(args.file.as_deref())?;
    let screen = Screen::of(global);
    let shown = file.display().to_string();
    let loaded = match load(&file) {
        Ok(loaded) => loaded,
        Err(problems) => return report(&shown, &problems, &screen, global),
    };
    let exit = if args.strict && !loaded.warnings.is_empty() { Exit::Failed } else { Exit::Done };
    if global.json {
        let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        let value = json!({
            "ok": exit == Exit::Done,
            "file": shown,
            "name": loaded.name,
            "meanings": loaded.meanings,
            "warnings": warnings,
            "problems": [],
        });
        say(&show::json(value.to_string().as_bytes(), &screen))?;
        return Ok(exit);
    }
    if !global.quiet {
        say(&paint(&spec::meanings(&loaded), &screen))?;
        let children = loaded.meanings.len().saturating_sub(1);
        let children = show::count(children as u64, "child", "children");
        let warnings = loaded.warnings.len() as u64;
        let (tint, verdict) = match warnings {
            0 => (Tint::Good, "is right".to_owned()),
            _ => (
                Tint::Warn,
                format!("is right, with {}", show::count(warnings, "warning", "warnings")),
            ),
        };
        say(&format!("\n{}", screen.paint(tint, &format!("{shown} {verdict}: {children}"))))?;
    }
    Ok(exit)
}

/// Returns the meanings with names and warnings set off from the text.
fn paint(meanings: &str, screen: &Screen) -> String {
    let paint = |line: &str| match line.strip_prefix("warning: ") {
        Some(rest) => format!("{}: {rest}", screen.paint(Tint::Warn, "warning")),
        None if line.starts_with(' ') => {
            show::wrap(line, screen.paragraph(), "  ").trim_end_matches('\n').to_owned()
        }
        None => screen.paint(Tint::Bold, line),
    };
    meanings.lines().map(paint).collect::<Vec<_>>().join("\n")
}

/// Says everything that is wrong with a file.
fn report(
    file: &str,
    problems: &SpecProblems,
    screen: &Screen,
    global: &Global,
) -> Result<Exit, Fault> {
    let details = problems.details();
    if global.json {
        let value = json!({"ok": false, "file": file, "problems": details});
        say(&show::json(value.to_string().as_bytes(), screen))?;
        return Ok(Exit::Failed);
    }
    let text = if screen.has_colour { problems.coloured() } else { problems.to_string() };
    let count = show::count(details.len() as u64, "problem", "problems");
    writeln!(std::io::stderr(), "{}\n", text.trim_end()).map_err(Fault::Output)?;
    Err(Fault::Failed { text: format!("{count} in {file}"), hint: None })
}

/// Reads a spec file with the variables of this environment.
pub(super) fn load(file: &Path) -> Result<Loaded, SpecProblems> {
    spec::load(file, &|name| std::env::var(name).ok(), None)
}

/// Returns the spec file that is meant: the one that is given, else the one here or above.
pub(super) fn find(given: Option<&Path>) -> Result<PathBuf, Fault> {
    if let Some(file) = given {
        return Ok(file.into());
    }
    let around = Surroundings::here()?;
    let found = place::spec_file(&around).ok_or_else(|| Fault::Usage {
        text: format!("there is no `{}` here or above", place::SPEC_FILE),
        hint: Some("name a file, or begin one with `mainstay init`".into()),
    })?;
    // Shown as it would be typed.
    let near = found.strip_prefix(&around.folder).map(Path::to_path_buf);
    Ok(near.unwrap_or(found))
}

/// Prints the JSON Schema of spec files.
pub(super) fn schema() -> Result<Exit, Fault> {
    let schema = mainstay_wire::spec::schema();
    let failed = |error: serde_json::Error| Fault::Failed { text: error.to_string(), hint: None };
    say(&serde_json::to_string_pretty(&schema).map_err(failed)?)?;
    Ok(Exit::Done)
}

/// Writes a spec file to begin with.
pub(super) fn init(args: &InitArgs, global: &Global) -> Result<Exit, Fault> {
    let template = mainstay_wire::spec::template();
    if args.file == Path::new("-") {
        say(template)?;
        return Ok(Exit::Done);
    }
    let mut options = OpenOptions::new();
    options.write(true).truncate(args.force).create(true).create_new(!args.force);
    let written = options.open(&args.file).and_then(|mut file| file.write_all(template.as_bytes()));
    let shown = args.file.display();
    if let Err(source) = written {
        if source.kind() == std::io::ErrorKind::AlreadyExists {
            let text = format!("`{shown}` is there already");
            let hint = Some("`--force` replaces it; nothing was written".into());
            return Err(Fault::Failed { text, hint });
        }
        return Err(Fault::File { path: args.file.clone(), step: "write", source });
    }
    if !global.quiet {
        say(&format!("{shown} is written: look at it, then `mainstay check` and `mainstay up`"))?;
    }
    Ok(Exit::Done)
}
