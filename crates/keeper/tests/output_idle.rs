//! Who has nothing to do sleeps. In a process of its own, because the threads of other tests work.

use mainstay_keeper::output::{Outputs, Source};
use mainstay_wire::keeper::Key;
use mainstay_wire::process::{Log, Output};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use std::fs;
use std::sync::Arc;

/// Returns how often the threads of the output plane have gone to sleep.
fn sleeps() -> Vec<String> {
    let mut all = Vec::new();
    for task in fs::read_dir("/proc/self/task").expect("tasks") {
        let status = task.expect("a task").path().join("status");
        let status = fs::read_to_string(status).unwrap_or_default();
        let name = status.lines().next().unwrap_or_default().to_owned();
        if name.contains("pump") || name.contains("echo") || name.contains("compress") {
            let switches = status.lines().filter(|line| line.contains("ctxt_switches"));
            all.push(name + &switches.collect::<String>());
        }
    }
    all.sort();
    all
}

#[test]
fn nobody_wakes_while_nothing_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd"));
    let mut outputs = Outputs::new(Arc::clone(&wake)).expect("threads");
    let mut ends = Vec::new();
    for run in 0..20 {
        let key = Key { child: format!("child {run}").into(), run: 1 };
        let path = &*folder.path().join(format!("{run}.log"));
        let log = Log {
            path: path.into(),
            age: Some(std::time::Duration::from_secs(1)),
            ..Log::default()
        };
        let echo = (run == 0).then(|| "".into());
        let output = Output { log: Some(log), echo, ..Output::default() };
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        outputs.begin(&key, Source::Merged(read), None, &output, None).expect("it begins");
        rustix::io::write(&write, b"\n").expect("it prints");
        ends.push(write);
    }
    // Longer than anything that is waited for after the last line.
    let while_ = Timespec { tv_sec: 1, tv_nsec: 200_000_000 };
    let settled = (0..10).any(|_| {
        let before = sleeps();
        let told = poll(&mut [PollFd::new(&wake, PollFlags::IN)], Some(&while_));
        assert_eq!(told, Ok(0), "there is nothing to tell");
        before.len() >= 3 && sleeps() == before
    });
    assert!(settled, "{:?}", sleeps());
}
