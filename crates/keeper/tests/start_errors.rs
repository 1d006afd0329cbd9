//! What is said when a process does not begin: at which step it failed, about what, and why.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for what it names and lets the rest go"
)]

mod support;

use mainstay_wire::Text;
use mainstay_wire::keeper::{Fact, Key, Order, Status, Step};
use mainstay_wire::process::{
    Address, Contain, Descriptor, IoPriority, Limits, Log, Mode, Output, Process, Readiness,
    Resource, Rlimit, Socket, Stdin,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use support::apart::{again, apart, as_nobody, is_apart, passes};
use support::{Brain, clean, folder, is_root, path, program, puppet, shell};

/// Starts what does not start, and looks at what is said.
fn check(table: impl IntoIterator<Item = (Process, Step, String)>) {
    let brain = Brain::new();
    for (index, (process, step, text)) in table.into_iter().enumerate() {
        let error = brain.refused(&format!("a{index}"), process);
        assert_eq!((error.step, error.to_string()), (step, text));
    }
}

fn quiet() -> Process {
    puppet(&["exit:0"])
}

#[test]
fn settings_that_mean_nothing() {
    let invalid = |about: &str| format!("invalid argument while reading its settings `{about}`");
    let with_zero = |bytes: &[u8]| {
        let mut process = quiet();
        process.command.push(bytes.to_vec().into());
        process
    };
    let descriptor = Descriptor { number: 2, path: "/dev/null".into(), mode: Mode::Read };
    let table = [
        (program(&[]), "no command"),
        (program(&[""]), "no command"),
        (with_zero(b"a\0b"), "a\0b, which has a zero in it"),
        (
            Process { environment: clean(&[("A", "b\0")]), ..quiet() },
            "A=b\0, which has a zero in it",
        ),
        (
            Process { environment: clean(&[("A=B", "c")]), ..quiet() },
            "A=B, which is no name of a variable",
        ),
        (Process { umask: Some(0o1022), ..quiet() }, "umask 1022: it is 0777 at the most"),
        (Process { nice: Some(20), ..quiet() }, "nice 20: it is -20 to 19"),
        (Process { nice: Some(-21), ..quiet() }, "nice -21: it is -20 to 19"),
        (
            Process { io_priority: Some(IoPriority::BestEffort(8)), ..quiet() },
            "io-priority 8: it is 0 to 7",
        ),
        (Process { oom_score: Some(1001), ..quiet() }, "oom-score 1001: it is -1000 to 1000"),
        (Process { death_signal: Some(65), ..quiet() }, "death-signal 65: there is no such signal"),
        (Process { descriptors: vec![descriptor], ..quiet() }, "descriptor 2: they begin at 3"),
        (Process { ready: Readiness::Fd(1), ..quiet() }, "ready descriptor 1: they begin at 3"),
    ];
    check(table.map(|(process, about)| (process, Step::Settings, invalid(about))));
}

#[test]
fn whoever_is_not_there() {
    let missing = |step: &str, name: &str| {
        format!("no such file or directory while looking up the {step} `{name}`")
    };
    check([
        (
            Process { user: Some("nobody-here".into()), ..quiet() },
            Step::FindUser,
            missing("user", "nobody-here"),
        ),
        (
            Process { group: Some("no-group".into()), ..quiet() },
            Step::FindGroup,
            missing("group", "no-group"),
        ),
        (
            Process { groups: Some(vec!["0".into(), "no-group".into()]), ..quiet() },
            Step::FindGroup,
            missing("group", "no-group"),
        ),
        (
            Process { capabilities: Some(vec!["CAP_CHOWN".into(), "net_bind".into()]), ..quiet() },
            Step::FindCapability,
            "invalid argument while looking up the capability `net_bind`".into(),
        ),
    ]);
}

#[test]
fn files_that_cannot_be_opened() {
    let folder = folder();
    let missing = path(&folder, "missing");
    let descriptor = |name: &str, mode| Process {
        descriptors: vec![Descriptor { number: 3, path: name.into(), mode }],
        ..quiet()
    };
    let log = |name: String| {
        let log = Log { path: name.as_str().into(), ..Log::default() };
        Process { output: Output { log: Some(log), ..Output::default() }, ..quiet() }
    };
    let own = folder.path().to_str().expect("text");
    fs::write(path(&folder, "file"), "").expect("written");
    let below = path(&folder, "file/log");
    check([
        (
            Process { stdin: Stdin::File(missing.as_str().into()), ..quiet() },
            Step::OpenInput,
            format!("no such file or directory while opening its input `{missing}`"),
        ),
        (
            descriptor(&missing, Mode::Read),
            Step::OpenDescriptor,
            format!("no such file or directory while opening the file `{missing}`"),
        ),
        (
            descriptor(own, Mode::Append),
            Step::OpenDescriptor,
            format!("is a directory while opening the file `{own}`"),
        ),
        (
            descriptor(&format!("{missing}/file"), Mode::ReadWrite),
            Step::OpenDescriptor,
            format!("no such file or directory while opening the file `{missing}/file`"),
        ),
        (log(own.into()), Step::OpenLog, format!("is a directory while opening the log `{own}`")),
        (
            log(below.clone()),
            Step::OpenLog,
            format!("not a directory while opening the log `{below}`"),
        ),
    ]);
    assert!(!fs::exists(&missing).expect("asked"));
}

#[test]
fn sockets_that_cannot_be_opened() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let taken = taken.local_addr().map(|address| (taken, address)).expect("an address");
    let folder = folder();
    let below = path(&folder, "missing/socket");
    let with = |address| Process {
        sockets: vec![Socket {
            name: "a".into(),
            address,
            backlog: None,
            shared: false,
            nonblocking: false,
        }],
        ..quiet()
    };
    check([
        (
            with(Address::Tcp(taken.1)),
            Step::Listen,
            format!("address already in use while opening the socket `{}`", taken.1),
        ),
        (
            with(Address::Unix { path: below.as_str().into(), mode: None }),
            Step::Listen,
            format!("no such file or directory while opening the socket `{below}`"),
        ),
    ]);
}

#[test]
fn numbers_of_descriptors_that_cannot_be() {
    let open = |number| Descriptor { number, path: "/dev/null".into(), mode: Mode::Read };
    let with = |numbers: &[u32]| Process {
        descriptors: numbers.iter().map(|number| open(*number)).collect(),
        ..quiet()
    };
    let twice = "file exists while passing descriptors `number 7, which is given twice`";
    let socket = Socket {
        name: "a".into(),
        address: Address::Tcp(([127, 0, 0, 1], 0).into()),
        backlog: None,
        shared: false,
        nonblocking: false,
    };
    check([
        (with(&[7, 8, 7]), Step::PassDescriptors, twice.to_owned()),
        (
            Process { ready: Readiness::Fd(7), ..with(&[7]) },
            Step::PassDescriptors,
            twice.to_owned(),
        ),
        (
            Process { sockets: vec![socket], ..with(&[3]) },
            Step::PassDescriptors,
            twice.replace('7', "3"),
        ),
        (
            with(&[2_000_000_000]),
            Step::PassDescriptors,
            "invalid argument while passing descriptors `number 2000000000`".into(),
        ),
    ]);
}

#[test]
fn limits_that_are_refused() {
    let with = |resource, soft, hard| Process {
        rlimits: vec![Rlimit { resource, soft, hard }],
        ..quiet()
    };
    let most = fs::read_to_string("/proc/sys/fs/nr_open").expect("a number");
    let most: u64 = most.trim().parse().expect("a number");
    check([
        (
            with(Resource::Core, Some(2), Some(1)),
            Step::SetRlimit,
            "invalid argument while setting the resource limit \
             `core: its soft limit is above its hard one`"
                .into(),
        ),
        (
            with(Resource::Nofile, Some(1), Some(most + 1)),
            Step::SetRlimit,
            "operation not permitted while setting the resource limit `nofile`".into(),
        ),
    ]);
}

#[test]
fn limits_of_all_of_it_need_a_controller() {
    let brain = Brain::new();
    let limits = Limits { pids: Some(5), ..Limits::default() };
    for contain in [Contain::Best, Contain::Descent, Contain::Main] {
        let process = Process { limits: limits.clone(), contain, ..puppet(&["proc:cgroup"]) };
        let ended = brain.run(&format!("{contain:?}"), process);
        match ended.status {
            Status::Code(0) => assert_eq!(contain, Contain::Best),
            Status::NotStarted(error) => {
                assert_eq!(error.step, Step::SetLimit);
                let text = error.to_string();
                assert!(text.contains("while setting the limit `pids"), "{text}");
            }
            status => panic!("{status:?}"),
        }
    }
}

#[test]
fn a_second_copy_is_refused() {
    let brain = Brain::new();
    let (first, pid) = brain.begin("a", 1, puppet(&["hang"]));
    let second = brain.start("a", 2, quiet());
    let ended = brain.ended(&second);
    let Status::NotStarted(error) = ended.status else { panic!("{ended:?}") };
    let text = "device or resource busy while looking for what an earlier keeper left \
                `a#1, which still lives as process";
    assert_eq!((error.step, error.to_string()), (Step::Leftover, format!("{text} {pid}`")));
    brain.kill(&first);
    brain.ended(&first);
    // The same run does not begin again either: what is asked for twice happens once.
    brain.start("a", 1, quiet());
    let third = brain.start("a", 3, quiet());
    brain.wait(|fact| match fact {
        Fact::Started { key, .. } => {
            assert_eq!(key, third);
            Some(())
        }
        _ => None,
    });
}

#[test]
fn programs_that_are_not_executed() {
    let folder = folder();
    let name = |name: &str| path(&folder, name);
    let write = |name: &str, content: &[u8], mode| {
        fs::write(path(&folder, name), content).expect("written");
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(path(&folder, name), mode).expect("rights");
    };
    write("plain", b"#!/bin/sh\n", 0o644);
    write("no-format", b"\x00\x01\x02\x03", 0o755);
    write("no-interpreter", b"#!/no/such/interpreter\n", 0o755);
    let searched = |word: &str| Process {
        environment: clean(&[("PATH", folder.path().to_str().expect("text"))]),
        ..program(&[word])
    };
    let there = |word: &str| Process { folder: Some(folder.path().into()), ..program(&[word]) };
    let denied = |about: &str| format!("permission denied while executing `{about}`");
    let none = |about: &str| {
        format!("no such file or directory while executing `{about}, whose interpreter is missing`")
    };
    let missing =
        |about: &str| format!("no such file or directory while looking for the program `{about}`");
    let mut long = quiet();
    long.command.push(Text::from(vec![b'x'; 4 << 20]));
    let long_name = long.command[0].to_string();
    check([
        (program(&["no-such-program"]), Step::FindProgram, missing("no-such-program")),
        (program(&["/no/such"]), Step::FindProgram, missing("/no/such")),
        (program(&["/etc/passwd/x"]), Step::FindProgram, missing("/etc/passwd/x")),
        (program(&[&name("plain")]), Step::Execute, denied(&name("plain"))),
        (searched("plain"), Step::Execute, denied("plain")),
        (program(&["/tmp"]), Step::Execute, denied("/tmp")),
        (
            program(&[&name("no-format")]),
            Step::Execute,
            format!("exec format error while executing `{}`", name("no-format")),
        ),
        (program(&[&name("no-interpreter")]), Step::Execute, none(&name("no-interpreter"))),
        (there("./no-interpreter"), Step::Execute, none("./no-interpreter")),
        (searched("no-interpreter"), Step::Execute, none("no-interpreter")),
        (there("./no-such"), Step::FindProgram, missing("./no-such")),
        (long, Step::Execute, format!("argument list too long while executing `{long_name}`")),
        (
            Process { folder: Some("/no/folder".into()), ..quiet() },
            Step::ChangeFolder,
            "no such file or directory while changing to the folder `/no/folder`".into(),
        ),
        (
            Process { folder: Some("/etc/passwd".into()), ..quiet() },
            Step::ChangeFolder,
            "not a directory while changing to the folder `/etc/passwd`".into(),
        ),
    ]);
}

#[test]
fn a_folder_is_entered_as_the_user() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let closed = fs::Permissions::from_mode(0o700);
    fs::set_permissions(folder.path(), closed).expect("rights");
    let name = folder.path().to_str().expect("text");
    let process = Process {
        user: Some("65534".into()),
        folder: Some(folder.path().into()),
        ..program(&["/bin/true"])
    };
    let text = format!("permission denied while changing to the folder `{name}`");
    check([(process, Step::ChangeFolder, text)]);
}

#[test]
fn what_an_ordinary_user_may_not() {
    as_nobody("what_an_ordinary_user_may_not", || {
        let denied = |what: &str| format!("operation not permitted while {what}");
        let rlimit = Rlimit { resource: Resource::Core, soft: None, hard: None };
        let oom = fs::read_to_string("/proc/self/oom_score_adj").expect("a number");
        let lower = oom.trim().parse::<i32>().expect("a number") - 1;
        let mut table = vec![
            (
                Process { user: Some("root".into()), ..quiet() },
                Step::ChangeGroups,
                denied("changing to its groups `root`"),
            ),
            (
                Process { user: Some("root".into()), groups: Some(vec![]), ..quiet() },
                Step::ChangeGroups,
                denied("changing to its groups `root`"),
            ),
            (
                Process { group: Some("root".into()), ..quiet() },
                Step::ChangeGroup,
                denied("changing to group `root`"),
            ),
            (
                Process { groups: Some(vec!["root".into()]), ..quiet() },
                Step::ChangeGroups,
                denied("changing to its groups"),
            ),
            (
                Process { nice: Some(-1), ..quiet() },
                Step::SetNice,
                "permission denied while setting its niceness `-1`".into(),
            ),
            (
                Process { io_priority: Some(IoPriority::Realtime(0)), ..quiet() },
                Step::SetIoPriority,
                denied("setting its io priority `Realtime(0)`"),
            ),
            (
                Process { oom_score: Some(lower), ..quiet() },
                Step::SetOomScore,
                format!("permission denied while setting its oom score `{lower}`"),
            ),
            (Process { pid_namespace: true, ..quiet() }, Step::Clone, denied("making the process")),
            (
                Process { capabilities: Some(vec![]), ..quiet() },
                Step::SetCapabilities,
                denied("limiting its capabilities"),
            ),
            (
                program(&["/root/x"]),
                Step::Execute,
                "permission denied while executing `/root/x`".into(),
            ),
        ];
        let hard = rustix::process::getrlimit(rustix::process::Resource::Core).maximum;
        if hard.is_some() {
            let process = Process { rlimits: vec![rlimit], ..quiet() };
            table.push((process, Step::SetRlimit, denied("setting the resource limit `core`")));
        }
        check(table);
        let brain = Brain::new();
        let inside = Process { contain: Contain::Cgroup, ..quiet() };
        let ended = brain.run("cgroup", inside);
        if let Status::NotStarted(error) = ended.status {
            let text =
                "operation not supported while making the cgroup `no cgroup v2 that is ours`";
            assert_eq!((error.step, &*error.to_string()), (Step::MakeCgroup, text));
        }
    });
}

#[test]
fn a_user_without_processes_left() {
    const TEST: &str = "a_user_without_processes_left";
    if !is_apart(TEST) && !is_root() {
        return;
    }
    // Nobody else counts for this user, not even this test where it runs twice at once.
    let user = format!("--reuid={}", 20_000 + std::process::id() % 40_000);
    let change = ["prlimit", "--nproc=12", "setpriv", &user, "--clear-groups", "--"];
    if !is_apart(TEST) {
        let program = std::env::current_exe().expect("this program");
        let reach = std::process::Command::new("setpriv")
            .args([&user, "--clear-groups", "--", "test", "-x"])
            .arg(program)
            .status();
        if !reach.is_ok_and(|status| status.success()) {
            return eprintln!("not tested: an ordinary user does not reach this program");
        }
        return passes(TEST, &again(TEST, &change).output().expect("apart"));
    }
    let brain = Brain::new();
    let mut live: Vec<Key> = Vec::new();
    loop {
        assert!(live.len() < 12, "there is no limit");
        let key = brain.start(&format!("a{}", live.len()), 1, program(&["/bin/sleep", "1000"]));
        let error = brain.wait(|fact| match fact {
            Fact::Started { key: of, .. } if of == key => Some(None),
            Fact::Ended { key: of, ended } if of == key => Some(Some(ended.status)),
            _ => None,
        });
        match error {
            None => live.push(key),
            Some(Status::NotStarted(error)) => {
                let text = "resource temporarily unavailable while making the process";
                assert_eq!((error.step, &*error.to_string()), (Step::Clone, text));
                break;
            }
            Some(status) => panic!("{status:?}"),
        }
    }
    // Whoever leaves makes room.
    let last = live.pop().expect("one lives");
    brain.kill(&last);
    brain.ended(&last);
    brain.begin("b", 1, program(&["/bin/sleep", "1000"]));
}

#[test]
fn a_program_without_descriptors_left() {
    const TEST: &str = "a_program_without_descriptors_left";
    apart(TEST, &["prlimit", "--nofile=64"], || {
        let brain = Brain::new();
        let mut held = Vec::new();
        let fill = |held: &mut Vec<fs::File>| {
            while let Ok(file) = fs::File::open("/dev/null") {
                held.push(file);
            }
        };
        fill(&mut held);
        let process = || Process {
            stdin: Stdin::Pipe,
            ready: Readiness::Notify,
            descriptors: vec![Descriptor { number: 9, path: "/dev/null".into(), mode: Mode::Read }],
            sockets: vec![Socket {
                name: "a".into(),
                address: Address::Tcp(([127, 0, 0, 1], 0).into()),
                backlog: None,
                shared: false,
                nonblocking: false,
            }],
            ..puppet(&["exit:0"])
        };
        let mut steps = Vec::new();
        // With one more each time it comes one step further, until it starts.
        for round in 1.. {
            let name = format!("a{round}");
            let ended = brain.run(&name, process());
            brain.keeper.order(Order::Forget(Arc::from(name)));
            match ended.status {
                Status::Code(0) => break,
                Status::NotStarted(error) => {
                    assert_eq!(error.error, rustix::io::Errno::MFILE.raw_os_error(), "{error}");
                    if steps.last() != Some(&error.step) {
                        steps.push(error.step);
                    }
                }
                status => panic!("{status:?}"),
            }
            drop(held.pop().expect("it starts long before"));
        }
        for step in [Step::Listen, Step::OpenOutput, Step::OpenNotify] {
            assert!(steps.contains(&step), "{steps:?}");
        }
        // Nothing was kept of those that failed: there is room for as many as before.
        let before = held.len();
        for round in 0..20 {
            let name = format!("b{round}");
            assert_eq!(brain.run(&name, process()).status, Status::Code(0));
            brain.keeper.order(Order::Forget(Arc::from(name)));
        }
        assert_eq!(held.len(), before);
    });
}

#[test]
fn a_script_is_no_program_without_its_shell() {
    let brain = Brain::new();
    let ended = brain.run("a", shell("exit 127"));
    // A code of 127 is the program's own: what does not start has no code.
    assert_eq!(ended.status, Status::Code(127));
}
