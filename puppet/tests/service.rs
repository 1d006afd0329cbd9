//! The puppet speaks to its supervisor as services do.

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::fs::File;
use std::io::{IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};

fn puppet(steps: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_puppet"));
    command.args(steps).stdin(Stdio::null());
    command
}

/// A socket for notifications, and where it is.
struct Notify {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Notify {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        Self { socket, folder }
    }

    fn start(&self, steps: &[&str]) -> Child {
        let path = self.folder.path().join("notify");
        puppet(steps).env("NOTIFY_SOCKET", path).spawn().expect("a puppet runs")
    }

    fn receive(&self) -> (String, Vec<OwnedFd>) {
        let mut bytes = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut rights = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let message = recvmsg(&self.socket, &mut slices, &mut rights, RecvFlags::CMSG_CLOEXEC);
        let count = message.expect("it comes").bytes;
        let mut fds = Vec::new();
        for part in rights.drain() {
            if let RecvAncillaryMessage::ScmRights(some) = part {
                fds.extend(some);
            }
        }
        (String::from_utf8(bytes[..count].to_vec()).expect("text"), fds)
    }

    fn text(&self) -> String {
        self.receive().0
    }
}

#[test]
fn texts_are_sent() {
    let notify = Notify::new();
    let mut child = notify.start(&["notify:READY=1\\nMAINPID={pid}", "heartbeat:1:2", "exit:4"]);
    assert_eq!(notify.text(), format!("READY=1\nMAINPID={}", child.id()));
    assert_eq!([notify.text(), notify.text()], ["WATCHDOG=1", "WATCHDOG=1"]);
    assert_eq!(child.wait().expect("it ends").code(), Some(4));
    let output = puppet(&["notify:READY=1"]).env_remove("NOTIFY_SOCKET").output();
    let output = output.expect("a puppet runs");
    assert_eq!(output.status.code(), Some(70));
    assert!(String::from_utf8_lossy(&output.stderr).contains("NOTIFY_SOCKET"));
}

#[test]
fn descriptors_are_sent() {
    let notify = Notify::new();
    let steps = [
        "store:cache:remembered",
        "store-pipe:tap",
        "fork:exit:0",
        "notify-pidfd",
        "barrier",
        "exit:5",
    ];
    let mut child = notify.start(&steps);
    let (text, mut fds) = notify.receive();
    assert_eq!((&*text, fds.len()), ("FDSTORE=1\nFDNAME=cache", 1));
    let mut bytes = [0; 10];
    rustix::io::pread(fds.remove(0), &mut bytes, 0).expect("a memory file reads");
    assert_eq!(&bytes, b"remembered");

    let (text, mut fds) = notify.receive();
    assert_eq!(text, "FDSTORE=1\nFDNAME=tap");
    let mut pipe = File::from(fds.remove(0));
    let (text, fds) = notify.receive();
    assert_eq!((&*text, fds.len()), ("MAINPIDFD=1", 1));

    // Nothing else happens before the barrier falls.
    let (text, fds) = notify.receive();
    assert_eq!((&*text, fds.len()), ("BARRIER=1", 1));
    assert_eq!(child.try_wait().expect("it can be asked"), None);
    drop(fds);
    assert_eq!(child.wait().expect("it ends").code(), Some(5));
    assert_eq!(pipe.read(&mut bytes).expect("a pipe reads"), 0);
}

/// Starts a puppet with this descriptor as its number 3, by way of a shell that tells it its pid.
fn start_with(fd: &OwnedFd, environment: &str, steps: &str) -> Child {
    rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty()).expect("it is open");
    let number = fd.as_raw_fd();
    let program = env!("CARGO_BIN_EXE_puppet");
    let script = format!("{environment} exec '{program}' {steps} 3<&{number}");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::piped());
    shell.stderr(Stdio::piped()).spawn().expect("a shell runs")
}

#[test]
fn sockets_are_taken_and_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let socket: OwnedFd = UnixListener::bind(&path).expect("a socket").into();
    let passed = "LISTEN_FDS=1 LISTEN_FDNAMES=web";
    let child =
        start_with(&socket, &format!("{passed} LISTEN_PID=$$"), "listen-fds listen-serve:2");
    let pid = child.id();
    for _ in 0..2 {
        let mut answer = String::new();
        let mut connection = UnixStream::connect(&path).expect("it listens");
        connection.read_to_string(&mut answer).expect("it answers");
        assert_eq!(answer, format!("{pid}\n"));
    }
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.starts_with("3 web socket:[") && text.ends_with("] listening\n"), "{text}");

    let child = start_with(&socket, &format!("{passed} LISTEN_PID=1"), "listen-serve");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(70));
    assert!(String::from_utf8_lossy(&output.stderr).contains("LISTEN_PID is 1"));
}

#[test]
fn inherited_descriptors_are_read_and_written() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let writer: OwnedFd = writer.into();
    let child = start_with(&writer, "NOTIFY_FD=3", "notify-fd write-fd:3:more notify-fd:3");
    assert!(child.wait_with_output().expect("it ends").status.success());
    drop(writer);
    let mut text = String::new();
    File::from(OwnedFd::from(reader)).read_to_string(&mut text).expect("a pipe reads");
    assert_eq!(text, "\nmore\n");

    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "content").expect("it is written");
    let mut file = File::open(folder.path().join("file")).expect("it is there");
    file.read_to_end(&mut Vec::new()).expect("it reads");
    let child = start_with(&file.into(), "", "read-fd:3");
    assert_eq!(child.wait_with_output().expect("it ends").stdout, b"content");
}
