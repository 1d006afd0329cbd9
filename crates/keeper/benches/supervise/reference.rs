//! The C program that everybody is compared with.

use super::{Job, Supervisor};
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) struct Reference(Child);

impl Reference {
    pub(crate) fn new(program: &Path, job: &Job<'_>) -> Self {
        let mut command = Command::new(program);
        command.arg(job.count.to_string()).args(job.words).stdin(Stdio::null());
        command.stdout(Stdio::null());
        Self(command.spawn().expect("the reference was compiled"))
    }
}

impl Supervisor for Reference {
    fn stop(mut self: Box<Self>) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("the reference lives");
        let status = self.0.wait().expect("it is our child");
        assert!(status.success(), "the reference failed: {status}");
    }
}
