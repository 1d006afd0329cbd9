//! Datagrams and what they mean, without descriptors.

use super::super::parse::parse;
use super::*;
use std::time::Duration;

/// Returns what one datagram comes to, in one line.
fn meaning(text: &[u8]) -> String {
    let message = Message { text: text.to_vec(), is_cut: false, pid: 1, uid: 0, fds: Vec::new() };
    let mut out = Vec::new();
    let mut speech = Speech::new(Access::All);
    let heard = speech.take(message, Relation::Main, &mut Store::default(), &mut out);
    let mut said: Vec<_> = out.iter().map(|notice| format!("{notice:?}")).collect();
    said.extend(heard.err().map(|unheard| format!("! {unheard}")));
    said.join(" | ")
}

#[test]
fn datagrams_mean_what_systemd_takes_them_for() {
    let table: &[(&[u8], &str)] = &[
        (b"", ""),
        (b"\n\n\r\n", ""),
        (b"READY=1", "Ready(Notify)"),
        (b"READY=1\n", "Ready(Notify)"),
        (b"READY=1\0", "Ready(Notify)"),
        (b"READY=0", "Word { name: \"READY\", value: \"0\" }"),
        (b"READY=11", "Word { name: \"READY\", value: \"11\" }"),
        (b"READY", "! a line is no assignment of printable text"),
        (b"=1", "! a line is no assignment of printable text"),
        (b" READY=1", "! a line is no assignment of printable text"),
        (b"ready=1", "Word { name: \"ready\", value: \"1\" }"),
        (b"READY=0\nREADY=1", "Ready(Notify) | Word { name: \"READY\", value: \"0\" }"),
        (
            b"FOO=BAR\nREADY=1\nnonsense",
            "Ready(Notify) | Word { name: \"FOO\", value: \"BAR\" } | ! a line is no assignment of printable text",
        ),
        (b"A\0READY=1", "! a message holds a zero byte"),
        (b"READY=1\0\0", "! a message holds a zero byte"),
        (b"RELOADING=1", "Reloading(None)"),
        (b"RELOADING=1\nMONOTONIC_USEC=1500000", "Reloading(Some(1.5s))"),
        (b"MONOTONIC_USEC=1500000", "Word { name: \"MONOTONIC_USEC\", value: \"1500000\" }"),
        (
            b"RELOADING=1\nMONOTONIC_USEC=-1",
            "Reloading(None) | ! the value of MONOTONIC_USEC makes no sense",
        ),
        (b"READY=1\nRELOADING=1", "Reloading(None) | Ready(Notify)"),
        (b"READY=1\nSTOPPING=1\nRELOADING=1", "Stopping"),
        (b"STATUS=at work: 66%", "Status(\"at work: 66%\")"),
        (b"STATUS=a=b\nSTATUS=c", "Status(\"a=b\")"),
        (b"STATUS=", "Status(\"\")"),
        (b"STATUS=\xff", "! the value of STATUS makes no sense"),
        (b"STATUS=\xff\nREADY=1", "Ready(Notify) | ! the value of STATUS makes no sense"),
        (b"ERRNO=2", "Errno(2)"),
        (b"ERRNO=0", "Errno(0)"),
        (b"ERRNO=4096", "! the value of ERRNO makes no sense"),
        (b"ERRNO=-2", "! the value of ERRNO makes no sense"),
        (b"ERRNO=ENOENT", "Errno(2)"),
        (b"ERRNO=EHWPOISON", "Errno(133)"),
        (b"ERRNO=ENOTHING", "! the value of ERRNO makes no sense"),
        (b"ERRNO=", "! the value of ERRNO makes no sense"),
        (b"MAINPID=4711", "Main(4711)"),
        (b"MAINPID=0", "! the value of MAINPID makes no sense"),
        (b"MAINPID=-1", "! the value of MAINPID makes no sense"),
        (b"MAINPID=2147483648", "! the value of MAINPID makes no sense"),
        (b"MAINPID=99999999999999999999999", "! the value of MAINPID makes no sense"),
        (b"MAINPID=1\nMAINPIDFDID=x", "! the value of MAINPIDFDID makes no sense"),
        (b"MAINPIDFDID=12", "Word { name: \"MAINPIDFDID\", value: \"12\" }"),
        (b"MAINPIDFD=1\nMAINPID=1", "! MAINPIDFD=1 came with 0 descriptors instead of one"),
        (b"WATCHDOG=1", "Beat"),
        (b"WATCHDOG=trigger", "Trigger"),
        (b"WATCHDOG=2", "! the value of WATCHDOG makes no sense"),
        (b"WATCHDOG_USEC=20000000", "Watchdog(20s)"),
        (b"WATCHDOG_USEC=0", "Watchdog(0ns)"),
        (b"WATCHDOG_USEC=18446744073709551615", "Watchdog(0ns)"),
        (b"WATCHDOG_USEC=18446744073709551616", "! the value of WATCHDOG_USEC makes no sense"),
        (b"EXTEND_TIMEOUT_USEC=1000", "Extend(1ms)"),
        (b"EXTEND_TIMEOUT_USEC=0", "Word { name: \"EXTEND_TIMEOUT_USEC\", value: \"0\" }"),
        (
            b"EXTEND_TIMEOUT_USEC=18446744073709551615",
            "Word { name: \"EXTEND_TIMEOUT_USEC\", value: \"18446744073709551615\" }",
        ),
        (b"EXTEND_TIMEOUT_USEC=1s", "! the value of EXTEND_TIMEOUT_USEC makes no sense"),
        (b"RESTART_RESET=1", "ResetRestarts"),
        (b"RESTART_RESET=0", "Word { name: \"RESTART_RESET\", value: \"0\" }"),
        (b"X_FOO=bar baz", "Word { name: \"X_FOO\", value: \"bar baz\" }"),
        (
            b"X_=1\nX-A=1\nX_A B=1\nX_SYSTEMD_UNIT_ACTIVE=a",
            "Word { name: \"X_SYSTEMD_UNIT_ACTIVE\", value: \"a\" } | ! a line is no assignment of printable text",
        ),
        (b"BUSERROR=org.a.B", "Word { name: \"BUSERROR\", value: \"org.a.B\" }"),
        (b"BUSERROR=\x1b[31m", "! a line is no assignment of printable text"),
        (b"VARLINKERROR=org.a.B", "Word { name: \"VARLINKERROR\", value: \"org.a.B\" }"),
        (b"EXIT_STATUS=3", "Word { name: \"EXIT_STATUS\", value: \"3\" }"),
        (b"NOTIFYACCESS=none", ""),
        (b"NOTIFYACCESS=somebody", "! the value of NOTIFYACCESS makes no sense"),
        (b"FDNAME=a", "Word { name: \"FDNAME\", value: \"a\" }"),
        (b"FDPOLL=0", "Word { name: \"FDPOLL\", value: \"0\" }"),
        (b"FDSTORE=0", "Word { name: \"FDSTORE\", value: \"0\" }"),
        (b"BARRIER=1", "! a barrier came with 0 descriptors instead of one"),
        (b"BARRIER=1\nREADY=1", "! a barrier came with other assignments"),
        (b"BARRIER=0\nREADY=1", "Ready(Notify) | Word { name: \"BARRIER\", value: \"0\" }"),
        (b"FDSTORE=1", "! FDSTORE=1 came without a descriptor"),
        (b"FDSTORE=1\nFDNAME=a:b", "! the value of FDNAME makes no sense"),
        (b"FDSTOREREMOVE=1", "! the value of FDSTOREREMOVE makes no sense"),
        (b"FDSTOREREMOVE=1\nFDNAME=a", ""),
        (
            b"STATUS=one\nREADY=1\nMAINPID=7\nWATCHDOG=1\nERRNO=1",
            "Main(7) | Ready(Notify) | Status(\"one\") | Errno(1) | Beat",
        ),
        (b"READY=1\r\nSTATUS=a\r\n", "Ready(Notify) | Status(\"a\")"),
    ];
    for (text, expected) in table {
        assert_eq!(meaning(text), *expected, "{}", text.escape_ascii());
    }
}

/// Every key that systemd 258 documents for sd_notify, but for those that it sends itself.
const DOCUMENTED: [&str; 23] = [
    "READY=1",
    "RELOADING=1",
    "MONOTONIC_USEC=",
    "STOPPING=1",
    "STATUS=",
    "NOTIFYACCESS=",
    "ERRNO=",
    "BUSERROR=",
    "VARLINKERROR=",
    "EXIT_STATUS=",
    "MAINPID=",
    "MAINPIDFDID=",
    "MAINPIDFD=1",
    "WATCHDOG=1",
    "WATCHDOG=trigger",
    "WATCHDOG_USEC=",
    "EXTEND_TIMEOUT_USEC=",
    "FDSTORE=1",
    "FDSTOREREMOVE=1",
    "FDNAME=",
    "FDPOLL=0",
    "BARRIER=1",
    "RESTART_RESET=1",
];

#[test]
fn every_key_that_is_documented_means_what_its_page_says() {
    let page = include_str!("../../../../../docs/reference/notify.md");
    let (_, table) = page.split_once("## The keys").expect("it has a table");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows: Vec<_> = rows.collect();
    for key in DOCUMENTED {
        let is_there = rows.iter().any(|(said, _)| said.starts_with(key));
        assert!(is_there, "{key} is not in docs/reference/notify.md");
    }
    assert_eq!(rows.len(), DOCUMENTED.len() + 1, "and X_");
    // What needs a descriptor, or another key beside it.
    let beside =
        ["MAINPIDFD=", "MAINPIDFDID=", "MONOTONIC", "FDSTORE", "FDNAME", "FDPOLL", "BARRIER"];
    for (said, text) in rows {
        if beside.iter().any(|name| said.starts_with(name)) {
            continue;
        }
        let meaning = meaning(said.as_bytes());
        assert!(!meaning.starts_with('!'), "{said}: {meaning}");
        let is_shown =
            text.starts_with("shown") && !said.starts_with("STATUS") && !said.starts_with("ERRNO");
        assert_eq!(meaning.starts_with("Word"), is_shown, "{said}: {meaning}");
    }
}

#[test]
fn what_is_shown_only_is_bounded() {
    let text = "X_A=1\nX_B=1\n".repeat(300);
    assert_eq!(parse(text.as_bytes()).expect("it is short enough").notices.len(), 32);
    assert_eq!(parse(&[b'\n'; LONGEST + 1]), Err(Unheard::Cut));
}

#[test]
fn the_main_process_is_told_by_its_inode() {
    use rustix::process::{Pid, PidfdFlags, getpid, pidfd_open};
    let own: Pid = getpid();
    let pidfd = pidfd_open(own, PidfdFlags::empty()).expect("a descriptor of ourselves");
    let inode = rustix::fs::fstat(&pidfd).expect("it has one").st_ino;
    let text = format!("MAINPID={own}\nMAINPIDFDID={inode}");
    assert_eq!(meaning(text.as_bytes()), format!("Main({own})"));
    let is_told = rustix::fs::fstatfs(&pidfd).expect("it has one").f_type == 0x5049_4446;
    if is_told {
        let text = format!("MAINPID={own}\nMAINPIDFDID={}", inode + 1);
        assert!(meaning(text.as_bytes()).starts_with("! the process"), "{text}");
    }
}

#[test]
fn every_number_of_microseconds_is_a_time() {
    for number in [1, u64::MAX - 1] {
        let said = parse(format!("EXTEND_TIMEOUT_USEC={number}").as_bytes()).expect("it is fine");
        assert_eq!(said.notices, [Notice::Extend(Duration::from_micros(number))]);
    }
}
