//! Text tables, run by one `check`: every promise about decisions, row by row.
//!
//! A table is a file of scenarios; `docs/testing.md` explains how to read and write one. A folder
//! stands for the system its scenarios come from. To run one file and see all that happens:
//! `cargo xtask table FILE`.

mod check;
mod commands;
mod declare;
mod values;
mod words;
mod world;

use std::fs;
use std::path::{Path, PathBuf};

fn tables(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables").join(folder);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    files
}

fn run(folder: &str) {
    let mut failures = Vec::new();
    let mut scenarios = 0;
    for file in tables(folder) {
        let text = fs::read_to_string(&file).expect("a readable table");
        let outcome = check::table(&text);
        scenarios += outcome.scenarios;
        failures.extend(
            outcome.failures.into_iter().map(|failure| format!("{}:{failure}", file.display())),
        );
    }
    assert!(scenarios > 0, "no scenario in {folder}");
    assert!(
        failures.is_empty(),
        "{} of {scenarios} scenarios fail\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

macro_rules! folders {
    ($($test:ident = $folder:literal,)+) => {
        $(#[test] fn $test() { run($folder); })+

        #[test]
        fn no_folder_of_tables_is_left_out() {
            let known = [$($folder),+];
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables");
            for entry in fs::read_dir(root).expect("the tables") {
                let name = entry.expect("a readable folder").file_name().into_string().expect("a plain name");
                assert!(known.contains(&name.as_str()), "tables/{name} is run by no test");
            }
        }
    };
}

folders! {
    core_tables_hold = "core",
    otp_tables_hold = "otp",
    peers_tables_hold = "peers",
    systemd_tables_hold = "systemd",
    supervisord_tables_hold = "supervisord",
    kubernetes_tables_hold = "kubernetes",
    pm2_tables_hold = "pm2",
    process_compose_tables_hold = "process-compose",
    nomad_tables_hold = "nomad",
    s6_tables_hold = "s6",
    runit_tables_hold = "runit",
    dinit_tables_hold = "dinit",
    procserv_tables_hold = "procserv",
    epics_tables_hold = "epics",
    oxios_tables_hold = "oxios",
    focas_tables_hold = "focas",
    tokio_supervisor_tables_hold = "tokio-supervisor",
    seeds_tables_hold = "seeds",
}

/// The table named by `MAINSTAY_TABLE`, with all that happens; nothing without it.
#[test]
fn the_given_table_holds() {
    let Some(file) = std::env::var_os("MAINSTAY_TABLE") else { return };
    let text = fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}", Path::new(&file).display()));
    let outcome = check::table(&text);
    println!("{}", outcome.trace);
    assert!(outcome.failures.is_empty(), "\n{}", outcome.failures.join("\n\n"));
}
