use super::*;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

fn socket(name: &str, address: Address) -> Socket {
    Socket { name: name.into(), address, backlog: None, shared: false, nonblocking: false }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn unix(path: &Path, mode: Option<u32>) -> Address {
    Address::Unix { path: path.into(), mode }
}

fn open(sockets: &[Socket]) -> Listeners {
    let mut listeners = Listeners::default();
    listeners.change(sockets).expect("they open");
    listeners
}

/// Where it really stands.
fn place(listeners: &Listeners, number: usize) -> SocketAddr {
    listeners.addresses()[number].to_string().parse().expect("an address")
}

/// Accepts a connection the way a run does.
fn accept(listeners: &Listeners, number: usize) -> std::fs::File {
    let fd = listeners.sockets().nth(number).expect("it is open");
    std::fs::File::from(rustix::net::accept(fd).expect("somebody connects"))
}

#[test]
fn a_connection_waits_for_the_next_run() {
    let declared = [socket("web", Address::Tcp(any_port()))];
    let mut listeners = open(&declared);
    let mut client = TcpStream::connect(place(&listeners, 0)).expect("nobody refuses");
    client.write_all(b"hello").expect("sent");
    listeners.change(&declared).expect("nothing changes");
    let mut served = accept(&listeners, 0);
    let mut text = [0; 5];
    served.read_exact(&mut text).expect("read");
    assert_eq!(&text, b"hello");
}

#[test]
fn every_kind_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let (stream, datagram) = (folder.path().join("s"), folder.path().join("d"));
    let hidden = format!("@mainstay-test/{}", std::process::id());
    let v6 = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
    let has_v6 = std::net::TcpListener::bind(v6).is_ok();
    let listeners = open(&[
        socket("tcp", Address::Tcp(any_port())),
        socket("udp", Address::Udp(any_port())),
        socket("tcp6", Address::Tcp(if has_v6 { v6 } else { any_port() })),
        socket("stream", unix(&stream, Some(0o600))),
        socket("datagram", Address::UnixDatagram { path: (&*datagram).into(), mode: Some(0o666) }),
        socket("abstract", Address::Unix { path: hidden.as_str().into(), mode: None }),
    ]);
    TcpStream::connect(place(&listeners, 0)).expect("tcp");
    TcpStream::connect(place(&listeners, 2)).expect("tcp6");
    UnixStream::connect(&stream).expect("stream");
    let udp = UdpSocket::bind(any_port()).expect("a socket");
    udp.send_to(b"x", place(&listeners, 1)).expect("udp");
    UnixDatagram::unbound().and_then(|it| it.send_to(b"x", &datagram)).expect("datagram");
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&stream), mode(&datagram)), (0o600, 0o666));
    let addresses: Vec<_> = listeners.addresses().iter().map(Text::to_string).collect();
    assert_eq!(addresses[3], stream.to_str().expect("plain"));
    assert_eq!(addresses[5], hidden);
    assert!(addresses[..3].iter().all(|address| !address.ends_with(":0")), "{addresses:?}");
    let names: Vec<_> = listeners.descriptors().map(|(_, name)| name.to_string()).collect();
    assert_eq!(names, ["tcp", "udp", "tcp6", "stream", "datagram", "abstract"]);
}

#[test]
fn ipv6_leaves_ipv4_alone() {
    let any = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 0));
    if std::net::TcpListener::bind(any).is_err() {
        writeln!(io::stderr(), "skipped: there is no IPv6 on this machine").expect("written");
        return;
    }
    let listeners = open(&[socket("six", Address::Tcp(any))]);
    let port = place(&listeners, 0).port();
    TcpStream::connect((std::net::Ipv6Addr::LOCALHOST, port)).expect("it listens");
    TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, port)).expect_err("it does not listen");
}

#[test]
fn a_change_keeps_what_stays_and_closes_what_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let tcp = socket("tcp", Address::Tcp(any_port()));
    let mut listeners = open(&[tcp.clone(), socket("unix", unix(&path, None)), tcp.clone()]);
    let first = [place(&listeners, 0), place(&listeners, 2)];
    assert_ne!(first[0], first[1]);
    let inode = path.metadata().expect("it is there").ino();

    let renamed = Socket { name: "new".into(), backlog: Some(1), ..tcp };
    listeners.change(&[socket("u", unix(&path, Some(0o640))), renamed]).expect("it changes");
    assert_eq!(place(&listeners, 1), first[0]);
    TcpStream::connect(first[1]).expect_err("it is closed");
    let now = path.metadata().expect("it is there");
    assert_eq!((now.ino(), now.permissions().mode() & 0o777), (inode, 0o640));
    let names: Vec<_> = listeners.descriptors().map(|(_, name)| name.to_string()).collect();
    assert_eq!(names, ["u", "new"]);

    // An old address may be in the way of a new one.
    let port = first[0].port();
    listeners.change(&[socket("all", Address::Tcp(([0, 0, 0, 0], port).into()))]).expect("free");
    assert!(!path.exists());
    listeners.forget();
    TcpStream::connect(first[0]).expect_err("it is closed");
}

#[test]
fn what_cannot_open_is_named_and_the_rest_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none/s");
    let tcp = socket("tcp", Address::Tcp(any_port()));
    let mut listeners = open(std::slice::from_ref(&tcp));
    let at = place(&listeners, 0);
    let error = listeners.change(&[socket("bad", unix(&path, None)), tcp]);
    let error = error.expect_err("there is no folder");
    assert_eq!((error.step, error.error), (Step::Listen, libc::ENOENT));
    assert_eq!(error.about, path.to_str().expect("plain"));
    assert_eq!(place(&listeners, 0), at);
    let long = socket("long", Address::Unix { path: "x".repeat(200).as_str().into(), mode: None });
    let error = listeners.change(&[long]).expect_err("too long");
    assert_eq!(error.error, libc::ENAMETOOLONG);
}

#[test]
fn an_address_in_use_is_refused_unless_it_is_shared() {
    let tcp = socket("tcp", Address::Tcp(any_port()));
    let listeners = open(&[Socket { shared: true, ..tcp.clone() }]);
    let same = Socket { address: Address::Tcp(place(&listeners, 0)), ..tcp };
    let error = Listeners::default().change(std::slice::from_ref(&same));
    assert_eq!(error.expect_err("it is in use").error, libc::EADDRINUSE);
    open(&[Socket { shared: true, ..same }]);

    let udp = socket("udp", Address::Udp(any_port()));
    let listeners = open(std::slice::from_ref(&udp));
    let same = Socket { address: Address::Udp(place(&listeners, 0)), ..udp };
    let error = Listeners::default().change(&[same]);
    assert_eq!(error.expect_err("it is in use").error, libc::EADDRINUSE);
}

#[test]
fn only_a_socket_file_without_a_listener_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let refused = |path: &Path| {
        let error = Listeners::default().change(&[socket("s", unix(path, None))]);
        assert_eq!(error.expect_err("it is in use").error, libc::EADDRINUSE, "{path:?}");
    };
    // Left behind: nobody has it open.
    drop(UnixListener::bind(at("stale")).expect("bound"));
    let mut listeners = open(&[socket("s", unix(&at("stale"), Some(0o600)))]);
    UnixStream::connect(at("stale")).expect("it is ours now");
    // In use, by ourselves, a listener that accepts nobody, and a socket of the other kind.
    refused(&at("stale"));
    let _busy = UnixListener::bind(at("busy")).expect("bound");
    refused(&at("busy"));
    let _other = UnixDatagram::bind(at("other")).expect("bound");
    refused(&at("other"));
    // No socket at all.
    std::fs::write(at("file"), "precious").expect("written");
    refused(&at("file"));
    symlink(at("file"), at("link")).expect("linked");
    refused(&at("link"));
    assert_eq!(std::fs::read(at("file")).expect("it is there"), b"precious");

    // Somebody else's file at our path is not removed.
    std::fs::remove_file(at("stale")).expect("removed");
    let _theirs = UnixListener::bind(at("stale")).expect("bound");
    listeners.forget();
    assert!(at("stale").exists());
}

#[test]
fn a_run_gets_its_sockets_as_if_it_were_the_first() {
    let listeners = open(&[socket("tcp", Address::Tcp(any_port()))]);
    let fd = listeners.sockets().next().expect("it is open");
    let flags = fcntl_getfl(fd).expect("flags");
    fcntl_setfl(fd, flags | OFlags::NONBLOCK).expect("a run changes it");
    let (fd, _) = listeners.descriptors().next().expect("it is open");
    assert!(!fcntl_getfl(fd).expect("flags").contains(OFlags::NONBLOCK));
}

#[test]
fn an_adopted_socket_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let declared = [socket("s", unix(&folder.path().join("s"), None))];
    let first = open(&declared);
    let fd = first.sockets().next().expect("it is open").try_clone_to_owned().expect("passed on");
    drop(first);
    let mut next = Listeners::default();
    next.adopt(declared[0].clone(), fd);
    next.change(&declared).expect("nothing changes");
    UnixStream::connect(folder.path().join("s")).expect("it listens");
    next.forget();
    assert!(!folder.path().join("s").exists());
}

#[test]
fn the_variables_name_every_descriptor() {
    let names = |of: &[&str]| of.iter().map(|name| Text::from(*name)).collect::<Vec<_>>();
    let show = |of: &[&str]| {
        let texts = variables(names(of).iter()).into_iter();
        texts.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(show(&[]), "");
    assert_eq!(show(&["web"]), "LISTEN_FDS=1 LISTEN_FDNAMES=web");
    let expected = "LISTEN_FDS=5 LISTEN_FDNAMES=web:unknown:unknown:unknown:stored";
    assert_eq!(show(&["web", "a:b", "", "ä", "stored"]), expected);
}
