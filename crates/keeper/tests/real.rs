//! Programs that many people run, as they come from Debian, under a keeper.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for what it names and lets the rest go"
)]

mod support;

use mainstay_wire::Text;
use mainstay_wire::keeper::{Fact, Key, Notice, Order, Status, Whence, Whom};
use mainstay_wire::process::{Access, Address, Contain, Process, Readiness, Socket};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use support::{Brain, TERM, folder, lives, path, program, shell, text};

const HUP: u8 = 1;
const INT: u8 = 2;
const QUIT: u8 = 3;

/// Finds a program. Where it is missing the test says so.
fn find(name: &str) -> Option<String> {
    let searched = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&searched).collect();
    folders.extend(["/usr/sbin".into(), "/usr/lib/postgresql/bin".into()]);
    // Debian keeps several versions side by side.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(versions.map(|version| version.path().join("bin")));
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("not tested: there is no {name} here");
    }
    found.and_then(|path| path.to_str().map(str::to_owned))
}

fn ready(brain: &Brain, key: &Key) {
    brain.says(key, &Notice::Ready(Whence::Notify));
}

#[test]
fn systemd_notify_from_a_shell() {
    let Some(_) = find("systemd-notify") else { return };
    let brain = Brain::new();
    let script = "systemd-notify --ready --status='serving 3 clients'; \
                  systemd-notify WATCHDOG=1; systemd-notify X_COLOUR=blue; exec sleep 1000";
    for contain in [Contain::Best, Contain::Descent, Contain::Main] {
        let process = Process { notify: Some(Access::All), contain, ..shell(script) };
        let (key, _) = brain.begin(&format!("{contain:?}"), 1, process);
        let (mut is_ready, mut status, mut beats, mut word) = (false, false, false, false);
        while !(is_ready && status && beats && word) {
            match brain.said(&key) {
                Notice::Ready(Whence::Notify) => is_ready = true,
                Notice::Status(said) => status = &*said.to_str_lossy() == "serving 3 clients",
                Notice::Beat => beats = true,
                Notice::Word { name, value } => {
                    word = (&*name.to_str_lossy(), &*value.to_str_lossy()) == ("X_COLOUR", "blue");
                }
                notice => panic!("{notice:?}"),
            }
        }
        brain.kill(&key);
        brain.ended(&key);
    }
}

#[test]
fn redis_says_when_it_is_ready() {
    let Some(redis) = find("redis-server") else { return };
    let (brain, folder) = (Brain::new(), folder());
    let socket = path(&folder, "socket");
    let process = |socket: &str| Process {
        folder: Some(folder.path().into()),
        ready: Readiness::Notify,
        notify: Some(Access::Main),
        ..program(&[
            &redis,
            "--supervised",
            "systemd",
            "--daemonize",
            "no",
            "--port",
            "0",
            "--unixsocket",
            socket,
            "--save",
            "",
            "--appendonly",
            "no",
        ])
    };
    let (key, pid) = brain.begin("redis", 1, process(&socket));
    ready(&brain, &key);
    let mut client = UnixStream::connect(&socket).expect("it is ready, so it listens");
    client.write_all(b"PING\r\n").expect("asked");
    let mut answer = [0; 7];
    client.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"+PONG\r\n");
    brain.signal(&key, TERM, Whom::Main);
    let ended = brain.ended(&key);
    assert_eq!(ended.status, Status::Code(0), "{}", text(&ended.last));
    assert!(text(&ended.last).contains("bye bye"), "{}", text(&ended.last));
    assert!(!lives(pid));
    // One that cannot open its socket is never ready.
    let key = brain.start("redis", 2, process("/no/such/folder/socket"));
    brain.wait(|fact| match fact {
        Fact::Said { notice: Notice::Ready(_), .. } => panic!("it is not ready"),
        Fact::Ended { key: of, ended } if of == key => {
            assert_eq!(ended.status, Status::Code(1));
            Some(())
        }
        _ => None,
    });
}

/// What PostgreSQL refuses to run as.
fn postgres_user() -> Option<Text> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("users");
    let name =
        if users.lines().any(|line| line.starts_with("postgres:")) { "postgres" } else { "65534" };
    Some(name.into())
}

#[test]
fn postgresql_is_ready_after_its_recovery_and_leaves_nobody_behind() {
    let (Some(initdb), Some(postgres), Some(is_ready)) =
        (find("initdb"), find("postgres"), find("pg_isready"))
    else {
        return;
    };
    let (brain, folder) = (Brain::new(), folder());
    let (data, sockets) = (path(&folder, "data"), folder.path().to_str().expect("text"));
    let user = postgres_user();
    let initdb = Process {
        user: user.clone(),
        folder: Some(folder.path().into()),
        ..program(&[&initdb, "-D", &data, "-A", "trust", "-U", "postgres", "-N", "--locale=C"])
    };
    brain.prints("initdb", initdb);
    let process = Process {
        user,
        folder: Some(folder.path().into()),
        ready: Readiness::Notify,
        notify: Some(Access::Main),
        ..program(&[
            &postgres,
            "-D",
            &data,
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            &format!("unix_socket_directories={sockets}"),
        ])
    };
    for (run, by_force) in [(1, true), (2, false)] {
        let (key, pid) = brain.begin("db", run, process.clone());
        ready(&brain, &key);
        let command = [&*is_ready, "-h", sockets].map(Text::from).to_vec();
        let timeout = Duration::from_secs(50);
        brain.keeper.order(Order::Execute { key: key.clone(), ticket: run, command, timeout });
        let status = brain.wait(|fact| match fact {
            Fact::Done { ticket, status, output, .. } if ticket == run => Some((status, output)),
            _ => None,
        });
        assert_eq!(status.0, Some(Status::Code(0)), "{}", status.1);
        let workers = children(pid);
        assert!(workers.len() > 3, "{workers:?}");
        if by_force {
            brain.kill(&key);
            assert_eq!(brain.ended(&key).status, Status::Signal { signal: 9, core: false });
        } else {
            // "Fast": clients are sent away and the data is written.
            brain.signal(&key, INT, Whom::Main);
            let ended = brain.ended(&key);
            assert_eq!(ended.status, Status::Code(0), "{}", text(&ended.last));
            assert!(text(&ended.last).contains("database system is shut down"));
            assert!(text(&ended.last).contains("automatic recovery in progress"));
        }
        assert!(workers.into_iter().all(|pid| !lives(pid)));
    }
}

fn children(pid: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let listed = listed.unwrap_or_default();
    listed.split_whitespace().map(|number| number.parse().expect("a number")).collect()
}

/// Asks a web server for a page.
fn page(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("nobody is refused");
    stream.write_all(b"GET / HTTP/1.0\r\nConnection: close\r\n\r\n").expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
}

#[test]
fn nginx_takes_over_a_socket_reloads_and_ends_in_order() {
    let Some(nginx) = find("nginx") else { return };
    let (brain, folder) = (Brain::new(), folder());
    let sockets = vec![Socket {
        name: "web".into(),
        address: Address::Tcp(([127, 0, 0, 1], 0).into()),
        backlog: None,
        shared: false,
        nonblocking: true,
    }];
    let here = folder.path().to_str().expect("text");
    let mut process = program(&[&nginx, "-e", "stderr", "-p", here, "-c", &path(&folder, "conf")]);
    process.sockets = sockets;
    // nginx has a name of its own for what it inherits.
    process.environment.set.push(("NGINX".into(), "3;".into()));
    let order =
        Order::Listen { child: "web".into(), process: Arc::new(process.clone()), demand: true };
    brain.keeper.order(order);
    let address = brain.wait(|fact| match fact {
        Fact::Listening { addresses, .. } => Some(addresses[0].to_string()),
        _ => None,
    });
    let configure = |page: &str| {
        let user = if rustix::process::geteuid().is_root() { "user nobody nogroup;" } else { "" };
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {here}/{name};"))
            .concat();
        let text = format!(
            "{user} daemon off; worker_processes 2; pid {here}/pid; error_log stderr info;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off; {temporary}\n\
             server {{ listen {address}; location / {{ return 200 \"{page}\"; }} }} }}\n"
        );
        fs::write(path(&folder, "conf"), text).expect("written");
    };
    configure("one");
    // The first to come lets it start, and is served.
    let client = std::thread::spawn({
        let address = address.clone();
        move || page(&address)
    });
    brain.wait(|fact| matches!(fact, Fact::Demand(_)).then_some(()));
    let (key, pid) = brain.begin("web", 1, process.clone());
    assert_eq!(client.join().expect("served"), "one");
    configure("two");
    brain.signal(&key, HUP, Whom::Main);
    // Workers of before and after the change answer for a while.
    let changed = (0..100_000).any(|_| match &*page(&address) {
        "two" => true,
        page => {
            assert_eq!(page, "one");
            false
        }
    });
    assert!(changed);
    let workers = children(pid);
    brain.signal(&key, QUIT, Whom::Main);
    let ended = brain.ended(&key);
    assert_eq!(ended.status, Status::Code(0), "{}", text(&ended.last));
    assert!(workers.into_iter().all(|pid| !lives(pid)));
    // The socket is still there, and so is whoever comes now.
    let client = std::thread::spawn({
        let address = address.clone();
        move || page(&address)
    });
    brain.wait(|fact| matches!(fact, Fact::Demand(_)).then_some(()));
    let (key, _) = brain.begin("web", 2, process);
    assert_eq!(client.join().expect("served"), "two");
    brain.signal(&key, TERM, Whom::Main);
    assert_eq!(brain.ended(&key).status, Status::Code(0));
}
