//! How fast logs are written: the keeper's pump against a small C program that does the same work, and
//! against a child that writes to the file itself. All in one run, in turns.
//!
//! `cargo bench -p mainstay-keeper --bench pump [-- FOLDER]`: the logs are written to a new folder in
//! `FOLDER`, which is the system's own for temporary files where none is given.

use mainstay_keeper::output::{Outputs, Source, Told};
use mainstay_wire::keeper::Key;
use mainstay_wire::process::{Log, Output};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;

/// Who brings what a child prints into the file.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// The child itself.
    Direct,
    /// The C program.
    C { stamps: bool },
    /// The keeper.
    Keeper { stamps: bool },
}

const WAYS: [(Way, &str); 5] = [
    (Way::Direct, "direct"),
    (Way::C { stamps: false }, "C, as it comes"),
    (Way::C { stamps: true }, "C, with stamps"),
    (Way::Keeper { stamps: false }, "keeper, as it comes"),
    (Way::Keeper { stamps: true }, "keeper, with stamps"),
];

fn main() {
    let folder = std::env::args().skip(1).find(|word| !word.starts_with("--"));
    let folder = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder).expect("a folder");
    let program = compile(folder.path());
    for (size, bytes) in [(64 * 1024, 512 << 20), (100, 100 << 20)] {
        let mut best = [Duration::MAX; WAYS.len()];
        for _ in 0..ROUNDS {
            for ((way, _), best) in WAYS.iter().zip(&mut best) {
                *best = run(*way, &program, folder.path(), size, bytes).min(*best);
            }
        }
        println!("{bytes} bytes, {size} a write, best of {ROUNDS}:");
        for ((way, name), time) in WAYS.iter().zip(&best) {
            let rate = bytes as f64 / time.as_secs_f64() / 1e6;
            println!("  {name:20} {rate:8.0} MB/s{}", ratios(*way, *time, &best));
        }
    }
}

/// Says how the keeper does beside the others.
fn ratios(way: Way, time: Duration, best: &[Duration]) -> String {
    let Way::Keeper { stamps } = way else { return String::new() };
    let of = |other: Way| {
        let at = WAYS.iter().position(|(way, _)| *way == other).expect("it is one of them");
        best[at].as_secs_f64() / time.as_secs_f64() * 100.0
    };
    format!("   {:3.0} % of C, {:3.0} % of direct", of(Way::C { stamps }), of(Way::Direct))
}

fn compile(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pump.c");
    let program = folder.join("pump");
    let compiled = Command::new("cc").arg("-O2").arg("-o").arg(&program).arg(source).status();
    assert!(compiled.expect("cc is installed").success(), "it compiles");
    program
}

fn run(way: Way, program: &Path, folder: &Path, size: usize, bytes: usize) -> Duration {
    let path = folder.join("log");
    let mut writer = Command::new(program);
    writer.args(["write", &size.to_string(), &bytes.to_string()]);
    let time = match way {
        Way::Direct => {
            let file = File::create(&path).expect("a file");
            let begun = Instant::now();
            let done = writer.stdout(file).status().expect("it writes");
            assert!(done.success());
            begun.elapsed()
        }
        Way::C { stamps } => {
            let file = File::create(&path).expect("a file");
            let begun = Instant::now();
            let mut child = writer.stdout(Stdio::piped()).spawn().expect("it writes");
            let pipe = child.stdout.take().expect("a pipe");
            let mut pump = Command::new(program);
            pump.arg(if stamps { "stamp" } else { "copy" });
            assert!(pump.stdin(pipe).stdout(file).status().expect("it pumps").success());
            assert!(child.wait().expect("it ends").success());
            begun.elapsed()
        }
        Way::Keeper { stamps } => with_keeper(writer, &path, stamps),
    };
    let length = std::fs::metadata(&path).expect("the log").len();
    let stamped = matches!(way, Way::C { stamps: true } | Way::Keeper { stamps: true });
    let written = bytes.div_ceil(size) * size;
    assert!(if stamped { length > written as u64 } else { length == written as u64 });
    std::fs::remove_file(&path).expect("it goes");
    time
}

fn with_keeper(mut writer: Command, path: &Path, stamps: bool) -> Duration {
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd"));
    let mut outputs = Outputs::new(Arc::clone(&wake)).expect("threads");
    let key = Key { child: "bench".into(), run: 1 };
    let log = Log { path: path.into(), size: 0, stamps, ..Log::default() };
    let output = Output { log: Some(log), ..Output::default() };
    let begun = Instant::now();
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    outputs.begin(&key, Source::Merged(read), None, &output, None).expect("it begins");
    let mut child = writer.stdout(write).spawn().expect("it writes");
    drop(writer);
    assert!(child.wait().expect("it ends").success());
    if outputs.finish(&key).is_none() {
        let mut told = Vec::new();
        while !told.iter().any(|news| matches!(news, Told::Drained { .. })) {
            poll(&mut [PollFd::new(&wake, PollFlags::IN)], None).expect("it is woken");
            rustix::io::read(&wake, &mut [0; 8]).expect("it was woken");
            outputs.told(&mut told);
        }
    }
    begun.elapsed()
}
