//! The examples print what they are known to print: their output is compared with kept transcripts.
//!
//! Cargo builds them for `cargo test`, but not for `cargo test --test examples`: there run `cargo build
//! -p mainstay --examples` first. To keep what they print now as what is right, set `MAINSTAY_BLESS=1`.
#![expect(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use std::env::{current_exe, var_os};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn control_handle() {
    check("control_handle");
}

#[test]
fn epics_gateway() {
    check("epics_gateway");
}

#[test]
fn hello() {
    check("hello");
}

#[test]
fn otp_tree() {
    check("otp_tree");
}

#[test]
fn oxios_kernel() {
    check("oxios_kernel");
}

#[test]
fn pipeline() {
    check("pipeline");
}

#[test]
#[cfg(feature = "process")]
fn processes() {
    check("processes");
}

#[test]
fn storm() {
    check("storm");
}

/// Every example has a transcript, and every transcript an example.
#[test]
fn nothing_is_left_out() {
    let names = |folder: &str, ending: &str| {
        let mut names: Vec<String> = fs::read_dir(root().join(folder))
            .unwrap()
            .filter_map(|entry| {
                Some(entry.unwrap().file_name().to_str()?.strip_suffix(ending)?.to_owned())
            })
            .collect();
        names.sort();
        names
    };
    if !blesses() {
        assert_eq!(names("examples", ".rs"), names("examples/transcripts", ".txt"));
    }
    let source = fs::read_to_string(root().join("tests/examples.rs")).unwrap();
    for name in names("examples", ".rs") {
        assert!(source.contains(&format!("check(\"{name}\")")), "no test runs {name}");
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns whether what is printed now is right, and is to be kept.
fn blesses() -> bool {
    var_os("MAINSTAY_BLESS").is_some_and(|bless| !bless.is_empty())
}

/// Runs an example and compares what it printed.
fn check(name: &str) {
    let program = program(name);
    assert!(
        is_fresh(&program),
        "{} is not built, or older than its source: run `cargo build -p mainstay --examples`",
        program.display()
    );
    let output = Command::new(&program).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{said}{complaints}", output.status);

    let kept = root().join("examples/transcripts").join(name).with_extension("txt");
    if blesses() {
        return fs::write(kept, said).unwrap();
    }
    let expected = fs::read_to_string(&kept).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        said == expected,
        "{name} tells another story than {} (- kept, + now; MAINSTAY_BLESS=1 keeps it):\n{}",
        kept.display(),
        difference(&expected, &said)
    );
}

/// Returns where cargo puts an example, seen from this test: `target/debug/deps/..` beside `target/debug/examples`.
fn program(name: &str) -> PathBuf {
    let test = current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Returns whether a program is there and younger than every source that cargo has noted beside it.
fn is_fresh(program: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
    let Ok(built) = modified(program) else { return false };
    let noted = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let sources = noted.split_once(": ").map_or("", |(_, sources)| sources).replace("\\ ", "\0");
    let mut sources = sources.split_whitespace().map(|source| source.replace('\0', " "));
    !sources.any(|source| modified(Path::new(&source)).is_ok_and(|changed| changed > built))
}

/// Returns what is only in one of two texts, marked, with two lines around it.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // For every pair of tails, how many lines they have in common.
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            let longest = common[i + 1][j].max(common[i][j + 1]);
            common[i][j] = if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { longest };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', new[j]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    let mut text = String::new();
    let mut is_gap = false;
    for (at, (mark, line)) in lines.iter().enumerate() {
        let around = &lines[at.saturating_sub(2)..lines.len().min(at + 3)];
        let is_near = around.iter().any(|(mark, _)| *mark != ' ');
        if is_near {
            text.push_str(&format!("{mark}{line}\n"));
        } else if !is_gap {
            text.push_str("  ...\n");
        }
        is_gap = !is_near;
    }
    text
}

#[test]
fn a_difference_is_shown_where_it_is() {
    assert_eq!(difference("a\nb\nc\n", "a\nx\nc\nd\n"), " a\n-b\n+x\n c\n+d\n");
    let long = "1\n2\n3\n4\n5\n6\n7\n";
    assert_eq!(difference(long, &long.replace('6', "six")), "  ...\n 4\n 5\n-6\n+six\n 7\n");
}
