//! What a process finds when it begins: each of its settings, by its effect.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for what it names and lets the rest go"
)]

mod support;

use mainstay_wire::Text;
use mainstay_wire::keeper::{Fact, Notice, Order, Passed, Status, Whence};
use mainstay_wire::process::{
    Access, Contain, Descriptor, Environment, IoPriority, Mode, Output, Process, Readiness,
    Resource, Rlimit, Session, Stdin, Streams,
};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use support::apart::{again, apart, is_apart, passes};
use support::{
    Brain, clean, field, folder, is_root, key, path, program, puppet, shell, text, value,
};

#[test]
fn arguments_are_any_bytes() {
    let brain = Brain::new();
    let mut process =
        program(&["/bin/sh", "-c", "printf '%s|' \"$0\" \"$@\"", "", "a b", "$HOME;", "\\n"]);
    process.command.push(Text::from(b"na\xefve\xff".to_vec()));
    let lines = brain.prints("a", process);
    assert_eq!(lines, [Text::from(b"|a b|$HOME;|\\n|na\xefve\xff|".to_vec())]);
}

#[test]
fn the_program_is_searched_in_its_own_path_at_each_start() {
    let (brain, folder) = (Brain::new(), folder());
    let environment = clean(&[("PATH", &format!("/no/such:{}", folder.path().display()))]);
    let found = || Process { environment: environment.clone(), ..program(&["tool", "word"]) };
    assert_eq!(
        brain.refused("a", found()).to_string(),
        "no such file or directory while looking for the program `tool`"
    );
    fs::hard_link(puppet::program(), folder.path().join("tool"))
        .or_else(|_| fs::copy(puppet::program(), folder.path().join("tool")).map(drop))
        .expect("a tool");
    let key = brain.start("a", 2, found());
    // It was found: the puppet knows no such step.
    assert_eq!(brain.ended(&key).status, Status::Code(64));
}

#[test]
fn a_folder_is_where_it_works_and_where_a_program_with_a_slash_is_found() {
    let (brain, folder) = (Brain::new(), folder());
    let name = fs::canonicalize(folder.path()).expect("a path");
    fs::write(folder.path().join("tool"), "#!/bin/sh\npwd -P\n").expect("written");
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder.path().join("tool"), fs::Permissions::from_mode(0o755))
        .expect("rights");
    let there = Process { folder: Some(folder.path().into()), ..program(&["./tool"]) };
    assert_eq!(brain.tells("a", there), name.to_str().expect("text"));
    let here = fs::canonicalize(".").expect("a path");
    assert_eq!(brain.tells("b", puppet(&["pwd"])), here.to_str().expect("text"));
}

#[test]
fn the_environment_is_what_is_inherited_and_what_is_set() {
    const TEST: &str = "the_environment_is_what_is_inherited_and_what_is_set";
    if !is_apart(TEST) {
        let mut command = again(TEST, &[]);
        command.envs([("ONE", "1"), ("ONE_MORE", "2"), ("OTHER", "3"), ("NOTIFY_SOCKET", "/ours")]);
        command.envs([("LISTEN_FDS", "7"), ("LISTEN_PID", "1"), ("WATCHDOG_USEC", "9")]);
        return passes(TEST, &command.output().expect("apart"));
    }
    let brain = Brain::new();
    let print = |environment| Process { environment, ..puppet(&["env"]) };
    let strip = |told: String| -> Vec<String> {
        let lines = told.lines().filter(|line| !line.starts_with("MAINSTAY_RUN="));
        lines.map(str::to_owned).collect()
    };
    let inherit = |names: &[&str], set: &[(&str, &str)]| Environment {
        inherit: names.iter().map(|name| (*name).into()).collect(),
        ..clean(set)
    };
    let table: [(Environment, &[&str]); 5] = [
        (inherit(&[], &[]), &[]),
        (inherit(&["ONE"], &[]), &["ONE=1"]),
        (inherit(&["ONE*", "NONE"], &[]), &["ONE=1", "ONE_MORE=2"]),
        (
            inherit(&["ONE*", "OTHER"], &[("OTHER", "x=y"), ("ZERO", "")]),
            &["ONE=1", "ONE_MORE=2", "OTHER=x=y", "ZERO="],
        ),
        // What another supervisor told this program is not meant for its children.
        (inherit(&["NOTIFY_*", "LISTEN_*", "WATCHDOG_*"], &[]), &[]),
    ];
    for (index, (environment, expected)) in table.into_iter().enumerate() {
        assert_eq!(strip(brain.tells(&format!("a{index}"), print(environment))), expected);
    }
    let all = strip(brain.tells("all", print(inherit(&["*"], &[]))));
    for line in ["ONE=1", "OTHER=3"] {
        assert!(all.iter().any(|found| found == line), "{all:?}");
    }
    assert!(all.iter().all(|line| !line.starts_with("NOTIFY_SOCKET")), "{all:?}");
    let default = strip(brain.tells("default", print(Environment::default())));
    assert!(default.iter().any(|line| line.starts_with("PATH=")), "{default:?}");
    assert!(default.iter().all(|line| !line.starts_with("ONE")), "{default:?}");
    // The mark names the run.
    let mark = brain.tells("marked", print(clean(&[])));
    assert!(value(&mark, "MAINSTAY_RUN").ends_with(":marked#1"), "{mark}");
}

#[test]
fn values_of_the_environment_are_any_bytes() {
    let brain = Brain::new();
    let mut environment = clean(&[]);
    environment.set.push(("A".into(), Text::from(b"\xff\xfe".to_vec())));
    let process = Process { environment, ..puppet(&["env:A"]) };
    assert_eq!(brain.prints("a", process), [Text::from(b"A=\xff\xfe".to_vec())]);
}

#[test]
fn umask_niceness_and_the_turn_at_the_disk() {
    let brain = Brain::new();
    let process = Process { umask: Some(0o027), nice: Some(7), ..puppet(&["ids"]) };
    let told = brain.tells("a", process);
    assert_eq!((value(&told, "umask"), value(&told, "nice")), ("0027", "7"));
    for (priority, expected) in [
        (IoPriority::Idle, "idle"),
        (IoPriority::BestEffort(3), "best-effort: prio 3"),
        (IoPriority::BestEffort(7), "best-effort: prio 7"),
    ] {
        let process = Process { io_priority: Some(priority), ..program(&["ionice"]) };
        assert_eq!(brain.tells(expected, process), expected);
    }
    let process = Process { oom_score: Some(777), ..puppet(&["proc:oom_score_adj"]) };
    assert_eq!(brain.tells("b", process), "777");
}

#[test]
fn priorities_that_take_root() {
    if !is_root() {
        return;
    }
    let brain = Brain::new();
    let process = Process {
        nice: Some(-7),
        io_priority: Some(IoPriority::Realtime(2)),
        ..shell("nice; ionice")
    };
    assert_eq!(brain.tells("a", process), "-7\nrealtime: prio 2");
    let host = fs::read_to_string("/proc/self/status").expect("status");
    let held = u64::from_str_radix(field(&host, "CapEff"), 16).expect("a number");
    let sys_resource = 1 << 24;
    if held & sys_resource == 0 {
        return eprintln!("not tested: a lower oom score, which takes CAP_SYS_RESOURCE");
    }
    let process = Process { oom_score: Some(-500), ..puppet(&["proc:oom_score_adj"]) };
    assert_eq!(brain.tells("b", process), "-500");
}

#[test]
fn every_limit_of_the_kernel() {
    let brain = Brain::new();
    let table = [
        (Resource::As, "Max address space", 1 << 34, 1 << 35),
        (Resource::Core, "Max core file size", 0, 0),
        (Resource::Cpu, "Max cpu time", 1000, 2000),
        (Resource::Data, "Max data size", 1 << 33, 1 << 34),
        (Resource::Fsize, "Max file size", 1 << 30, 1 << 31),
        (Resource::Memlock, "Max locked memory", 4096, 8192),
        (Resource::Nofile, "Max open files", 40, 50),
        (Resource::Nproc, "Max processes", 3000, 4000),
        (Resource::Stack, "Max stack size", 1 << 20, 1 << 22),
    ];
    let rlimits = table.iter().map(|(resource, _, soft, hard)| Rlimit {
        resource: *resource,
        soft: Some(*soft),
        hard: Some(*hard),
    });
    let process = Process { rlimits: rlimits.collect(), ..puppet(&["proc:limits"]) };
    let told = brain.tells("a", process);
    for (_, name, soft, hard) in table {
        let line = told.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        let words: Vec<&str> = line.split_whitespace().take(2).collect();
        assert_eq!(words, [soft.to_string(), hard.to_string()], "{name}");
    }
    let none = Rlimit { resource: Resource::Fsize, soft: None, hard: None };
    let process = Process { rlimits: vec![none], ..puppet(&["proc:limits"]) };
    let told = brain.tells("b", process);
    let line = told.lines().find_map(|line| line.strip_prefix("Max file size")).expect("a line");
    assert_eq!(line.split_whitespace().take(2).collect::<Vec<_>>(), ["unlimited"; 2]);
}

#[test]
fn sessions_and_groups() {
    let brain = Brain::new();
    // Read, not asked for: in a PID namespace whose session began outside, both may be 0.
    let host = fs::read_to_string("/proc/self/status").expect("status");
    let of_host =
        |name| field(&host, name).split_whitespace().next_back().expect("an id").to_owned();
    let (own, session) = (of_host("NSpgid"), of_host("NSsid"));
    for (kind, group, leads) in [
        (Session::Own, None, true),
        (Session::Group, None, false),
        (Session::Shared, Some(&own), false),
    ] {
        let process = Process { session: kind, ..puppet(&["ids"]) };
        let told = brain.tells(&format!("{kind:?}"), process);
        let pid = value(&told, "pid");
        assert_eq!(value(&told, "pgid"), group.map_or(pid, String::as_str), "{kind:?}");
        assert_eq!(value(&told, "sid"), if leads { pid } else { &session }, "{kind:?}");
        assert_eq!(value(&told, "ppid"), std::process::id().to_string());
    }
}

#[test]
fn new_privileges_are_given_up() {
    let brain = Brain::new();
    for no_new_privileges in [false, true] {
        let process = Process { no_new_privileges, ..puppet(&["proc:status"]) };
        let told = brain.tells(&no_new_privileges.to_string(), process);
        let host = fs::read_to_string("/proc/self/status").expect("status");
        let expected = if no_new_privileges { "1" } else { field(&host, "NoNewPrivs") };
        assert_eq!(field(&told, "NoNewPrivs"), expected);
    }
}

#[test]
fn a_pid_namespace_makes_it_number_one() {
    if !is_root() {
        return;
    }
    let brain = Brain::new();
    let process = Process {
        pid_namespace: true,
        watchdog: Some(Duration::from_secs(5)),
        death_signal: Some(9),
        ..puppet(&["ids", "env:WATCHDOG_PID", "daemon"])
    };
    let key = brain.start("a", 1, process);
    let pid = brain.started(&key);
    assert!(pid > 1);
    let ended = brain.ended(&key);
    let told = text(&ended.last);
    assert_eq!(ended.status, Status::Code(0), "{told}");
    assert_eq!((value(&told, "pid"), value(&told, "ppid")), ("1", "0"));
    assert_eq!(value(&told, "WATCHDOG_PID"), "1");
}

#[test]
fn standard_input() {
    let (brain, folder) = (Brain::new(), folder());
    let echo = |stdin| Process { stdin, ..puppet(&["stdin-echo"]) };
    assert_eq!(brain.tells("null", echo(Stdin::Null)), "");
    fs::write(folder.path().join("in"), "from a file").expect("written");
    let file = Stdin::File(path(&folder, "in").as_str().into());
    assert_eq!(brain.tells("file", echo(file)), "from a file");
    let (key, _) = brain.begin("pipe", 1, echo(Stdin::Pipe));
    for (bytes, close) in [(b"one\n".to_vec(), false), (vec![0, 255, b'\n'], true)] {
        brain.keeper.order(Order::Input { key: key.clone(), bytes, close });
    }
    assert_eq!(brain.ended(&key).last, ["one".into(), Text::from(vec![0, 255])]);
}

#[test]
fn the_keepers_own_input_and_output() {
    const TEST: &str = "the_keepers_own_input_and_output";
    if !is_apart(TEST) {
        let mut command = again(TEST, &[]);
        let folder = folder();
        fs::write(folder.path().join("in"), "through all of it").expect("written");
        command.stdin(fs::File::open(folder.path().join("in")).expect("open"));
        let output = command.output().expect("apart");
        assert!(String::from_utf8_lossy(&output.stdout).contains("through all of it"));
        assert!(String::from_utf8_lossy(&output.stderr).contains("on the other"));
        return passes(TEST, &output);
    }
    let brain = Brain::new();
    let output = Output { streams: Streams::Inherit, ..Output::default() };
    let process =
        Process { stdin: Stdin::Inherit, output, ..puppet(&["stdin-echo", "eprint:on the other"]) };
    assert_eq!(brain.tells("a", process), "");
}

#[test]
fn streams_are_connected_as_they_are_declared() {
    let brain = Brain::new();
    let with = |streams, process: Process| Process {
        output: Output { streams, last: Some(65_536), ..Output::default() },
        ..process
    };
    let script = "readlink /proc/self/fd/1 /proc/$$/fd/2";
    let told = brain.tells("merged", with(Streams::Merged, shell(script)));
    let (out, err) = told.split_once('\n').expect("two lines");
    assert!(out.starts_with("pipe:") && out == err, "{told}");
    let told = brain.tells("apart", with(Streams::Apart, shell(script)));
    let (out, err) = told.split_once('\n').expect("two lines");
    assert!(err.starts_with("pipe:") && out != err, "{told}");
    let folder = folder();
    let script = format!("a=$(readlink /proc/$$/fd/[12]); echo \"$a\" >{}", path(&folder, "told"));
    assert_eq!(brain.tells("null", with(Streams::Null, shell(&script))), "");
    let told = fs::read_to_string(path(&folder, "told")).expect("it was written");
    assert_eq!(told, "/dev/null\n/dev/null\n");
    let terminal = Streams::Terminal { rows: 33, columns: 99 };
    let told = brain.tells("terminal", with(terminal, puppet(&["tty", "ids"])));
    for name in ["stdin", "stdout", "stderr"] {
        let line = told.lines().find(|line| line.starts_with(name)).expect(name);
        assert!(line.contains("/dev/pts/") && line.trim_end().ends_with("33x99"), "{line}");
    }
}

#[test]
fn a_terminal_is_the_sessions_own() {
    let brain = Brain::new();
    let output = Output {
        streams: Streams::Terminal { rows: 0, columns: 0 },
        last: Some(4096),
        ..Output::default()
    };
    // Only a session with a controlling terminal can open this.
    let process = Process { output, ..shell("echo through it >/dev/tty; stty size") };
    let told = brain.tells("a", process).replace('\r', "");
    assert_eq!(told, "through it\n24 80");
}

#[test]
fn what_is_given_for_one_run_is_that_runs_alone() {
    let brain = Brain::new();
    let give = |run: u64, text: &str| {
        let (read, write) = rustix::pipe::pipe().expect("a pipe");
        rustix::io::write(&write, text.as_bytes()).expect("written");
        brain.keeper.order(Order::Give {
            key: key("a", run),
            variables: vec![("GIVEN".into(), text.into())],
            descriptors: Passed { numbers: vec![60], open: vec![Arc::new(read)] },
        });
    };
    // What was meant for another run goes with it.
    give(1, "never");
    give(2, "first");
    let (with, without) = (["env:GIVEN", "read-fd:60"], ["env:GIVEN", "fds"]);
    for (run, steps, told) in
        [(2, with, Some("first")), (3, without, None), (4, with, Some("last"))]
    {
        if let Some("last") = told {
            give(4, "last");
        }
        let key = brain.start("a", run, puppet(&steps));
        let said = text(&brain.ended(&key).last);
        match told {
            Some(told) => assert_eq!(said.trim(), format!("GIVEN={told}\n{told}"), "run {run}"),
            None => assert!(!said.contains("first") && !said.contains("60 /"), "run {run}: {said}"),
        }
    }
}

#[test]
fn descriptors_stand_under_their_numbers_and_no_others_do() {
    let (brain, folder) = (Brain::new(), folder());
    fs::write(folder.path().join("read"), "what was there").expect("written");
    fs::write(folder.path().join("append"), "before ").expect("written");
    fs::write(folder.path().join("both"), "both").expect("written");
    let open = |number, name: &str, mode| Descriptor {
        number,
        path: path(&folder, name).as_str().into(),
        mode,
    };
    // The keeper has pipes of its own under such numbers.
    for first in [3, 5, 9, 14, 21, 40, 200] {
        let descriptors = vec![
            open(first + 2, "read", Mode::Read),
            open(first, "append", Mode::Append),
            open(first + 1, "both", Mode::ReadWrite),
            open(first + 3, "made", Mode::ReadWrite),
        ];
        let steps = [
            "fds".to_owned(),
            format!("read-fd:{}", first + 2),
            format!("write-fd:{first}:x"),
            format!("write-fd:{}:BO", first + 1),
            format!("read-fd:{}", first + 1),
        ];
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let process = Process { descriptors, ..puppet(&steps) };
        let told = brain.tells(&format!("a{first}"), process);
        let numbers: Vec<&str> = told
            .lines()
            .filter_map(|line| line.split_once(" /"))
            .map(|(number, _)| number)
            .collect();
        let expected: Vec<String> = (first..first + 4).map(|number| number.to_string()).collect();
        let [null, placed @ ..] = numbers.as_slice() else { panic!("{told}") };
        assert_eq!(
            (*null, placed),
            ("0", expected.iter().map(String::as_str).collect::<Vec<_>>().as_slice())
        );
        assert_eq!(told.lines().filter(|line| line.contains("pipe:")).count(), 2, "{told}");
        assert!(told.ends_with("what was thereBOth"), "{told}");
    }
    let appended = fs::read_to_string(path(&folder, "append")).expect("there");
    assert_eq!(appended, "before xxxxxxx");
}

#[test]
fn readiness_by_descriptor_and_by_line() {
    let brain = Brain::new();
    for number in [3, 4, 11, 37] {
        let steps = ["env:NOTIFY_FD", "notify-fd", "hang"];
        let process = Process { ready: Readiness::Fd(number), ..puppet(&steps) };
        let (key, _) = brain.begin(&format!("fd{number}"), 1, process);
        brain.says(&key, &Notice::Ready(Whence::Fd));
        brain.kill(&key);
        assert_eq!(text(&brain.ended(&key).last), format!("NOTIFY_FD={number}"));
    }
    let process = Process {
        ready: Readiness::Line("listening on *port".into()),
        ..puppet(&["print:starting", "print:now listening on this port", "hang"])
    };
    let (key, _) = brain.begin("line", 1, process);
    brain.says(&key, &Notice::Ready(Whence::Line));
    // One that never says so ends without having been ready.
    let process = Process { ready: Readiness::Fd(5), ..puppet(&["exit:0"]) };
    let key = brain.start("unready", 1, process);
    brain.wait(|fact| match fact {
        Fact::Said { key: of, notice } if of == key => panic!("{notice:?}"),
        Fact::Ended { key: of, .. } if of == key => Some(()),
        _ => None,
    });
}

#[test]
fn what_a_supervisor_tells_its_child() {
    let brain = Brain::new();
    let names = ["WATCHDOG_USEC", "WATCHDOG_PID", "FDSTORE", "NOTIFY_SOCKET", "LISTEN_FDS"];
    let steps: Vec<String> = names.iter().map(|name| format!("env:{name}")).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let process = Process {
        watchdog: Some(Duration::from_micros(1_500_250)),
        store: 3,
        notify: Some(Access::Main),
        ..puppet(&steps)
    };
    let (key, pid) = brain.begin("told", 1, process);
    let told = text(&brain.ended(&key).last);
    assert_eq!(value(&told, "WATCHDOG_USEC"), "1500250");
    assert_eq!(value(&told, "WATCHDOG_PID"), pid.to_string());
    assert_eq!(value(&told, "FDSTORE"), "3");
    assert!(value(&told, "NOTIFY_SOCKET").starts_with('@'), "{told}");
    let told = brain.tells("untold", puppet(&steps));
    for name in names {
        assert!(told.contains(&format!("{name} is not set")), "{told}");
    }
}

#[test]
fn how_it_is_held_is_said() {
    let brain = Brain::new();
    let contain = |process: Process| {
        let key =
            brain.start(&format!("{:?}{}", process.contain, process.pid_namespace), 1, process);
        let said = brain.wait(|fact| match fact {
            Fact::Started { key: of, contain, .. } if of == key => Some(contain.to_string()),
            _ => None,
        });
        brain.ended(&key);
        said
    };
    let of = |contain| Process { contain, ..puppet(&["exit:0"]) };
    assert_eq!(contain(of(Contain::Descent)), "descent");
    assert_eq!(contain(of(Contain::Main)), "main process only");
    let best = contain(of(Contain::Best));
    assert!(["cgroup", "descent"].contains(&&*best), "{best}");
    if best == "cgroup" {
        assert_eq!(contain(of(Contain::Cgroup)), "cgroup");
        let process = Process { contain: Contain::Cgroup, ..puppet(&["proc:cgroup"]) };
        assert!(brain.tells("inside", process).contains("/run-1-inside"));
    }
    if is_root() {
        let namespace = Process { pid_namespace: true, ..of(Contain::Descent) };
        assert_eq!(contain(namespace), "pid namespace");
    }
}

#[test]
fn an_ordinary_user_gets_what_it_may() {
    const TEST: &str = "an_ordinary_user_gets_what_it_may";
    support::apart::as_nobody(TEST, || {
        let brain = Brain::new();
        let user = rustix::process::getuid().as_raw().to_string();
        let process = Process {
            // It is that user already.
            user: Some(user.as_str().into()),
            umask: Some(0o077),
            // Whatever it is started with, it may be nicer.
            nice: Some(19),
            oom_score: Some(900),
            session: Session::Own,
            no_new_privileges: true,
            death_signal: Some(15),
            rlimits: vec![Rlimit { resource: Resource::Nofile, soft: Some(64), hard: Some(64) }],
            ..puppet(&["ids"])
        };
        let told = brain.tells("a", process);
        assert_eq!((value(&told, "umask"), value(&told, "nice")), ("0077", "19"));
        assert!(value(&told, "uid").starts_with(&user), "{told}");
    });
}

#[test]
fn death_signals_are_asked_for() {
    apart("death_signals_are_asked_for", &[], || {
        let brain = Brain::new();
        for signal in [1, 9, 15] {
            let script = "import ctypes; n = ctypes.c_int(); \
                          ctypes.CDLL(None).prctl(2, ctypes.byref(n)); print(n.value)";
            let process =
                Process { death_signal: Some(signal), ..program(&["python3", "-c", script]) };
            assert_eq!(brain.tells(&signal.to_string(), process), signal.to_string());
        }
    });
}
