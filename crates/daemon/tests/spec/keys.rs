//! Every key has an effect: in the declared tree, and so in what the core and the keeper are told.
//!
//! A row has a key, what is written, and what the declared child then holds, which it does not hold without.

use crate::support::{declared, good, spec};
use mainstay_wire::spec::keys::{Group, PROCESS, ROOT, SUPERVISOR};
use std::collections::BTreeSet;

/// Keys of a process.
const PROCESSES: &[(&str, &str, &str)] = &[
    ("command", "command: [./x, a b]", r#"command: ["./x", "a b"]"#),
    ("shell", "{shell: true}", r#"command: ["/bin/sh", "-c", "./x --a 'b c'"]"#),
    ("success", "success: [3, TERM]", "success: Success { codes: [3], signals: [15] }"),
    ("stop", "stop: 7s", "steps: [For(7s)]"),
    ("stop", "stop: kill", "stop: Stop { steps: [], "),
    ("stop", "stop: unbounded", "steps: [Unbounded]"),
    ("stop", "stop: INT", "Signal(2, Main)"),
    ("stop.signal", "stop: {signal: QUIT}", "Signal(3, Main)"),
    ("stop.to", "stop: {signal: TERM, to: all}", "Signal(15, All)"),
    (
        "stop.within",
        "stop: [{signal: INT, within: 5s}, {signal: TERM, within: unbounded}]",
        "[For(5s), Unbounded]",
    ),
    ("stop.message", "{stop: {message: quit}, stdin: pipe}", "Message([113, 117, 105, 116])"),
    (
        "stop.command",
        "stop: {command: redis-cli shutdown}",
        r#"Execute(["redis-cli", "shutdown"])"#,
    ),
    ("kill_wait", "kill_wait: 2s", "kill_wait: 2s"),
    ("reload", "reload: HUP", "reload: Some(Signal(1))"),
    ("reload.signal", "reload: {signal: USR1}", "reload: Some(Signal(10))"),
    ("reload.notify", "reload: {notify: HUP}", "reload: Some(Notify(1))"),
    ("reload.command", "reload: {command: [a, b]}", r#"reload: Some(Execute(["a", "b"]))"#),
    ("on_demand", "on_demand: true", "activation: OnDemand { idle: None }"),
    ("on_demand.idle", "on_demand: {idle: 10m}", "activation: OnDemand { idle: Some(600s) }"),
    ("schedule", "schedule: '0 2 * * *'", "restart: Never"),
    ("touches", "touches: rest-for-one", "strategy: Some(RestForOne)"),
    ("recycle", "recycle: 24h", "recycle: Some(86400s)"),
    ("preset", "preset: epics", "holdoff: 10s"),
    ("restart", "restart: on-failure", "restart: OnFailure"),
    ("restart", "restart: transient", "restart: OnFailure"),
    ("restart", "restart: temporary", "restart: Never"),
    ("criticality", "criticality: critical", "criticality: Critical"),
    ("criticality", "criticality: required", "criticality: Required"),
    ("backoff", "backoff: 5s", "shape: Fixed(5s)"),
    ("backoff", "backoff: none", "shape: None"),
    ("backoff", "backoff: [1s, 1m]", "shape: Ladder([1s, 60s])"),
    ("backoff.fixed", "backoff: {fixed: 6s}", "shape: Fixed(6s)"),
    ("backoff.ladder", "backoff: {ladder: [2s]}", "shape: Ladder([2s])"),
    (
        "backoff.linear",
        "backoff: {linear: {first: 1s, step: 2s, most: 9s}}",
        "Linear { first: 1s, step: 2s, most: 9s }",
    ),
    (
        "backoff.exponential",
        "backoff: {exponential: {first: 1s, factor: 1.5, most: 9s}}",
        "Exponential { first: 1s, factor: 1.5, most: 9s }",
    ),
    (
        "backoff.geometric",
        "backoff: {geometric: {first: 1s, most: 9s, steps: 3}}",
        "Geometric { first: 1s, most: 9s, steps: 3 }",
    ),
    ("jitter", "jitter: full", "jitter: Full"),
    ("jitter", "jitter: none", "jitter: None"),
    ("jitter.additive", "jitter: {additive: 1s}", "jitter: Additive(1s)"),
    ("holdoff", "holdoff: 2s", "holdoff: 2s"),
    ("budget", "budget: none", "budget: []"),
    (
        "budget.count",
        "budget: {count: failures, most: 3, within: 1m}",
        "count: Failures, most: 3, within: Sliding(60s), scope: Child, admit: AtExit",
    ),
    ("budget.most", "budget: [{count: restarts, most: 77, within: 1m}]", "most: 77"),
    (
        "budget.within",
        "budget: [{count: restarts, most: 3, within: tumbling 1m}, {count: restarts, most: 4, within: consecutive}]",
        "within: Consecutive",
    ),
    (
        "budget.scope",
        "budget: {count: restarts, most: 3, within: 2m, scope: child}",
        "Sliding(120s), scope: Child",
    ),
    (
        "budget.admit",
        "budget: {count: starts, most: 3, within: 1m, admit: at-start}",
        "admit: AtStart",
    ),
    ("on_exhausted", "on_exhausted: quarantine", "on_exhausted: Quarantine"),
    ("cooldown", "cooldown: [30s, manual]", "cooldown: [For(30s), Manual]"),
    ("cooldown", "cooldown: manual", "cooldown: [Manual]"),
    ("level_decay", "level_decay: 12h", "level_decay: 43200s"),
    ("stable_after", "stable_after: 5m", "stable_after: 300s"),
    ("start_timeout", "start_timeout: 5s", "start_timeout: 5s"),
    ("ready", "ready: notify", "ready: Notify"),
    ("ready.fd", "ready: {fd: 4}", "ready: Fd(4)"),
    ("ready.line", "ready: {line: up}", "ready: Line(\"up\")"),
    ("ready_timeout", "{ready: notify, ready_timeout: 9s}", "ready_timeout: 9s"),
    ("notify", "notify: all", "notify: Some(All)"),
    ("notify", "notify: exec", "notify: Some(Exec)"),
    ("liveness.heartbeat", "liveness: {heartbeat: 5s}", "Heartbeat { every: 5s, misses: 3"),
    ("liveness.heartbeat.every", "liveness: {heartbeat: {every: 4s}}", "Heartbeat { every: 4s"),
    ("liveness.heartbeat.misses", "liveness: {heartbeat: {misses: 9}}", "misses: 9"),
    ("liveness.probes", "liveness: {probes: [{tcp: '127.0.0.1:1'}]}", "ready: Probe"),
    (
        "liveness.probes.kind",
        "liveness: {probes: [{kind: liveness, tcp: '127.0.0.1:1'}]}",
        "kind: Liveness",
    ),
    (
        "liveness.probes.exec",
        "liveness: {probes: [{exec: pg_isready -q}]}",
        r#"Exec(["pg_isready", "-q"])"#,
    ),
    ("liveness.probes.tcp", "liveness: {probes: [{tcp: '127.0.0.1:7'}]}", "Tcp("),
    ("liveness.probes.http", "liveness: {probes: [{http: 'http://127.0.0.1/up'}]}", "/up"),
    ("liveness.probes.grpc", "liveness: {probes: [{grpc: '127.0.0.1:9'}]}", "Grpc("),
    (
        "liveness.probes.service",
        "liveness: {probes: [{grpc: '127.0.0.1:9', service: shop}]}",
        "shop",
    ),
    (
        "liveness.probes.headers",
        "liveness: {probes: [{http: 'http://127.0.0.1/', headers: {X-A: b}}]}",
        "X-A",
    ),
    (
        "liveness.probes.status",
        "liveness: {probes: [{http: 'http://127.0.0.1/', status: 200-204}]}",
        "200..=204",
    ),
    (
        "liveness.probes.through",
        "liveness: {probes: [{http: 'http://127.0.0.1/', through: 'unix:/run/w'}]}",
        "/run/w",
    ),
    (
        "liveness.probes.initial",
        "liveness: {probes: [{tcp: '127.0.0.1:1', initial: 5s}]}",
        "initial: 5s",
    ),
    ("liveness.probes.every", "liveness: {probes: [{tcp: '127.0.0.1:1', every: 6s}]}", "every: 6s"),
    (
        "liveness.probes.timeout",
        "liveness: {probes: [{tcp: '127.0.0.1:1', timeout: 7s}]}",
        "timeout: 7s",
    ),
    (
        "liveness.probes.failures",
        "liveness: {probes: [{tcp: '127.0.0.1:1', failures: 8}]}",
        "failures: 8",
    ),
    (
        "liveness.probes.successes",
        "liveness: {probes: [{tcp: '127.0.0.1:1', successes: 9}]}",
        "successes: 9",
    ),
    ("environment", "environment: {PORT: 80}", r#"set: ["PORT"]"#),
    ("inherit", "inherit: all", r#"inherit: ["*"]"#),
    ("inherit", "inherit: none", "inherit: []"),
    ("inherit", "inherit: [MY_*]", r#""TMPDIR", "MY_*"]"#),
    ("secrets.env", "secrets: {PASS: {env: TOKEN}}", r#"set: ["PASS"]"#),
    ("secrets.command", "secrets: {PASS: {command: echo x}}", r#"set: ["PASS"]"#),
    ("folder", "folder: sub", r#"folder: Some("/spec/sub")"#),
    ("user", "user: nobody", r#"user: Some("nobody")"#),
    ("group", "group: daemon", r#" group: Some("daemon")"#),
    ("groups", "groups: [audio]", r#"groups: Some(["audio"])"#),
    ("umask", "umask: '0027'", "umask: Some(23)"),
    ("nice", "nice: -5", "nice: Some(-5)"),
    ("io_priority", "io_priority: idle", "io_priority: Some(Idle)"),
    ("io_priority.realtime", "io_priority: {realtime: 3}", "Some(Realtime(3))"),
    ("io_priority.best-effort", "io_priority: {best-effort: 4}", "Some(BestEffort(4))"),
    ("oom_score", "oom_score: -500", "oom_score: Some(-500)"),
    ("rlimits.as", "rlimits: {as: 1GiB}", "resource: As, soft: Some(1073741824)"),
    (
        "rlimits.core",
        "rlimits: {core: {soft: 0, hard: unlimited}}",
        "resource: Core, soft: Some(0), hard: None",
    ),
    ("rlimits.core.soft", "rlimits: {core: {soft: 1, hard: 2}}", "soft: Some(1)"),
    ("rlimits.core.hard", "rlimits: {core: {soft: 1, hard: 2}}", "hard: Some(2)"),
    ("rlimits.cpu", "rlimits: {cpu: 60}", "resource: Cpu, soft: Some(60), hard: Some(60)"),
    ("rlimits.data", "rlimits: {data: 1M}", "resource: Data"),
    ("rlimits.fsize", "rlimits: {fsize: 1M}", "resource: Fsize"),
    (
        "rlimits.memlock",
        "rlimits: {memlock: unlimited}",
        "resource: Memlock, soft: None, hard: None",
    ),
    ("rlimits.nofile", "rlimits: {nofile: 100}", "resource: Nofile"),
    ("rlimits.nproc", "rlimits: {nproc: 100}", "resource: Nproc"),
    ("rlimits.stack", "rlimits: {stack: 8MiB}", "resource: Stack"),
    ("capabilities", "capabilities: [CAP_KILL]", r#"capabilities: Some(["CAP_KILL"])"#),
    ("no_new_privileges", "no_new_privileges: true", "no_new_privileges: true"),
    ("session", "session: group", "session: Group"),
    ("session", "session: shared", "session: Shared"),
    ("death_signal", "death_signal: INT", "death_signal: Some(2)"),
    ("pid_namespace", "pid_namespace: true", "pid_namespace: true"),
    (
        "descriptors.number",
        "descriptors: [{number: 5, path: data}]",
        r#"number: 5, path: "/spec/data", mode: Read"#,
    ),
    ("descriptors.path", "descriptors: [{number: 5, path: /d}]", r#"path: "/d""#),
    ("descriptors.mode", "descriptors: [{number: 5, path: data, mode: append}]", "mode: Append"),
    (
        "descriptors.mode",
        "descriptors: [{number: 5, path: data, mode: read-write}]",
        "mode: ReadWrite",
    ),
    ("sockets.name", "sockets: [{name: http, tcp: '127.0.0.1:80'}]", r#"name: "http""#),
    ("sockets.tcp", "sockets: [{name: http, tcp: '127.0.0.1:80'}]", "Tcp(127.0.0.1:80)"),
    ("sockets.udp", "sockets: [{name: dns, udp: '[::1]:53'}]", "Udp([::1]:53)"),
    (
        "sockets.unix",
        "sockets: [{name: s, unix: /run/s}]",
        r#"Unix { path: "/run/s", mode: None }"#,
    ),
    (
        "sockets.unix_datagram",
        "sockets: [{name: s, unix_datagram: '@s'}]",
        r#"UnixDatagram { path: "@s""#,
    ),
    ("sockets.mode", "sockets: [{name: s, unix: /run/s, mode: '0660'}]", "mode: Some(432)"),
    ("sockets.backlog", "sockets: [{name: s, unix: /run/s, backlog: 9}]", "backlog: Some(9)"),
    ("sockets.shared", "sockets: [{name: s, unix: /run/s, shared: true}]", "shared: true"),
    (
        "sockets.nonblocking",
        "sockets: [{name: s, unix: /run/s, nonblocking: true}]",
        "nonblocking: true",
    ),
    ("store", "store: 4", "store: 4"),
    ("stdin", "stdin: pipe", "stdin: Pipe"),
    ("stdin", "stdin: inherit", "stdin: Inherit"),
    ("stdin.file", "stdin: {file: in}", r#"stdin: File("/spec/in")"#),
    ("output", "output: apart", "streams: Apart"),
    ("output", "output: inherit", "streams: Inherit"),
    ("output", "output: 'null'", "streams: Null"),
    ("terminal", "terminal: true", "Terminal { rows: 24, columns: 80 }"),
    ("terminal.rows", "terminal: {rows: 50}", "rows: 50"),
    ("terminal.columns", "terminal: {columns: 132}", "columns: 132"),
    ("log", "log: logs/web.log", r#"path: "/spec/logs/web.log", size: 10485760"#),
    ("log.path", "log: {path: /l}", r#"path: "/l""#),
    ("log.size", "log: {path: /l, size: 1MiB}", "size: 1048576"),
    ("log.age", "log: {path: /l, age: 24h}", "age: Some(86400s)"),
    ("log.keep", "log: {path: /l, keep: 3}", "keep: 3"),
    ("log.compress", "log: {path: /l, compress: true}", "compress: true"),
    ("log.stamps", "log: {path: /l, stamps: false}", "stamps: false"),
    ("log.format", "log: {path: /l, format: json}", "format: Json"),
    ("echo", "echo: 'web | '", r#"echo: Some("web | ")"#),
    ("pressure", "pressure: dropping", "pressure: Dropping"),
    ("keep_last", "keep_last: 16KiB", "last: Some(16384)"),
    ("limits.memory", "limits: {memory: 1M}", "memory: Some(1048576)"),
    ("limits.memory_high", "limits: {memory_high: 1M}", "memory_high: Some(1048576)"),
    ("limits.swap", "limits: {swap: 0}", "swap: Some(0)"),
    ("limits.cpu", "limits: {cpu: 150%}", "cpu: Some(150)"),
    ("limits.cpu_weight", "limits: {cpu_weight: 200}", "cpu_weight: Some(200)"),
    ("limits.pids", "limits: {pids: 100}", "pids: Some(100)"),
    ("limits.io_weight", "limits: {io_weight: 50}", "io_weight: Some(50)"),
    ("contain", "contain: cgroup", "contain: Cgroup"),
    ("contain", "contain: descent", "contain: Descent"),
    ("contain", "contain: main", "contain: Main"),
    ("rest", "rest: 5s", "rest: Rest(5s)"),
    ("leftovers", "leftovers: kill", "leftovers: Kill"),
    ("leftovers", "leftovers: refuse", "leftovers: Refuse"),
    ("overlap", "overlap: allow", "overlap: Allow"),
    ("needs", "needs: other", r#"Need { child: "other", until: Ready, on_restart: Ignore }"#),
    ("needs.child", "needs: {child: other}", r#"child: "other""#),
    ("needs.until", "needs: [{child: other, until: completed}]", "until: Completed"),
    ("needs.until", "needs: [{child: other, until: started}]", "until: Started"),
    ("needs.on_restart", "needs: [{child: other, on_restart: stop}]", "on_restart: Stop"),
    ("needs.on_restart", "needs: [{child: other, on_restart: restart}]", "on_restart: Restart"),
];

/// Keys with a test of their own, or whose inner keys have rows.
const ELSEWHERE: &[&str] = &[
    "restart_on_change",
    "restart_on_change.paths",
    "restart_on_change.debounce",
    "schedule.cron",
    "schedule.every",
    "schedule.time_zone",
    "schedule.overlap",
    "console",
    "console.listen",
    "console.log_listen",
    "console.allow",
    "console.keys",
    "console.keys.kill",
    "console.keys.restart",
    "console.keys.toggle",
    "console.keys.quit",
    "console.keys.logout",
    "console.ignore",
    "console.title",
    "console.info_file",
    "console.transcript",
    "console.transcript.path",
    "console.transcript.stamp",
    "console.time",
    "console.mode",
    // In `listeners`.
    "listener",
    "listener.events",
    "listener.pool",
    "listener.buffer",
    "listener.timeout",
    "output_events",
    "output_events.lines",
    "output_events.messages",
    "env_file",
    "secrets",
    "secrets.file",
    "significant",
    "labels",
    "description",
    "template",
    "instances",
    "rlimits",
    "rlimits.as.soft",
    "descriptors",
    "sockets",
    "limits",
    "liveness",
    "backoff.linear.first",
    "backoff.linear.step",
    "backoff.linear.most",
    "backoff.exponential.first",
    "backoff.exponential.factor",
    "backoff.exponential.most",
    "backoff.geometric.first",
    "backoff.geometric.most",
    "backoff.geometric.steps",
];

fn body(written: &str) -> String {
    let inner = written.strip_prefix('{').map_or(written, |inner| inner.strip_suffix('}').unwrap());
    let command = if inner.starts_with("command:") { "" } else { "command: \"./x --a 'b c'\", " };
    format!("children: {{other: ./o, web: {{{command}{inner}}}}}")
}

fn shown(text: &str) -> String {
    // The form repeats what is written, so it proves nothing.
    let shown = format!("{:?}", declared(&spec(&good(text)), "web"));
    let at = shown.find("form: Some(").expect("it has a form");
    shown[..at].to_owned()
}

#[test]
fn every_key_of_a_process_has_its_effect() {
    let plain = shown(&body("nice: 0"));
    let mut wrong = Vec::new();
    for (key, written, expected) in PROCESSES {
        let text = body(written);
        let shown = shown(&text);
        if !shown.contains(expected) {
            wrong.push(format!("{key}: no {expected}\nin {shown}\nof {text}"));
        }
        if plain.contains(expected) {
            wrong.push(format!("{key}: {expected} stands there without it"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn no_key_is_forgotten() {
    let mut known: BTreeSet<String> = ELSEWHERE.iter().map(|key| (*key).to_owned()).collect();
    known.extend(PROCESSES.iter().map(|(key, ..)| (*key).to_owned()));
    let mut missing = Vec::new();
    walk(&PROCESS, "", &mut |path, _| {
        // Each limit of the kernel takes the same.
        let is_inner = path.starts_with("rlimits.") && path.matches('.').count() == 2;
        if !known.contains(path) && !is_inner {
            missing.push(path.to_owned());
        }
    });
    assert!(missing.is_empty(), "no row for {missing:?}");
}

#[test]
fn every_example_of_the_table_is_accepted() {
    walk(&PROCESS, "", &mut |path, example| {
        if path.contains('.') || matches!(path, "command" | "template" | "needs") {
            return;
        }
        // A key that means something only beside another.
        let beside = match path {
            "ready_timeout" => "ready: notify, ",
            _ => "",
        };
        good(&format!("children: {{web: {{command: ./x, {beside}{path}: {example}}}}}"));
    });
    walk(&SUPERVISOR, "", &mut |path, example| {
        if !path.contains('.') && PROCESS.key(path).is_none() && path != "children" {
            good(&format!("children: {{app: {{children: {{}}, {path}: {example}}}}}"));
        }
    });
    walk(&ROOT, "", &mut |path, example| {
        if !path.contains('.') && !matches!(path, "children" | "include") {
            good(&format!("children: {{}}\n{path}: {example}\n"));
        }
    });
}

/// Calls this with the path and the example of every key.
fn walk(group: &'static Group, above: &str, each: &mut dyn FnMut(&str, &str)) {
    for key in group.all() {
        let path =
            if above.is_empty() { key.name.to_owned() } else { format!("{above}.{}", key.name) };
        each(&path, key.example);
        for inner in key.takes.groups() {
            if key.name != "defaults" {
                walk(inner, &path, each);
            }
        }
    }
}
