//! Keys of units, one by one; units that belong together.

use crate::support::{folder, imported, load, table, try_import};
use mainstay_import::Neighbour::Systemd;

const SERVICE: &str = "[Service]\nExecStart=/bin/web --port 80\nKEY\n";

#[test]
fn each_key_of_a_service_has_its_place() {
    table(
        Systemd,
        "web.service",
        SERVICE,
        r#"
        Restart=always | kept | restart: always
        Restart=no | kept | -
        Restart=on-abnormal | changed | stop: [{signal: TERM, to: all, within: 1m 30s}]
        Restart=on-success | lost | -
        Restart=sometimes | lost | -
        RestartSec=2 | kept | backoff: 2s
        RestartSec=soon | lost | -
        RestartSteps=5\nRestartMaxDelaySec=30\nRestartSec=1 | kept | backoff: {geometric: {first: 1s, most: 30s, steps: 5}}
        StartLimitBurst=3 | kept | preset: {systemd: {StartLimitBurst: 3}}
        StartLimitIntervalSec=1min | kept | preset: {systemd: {StartLimitIntervalSec: 1m}}
        StartLimitInterval=0 | kept | budget: none
        SuccessExitStatus=143 TEMPFAIL | kept | success: [143, 75, HUP, INT, PIPE, TERM]
        SuccessExitStatus=SIGUSR1 | kept | success: [HUP, INT, PIPE, TERM, USR1]
        RestartPreventExitStatus=255 | changed | success: [255, HUP, INT, PIPE, TERM]
        Type=simple | kept | -
        Type=notify | kept | ready: notify
        Type=forking | lost | on_demand: true
        Type=dbus | changed | -
        NotifyAccess=all | kept | notify: all
        WatchdogSec=30 | kept | liveness: {heartbeat: {every: 10s, misses: 3}}
        WatchdogSec=0 | kept | -
        TimeoutStartSec=5min | kept | start_timeout: 5m
        TimeoutSec=20 | kept | stop: [{signal: TERM, to: all, within: 20s}]
        TimeoutStopSec=5 | kept | stop: [{signal: TERM, to: all, within: 5s}]
        TimeoutStopSec=0 | kept | stop: [{signal: TERM, to: all, within: unbounded}]
        KillMode=mixed | kept | stop: [{signal: TERM, within: 1m 30s}]
        KillMode=process | kept | contain: main
        KillSignal=SIGINT | kept | stop: [{signal: INT, to: all, within: 1m 30s}]
        SendSIGKILL=no | kept | stop: [{signal: TERM, to: all, within: unbounded}]
        ExecStart=\nExecStart=-/bin/late | lost | command: /bin/late
        Restart=on-failure\nRestartForceExitStatus=SIGTERM 3 | kept | success: [HUP, INT, PIPE]
        RestartForceExitStatus=0 | lost | -
        ExecStop=/bin/web stop | changed | stop: [{command: /bin/web stop, within: 1m 30s}, {signal: TERM, to: all, within: 1m 30s}]
        ExecReload=-/bin/web -s reload | changed | reload: {command: /bin/web -s reload}
        ExecStop=/bin/kill -QUIT $MAINPID | changed | stop: [{signal: QUIT, within: 1m 30s}, {signal: TERM, to: all, within: 1m 30s}]
        ExecReload=/bin/kill -HUP $MAINPID | kept | reload: HUP
        ExecReload=/bin/web -s reload | kept | reload: {command: /bin/web -s reload}
        ExecStartPre=/bin/web -t | changed | command: [/bin/sh, "-c", "/bin/web -t && exec /bin/web --port 80"]
        ExecStartPost=/bin/true | lost | -
        ExecStopPost=/bin/true | lost | -
        ConditionPathExists=/etc/x | changed | command: [/bin/sh, "-c", "{ test -e /etc/x || exit 0; } && exec /bin/web --port 80"]
        User=shop | kept | user: shop
        Group=shop | kept | group: shop
        SupplementaryGroups=a b | changed | groups: [a, b]
        DynamicUser=yes | lost | -
        WorkingDirectory=/srv | kept | folder: /srv
        WorkingDirectory=~ | lost | -
        UMask=027 | kept | umask: 0027
        UMask=x | lost | -
        Nice=5 | kept | nice: 5
        OOMScoreAdjust=-900 | kept | oom_score: "-900"
        IOSchedulingClass=idle | kept | io_priority: idle
        Environment=A=1 'B=two words' | kept | B: two words
        Environment=A | lost | -
        PassEnvironment=TERM EDITOR | kept | inherit: [TERM, EDITOR]
        UnsetEnvironment=A | lost | -
        EnvironmentFile=-/nowhere/at/all | lost | -
        StandardOutput=null | kept | output: "null"
        StandardOutput=append:/var/log/web.log | changed | log: {path: /var/log/web.log, stamps: false}
        StandardOutput=journal | changed | -
        SyslogIdentifier=web | lost | -
        LimitNOFILE=65536 | kept | rlimits: {nofile: 65536}
        LimitCORE=0:infinity | kept | rlimits: {core: {soft: 0, hard: unlimited}}
        LimitNICE=5 | lost | -
        MemoryMax=512M | changed | limits: {memory: 512MiB}
        CPUQuota=150% | changed | limits: {cpu: 150%}
        TasksMax=infinity | kept | -
        MemoryMax=50% | lost | -
        NoNewPrivileges=yes | kept | no_new_privileges: true
        CapabilityBoundingSet=CAP_NET_BIND_SERVICE | kept | capabilities: [CAP_NET_BIND_SERVICE]
        CapabilityBoundingSet= | kept | capabilities: []
        CapabilityBoundingSet=~CAP_SYS_ADMIN | lost | -
        CapabilityBoundingSet=CAP_MADE_UP | lost | -
        AmbientCapabilities=CAP_NET_BIND_SERVICE | lost | -
        ProtectSystem=strict | lost | -
        SystemCallFilter=@system-service | lost | -
        FileDescriptorStoreMax=4 | kept | store: 4
        RuntimeMaxSec=1d | changed | recycle: 24h
        RemainAfterExit=yes | changed | -
        PIDFile=/run/web.pid | kept | -
        Slice=system.slice | lost | -
        MadeUpByNobody=1 | lost | -
        "#,
    );
}

#[test]
fn commands_that_are_not_the_only_one_are_told_one_by_one() {
    let verdicts = |unit: &str| {
        let made = imported(Systemd, &[("web.service", unit)]);
        let all = made.report.items.iter().filter(|item| item.key == "ExecStart");
        let all: Vec<&str> = all.map(crate::support::word).collect();
        (all.join(" "), made.spec)
    };
    for (kind, lines, expected, line) in [
        ("simple", "/bin/a\nExecStart=/bin/b", "lost kept", "command: /bin/b"),
        (
            "oneshot",
            "/bin/a\nExecStart=/bin/b",
            "changed changed",
            "command: [/bin/sh, \"-c\", \"/bin/a && exec /bin/b\"]",
        ),
        (
            "oneshot",
            "-/bin/a\nExecStart=-/bin/b",
            "changed changed",
            "command: [/bin/sh, \"-c\", \"{ /bin/a || :; } && { /bin/b || :; } && exec true\"]",
        ),
        ("simple", "-/bin/a", "lost", "command: /bin/a"),
    ] {
        let unit = format!("[Service]\nType={kind}\nExecStart={lines}\n");
        let (said, spec) = verdicts(&unit);
        assert_eq!(said, expected, "{unit}");
        assert!(spec.lines().any(|written| written.trim() == line), "{line} is not in\n{spec}");
    }
}

#[test]
fn a_unit_that_waits_is_not_wanted_as_one_that_starts() {
    let files = [
        (
            "web.service",
            "[Unit]\nWants=tidy.service db.service tidy.timer\n[Service]\nExecStart=/bin/web\n",
        ),
        ("db.service", "[Service]\nExecStart=/bin/db\n"),
        ("tidy.service", "[Service]\nType=oneshot\nExecStart=/bin/tidy\n"),
        ("tidy.timer", "[Timer]\nOnCalendar=daily\n"),
    ];
    let folder = folder(&files);
    let made = try_import(Systemd, &[folder.path().into()]).expect("it is right");
    load(&made.spec, folder.path());
    let wants = made.report.items.iter().find(|item| item.key == "Wants").expect("it is told");
    assert_eq!(crate::support::word(wants), "lost", "{}", made.report);
    assert!(wants.verdict.text().contains("`tidy` does not start by itself"), "{}", made.report);
}

#[test]
fn variables_are_filled_in_by_a_shell_that_the_program_replaces() {
    let unit = "[Service]\nEnvironment=OPTS=-v\nExecStart=/bin/web $OPTS --name=${NAME} 50%%\n";
    let made = imported(Systemd, &[("web.service", unit)]);
    let line = r#"command: [/bin/sh, "-c", "exec /bin/web $OPTS --name=\"$${NAME}\" 50%"]"#;
    assert!(made.spec.contains(line), "{}", made.spec);
}

#[test]
fn folders_are_made_by_a_child_that_comes_before() {
    let unit = "[Service]\nExecStart=/bin/web\nUser=shop\nRuntimeDirectory=shop\nStateDirectory=shop shop/db\n\
                RuntimeDirectoryMode=0750\n";
    let made = imported(Systemd, &[("web.service", unit)]);
    for line in [
        "install -d -m 0750 -o shop -g \\\"$(id -gn shop)\\\" /run/shop && install -d -m 0755 -o shop -g",
        "needs: [{child: web-folders, until: completed}]",
        "STATE_DIRECTORY: \"/var/lib/shop:/var/lib/shop/db\"",
    ] {
        assert!(made.spec.contains(line), "{line} is not in\n{}", made.spec);
    }
}

#[test]
fn units_that_belong_together_become_one_tree() {
    let files = [
        (
            "db.service",
            "[Unit]\nDescription=Base\nBefore=web.service\n[Service]\nType=notify\nExecStart=/bin/db\n",
        ),
        (
            "web.service",
            "[Unit]\nAfter=network.target setup.service\nRequires=setup.service other.service\nBindsTo=db.service\n\
             [Service]\nExecStart=/bin/web\n[Install]\nWantedBy=multi-user.target\n",
        ),
        (
            "setup.service",
            "[Unit]\nAfter=late.service\n[Service]\nType=oneshot\nExecStart=/bin/a\nExecStart=/bin/b\n",
        ),
        ("late.service", "[Unit]\nAfter=setup.service\n[Service]\nExecStart=/bin/late\n"),
        (
            "api.socket",
            "[Socket]\nListenStream=127.0.0.1:8080\nListenStream=/run/api.sock\nSocketMode=0660\nNoDelay=yes\n",
        ),
        ("api.service", "[Service]\nExecStart=/bin/api\n"),
        (
            "tidy.timer",
            "[Timer]\nOnCalendar=Mon..Fri 03:30\nPersistent=true\n[Install]\nWantedBy=timers.target\n",
        ),
        ("tidy.service", "[Service]\nType=oneshot\nExecStart=/bin/tidy\n"),
        ("worker@.service", "[Service]\nExecStart=/bin/work --id %i\n"),
        ("watch.path", "[Path]\nPathChanged=/etc/x\n"),
        ("web.service.d/port.conf", "[Service]\nExecStart=\nExecStart=/bin/web --port 81\n"),
    ];
    let folder = folder(&files);
    let made = try_import(Systemd, &[folder.path().into()]).expect("it is right");
    let loaded = load(&made.spec, folder.path());
    let names: Vec<&str> = loaded.names().collect();
    assert_eq!(names, ["api", "db", "late", "setup", "tidy", "web", "worker@1"]);
    for line in [
        "command: /bin/web --port 81",
        "needs: [{child: db, until: ready, on_restart: stop}, {child: setup, until: completed}]",
        "command: [/bin/sh, \"-c\", \"/bin/a && exec /bin/b\"]",
        "schedule: {cron: \"30 3 * * 1-5\"}",
        "- {name: api.socket, tcp: \"127.0.0.1:8080\"}",
        "- {name: api.socket-2, unix: /run/api.sock, mode: 0660}",
        "command: [/bin/work, \"--id\", \"${instance}\"]",
    ] {
        assert!(made.spec.contains(line), "{line} is not in\n{}", made.spec);
    }
    let report = made.report.to_string();
    for text in [
        "`late`: left out, for the two would wait for each other",
        "not imported with it, and not started by this tree",
        "sockets have an address, rights, `backlog`, `shared` and `nonblocking` alone",
        "a start that was missed while the daemon was down is not made up for",
        "nothing is started when a path changes",
        "a template has instances by number",
    ] {
        let flat = report.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(text), "{text} is not in\n{report}");
    }
}

#[test]
fn an_instance_is_read_from_its_template() {
    let folder = folder(&[("w@.service", "[Service]\nExecStart=/bin/w %i %I\n")]);
    let made = try_import(Systemd, &[folder.path().join("w@a-b.service")]).expect("it is right");
    assert!(made.spec.contains("w@a-b:"), "{}", made.spec);
    assert!(made.spec.contains("command: /bin/w a-b a/b"), "{}", made.spec);
}

#[test]
fn what_is_no_unit_is_refused_with_its_line() {
    for (text, expected) in [
        (
            "[Service]\nExecStart\n",
            "web.service:2: `ExecStart` is neither a section nor `Key=value`",
        ),
        ("ExecStart=/bin/a\n", "web.service:1: `ExecStart` stands before the first `[Section]`"),
        (
            "[Service]\nRestart=no\n",
            "declares no process: a process is a `.service` unit with `ExecStart=`",
        ),
    ] {
        let folder = folder(&[("web.service", text)]);
        let error = try_import(Systemd, &[folder.path().join("web.service")]).expect_err("wrong");
        assert!(error.contains(expected), "{error}");
    }
    let error = try_import(Systemd, &["/nowhere/web.service".into()]).expect_err("not there");
    assert_eq!(error, "cannot read `/nowhere/web.service`");
}
