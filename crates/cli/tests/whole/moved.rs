//! Real programs, moved in from where they were.

mod pages;

use crate::harness::{Daemon, kill, lives};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the first of some files that is there. CI has them all; elsewhere what is missing is said.
fn find(candidates: &[&str]) -> Option<PathBuf> {
    let found = candidates.iter().map(PathBuf::from).find(|path| path.exists());
    if found.is_none() {
        assert!(std::env::var_os("MAINSTAY_UNITS").is_none(), "{candidates:?}: CI installs it");
        let needed = format!("skipped: there is none of {candidates:?}\n");
        std::io::stderr().write_all(needed.as_bytes()).expect("it can be said");
    }
    found
}

/// Imports what stands in the folder of the daemon, and checks it.
fn import(daemon: &Daemon, neighbour: &str, path: &str) {
    daemon.says(&[
        "import",
        neighbour,
        path,
        "-o",
        "mainstay.yaml",
        "--force",
        "--report",
        "report",
        "--quiet",
    ]);
    daemon.says(&["check", "--quiet"]);
}

/// Debian's own unit of nginx, which puts itself into the background there: the drop-in does what the report advises.
#[test]
fn the_unit_of_nginx_runs_in_the_foreground() {
    let unit = ["/usr/lib/systemd/system/nginx.service", "/lib/systemd/system/nginx.service"];
    let (Some(unit), Some(nginx)) = (find(&unit), find(&["/usr/sbin/nginx"])) else { return };
    let mut daemon = Daemon::new("");
    fs::create_dir_all(daemon.path("nginx.service.d")).unwrap();
    fs::copy(unit, daemon.path("nginx.service")).unwrap();
    import(&daemon, "systemd", "nginx.service");
    let report = fs::read_to_string(daemon.path("report")).unwrap();
    let flat = report.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("give it the option that keeps it in the foreground"), "{report}");
    fs::remove_file(daemon.path("report")).unwrap();
    let (socket, here) = (daemon.path("web.sock"), daemon.path("").display().to_string());
    let settings = format!(
        "pid {here}nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n  access_log off;\n  client_body_temp_path {here}a;\n  \
         proxy_temp_path {here}b;\n  fastcgi_temp_path {here}c;\n  uwsgi_temp_path {here}d;\n  scgi_temp_path {here}e;\n  \
         server {{ listen unix:{}; return 200 'first'; }}\n}}\n",
        socket.display()
    );
    fs::write(daemon.path("nginx.conf"), &settings).unwrap();
    let nginx = nginx.display();
    let drop_in = format!(
        "[Service]\nType=exec\nPIDFile=\nExecStartPre=\nExecStartPre=/bin/rm -f {here}web.sock\nExecStartPre={nginx} -t -q -c {here}nginx.conf\nExecStart=\n\
         ExecStart={nginx} -c {here}nginx.conf -g 'daemon off;'\nExecReload=\nExecReload=/bin/kill -HUP $MAINPID\nExecStop=\n\
         KillSignal=SIGQUIT\nRestart=on-failure\n"
    );
    fs::write(daemon.path("nginx.service.d/foreground.conf"), drop_in).unwrap();
    import(&daemon, "systemd", "nginx.service");
    daemon.up();
    daemon.until_ready("nginx");
    let answer = || {
        let mut stream = UnixStream::connect(&socket).ok()?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    };
    daemon.until("nginx answers", || answer().is_some_and(|text| text.ends_with("first")));
    // ExecReload of the drop-in; the run goes on.
    let pid = daemon.pid("nginx");
    fs::write(daemon.path("nginx.conf"), settings.replace("first", "second")).unwrap();
    daemon.says(&["reload", "nginx"]);
    daemon.until("nginx has read its settings again", || {
        answer().is_some_and(|text| text.ends_with("second"))
    });
    assert_eq!(daemon.pid("nginx"), pid);
    // Restart=on-failure, with the workers of the run that was killed gone before the next one begins.
    kill(pid);
    daemon.until_child("nginx", "ready again", |child| {
        child["standing"] == "ready" && child["pid"] != pid
    });
    daemon.until("nginx answers again", || answer().is_some());
    daemon.says(&["down"]);
    assert!(answer().is_none());
}

/// Debian's own template of PostgreSQL, as an instance: the drop-in starts the server itself, which says when it is ready.
#[test]
fn the_template_of_postgresql_runs_as_an_instance() {
    let unit =
        ["/usr/lib/systemd/system/postgresql@.service", "/lib/systemd/system/postgresql@.service"];
    let Some(unit) = find(&unit) else { return };
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let Some(programs) = versions
        .map(|version| version.path().join("bin"))
        .find(|path| path.join("postgres").exists())
    else {
        find(&["/usr/lib/postgresql/VERSION/bin/postgres"]);
        return;
    };
    let mut daemon = Daemon::new("");
    let here = daemon.path("").display().to_string();
    // It refuses to run as root; whoever else it runs as must reach its data.
    let is_root = rustix::process::geteuid().is_root();
    fs::set_permissions(&here, fs::Permissions::from_mode(0o755)).unwrap();
    let program = |name: &str| programs.join(name);
    let mut initdb = Command::new("sh");
    let line =
        format!("{} -D {here}data -A trust -U postgres -N --locale=C", program("initdb").display());
    let owned = format!(
        "mkdir {here}data && chown postgres {here}data && exec setpriv --reuid postgres --regid postgres --clear-groups {line}"
    );
    let made = initdb
        .args(["-c", if is_root { &owned } else { &line }])
        .current_dir("/")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::copy(unit, daemon.path("postgresql@.service")).unwrap();
    fs::create_dir_all(daemon.path("postgresql@15-main.service.d")).unwrap();
    let user = if is_root { "User=postgres\n" } else { "" };
    let drop_in = format!(
        "[Service]\nType=notify\nPIDFile=\n{user}ExecStart=\nExecStart={} -D {here}data -k {here}data -c listen_addresses=\n\
         ExecStop=\nKillSignal=SIGINT\nKillMode=mixed\nExecReload=\nTimeoutStopSec=30\nOOMScoreAdjust=\nRestart=always\n",
        program("postgres").display()
    );
    fs::write(daemon.path("postgresql@15-main.service.d/server.conf"), drop_in).unwrap();
    import(&daemon, "systemd", "postgresql@15-main.service");
    daemon.up();
    // Ready is what the server says once its recovery is over.
    daemon.until_ready("postgresql@15-main");
    let ask = || {
        let data = format!("{here}data");
        let output = Command::new(program("psql"))
            .args(["-h", &data, "-U", "postgres", "-Atc", "select 6*7"])
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(ask(), "42\n");
    let first = daemon.pid("postgresql@15-main");
    kill(first);
    daemon.until_child("postgresql@15-main", "ready again", |child| {
        child["standing"] == "ready" && child["pid"] != first
    });
    assert_eq!(ask(), "42\n");
    daemon.says(&["down"]);
}

/// The program of the sample that supervisord ships, with each of its settings but for a user and paths of nobody.
#[test]
fn the_sample_program_of_supervisord_runs() {
    let sample = ["/usr/lib/python3/dist-packages/supervisor/skel/sample.conf"];
    let Some(sample) = find(&sample) else { return };
    let mut daemon = Daemon::new("");
    let text = fs::read_to_string(sample).unwrap();
    let section =
        text.split("\n;[program:theprogramname]\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let here = daemon.path("").display().to_string();
    let keys: String = section
        .lines()
        .filter_map(|line| line.strip_prefix(';'))
        .filter(|line| !line.starts_with("user="))
        .map(|line| format!("{}\n", line.replace("/a/path", &format!("{here}log"))))
        .collect();
    assert!(keys.lines().count() > 20 && keys.contains("command=/bin/cat"), "{keys}");
    fs::write(daemon.path("s.conf"), format!("[program:theprogramname]\n{keys}")).unwrap();
    import(&daemon, "supervisord", "s.conf");
    daemon.up();
    // `cat` waits for its input, which supervisord leaves open, and so does what is imported.
    let child = daemon.until_ready("theprogramname");
    assert_eq!(child["runs"], 1, "{child:#}");
    let pid = daemon.pid("theprogramname");
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(environment.contains("A=1\0") && environment.contains("B=2\0"), "{environment}");
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/tmp"));
    daemon.says(&["down"]);
    assert!(!lives(pid));
}

/// The Procfile that foreman ships as its example: one of its processes fails, which ends all of them.
#[test]
fn the_example_of_foreman_runs_and_ends_with_the_first_that_ends() {
    let folders =
        fs::read_dir("/usr/share/rubygems-integration/all/gems").into_iter().flatten().flatten();
    let foreman = folders
        .map(|folder| folder.path())
        .find(|path| path.join("data/example/Procfile").exists());
    let name = foreman.map_or_else(
        || "/usr/share/rubygems-integration/all/gems/foreman".into(),
        |path| path.join("data/example"),
    );
    let Some(example) = find(&[&name.display().to_string()]) else { return };
    let mut daemon = Daemon::new("");
    for entry in fs::read_dir(&example).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, daemon.path(&path.file_name().unwrap().to_string_lossy())).unwrap();
        }
    }
    fs::write(daemon.path(".env"), "PORT=7000\n").unwrap();
    import(&daemon, "procfile", "Procfile");
    daemon.up();
    // The port of the environment file, as foreman hands it out; then the end of all.
    let seen = daemon.hears("7000");
    assert!(seen.contains("7000"), "{seen}");
    daemon.ends();
}

/// A file in the words of process-compose, with what its documentation promises of each.
#[test]
fn a_process_compose_file_does_what_it_says() {
    let mut daemon = Daemon::new("");
    let file = "environment: [\"GLOBAL=one\"]\nvars: {WORD: hello}\nprocesses:\n  setup:\n    command: \"echo {{.WORD}} > made\"\n  \
                server:\n    command: \"echo $$GLOBAL $$LOCAL ${OUTSIDE:-none} > said-$$PC_REPLICA_NUM; exec sleep 1000\"\n    \
                replicas: 2\n    environment: [\"LOCAL=two\"]\n    depends_on: {setup: {condition: process_completed_successfully}}\n    \
                readiness_probe: {exec: {command: test -s said-0}, period_seconds: 1}\n    availability: {restart: on_failure}\n  \
                after:\n    command: \"touch after; exec sleep 1000\"\n    depends_on: {server: {condition: process_healthy}}\n  \
                off: {command: sleep 1000, disabled: true}\n";
    fs::write(daemon.path("process-compose.yaml"), file).unwrap();
    import(&daemon, "process-compose", "process-compose.yaml");
    daemon.up_with(&[("OUTSIDE", "three")]);
    daemon.until_ready("after");
    assert_eq!(fs::read_to_string(daemon.path("made")).unwrap(), "hello\n");
    assert_eq!(fs::read_to_string(daemon.path("said-0")).unwrap(), "one two three\n");
    daemon.until_ready("server@1");
    let off = daemon.child("off");
    assert_eq!(off["state"], "down until it is wanted", "{off:#}");
    daemon.says(&["down"]);
}

/// Debian's own unit of redis, with a drop-in that keeps it in the folder of the test.
#[test]
fn the_unit_of_redis_runs_as_it_did() {
    let unit = ["/lib/systemd/system", "/usr/lib/systemd/system"]
        .map(|folder| format!("{folder}/redis-server.service"));
    let Some(unit) = unit.iter().find_map(|path| fs::read_to_string(path).ok()) else {
        let needed = "skipped: the package redis-server is not installed\n";
        std::io::stderr().write_all(needed.as_bytes()).expect("it can be said");
        return;
    };
    let mut daemon = Daemon::new("");
    let socket = daemon.path("redis.sock");
    let folder = socket.parent().unwrap().display().to_string();
    fs::create_dir_all(daemon.path("units/redis-server.service.d")).unwrap();
    fs::write(daemon.path("units/redis-server.service"), unit).unwrap();
    let drop_in = format!(
        "[Service]\nExecStart=\nExecStart=/usr/bin/redis-server --supervised systemd --daemonize no --port 0 \
         --unixsocket {folder}/redis.sock --dir {folder} --save ''\n\
         User=\nGroup=\nRuntimeDirectory=\nLimitNOFILE=256\nStartLimitBurst=50\n"
    );
    fs::write(daemon.path("units/redis-server.service.d/test.conf"), drop_in).unwrap();
    let arguments = [
        "import",
        "systemd",
        "units/redis-server.service",
        "-o",
        "mainstay.yaml",
        "--force",
        "--report",
        "report",
    ];
    daemon.says(&arguments);
    daemon.says(&["check", "--quiet"]);
    daemon.up();
    // Ready is what redis itself says over the notify socket.
    daemon.until_ready("redis-server");
    let ask = |words: &[&str]| {
        let output = Command::new("redis-cli").arg("-s").arg(&socket).args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(ask(&["ping"]), "PONG\n");
    // Restart=always of the unit.
    let first = daemon.pid("redis-server");
    kill(first);
    daemon.until_child("redis-server", "ready again", |child| {
        child["standing"] == "ready" && child["pid"] != first
    });
    assert_eq!(ask(&["ping"]), "PONG\n");
    let second = daemon.pid("redis-server");
    daemon.says(&["down"]);
    assert!(!lives(second));
}

/// Debian's own unit of supervisord: its stop is a command, which asks supervisord itself to end.
#[test]
fn the_unit_of_supervisord_is_stopped_by_its_own_command() {
    let unit =
        ["/usr/lib/systemd/system/supervisor.service", "/lib/systemd/system/supervisor.service"];
    let Some(unit) = find(&unit) else { return };
    let mut daemon = Daemon::new("");
    let here = daemon.path("").display().to_string();
    let settings = format!(
        "[unix_http_server]\nfile={here}s.sock\n[supervisord]\nlogfile={here}s.log\npidfile={here}s.pid\n[supervisorctl]\n\
         serverurl=unix://{here}s.sock\n[rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
         [program:web]\ncommand=/bin/sh -c \"trap 'touch {here}asked; exit 0' TERM; while :; do sleep 0.1; done\"\n"
    );
    fs::write(daemon.path("s.conf"), settings).unwrap();
    fs::copy(unit, daemon.path("supervisor.service")).unwrap();
    fs::create_dir_all(daemon.path("supervisor.service.d")).unwrap();
    // What Debian's file reads from /etc is read from here.
    let drop_in = format!(
        "[Service]\nExecStart=\nExecStart=/usr/bin/supervisord -n -c {here}s.conf\nExecStop=\n\
         ExecStop=/usr/bin/supervisorctl $OPTIONS -c {here}s.conf shutdown\nEnvironment=OPTIONS=\n"
    );
    fs::write(daemon.path("supervisor.service.d/here.conf"), drop_in).unwrap();
    import(&daemon, "systemd", "supervisor.service");
    daemon.up();
    daemon.until_ready("supervisor");
    let said = || {
        let output = Command::new("/usr/bin/supervisorctl")
            .args(["-c", &format!("{here}s.conf"), "status"])
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    daemon.until("its program runs", || said().contains("RUNNING"));
    daemon.says(&["down"]);
    // Its program was asked by supervisord, and not by a signal from here.
    assert!(daemon.path("asked").exists());
    let log = fs::read_to_string(daemon.path("s.log")).unwrap();
    assert!(log.contains("stopped: web") && !log.contains("SIGTERM"), "{log}");
}
