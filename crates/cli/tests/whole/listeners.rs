//! Event listeners as supervisord's users write them: its own `childutils`, and programs of superlance.

use super::harness::{Daemon, kill, read};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const PYTHON: &str = "/usr/bin/python3";

/// The listener of supervisord's documentation, which writes down what it is told. It asks for what the file `refuse`
/// names once more, and does not answer while there is a file `wait`.
const LISTENER: &str = "\
import os, sys, time
from supervisor import childutils

while True:
    headers, payload = childutils.listener.wait(sys.stdin, sys.stdout)
    with open(sys.argv[1], 'a') as seen:
        said = ' '.join(headers[key] for key in ('serial', 'pool', 'poolserial', 'eventname'))
        seen.write(said + ' | ' + payload.replace('\\n', '~') + '\\n')
    while os.path.exists('wait'):
        time.sleep(0.01)
    if os.path.exists('refuse') and open('refuse').read() == headers['eventname']:
        os.remove('refuse')
        childutils.listener.fail(sys.stdout)
    else:
        childutils.listener.ok(sys.stdout)
";

/// Returns whether supervisord is installed, which it must be where `MAINSTAY_SUPERVISOR` says so.
fn is_there() -> bool {
    let asked = Command::new(PYTHON).args(["-c", "import supervisor.childutils"]).output();
    let is_there = asked.is_ok_and(|asked| asked.status.success());
    let must = std::env::var_os("MAINSTAY_SUPERVISOR").is_some();
    assert!(is_there || !must, "supervisor is not installed: apt-get install supervisor");
    if !is_there {
        eprintln!("skipped: supervisor is not installed");
    }
    is_there
}

/// A daemon with the listener in its folder.
fn daemon(children: &str) -> Option<Daemon> {
    if !is_there() {
        return None;
    }
    let daemon = Daemon::new(&format!("name: shop\nchildren:\n{children}"));
    fs::write(daemon.path("listen.py"), LISTENER).expect("written");
    Some(daemon)
}

/// What one listener was told: number, pool, number in the pool, name, payload.
fn seen(daemon: &Daemon, file: &str) -> Vec<[String; 5]> {
    let text = read(&daemon.path(file));
    let line = |line: &str| {
        let (header, payload) = line.split_once(" | ")?;
        let mut words = header.split(' ').map(str::to_owned);
        Some([words.next()?, words.next()?, words.next()?, words.next()?, payload.to_owned()])
    };
    // The last line may not be whole yet.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|text| line(text).expect("a line as it is written")).collect()
}

fn until_seen(daemon: &Daemon, file: &str, name: &str, payload: &str) -> Vec<[String; 5]> {
    let mut all = Vec::new();
    daemon.until(&format!("{file} has {name} {payload}"), || {
        all = seen(daemon, file);
        all.iter().any(|[.., event, says]| event == name && says.starts_with(payload))
    });
    all
}

/// The events of one process, as `STARTING from_state:STOPPED tries:0`, without its pids.
fn states(all: &[[String; 5]], process: &str) -> Vec<String> {
    let mine = format!("processname:{process} ");
    all.iter()
        .filter(|[.., name, payload]| {
            name.starts_with("PROCESS_STATE_") && payload.starts_with(&mine)
        })
        .map(|[.., name, payload]| {
            let rest = payload.split(' ').skip(2).filter(|word| !word.starts_with("pid:"));
            let name = name.trim_start_matches("PROCESS_STATE_");
            [name].into_iter().chain(rest).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[test]
fn a_listener_by_its_documentation_is_told_what_supervisord_tells() {
    let Some(mut daemon) = daemon(
        "  watch:\n    command: /usr/bin/python3 listen.py seen\n    \
         listener: {events: [PROCESS_STATE, SUPERVISOR_STATE_CHANGE, TICK_5, PROCESS_GROUP], buffer: 100}\n  \
         app:\n    children:\n      \
         bad: {preset: supervisord, shell: true, command: exit 7, \
         budget: {count: restarts, most: 1, within: consecutive}}\n  \
         web: {preset: supervisord, stable_after: 100ms, command: [PUPPET, hang]}\n",
    ) else {
        return;
    };
    daemon.up();
    let all = until_seen(&daemon, "seen", "PROCESS_STATE_FATAL", "processname:bad groupname:app");
    assert_eq!(
        states(&all, "bad"),
        [
            "STARTING from_state:STOPPED tries:0",
            "BACKOFF from_state:STARTING tries:1",
            "STARTING from_state:BACKOFF tries:1",
            "BACKOFF from_state:STARTING tries:2",
            "FATAL from_state:BACKOFF",
        ]
    );
    let first: Vec<String> = all[..4].iter().map(|event| event.join(" ")).collect();
    assert_eq!(
        first,
        [
            "0 watch 0 PROCESS_GROUP_ADDED groupname:app~",
            "1 watch 1 PROCESS_GROUP_ADDED groupname:watch~",
            "2 watch 2 PROCESS_GROUP_ADDED groupname:web~",
            "3 watch 3 SUPERVISOR_STATE_CHANGE_RUNNING ",
        ]
    );
    let running = "processname:web groupname:web from_state:STARTING pid:";
    let all = until_seen(&daemon, "seen", "PROCESS_STATE_RUNNING", running);
    let said = all.iter().find(|[.., payload]| payload.starts_with(running)).expect("it is there");
    assert_eq!(said[4], format!("{running}{}", daemon.pid("web")));
    daemon.says(&["stop", "web", "--why", "test"]);
    let all = until_seen(&daemon, "seen", "PROCESS_STATE_STOPPED", "processname:web ");
    assert_eq!(
        states(&all, "web")[2..],
        ["STOPPING from_state:RUNNING", "STOPPED from_state:STOPPING"]
    );
    daemon.says(&["start", "web", "--why", "test"]);
    let started = |all: &[[String; 5]]| states(all, "web").len() > 5;
    daemon.until("web runs again", || started(&seen(&daemon, "seen")));
    kill(daemon.pid("web"));
    let all = until_seen(&daemon, "seen", "PROCESS_STATE_EXITED", "processname:web ");
    let last = states(&all, "web");
    assert!(last.contains(&"EXITED from_state:RUNNING expected:0".to_owned()), "{last:?}");
    let all = until_seen(&daemon, "seen", "TICK_5", "when:");
    let tick = all.iter().find(|[.., name, _]| name == "TICK_5").expect("it is there");
    let when: u64 = tick[4].trim_start_matches("when:").parse().expect("a second");
    assert_eq!(when % 5, 0);
    let serials: Vec<String> = all.iter().map(|[serial, ..]| serial.clone()).collect();
    let expected: Vec<String> = (0..all.len()).map(|number| number.to_string()).collect();
    assert_eq!(serials, expected, "none is missing, and none comes twice");
}

#[test]
fn no_event_is_lost_when_the_brain_dies() {
    let Some(mut daemon) = daemon(
        "  watch:\n    command: /usr/bin/python3 listen.py seen\n    \
         listener: {events: PROCESS_STATE, buffer: 1000}\n    backoff: 10ms\n    budget: none\n  \
         web: {backoff: 50ms, budget: none, command: [PUPPET, \"exit:3\"]}\n  \
         stays: {command: [PUPPET, hang]}\n",
    ) else {
        return;
    };
    daemon.up();
    let stays = daemon.until_ready("stays")["pid"].as_u64().expect("a number");
    for _ in 0..3 {
        let before = seen(&daemon, "seen").len();
        daemon.until("it is told more", || seen(&daemon, "seen").len() > before + 5);
        kill(daemon.brain());
    }
    let before = seen(&daemon, "seen").len();
    daemon.until("it is told more", || seen(&daemon, "seen").len() > before + 20);
    let all = seen(&daemon, "seen");
    let mut numbers: Vec<u64> =
        all.iter().map(|[_, _, number, ..]| number.parse().expect("a number")).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let expected: Vec<u64> = (0..numbers.len() as u64).collect();
    assert_eq!(numbers, expected, "each was told; what was under way may be told twice");
    // Each end of a run is told, also of those that ended while there was no brain.
    let mut turns = states(&all, "web");
    turns.dedup();
    let is_turn = |pair: &[String]| {
        pair[0].starts_with("STARTING") != pair[1].starts_with("STARTING")
            || pair[0].starts_with("STARTING") && pair[1].starts_with("RUNNING")
            || pair[0].starts_with("RUNNING") && pair[1].starts_with("EXITED")
    };
    assert!(turns.windows(2).all(is_turn), "{turns:?}");
    assert!(daemon.child("watch")["trouble"].is_null());
    // Its process is known by its number, though it began under another brain.
    kill(u32::try_from(stays).expect("a pid"));
    let all = until_seen(&daemon, "seen", "PROCESS_STATE_EXITED", "processname:stays ");
    assert!(all.iter().any(|seen| seen[4].contains(&format!("pid:{stays}"))), "{all:?}");
}

#[test]
fn what_is_refused_comes_again_and_who_babbles_is_told_of() {
    let Some(mut daemon) = daemon(
        "  watch:\n    command: /usr/bin/python3 listen.py seen\n    listener: [TICK_5, PROCESS_STATE]\n  \
         babble: {shell: true, command: \"echo hello; exec sleep 1000\", listener: EVENT}\n  \
         web: {command: [PUPPET, hang]}\n",
    ) else {
        return;
    };
    fs::write(daemon.path("refuse"), "PROCESS_STATE_STOPPING").expect("written");
    daemon.up();
    let babble = daemon.until_child("babble", "in trouble", |child| child["trouble"].is_string());
    let why = babble["trouble"].as_str().expect("text").to_owned();
    assert!(why.contains("breaks the protocol") && why.contains("it said `hello\\n`"), "{why}");
    assert!(daemon.says(&["status"]).contains("event listeners, babble: it breaks the protocol"));
    daemon.until_ready("web");
    daemon.says(&["stop", "web", "--why", "test"]);
    let all = until_seen(&daemon, "seen", "PROCESS_STATE_STOPPED", "processname:web ");
    let twice: Vec<&[String; 5]> =
        all.iter().filter(|[.., name, _]| name == "PROCESS_STATE_STOPPING").collect();
    assert_eq!(twice.len(), 2, "{all:?}");
    assert_eq!(twice[0], twice[1], "it is the same event");
    daemon.says(&["restart", "babble", "--why", "test"]);
    daemon.until_child("babble", "in trouble again", |child| {
        child["trouble"].is_string() && child["run"] == 2
    });
    // It does not read, so it does not see that the brain has died: the next one gives it another run.
    kill(daemon.brain());
    daemon.until_child("babble", "in trouble once more", |child| {
        child["trouble"].is_string() && child["run"] == 3
    });
    let why = daemon.says(&["events", "babble"]);
    assert!(why.contains("the brain that it was told of events by has died"), "{why}");
}

#[test]
fn a_pool_shares_events_and_goes_on_without_one_of_its_listeners() {
    let Some(mut daemon) = daemon(
        "  watch@1..2:\n    command: /usr/bin/python3 listen.py \"seen${instance}\"\n    \
         listener: {events: PROCESS_STATE, buffer: 1000, timeout: 200ms}\n  \
         web: {command: [PUPPET, hang]}\n",
    ) else {
        return;
    };
    fs::write(daemon.path("wait"), "").expect("written");
    daemon.up();
    let has_one = |file: &str| seen(&daemon, file).len() == 1;
    daemon.until("each has one", || has_one("seen1") && has_one("seen2"));
    let late = |child: &serde_json::Value| {
        child["trouble"].as_str().is_some_and(|text| text.contains("has not answered for 200ms"))
    };
    daemon.until_child("watch@1", "late", late);
    let under_way = seen(&daemon, "seen1")[0].clone();
    kill(daemon.pid("watch@1"));
    fs::remove_file(daemon.path("wait")).expect("it was there");
    daemon.says(&["stop", "web", "--why", "test"]);
    let all = || [seen(&daemon, "seen1"), seen(&daemon, "seen2")].concat();
    daemon.until("it is told of the stop", || {
        all().iter().any(|[.., name, payload]| {
            name == "PROCESS_STATE_STOPPED" && payload.starts_with("processname:web ")
        })
    });
    let told = all();
    assert_eq!(told.iter().filter(|event| **event == under_way).count(), 2, "once more");
    assert!(told.iter().all(|[_, pool, ..]| pool == "watch"));
    daemon.until_child("watch@2", "well", |child| child["trouble"].is_null());
}

#[test]
fn what_a_process_prints_is_told_by_lines_and_by_messages() {
    let Some(mut daemon) = daemon(
        "  watch:\n    command: /usr/bin/python3 listen.py seen\n    \
         listener: {events: [PROCESS_LOG, PROCESS_COMMUNICATION], buffer: 100}\n  \
         web:\n    shell: true\n    on_demand: true\n    output: apart\n    \
         output_events: {lines: [out, err], messages: out}\n    \
         command: \"echo one; echo two >&2; \
         echo '<!--XSUPERVISOR:BEGIN-->hi there<!--XSUPERVISOR:END-->'; exec sleep 1000\"\n",
    ) else {
        return;
    };
    daemon.up();
    daemon.until_ready("watch");
    daemon.says(&["start", "web", "--why", "test"]);
    let all = until_seen(&daemon, "seen", "PROCESS_COMMUNICATION_STDOUT", "processname:web");
    until_seen(&daemon, "seen", "PROCESS_LOG_STDERR", "processname:web");
    let pid = daemon.pid("web");
    let head = format!("processname:web groupname:web pid:{pid}");
    let said = |name: &str| {
        let all = if name.ends_with("STDERR") { seen(&daemon, "seen") } else { all.clone() };
        all.into_iter().find(|[.., event, _]| event == name).map(|[.., payload]| payload)
    };
    assert_eq!(said("PROCESS_COMMUNICATION_STDOUT"), Some(format!("{head}~hi there")));
    assert_eq!(said("PROCESS_LOG_STDOUT"), Some(format!("{head} channel:stdout~one~")));
    assert_eq!(said("PROCESS_LOG_STDERR"), Some(format!("{head} channel:stderr~two~")));
}

#[test]
fn a_remote_event_comes_by_the_interface_that_a_listener_is_told_of() {
    let Some(mut daemon) = daemon(
        "  watch:\n    command: /usr/bin/python3 listen.py seen\n    listener: REMOTE_COMMUNICATION\n  \
         send: {on_demand: true, restart: never, command: /usr/bin/python3 send.py, listener: TICK_3600}\n\
         supervisord: {listen: \"unix:s.sock\"}\n",
    ) else {
        return;
    };
    let send = "import os\nfrom supervisor import childutils\n\
                rpc = childutils.getRPCInterface(os.environ)\n\
                assert rpc.supervisor.sendRemoteCommEvent('alarm', 'too hot')\n";
    fs::write(daemon.path("send.py"), send).expect("written");
    daemon.up();
    daemon.says(&["start", "send", "--why", "test"]);
    let all = until_seen(&daemon, "seen", "REMOTE_COMMUNICATION", "type:alarm");
    assert_eq!(all[0][4], "type:alarm~too hot");
}

/// Returns where superlance is, which must be there where `MAINSTAY_SUPERLANCE` says so.
fn superlance() -> Option<PathBuf> {
    let named = std::env::var_os("MAINSTAY_SUPERLANCE").map(PathBuf::from);
    let found = named.as_ref().filter(|folder| folder.join("superlance/crashmail.py").is_file());
    assert!(named.is_none() || found.is_some(), "no superlance in {named:?}");
    if found.is_none() {
        eprintln!(
            "skipped: `pip install --target FOLDER superlance`, then MAINSTAY_SUPERLANCE=FOLDER"
        );
    }
    found.cloned()
}

#[test]
fn crashmail_of_superlance_sends_its_mail() {
    let (Some(folder), true) = (superlance(), is_there()) else { return };
    let folder = folder.display();
    let mut daemon = Daemon::new(&format!(
        "name: shop\nchildren:\n  \
         crashmail:\n    environment: {{PYTHONPATH: \"{folder}\"}}\n    \
         command: [{PYTHON}, -m, superlance.crashmail, -a, -m, ops@example.org, -s, ./sendmail]\n    \
         listener: PROCESS_STATE\n  \
         web: {{command: [PUPPET, hang], on_demand: true}}\n"
    ));
    let sendmail = daemon.path("sendmail");
    fs::write(&sendmail, "#!/bin/sh\ncat > mail.new && mv mail.new mail\n").expect("written");
    let rights = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&sendmail, rights).expect("it is ours");
    daemon.up();
    daemon.says(&["start", "web", "--why", "test"]);
    daemon.until_ready("web");
    let pid = daemon.pid("web");
    kill(pid);
    daemon.until("there is a mail", || daemon.path("mail").exists());
    let mail = read(&daemon.path("mail"));
    assert!(mail.contains("To: ops@example.org"), "{mail}");
    assert!(mail.contains("web crashed at"), "{mail}");
    let what = format!("Process web in group web exited unexpectedly (pid {pid})");
    assert!(mail.contains(&what), "{mail}");
}

/// What both are given: programs that end too early, that end late, that print, and a listener.
const THEIRS: &str = "\
[supervisord]
nodaemon=true
logfile=sup.log
pidfile=sup.pid
[eventlistener:watch]
command=/usr/bin/python3 listen.py seen
events=PROCESS_STATE,SUPERVISOR_STATE_CHANGE,PROCESS_GROUP,PROCESS_LOG,PROCESS_COMMUNICATION
buffer_size=100
[program:bad]
command=/bin/sh -c \"exit 7\"
startretries=1
startsecs=10
[program:web]
command=/bin/sh -c \"sleep 2; echo one; exit 3\"
stdout_events_enabled=true
[program:msg]
command=/bin/sh -c \"sleep 1; echo '<!--XSUPERVISOR:BEGIN-->hi there<!--XSUPERVISOR:END-->'; exec sleep 1000\"
stdout_capture_maxbytes=1MB
";

/// What is told of states, groups and output: all of one kind in order, without processes' numbers.
fn told(daemon: &Daemon, file: &str) -> Vec<Vec<String>> {
    let all = seen(daemon, file);
    let first = |process: &str, count: usize| {
        let all = states(&all, process);
        all[..count.min(all.len())].to_vec()
    };
    let mut groups: Vec<String> = all
        .iter()
        .filter(|[.., name, _]| name == "PROCESS_GROUP_ADDED")
        .map(|[.., payload]| payload.clone())
        .collect();
    groups.sort();
    let ups = all.iter().filter(|[.., name, _]| name == "SUPERVISOR_STATE_CHANGE_RUNNING");
    let ups: Vec<String> = ups.map(|[.., payload]| payload.clone()).collect();
    let printed = |wanted: &str| -> Vec<String> {
        let without = |text: String| {
            let (head, rest) = text.split_once("groupname:").expect("it has a group");
            let rest = rest.split_once("pid:").map_or(rest, |(_, rest)| rest);
            format!("{head}{}", rest.trim_start_matches(|sign: char| sign.is_ascii_digit()))
        };
        let found = all.iter().find(|[.., name, _]| name == wanted);
        found.map(|[.., payload]| without(payload.clone())).into_iter().collect()
    };
    vec![
        first("bad", 5),
        first("web", 4),
        first("msg", 2),
        groups,
        ups,
        printed("PROCESS_LOG_STDOUT"),
        printed("PROCESS_COMMUNICATION_STDOUT"),
    ]
}

#[test]
fn the_real_supervisord_tells_the_same() {
    let Some(mut daemon) = daemon("  none: {command: [PUPPET, hang]}\n") else { return };
    fs::write(daemon.path("s.conf"), THEIRS).expect("written");
    let is_told = |daemon: &Daemon| {
        let all = seen(daemon, "seen");
        let has = |name: &str, process: &str| {
            let begins = format!("processname:{process} ");
            all.iter().any(|[.., event, says]| event == name && says.starts_with(&begins))
        };
        has("PROCESS_STATE_FATAL", "bad")
            && has("PROCESS_LOG_STDOUT", "web")
            && has("PROCESS_COMMUNICATION_STDOUT", "msg")
            && states(&all, "web").len() > 3
    };
    let mut theirs = Command::new("/usr/bin/supervisord")
        .args(["-n", "-c", "s.conf"])
        .current_dir(daemon.path(""))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_told(&daemon) && std::time::Instant::now() < until {
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_raw(theirs.id().cast_signed()).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it lives");
    theirs.wait().expect("it ends");
    fs::rename(daemon.path("seen"), daemon.path("theirs")).expect("it has told something");

    daemon.says(&["import", "supervisord", "s.conf", "-o", "made.yaml"]);
    daemon.declare(&read(&daemon.path("made.yaml")));
    daemon.up();
    daemon.until("it is told as much", || is_told(&daemon));
    assert_eq!(told(&daemon, "seen"), told(&daemon, "theirs"));
}
