//! Real programs on the other side.

use super::*;

/// Returns a command, if this machine has the program; else says so where the test's reader sees it.
fn command(program: &str, run: &Run) -> Option<Command> {
    let is_there = Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !is_there {
        writeln!(io::stderr(), "skipped: there is no {program} on this machine").expect("written");
        return None;
    }
    let mut command = Command::new(program);
    command.env("NOTIFY_SOCKET", run.socket.name().as_os_str()).stdin(Stdio::null());
    Some(command)
}

/// Runs `systemd-notify`, which waits for its barrier: that it ends means that the barrier was answered.
fn systemd_notify(name: &str, arguments: &[&str]) -> Option<Vec<Notice>> {
    let mut run = Run::new(name, Access::All, 8);
    let mut program = command("systemd-notify", &run)?.args(arguments).spawn().expect("it starts");
    run.hear_program(&mut program);
    Some(run.said())
}

#[test]
fn systemd_notify_says_ready() {
    let Some(said) = systemd_notify("ready", &["--ready"]) else { return };
    assert_eq!(said, [Notice::Ready(Whence::Notify)]);
}

#[test]
fn systemd_notify_says_more_at_once() {
    // Newer versions look at the process they are told.
    let pid = format!("--pid={}", std::process::id());
    let arguments = ["--ready", "--status=at work", &pid, "WATCHDOG=1", "X_OWN=thing"];
    let Some(said) = systemd_notify("more", &arguments) else { return };
    let word = Notice::Word { name: "X_OWN".into(), value: "thing".into() };
    let expected = [
        Notice::Main(std::process::id()),
        Notice::Ready(Whence::Notify),
        Notice::Status("at work".into()),
        Notice::Beat,
        word,
    ];
    assert_eq!(said, expected);
}

#[test]
fn systemd_notify_does_not_wait_if_told_so() {
    let Some(said) = systemd_notify("no-block", &["--no-block", "--status=x"]) else { return };
    assert_eq!(said, [Notice::Status("x".into())]);
}

#[test]
fn systemd_notify_stores_a_descriptor() {
    let mut run = Run::new("notify-store", Access::All, 8);
    let Some(mut help) = command("systemd-notify", &run) else { return };
    let help = help.arg("--help").output().expect("it runs").stdout;
    if !String::from_utf8_lossy(&help).contains("--fdname") {
        writeln!(io::stderr(), "skipped: this systemd-notify knows no --fd").expect("written");
        return;
    }
    let mut program = command("systemd-notify", &run).expect("it is there");
    program.args(["--ready", "--fd=0", "--fdname=input"]).stdin(Stdio::piped());
    let mut program = program.spawn().expect("it starts");
    let input = program.stdin.take();
    run.hear_program(&mut program);
    drop(input);
    assert!(run.said().contains(&Notice::Stored(1)));
}

#[test]
fn python_stores_descriptors_and_waits_for_the_barrier() {
    let script = r#"
import array, os, socket, tempfile
address = "\0" + os.environ["NOTIFY_SOCKET"][1:]
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
client.connect(address)
def send(text, *fds):
    client.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
file = tempfile.TemporaryFile()
file.write(b"kept")
file.flush()
send(b"FDSTORE=1\nFDNAME=state\nFDPOLL=0", file.fileno())
reader, writer = os.pipe()
send(b"BARRIER=1", writer)
os.close(writer)
assert os.read(reader, 1) == b""
"#;
    let mut run = Run::new("python", Access::Main, 8);
    let Some(mut program) = command("python3", &run) else { return };
    let mut program = program.args(["-c", script]).spawn().expect("it starts");
    let pid = program.id();
    run.hear_program(&mut program);
    assert_eq!(run.sender.0, pid, "the barrier came from the program itself");
    assert_eq!(run.said(), [Notice::Stored(1)]);
    let (fd, name) = run.store.descriptors().next().expect("it is stored");
    assert_eq!(name, &Text::from("state"));
    let mut file = std::fs::File::from(fd.try_clone_to_owned().expect("a duplicate"));
    io::Seek::rewind(&mut file).expect("it is a file");
    let mut text = String::new();
    file.read_to_string(&mut text).expect("it is read");
    assert_eq!(text, "kept");
}
