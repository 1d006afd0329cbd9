//! The real `supervisorctl` against this daemon: every verb, in its own words.
//!
//! It is Debian's, from the package supervisor. Where that is not installed these tests are skipped, unless
//! `MAINSTAY_SUPERVISORCTL` names it: then it must be there. Where `supervisord` is there too, it runs the same programs
//! and its sentences are compared with ours.

use super::harness::{Daemon, kill, lives, text};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);

const SPEC: &str = r#"
supervisord: {listen: "unix:s.sock"}
defaults: {preset: supervisord}
children:
  web: {command: [sh, -c, "echo hello; echo oops >&2; exec sleep 1000"], output: apart}
  cat: {command: [cat], stdin: pipe}
  quick: {command: [sh, -c, "exit 3"], on_demand: true}
  missing: {command: /no/such/program, on_demand: true}
  app:
    children:
      one: {command: [sleep, "1000"]}
      two: {command: [sh, -c, "trap 'echo hup' HUP; while :; do sleep 0.1; done"]}
"#;

/// The same for supervisord itself.
const CONF: &str = "
[program:web]
command=sh -c \"echo hello; echo oops >&2; exec sleep 1000\"
[program:cat]
command=cat
[program:quick]
command=sh -c \"exit 3\"
autostart=false
[program:missing]
command=/no/such/program
autostart=false
[program:one]
command=sleep 1000
[program:two]
command=sh -c \"trap 'echo hup' HUP; while :; do sleep 0.1; done\"
[group:app]
programs=one,two
";

/// Returns the program, or that there is none and these tests have nothing to say.
fn supervisorctl() -> Option<String> {
    let named = std::env::var("MAINSTAY_SUPERVISORCTL").ok();
    let program = named.clone().unwrap_or_else(|| "supervisorctl".into());
    if Command::new(&program).arg("--help").stdout(Stdio::null()).status().is_ok() {
        return Some(program);
    }
    assert!(named.is_none(), "{program} must be there, and is not");
    let mut out = std::io::stderr();
    // Who looks at the output of the tests may want to know.
    let _ = out.write_all(b"skipped: the package supervisor is not installed\n");
    None
}

/// One who talks to a server.
struct Operator {
    program: String,
    /// The file that says where the server is.
    conf: PathBuf,
}

impl Operator {
    fn at(socket: &Path) -> Option<Self> {
        let conf = socket.with_file_name("ctl.conf");
        let text = format!("[supervisorctl]\nserverurl=unix://{}\n", socket.display());
        fs::write(&conf, text).expect("written");
        Some(Self { program: supervisorctl()?, conf })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(&self.conf).args(arguments);
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command
    }

    /// Runs one action. Returns its exit code and what it printed, on either output.
    fn does(&self, line: &str) -> (i32, String) {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = self.command(&arguments).output().expect("it runs");
        let printed = text(&output.stdout) + &text(&output.stderr);
        (output.status.code().unwrap_or(-1), printed.trim_end().to_owned())
    }

    /// Runs actions that must print this and end with this code.
    fn says(&self, table: &[(&str, i32, &str)]) {
        for (line, code, expected) in table {
            assert_eq!(self.does(line), (*code, (*expected).to_owned()), "{line}");
        }
    }

    /// Waits until the status of a process is this.
    fn until(&self, name: &str, state: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let (_, line) = self.does(&format!("status {name}"));
            if line.split_whitespace().nth(1) == Some(state) {
                return line;
            }
            assert!(Instant::now() < end, "{name} never came to be {state}: {line}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Begins an action that goes on.
    fn begins(&self, line: &str) -> Session {
        let arguments: Vec<&str> = line.split(' ').collect();
        let mut running = self
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        let (tell, lines) = mpsc::channel();
        let out = BufReader::new(running.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Session { running, lines }
    }
}

/// An action that goes on.
struct Session {
    running: Child,
    lines: mpsc::Receiver<String>,
}

impl Session {
    fn types(&mut self, text: &str) {
        let input = self.running.stdin.as_mut().expect("piped");
        input.write_all(text.as_bytes()).expect("it reads");
    }

    fn sees(&self, wanted: &str) {
        let end = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(wanted) => return,
                Ok(line) => seen.push(line),
                Err(_) => panic!("`{wanted}` is not seen among {seen:?}"),
            }
        }
    }

    /// Waits until it ends by itself.
    fn ends(&mut self) -> i32 {
        self.running.wait().expect("it ends").code().unwrap_or(-1)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.running.kill();
        let _ = self.running.wait();
    }
}

/// Brings the programs up, and waits until they run.
fn up(spec: &str) -> Option<(Daemon, Operator)> {
    supervisorctl()?;
    let mut daemon = Daemon::new(spec);
    daemon.up();
    let operator = Operator::at(&daemon.path("s.sock"))?;
    daemon.until("the interface is there", || operator.does("pid").0 == 0);
    for name in ["web", "cat", "app:one", "app:two"] {
        operator.until(name, "RUNNING");
    }
    Some((daemon, operator))
}

#[test]
fn every_verb_works_in_its_own_words() {
    let Some((daemon, operator)) = up(SPEC) else { return };
    let (code, status) = operator.does("status");
    let states: Vec<Vec<&str>> =
        status.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
    let expected = [
        ["app:one", "RUNNING"],
        ["app:two", "RUNNING"],
        ["cat", "RUNNING"],
        ["missing", "STOPPED"],
        ["quick", "STOPPED"],
        ["web", "RUNNING"],
    ];
    assert_eq!((code, states), (3, expected.map(Vec::from).to_vec()), "{status}");
    assert!(status.contains("Not started"), "{status}");
    let pid = daemon.pid("web");
    let line = operator.does("status web").1;
    assert!(line.contains(&format!("pid {pid}, uptime 0:0")), "{line}");
    let (keeper, web) = (daemon.keeper().to_string(), pid.to_string());
    operator.says(&[
        ("pid", 0, keeper.as_str()),
        ("pid web", 0, web.as_str()),
        ("pid quick", 7, "0"),
        ("tail web", 0, "hello"),
        ("tail -4 web stderr", 0, "ops"),
        ("tail cat", 0, ""),
        ("tail cat stderr", 1, "cat: ERROR (no log file)"),
        ("stop web", 0, "web: stopped"),
        ("stop web", 0, "web: ERROR (not running)"),
        ("start web", 0, "web: started"),
        ("start web", 0, "web: ERROR (already started)"),
        ("restart web cat", 0, "web: stopped\ncat: stopped\nweb: started\ncat: started"),
        ("stop app:*", 0, "app:one: stopped\napp:two: stopped"),
        ("start app:two", 0, "app:two: started"),
        ("start app:", 0, "app:one: started"),
        ("start quick", 7, "quick: ERROR (spawn error)"),
        ("start missing", 1, "missing: ERROR (no such file)"),
        ("signal HUP app:two", 0, "app:two: signalled"),
        ("signal HUP missing", 7, "missing: ERROR (not running)"),
        ("clear web", 0, "web: cleared"),
        ("version", 0, concat!("4.2.5 (mainstay ", env!("CARGO_PKG_VERSION"), ")")),
    ]);
    assert_ne!(daemon.pid("web"), pid);
    daemon.until("the signal has come", || operator.does("tail app:two").1 == "hup");
    daemon.until("the log begins anew", || operator.does("tail web").1.is_empty());
    // Its last try is over: it is given up, and a start by hand is a new beginning.
    assert!(operator.until("quick", "FATAL").contains("Exited too quickly"));
    operator.says(&[("start quick", 7, "quick: ERROR (spawn error)")]);
    assert!(operator.does("status missing").1.contains("no such file or directory"));
    operator.says(&[("stop quick", 0, "quick: stopped")]);
    let (code, stopped) = operator.does("status quick");
    assert_eq!(code, 3);
    assert!(stopped.contains("STOPPED") && stopped.ends_with('M'), "{stopped}");
    let (_, happened) = operator.does("maintail -30000");
    assert!(happened.contains("INFO") && happened.contains("an operator stopped it"), "{happened}");
    // Everything was a command like any other, in somebody's name.
    let (events, notes) = (daemon.says(&["events", "--json"]), daemon.says(&["consoles"]));
    assert!(events.contains("supervisorctl as "), "{events}");
    assert!(notes.contains("sent signal 1") && notes.contains("removed "), "{notes}");
    operator.says(&[("shutdown", 0, "Shut down")]);
    let mut daemon = daemon;
    assert!(daemon.ends().success());
    assert!(!lives(pid));
}

#[test]
fn a_changed_file_is_taken_in_group_by_group() {
    let Some((daemon, operator)) = up(SPEC) else { return };
    let (web, two) = (daemon.pid("web"), daemon.pid("app/two"));
    operator.says(&[("reread", 0, "No config updates to processes"), ("update", 0, "")]);
    let changed = SPEC.replace("  quick: {command: [sh, -c, \"exit 3\"], on_demand: true}\n", "");
    let more = "  fresh: {command: [sleep, \"1000\"]}\n  deep:\n    children:\n      in:\n        children:\n          a: \
                {command: [sleep, \"1000\"]}\n";
    daemon.declare(
        &(changed
            .replace("one: {command: [sleep, \"1000\"]}", "one: {command: [sleep, \"2000\"]}")
            + more),
    );
    operator.says(&[
        ("reread", 0, "app: changed\ndeep/in: available\nfresh: available\nquick: disappeared"),
        ("add nobody", 1, "ERROR: no such process/group: nobody"),
        ("add fresh", 0, "fresh: added process group"),
        ("add fresh", 0, "ERROR: process group already active"),
        ("remove web", 1, "ERROR: process/group still running: web"),
        ("update nobody", 1, "ERROR: no such group: nobody"),
    ]);
    let avail = operator.does("avail").1;
    let line = |name: &str| {
        let line = avail.lines().find(|line| line.starts_with(name)).expect(name);
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("deep/in:a"), "deep/in:a avail auto 6:1", "{avail}");
    assert_eq!(line("web"), "web in use auto 1:1", "{avail}");
    assert_eq!(line("missing"), "missing in use manual 3:1", "{avail}");
    let updated = operator.does("update").1;
    let expected = "quick: stopped\nquick: removed process group\napp: stopped\napp: updated process group\n\
                    deep/in: added process group";
    assert_eq!(updated, expected);
    operator.says(&[("reread", 0, "No config updates to processes")]);
    // What had not changed was left alone, and the file is the present one.
    assert_eq!(daemon.pid("web"), web);
    assert_ne!(daemon.pid("app/two"), two);
    let plan = daemon.says(&["apply", "--dry-run"]);
    assert!(!plan.contains("added") && !plan.contains("removed"), "{plan}");
    // A supervisor goes with the last of its processes.
    operator.says(&[
        ("stop deep/in:a fresh", 0, "deep/in:a: stopped\nfresh: stopped"),
        ("remove deep/in fresh", 0, "deep/in: removed process group\nfresh: removed process group"),
    ]);
    let status = daemon.status().to_string();
    assert!(!status.contains("\"deep") && !status.contains("\"fresh\""), "{status}");
    daemon.declare("children: [");
    let (code, told) = operator.does("reread");
    assert!(code == 1 && told.starts_with("ERROR: CANT_REREAD"), "{told}");
    assert!(told.contains("mainstay.yaml:1:"), "{told}");
    assert_eq!(daemon.pid("web"), web, "nothing has changed");
    // `reload` takes the file, and gives everybody a fresh run.
    daemon.declare(SPEC);
    operator.says(&[("stop cat", 0, "cat: stopped"), ("reload", 0, "Restarted supervisord")]);
    for name in ["web", "cat", "app:one"] {
        operator.until(name, "RUNNING");
    }
    daemon.until("it has another run", || daemon.pid("web") != web);
}

#[test]
fn logs_are_followed_and_a_process_is_typed_to() {
    let Some((daemon, operator)) = up(SPEC) else { return };
    let mut foreground = operator.begins("fg cat");
    foreground.sees("Press Ctrl-C");
    foreground.types("first\n");
    foreground.sees("first");
    foreground.types("second\n");
    foreground.sees("second");
    drop(foreground);
    assert!(daemon.says(&["consoles"]).contains("typed `first`"));
    let mut deaf = operator.begins("fg web");
    deaf.types("x\n");
    deaf.sees("web reads nothing: say `stdin: pipe` in its spec");
    drop(deaf);
    let mut tail = operator.begins("tail -f app:two");
    tail.sees("Press Ctrl-C");
    operator.says(&[("signal USR1 quick", 7, "quick: ERROR (not running)")]);
    operator.says(&[("signal 1 app:two", 0, "app:two: signalled")]);
    tail.sees("hup");
    let main = operator.begins("maintail -f");
    main.sees("everything is ready");
    operator.says(&[("stop cat", 0, "cat: stopped")]);
    main.sees("cat#1 asked to end");
    // The brain dies: who follows comes to an end, nothing else does, and whoever comes again goes on.
    let (two, brain) = (daemon.pid("app/two"), daemon.brain());
    kill(brain);
    assert_eq!(tail.ends(), 0);
    daemon.until("there is another brain", || daemon.brain() != brain);
    daemon.until("the interface is back", || operator.does("pid").0 == 0);
    let again = operator.begins("tail -f app:two");
    again.sees("hup");
    operator.says(&[("signal HUP app:two", 0, "app:two: signalled")]);
    again.sees("hup");
    assert_eq!(daemon.pid("app/two"), two);
    assert_eq!(operator.does("status cat").1.split_whitespace().nth(1), Some("STOPPED"));
}

#[test]
fn its_shell_is_used_and_misused() {
    let Some((_daemon, operator)) = up(SPEC) else { return };
    let mut shell = operator.begins("-i");
    let lines = [
        ("stop web", "web: stopped"),
        ("stop web", "web: ERROR (not running)"),
        ("restart nobody", "nobody: ERROR (no such process)"),
        ("stop nobody:*", "nobody: ERROR (no such group)"),
        ("start app", "app: ERROR (no such process)"),
        ("status nobody", "nobody: ERROR (no such process)"),
        ("tail nobody", "nobody: ERROR (no such process name)"),
        ("signal FOO cat", "cat: ERROR (bad signal name)"),
        ("clear nobody", "nobody: ERROR (no such process)"),
        ("pid nobody", "No such process nobody"),
        ("fg nobody", "ERROR: bad process name supplied"),
        ("fg quick", "ERROR: process not running"),
        ("launch web", "*** Unknown syntax: launch web"),
        ("start web", "web: started"),
        ("status web", "RUNNING"),
    ];
    for (line, expected) in lines {
        shell.types(&format!("{line}\n"));
        shell.sees(expected);
    }
    shell.types("quit\n");
    assert_eq!(shell.ends(), 0);
}

#[test]
fn other_clients_are_answered_and_children_know_where_they_are() {
    let spec = SPEC.replace(
        "  cat: ",
        "  told: {command: [sh, -c, \"env | grep ^SUPERVISOR_ | sort; exec sleep 1000\"]}\n  cat: ",
    );
    let Some((daemon, operator)) = up(&spec) else { return };
    operator.until("told", "RUNNING");
    let socket = daemon.path("s.sock").display().to_string();
    let expected = format!(
        "SUPERVISOR_ENABLED=1\nSUPERVISOR_GROUP_NAME=told\nSUPERVISOR_PROCESS_NAME=told\n\
         SUPERVISOR_SERVER_URL=unix://{socket}"
    );
    operator.says(&[("tail told", 0, expected.as_str())]);
    // What an exporter asks, with nothing but Python's own library.
    let script = r#"
import http.client, socket, sys, xmlrpc.client
class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
class Transport(xmlrpc.client.Transport):
    def make_connection(self, host):
        return Connection('localhost')
server = xmlrpc.client.ServerProxy('http://localhost/RPC2', transport=Transport())
assert server.supervisor.getState() == {'statecode': 1, 'statename': 'RUNNING'}
assert server.supervisor.getAPIVersion() == '3.0'
for info in server.supervisor.getAllProcessInfo():
    assert sorted(info) == ['description', 'exitstatus', 'group', 'logfile', 'name', 'now', 'pid', 'spawnerr',
                            'start', 'state', 'statename', 'stderr_logfile', 'stdout_logfile', 'stop'], info
    assert info['now'] >= info['start'] >= 0
    print(info['group'], info['name'], info['state'], info['pid'] > 0, info['exitstatus'])
calls = [{'methodName': 'supervisor.getPID'}, {'methodName': 'supervisor.getProcessInfo', 'params': ['nobody']},
         {'methodName': 'system.multicall', 'params': [[]]}]
pid, fault, nested = server.system.multicall(calls)
print(pid > 0, fault, nested['faultCode'])
names = server.system.listMethods()
print(len(names), all(server.system.methodHelp(name) for name in names))
print(server.system.methodSignature('supervisor.startProcess'))
print(server.supervisor.startProcess('app:one', False) if server.supervisor.stopProcess('app:one') else None)
print(server.supervisor.tailProcessStdoutLog('web', 0, 3), server.supervisor.readProcessStdoutLog('web', 1, 3))
for call in (lambda: server.supervisor.nothing(), lambda: server.supervisor.stopProcess(),
             lambda: server.supervisor.readProcessStdoutLog('web', -3, 3), lambda: server.supervisor.clearLog()):
    try: call()
    except xmlrpc.client.Fault as fault: print(fault.faultCode, fault.faultString.split(':')[0])
"#;
    let output = Command::new("python3").args(["-c", script, &socket]).output().expect("it runs");
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", text(&output.stderr));
    let expected = "app one 20 True 0\napp two 20 True 0\ncat cat 20 True 0\nmissing missing 0 False 0\n\
        quick quick 0 False 0\ntold told 20 True 0\nweb web 20 True 0\n\
        True {'faultCode': 10, 'faultString': 'BAD_NAME: nobody'} 2\n41 True\n\
        ['boolean', 'string', 'boolean']\nTrue\n['lo\\n', 6, True] ell\n\
        1 UNKNOWN_METHOD\n2 INCORRECT_PARAMETERS\n3 BAD_ARGUMENTS\n30 FAILED\n";
    assert_eq!(printed, expected);
}

/// supervisord itself, with the same programs.
struct Original {
    folder: TempDir,
    running: Child,
}

impl Original {
    fn start() -> Option<Self> {
        let folder = TempDir::new().expect("a folder");
        let at = folder.path().display();
        let head = format!(
            "[unix_http_server]\nfile={at}/s.sock\n[supervisord]\nnodaemon=true\nlogfile={at}/main.log\n\
             pidfile={at}/pid\nchildlogdir={at}\n[rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
        );
        fs::write(folder.path().join("conf"), head + CONF).expect("written");
        let running = Command::new("supervisord")
            .arg("-c")
            .arg(folder.path().join("conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { folder, running })
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.running);
        // It ends its programs where it is asked to.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.running.wait();
    }
}

#[test]
fn its_sentences_are_those_of_supervisord() {
    let Some((_daemon, ours)) = up(SPEC) else { return };
    let Some(original) = Original::start() else { return };
    let Some(theirs) = Operator::at(&original.folder.path().join("s.sock")) else { return };
    for name in ["web", "cat", "app:one", "app:two"] {
        theirs.until(name, "RUNNING");
    }
    let actions = [
        "status",
        "stop web",
        "stop web",
        "start web",
        "start web",
        "tail web",
        "tail web stderr",
        "tail cat",
        "tail nobody",
        "restart cat",
        "restart nobody",
        "start quick",
        "start missing",
        "start nobody",
        "stop nobody",
        "stop nobody:*",
        "start app",
        "signal HUP app:two",
        "signal FOO web",
        "signal HUP missing",
        "signal FOO nobody",
        "clear web",
        "clear nobody",
        "pid nobody",
        "pid missing",
        "fg",
        "fg nobody",
        "fg missing",
        "add nobody",
        "add web",
        "remove nobody",
        "remove web",
        "update nobody",
        "reread",
        "status nobody",
        "status nobody:*",
        "tail",
        "tail web nothing",
        "maintail x",
    ];
    for action in actions {
        let told = [&ours, &theirs].map(|operator| {
            let (code, printed) = operator.does(action);
            (code, plain(&printed))
        });
        let [ours, theirs] = told;
        assert_eq!(ours, theirs, "{action}");
    }
}

/// Leaves out what is another number each time.
fn plain(printed: &str) -> Vec<String> {
    let lines = printed.lines().map(|line| match line.split_once("pid ") {
        Some((before, _)) if line.contains("uptime") => format!("{before}pid"),
        Some(_) | None => line.to_owned(),
    });
    lines.collect()
}

#[test]
fn the_page_for_those_who_come_from_there_is_true() {
    const PAGE: &str = include_str!("../../../../docs/migrate/supervisord.md");
    let section = PAGE.split_once("## supervisorctl\n").expect("a section").1;
    let block = |kind: &str| {
        let rest = section.split_once(&format!("```{kind}\n")).expect("a block").1;
        rest.split_once("```").expect("its end").0
    };
    if supervisorctl().is_none() {
        return;
    }
    let mut daemon = Daemon::new(block("yaml"));
    daemon.up();
    let socket = daemon.path("supervisor.sock");
    let Some(operator) = Operator::at(&socket) else { return };
    daemon.until("the interface is there", || operator.does("pid").0 == 0);
    for name in ["web", "app:mailer"] {
        operator.until(name, "RUNNING");
    }
    for said in
        block("console").split("$ supervisorctl -s unix:///srv/shop/supervisor.sock ").skip(1)
    {
        let (action, expected) = said.split_once('\n').expect("an action");
        assert_eq!(plain(&operator.does(action).1), plain(expected.trim_end()), "{action}");
    }
}
