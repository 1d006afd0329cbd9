//! Sockets that stay open from run to run, who connects to them, and descriptors that are stored.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for what it names and lets the rest go"
)]

mod support;

use mainstay_wire::Text;
use mainstay_wire::keeper::{Fact, Key, Notice, Order, Status, Whom};
use mainstay_wire::process::{Access, Address, Process, Socket};
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use support::{Brain, TERM, folder, path, program, puppet, text, value};

fn socket(name: &str, address: Address) -> Socket {
    Socket { name: name.into(), address, backlog: None, shared: false, nonblocking: false }
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn listen(brain: &Brain, child: &str, process: &Process, demand: bool) -> Vec<String> {
    let process = Arc::new(process.clone());
    brain.keeper.order(Order::Listen { child: child.into(), process, demand });
    brain.wait(|fact| match fact {
        Fact::Listening { child: of, addresses } if &*of == child => {
            Some(addresses.iter().map(Text::to_string).collect())
        }
        Fact::Trouble { what, .. } => panic!("{what}"),
        _ => None,
    })
}

/// Waits until somebody connects to a child that does not run.
fn demanded(brain: &Brain, child: &str) {
    brain.wait(|fact| match fact {
        Fact::Demand(of) if &*of == child => Some(()),
        Fact::Started { key, .. } => panic!("{key} started"),
        _ => None,
    });
}

fn answer(mut stream: impl Read) -> u32 {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.trim().parse().expect("a number")
}

#[test]
fn a_run_gets_its_sockets_in_order_and_by_name() {
    let (brain, folder) = (Brain::new(), folder());
    let at = |name: &str, mode| Address::Unix { path: path(&folder, name).as_str().into(), mode };
    let hidden = format!("@mainstay-test-{}", std::process::id());
    let sockets = vec![
        socket("web", Address::Tcp(any_port())),
        socket("dns", Address::Udp(any_port())),
        socket("ctl", at("ctl", Some(0o640))),
        socket(
            "log",
            Address::UnixDatagram { path: path(&folder, "log").as_str().into(), mode: None },
        ),
        socket("hidden", Address::Unix { path: hidden.as_str().into(), mode: None }),
        socket("a:b", Address::Tcp(any_port())),
    ];
    let steps = ["listen-fds", "env:LISTEN_PID", "env:LISTEN_FDS", "env:LISTEN_FDNAMES"];
    let process = Process { sockets, ..puppet(&steps) };
    let addresses = listen(&brain, "a", &process, false);
    assert_eq!(addresses.len(), 6);
    assert!(addresses[0].starts_with("127.0.0.1:") && !addresses[0].ends_with(":0"));
    assert_eq!((&*addresses[2], &*addresses[4]), (&*path(&folder, "ctl"), &*hidden));
    let mode = std::fs::metadata(path(&folder, "ctl")).expect("it stands there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o640);
    let (key, pid) = brain.begin("a", 1, process);
    let told = text(&brain.ended(&key).last);
    assert_eq!(value(&told, "LISTEN_PID"), pid.to_string());
    assert_eq!(value(&told, "LISTEN_FDS"), "6");
    assert_eq!(value(&told, "LISTEN_FDNAMES"), "web:dns:ctl:log:hidden:unknown");
    let kinds: Vec<(&str, bool)> = told
        .lines()
        .take(6)
        .map(|line| (line.split(' ').nth(1).expect("a name"), line.ends_with(" listening")))
        .collect();
    let expected = [
        ("web", true),
        ("dns", false),
        ("ctl", true),
        ("log", false),
        ("hidden", true),
        ("unknown", true),
    ];
    assert_eq!(kinds, expected);
    // While nobody runs, whoever comes waits.
    let _web = TcpStream::connect(&addresses[0]).expect("it stands open");
    let _ctl = UnixStream::connect(path(&folder, "ctl")).expect("it stands open");
    let udp = UdpSocket::bind(any_port()).expect("a socket");
    udp.send_to(b"x", &addresses[1]).expect("it stands open");
    let unix = UnixDatagram::unbound().expect("a socket");
    unix.send_to(b"x", path(&folder, "log")).expect("it stands open");
    brain.keeper.order(Order::Forget("a".into()));
    // The next order is only taken after it.
    let key = brain.start("b", 1, puppet(&["exit:0"]));
    brain.ended(&key);
    assert!(!std::fs::exists(path(&folder, "ctl")).expect("asked"));
    assert_eq!(
        TcpStream::connect(&addresses[0]).expect_err("closed").kind(),
        ErrorKind::ConnectionRefused
    );
}

#[test]
fn whoever_comes_first_lets_it_start() {
    let brain = Brain::new();
    let process = Process {
        sockets: vec![socket("web", Address::Tcp(any_port()))],
        ..puppet(&["listen-serve:1"])
    };
    let address = listen(&brain, "a", &process, true).remove(0);
    for run in 1..=5 {
        assert_eq!(brain.fact_at_hand(), None);
        let client = TcpStream::connect(&address).expect("it stands open");
        demanded(&brain, "a");
        // Another one that comes meanwhile is nothing new.
        let (key, pid) = brain.begin("a", run, process.clone());
        assert_eq!(answer(client), pid);
        assert_eq!(brain.ended(&key).status, Status::Code(0));
    }
    // Who no longer cares is not told.
    let order =
        Order::Listen { child: "a".into(), process: Arc::new(process.clone()), demand: false };
    brain.keeper.order(order);
    let client = TcpStream::connect(&address).expect("it stands open");
    let (key, pid) = brain.begin("a", 6, process);
    assert_eq!(answer(client), pid);
    brain.ended(&key);
    assert_eq!(brain.fact_at_hand(), None);
}

#[test]
fn a_datagram_and_a_local_socket_are_demands_too() {
    let (brain, folder) = (Brain::new(), folder());
    let place = path(&folder, "socket");
    let address = Address::Unix { path: place.as_str().into(), mode: None };
    let sockets = vec![socket("udp", Address::Udp(any_port())), socket("unix", address)];
    let process = Process { sockets, ..puppet(&["listen-serve:1"]) };
    let addresses = listen(&brain, "a", &process, true);
    let client = UnixStream::connect(&place).expect("it stands open");
    demanded(&brain, "a");
    let (key, pid) = brain.begin("a", 1, process);
    assert_eq!(answer(client), pid);
    brain.ended(&key);
    let udp = UdpSocket::bind(any_port()).expect("a socket");
    udp.send_to(b"x", &addresses[0]).expect("it stands open");
    demanded(&brain, "a");
}

/// Connects without end and asks for the answer, until told to stop.
fn insist(
    address: String,
    stop: &Arc<AtomicBool>,
    answers: &Arc<AtomicU32>,
) -> JoinHandle<Vec<u32>> {
    let (stop, answers) = (Arc::clone(stop), Arc::clone(answers));
    std::thread::spawn(move || {
        let mut pids = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let mut stream = TcpStream::connect(&address).expect("nobody is ever refused");
            let mut answer = String::new();
            // A run that is ended between accepting and answering takes this one along.
            if stream.read_to_string(&mut answer).is_ok() && !answer.is_empty() {
                pids.push(answer.trim().parse().expect("a number"));
                answers.fetch_add(1, Ordering::Relaxed);
            }
        }
        pids
    })
}

#[test]
fn nobody_is_refused_while_it_restarts() {
    let brain = Brain::new();
    let process = Process {
        sockets: vec![socket("web", Address::Tcp(any_port()))],
        // After so many it ends, and whoever comes then is for the next run.
        ..puppet(&["listen-serve:10"])
    };
    let address = listen(&brain, "a", &process, false).remove(0);
    let (stop, answers) = (Arc::default(), Arc::default());
    let clients = [(); 3].map(|()| insist(address.clone(), &stop, &answers));
    let mut pids = Vec::new();
    for run in 1..=20 {
        let (key, pid) = brain.begin("a", run, process.clone());
        pids.push(pid);
        if run % 4 == 0 {
            brain.signal(&key, TERM, Whom::Main);
        }
        brain.ended(&key);
    }
    stop.store(true, Ordering::Relaxed);
    // The last answers are for those that wait still.
    let (key, pid) = brain.begin("a", 21, Process { ..process });
    pids.push(pid);
    let served: Vec<u32> =
        clients.into_iter().flat_map(|client| client.join().expect("served")).collect();
    assert!(served.iter().all(|pid| pids.contains(pid)));
    // Those that were not ended early have served all they would.
    for pid in pids
        .iter()
        .enumerate()
        .filter(|(index, _)| (index + 1) % 4 != 0 && *index < 20)
        .map(|(_, pid)| pid)
    {
        assert_eq!(served.iter().filter(|of| *of == pid).count(), 10);
    }
    brain.kill(&key);
    brain.ended(&key);
}

#[test]
fn a_connection_made_while_nobody_runs_is_for_the_next_run() {
    let brain = Brain::new();
    let process = Process {
        sockets: vec![socket("web", Address::Tcp(any_port()))],
        ..puppet(&["listen-serve:1"])
    };
    let address = listen(&brain, "a", &process, false).remove(0);
    for run in 1..=10 {
        let client = TcpStream::connect(&address).expect("it stands open");
        let (key, pid) = brain.begin("a", run, process.clone());
        assert_eq!(answer(client), pid);
        brain.ended(&key);
    }
}

#[test]
fn several_at_one_address() {
    let brain = Brain::new();
    let shared =
        |address| Socket { shared: true, backlog: Some(7), ..socket("web", Address::Tcp(address)) };
    let process =
        |address| Process { sockets: vec![shared(address)], ..puppet(&["listen-serve:1"]) };
    let address = listen(&brain, "a", &process(any_port()), false).remove(0);
    let address = address.parse().expect("an address");
    listen(&brain, "b", &process(address), false);
    let told = std::fs::read_to_string("/proc/net/tcp").expect("sockets");
    let port = format!(":{:04X} ", address.port());
    let open = told.lines().filter(|line| line.contains(&port) && line.contains(" 0A "));
    assert_eq!(open.count(), 2, "{told}");
}

#[test]
fn whether_a_socket_waits_is_the_same_for_each_run() {
    let brain = Brain::new();
    for nonblocking in [false, true] {
        let socket = Socket { nonblocking, ..socket("web", Address::Tcp(any_port())) };
        // Each run leaves it the other way round.
        let script = "import os; print(os.get_blocking(3)); \
                      os.set_blocking(3, not os.get_blocking(3))";
        let process = Process { sockets: vec![socket], ..program(&["python3", "-c", script]) };
        let name = nonblocking.to_string();
        for run in 1..=3 {
            let key = brain.start(&name, run, process.clone());
            let told = text(&brain.ended(&key).last);
            assert_eq!(told, if nonblocking { "False" } else { "True" });
        }
    }
}

fn storing(steps: &[&str]) -> Process {
    Process {
        store: 4,
        notify: Some(Access::Main),
        sockets: vec![socket("web", Address::Tcp(any_port()))],
        ..puppet(steps)
    }
}

#[test]
fn what_is_stored_comes_back_under_its_name() {
    let brain = Brain::new();
    let (key, _) = brain.begin(
        "a",
        1,
        storing(&["store:session:who is logged in", "store:cache:what is warm"]),
    );
    brain.says(&key, &Notice::Stored(1));
    brain.says(&key, &Notice::Stored(2));
    brain.ended(&key);
    let steps = ["env:LISTEN_FDNAMES", "env:FDSTORE", "read-fd:4", "print:", "read-fd:5"];
    for run in 2..=3 {
        let key = brain.start("a", run, storing(&steps));
        let told = text(&brain.ended(&key).last);
        let expected =
            "LISTEN_FDNAMES=web:session:cache\nFDSTORE=4\nwho is logged in\nwhat is warm";
        assert_eq!(told, expected);
    }
    let remove = ["notify:FDSTOREREMOVE=1\\nFDNAME=session"];
    let (key, _) = brain.begin("a", 4, storing(&remove));
    brain.says(&key, &Notice::Stored(1));
    brain.ended(&key);
    let key = brain.start("a", 5, storing(&steps[..1]));
    assert_eq!(text(&brain.ended(&key).last), "LISTEN_FDNAMES=web:cache");
    brain.keeper.order(Order::Forget("a".into()));
    let key = brain.start("a", 1, storing(&steps[..1]));
    assert_eq!(text(&brain.ended(&key).last), "LISTEN_FDNAMES=web");
}

#[test]
fn a_stored_pipe_whose_other_end_is_closed_goes() {
    let brain = Brain::new();
    let steps = ["store-pipe:pipe", "barrier", "notify:STATUS=stored", "hang"];
    let (key, _) = brain.begin("a", 1, storing(&steps));
    brain.says(&key, &Notice::Stored(1));
    brain.status(&key, "stored");
    brain.kill(&key);
    brain.ended(&key);
    // Its end closes with it; by now the keeper knows.
    let key = brain.start("a", 2, storing(&["env:LISTEN_FDNAMES"]));
    let told = text(&brain.ended(&key).last);
    assert_eq!(told, "LISTEN_FDNAMES=web");
}

#[test]
fn no_more_is_stored_than_is_allowed() {
    let brain = Brain::new();
    let steps: Vec<String> = (0..6).map(|count| format!("store:n{count}:x")).collect();
    let mut steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    steps.push("barrier");
    let (key, _) = brain.begin("a", 1, storing(&steps));
    let mut refused = 0;
    brain.wait(|fact| match fact {
        Fact::Trouble { what, .. } => {
            assert!(what.contains("no room in the store"), "{what}");
            refused += 1;
            None
        }
        Fact::Ended { key: of, .. } if of == key => Some(()),
        _ => None,
    });
    assert_eq!(refused, 1, "one reason is told once in a run");
    let key: Key = brain.start("a", 2, storing(&["env:LISTEN_FDNAMES"]));
    assert_eq!(text(&brain.ended(&key).last), "LISTEN_FDNAMES=web:n0:n1:n2:n3");
}
