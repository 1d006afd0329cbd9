//! Takes the pictures of the documentation anew: pages of the dashboard in a browser, answers in a terminal.

mod terminal;

use crate::root;
use std::process::{Command, ExitCode};

pub(crate) fn command() -> ExitCode {
    match taken() {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("error: {text}");
            ExitCode::FAILURE
        }
    }
}

fn taken() -> Result<(), String> {
    let folder = root().join("docs/pictures");
    let answers = root().join("target/pictures");
    for folder in [&folder, &answers] {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    let status = Command::new("bash")
        .arg(".ci/browser")
        .env("BROWSER_TESTS", "web/e2e/pictures.py")
        .env("PICTURES", &folder)
        .env("ANSWERS", &answers)
        .current_dir(root())
        .status()
        .map_err(|error| format!("cannot run .ci/browser: {error}"))?;
    if !status.success() {
        return Err("the pictures of the dashboard could not be taken".into());
    }
    let entries = std::fs::read_dir(&answers)
        .map_err(|error| format!("cannot read {}: {error}", answers.display()))?;
    for file in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let Some(name) = file.file_stem() else { continue };
        let text = std::fs::read_to_string(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let picture = folder.join(name).with_extension("svg");
        std::fs::write(&picture, terminal::picture(&text))
            .map_err(|error| format!("cannot write {}: {error}", picture.display()))?;
    }
    Ok(())
}
