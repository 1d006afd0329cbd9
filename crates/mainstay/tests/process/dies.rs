//! What becomes of processes whose program dies without ending them.

use crate::common::soon;
use crate::{pid, puppet, stands};
use mainstay::process::Leftovers;
use mainstay::{Standing, process, tree};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where the process of the dying program says that it lives; set, this test binary is that program.
const PLACE: &str = "MAINSTAY_TEST_DIES_AT";
/// The identity of its tree, if it has one.
const IDENTITY: &str = "MAINSTAY_TEST_DIES_AS";

/// Declares the tree of the program: one process, which holds the fifo open for as long as it lives.
fn declared(place: &Path, identity: Option<&str>, leftovers: Leftovers) -> mainstay::Tree {
    let hold = format!("fifo:{}", place.display());
    let command = puppet([hold.as_str(), "hang"]).leftovers(leftovers);
    let declared = tree().watchdog(None).child(process("x", command));
    match identity {
        Some(identity) => declared.identity(identity),
        None => declared,
    }
}

/// The program. Run by the test binary in the ordinary way it has nothing to do.
#[tokio::test]
async fn program() {
    let Some(place) = std::env::var_os(PLACE).map(PathBuf::from) else { return };
    let identity = std::env::var(IDENTITY).ok();
    let owner = declared(&place, identity.as_deref(), Leftovers::Adopt).start().expect("a tree");
    owner.handle().ended().await;
}

/// Starts the program, and waits until its process lives. Returns the program, what is read from the fifo,
/// and the process.
fn begin(place: &Path, identity: Option<&str>) -> (Child, std::fs::File, u32) {
    let made = Command::new("mkfifo").arg(place).status().expect("mkfifo runs");
    assert!(made.success());
    let mut program = Command::new(std::env::current_exe().expect("this test is a program"));
    program.args(["--exact", "dies::program"]).env(PLACE, place).stdout(Stdio::null());
    if let Some(identity) = identity {
        program.env(IDENTITY, identity);
    }
    let program = program.spawn().expect("it runs");
    let mut fifo = std::fs::File::open(place).expect("the process opens its end");
    let mut said = Vec::new();
    let mut byte = [0];
    while fifo.read(&mut byte).expect("it says its pid") == 1 && byte[0].is_ascii_digit() {
        said.push(byte[0]);
    }
    let pid = String::from_utf8(said).ok().and_then(|text| text.parse().ok());
    (program, fifo, pid.expect("a pid"))
}

fn kill(mut program: Child) {
    program.kill().expect("it is killed");
    program.wait().expect("it is gone");
}

/// Waits until the process is gone, whose end of the fifo is closed with it.
async fn gone(mut fifo: std::fs::File) {
    let end = std::thread::spawn(move || fifo.read_to_end(&mut Vec::new()));
    soon(async {
        while !end.is_finished() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_process_gets_term_when_its_program_is_killed() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let (program, fifo, _) = begin(&folder.path().join("fifo"), None);
    kill(program);
    gone(fifo).await;
}

#[tokio::test]
async fn with_an_identity_it_lives_on_and_is_found_again() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let place = folder.path().join("fifo");
    let identity = place.display().to_string();
    let (program, fifo, first) = begin(&place, Some(&identity));
    kill(program);

    let owner = declared(&place, Some(&identity), Leftovers::Adopt).start().expect("a tree");
    let view = stands(&owner.handle(), "x", Standing::Ready).await;
    assert_eq!((pid(&view), view.runs), (first, 1), "there is no second copy");
    let report = owner.drain("over").await;
    assert!(!report.lines[0].forced, "{report}");
    gone(fifo).await;
}

#[tokio::test]
async fn what_is_left_may_be_refused() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let place = folder.path().join("fifo");
    let identity = place.display().to_string();
    let (program, fifo, first) = begin(&place, Some(&identity));
    kill(program);

    let owner = declared(&place, Some(&identity), Leftovers::Refuse).start().expect("a tree");
    let view = soon(owner.handle().wait_until("x", |view| view.last.is_some())).await;
    let last = view.expect("it is there").last.expect("it was tried");
    let detail = last.detail.unwrap_or_default();
    assert!(detail.starts_with("looking for what an earlier keeper left"), "{detail}");
    owner.drain("over").await;

    let owner = declared(&place, Some(&identity), Leftovers::Adopt).start().expect("a tree");
    assert_eq!(pid(&stands(&owner.handle(), "x", Standing::Ready).await), first);
    owner.drain("over").await;
    gone(fifo).await;
}
