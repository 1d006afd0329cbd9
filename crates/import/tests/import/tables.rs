//! Keys of the other neighbours, one by one.

use crate::support::{folder, imported, imported_with, load, table, try_import, word};
use mainstay_import::Neighbour;

#[test]
fn of_supervisord() {
    table(
        Neighbour::Supervisord,
        "supervisord.conf",
        "[program:web]\ncommand=/bin/web\nKEY\n",
        r#"
        autorestart=true | kept | restart: always
        autorestart=unexpected | kept | -
        autorestart=false | changed | restart: never
        autorestart=maybe | lost | -
        startsecs=5 | kept | stable_after: 5s
        startsecs=0 | kept | budget: none
        startretries=7 | kept | budget: {count: restarts, most: 7, within: consecutive}
        exitcodes=0,2 | kept | success: [2]
        exitcodes=2 | changed | success: [2]
        autostart=false | kept | on_demand: true
        stopsignal=QUIT | kept | stop: [{signal: QUIT, within: 10s}]
        stopasgroup=true | kept | stop: [{signal: TERM, to: all, within: 10s}]
        stopwaitsecs=3 | kept | stop: [{signal: TERM, within: 3s}]
        stopsignal=NOPE | lost | -
        directory=%(here)s | kept | -
        user=shop | kept | user: shop
        umask=022 | kept | umask: 0022
        environment=A="1,2",B='x' | kept | A: "1,2"
        environment=A | lost | -
        redirect_stderr=true | kept | preset: supervisord
        stdout_logfile=/var/log/web.log | kept | log: {path: /var/log/web.log, size: 50MiB, keep: 10, stamps: false}
        stderr_logfile=/var/log/web.err | kept | log: {path: /var/log/web.err, size: 50MiB, keep: 10, stamps: false}
        stdout_logfile=syslog | lost | -
        numprocs=3 | kept | web@0..2:
        process_name=%(program_name)s_%(process_num)02d\nnumprocs=2 | kept | web_01:
        stdout_capture_maxbytes=1MB | changed | output_events: {messages: [out]}
        stderr_events_enabled=true | changed | output_events: {lines: [err]}
        stdout_events_enabled=false | kept | -
        serverurl=AUTO | lost | -
        made_up=1 | lost | -
        command=/bin/%(what)s | lost | -
        "#
        .replace("        directory=%(here)s | kept | -\n", "")
        .replace("        command=/bin/%(what)s | lost | -\n", "")
        .as_str(),
    );
    let text = "[supervisord]\nidentifier=shop\n[group:app]\nprograms=db,web\npriority=5\n[program:web]\ncommand=/bin/web \
                --n %(ENV_N)s\npriority=20\n[program:db]\ncommand=/bin/db\npriority=10\n[program:late]\ncommand=/bin/late\n\
                [eventlistener:mail]\ncommand=/bin/mail\nevents=TICK_60\n[inet_http_server]\nport=*:9001\npassword=hush\n";
    let made = imported(Neighbour::Supervisord, &[("supervisord.conf", text)]);
    let places: Vec<usize> = ["mail:", "app:", "db:", "web:", "late:"]
        .iter()
        .map(|name| made.spec.find(&format!(" {name}\n")).expect(name))
        .collect();
    assert!(places.is_sorted(), "{}", made.spec);
    assert!(made.spec.contains("command: [/bin/web, \"--n\", \"${N:-}\"]"), "{}", made.spec);
    assert!(made.report.items.iter().all(|item| item.value != "hush"), "a password is not shown");
}

#[test]
fn event_listeners_of_supervisord_are_told_of_events_here() {
    let text = "[program:web]\ncommand=/bin/web\n\
                [eventlistener:mail]\ncommand=/bin/mail\nevents=tick_60, PROCESS_STATE,MADE_UP\nbuffer_size=50\n\
                result_handler=my.module:handle\nredirect_stderr=true\nstdout_logfile=/var/log/said.log\n\
                stderr_logfile=/var/log/mail.log\n\
                [eventlistener:many]\ncommand=/bin/many\nevents=EVENT\nnumprocs=2\n\
                process_name=%(program_name)s_%(process_num)02d\n\
                [eventlistener:idle]\ncommand=/bin/idle\n";
    let made = imported(Neighbour::Supervisord, &[("supervisord.conf", text)]);
    let verdicts: Vec<(&str, &str)> = made
        .report
        .items
        .iter()
        .filter(|item| item.section.starts_with("eventlistener:"))
        .map(|item| (item.key.as_str(), word(item)))
        .collect();
    for (key, word) in [
        ("events", "lost"),
        ("buffer_size", "kept"),
        ("result_handler", "lost"),
        ("redirect_stderr", "lost"),
        ("stdout_logfile", "lost"),
        ("stderr_logfile", "kept"),
    ] {
        assert!(verdicts.contains(&(key, word)), "{key} is not {word}: {verdicts:?}");
    }
    let spec = &made.spec;
    assert!(spec.contains("listener: {events: [TICK_60, PROCESS_STATE], buffer: 50}"), "{spec}");
    assert_eq!(spec.matches("listener: {events: [EVENT], pool: many}").count(), 2, "{spec}");
    assert!(spec.contains("path: /var/log/mail.log"), "{spec}");
    let folder = folder(&[]);
    let loaded = load(spec, folder.path());
    let pools: Vec<&str> = loaded.listeners.values().map(|listener| &*listener.pool).collect();
    assert_eq!(pools, ["mail", "many", "many"]);
}

#[test]
fn what_supervisord_includes_is_read_too() {
    let files = [
        ("s.conf", "[include]\nfiles = conf.d/*.ini\n"),
        ("conf.d/a.ini", "[program:a]\ncommand=/bin/a ; the first\n"),
        ("conf.d/b.ini", "[program:b]\ncommand=/bin/b\n"),
    ];
    let made = imported(Neighbour::Supervisord, &files);
    assert!(made.spec.contains("command: /bin/a\n") && made.spec.contains("command: /bin/b\n"));
}

#[test]
fn of_process_compose() {
    table(
        Neighbour::ProcessCompose,
        "process-compose.yaml",
        "processes:\n  db: {command: /bin/db}\n  web:\n    command: /bin/web\n    KEY\n",
        r#"
        working_dir: /srv | kept | folder: /srv
        environment: [A=1, "B=${HOME}/x"] | kept | B: "${HOME:-}/x"
        environment: {A: 1} | kept | A: "1"
        depends_on: {db: {condition: process_healthy}} | kept | needs: [db]
        depends_on: {db: {condition: process_completed_successfully}} | kept | needs: [{child: db, until: completed}]
        depends_on: {db: {condition: process_completed}} | changed | needs: [{child: db, until: completed}]
        depends_on: {gone: {condition: process_started}} | lost | -
        availability: {restart: on_failure, backoff_seconds: 2} | kept | backoff: 2s
        availability: {restart: always, max_restarts: 5} | kept | preset: {process-compose: {max_restarts: 5}}
        availability: {restart: exit_on_failure} | kept | on_exhausted: shutdown
        availability: {exit_on_end: true} | kept | auto_shutdown: any-significant
        availability: {exit_on_skipped: true} | lost | -
        readiness_probe: {http_get: {host: 127.0.0.1, port: 80}} | changed | liveness: {probes: [{kind: readiness, http: "http://127.0.0.1:80/"}]}
        liveness_probe: {exec: {command: test -e /x}, period_seconds: 5} | kept | liveness: {probes: [{kind: liveness, exec: test -e /x, every: 5s}]}
        readiness_probe: {http_get: {scheme: https, port: 80}} | lost | -
        ready_log_line: started | kept | ready: {line: started}
        shutdown: {signal: 2, timeout_seconds: 3} | kept | stop: [{signal: INT, to: all, within: 3s}]
        shutdown: {command: /bin/web stop} | kept | stop: [{command: /bin/web stop, within: 10s}]
        log_location: /tmp/web.log | kept | log: {path: /tmp/web.log}
        namespace: app | changed | labels:
        replicas: 3 | kept | web@0..2:
        disabled: true | kept | on_demand: true
        is_tty: true | kept | terminal: true
        is_daemon: true | lost | on_demand: true
        entrypoint: [a, b] | kept | -
        vars: {A: 1} | kept | -
        log_configuration: {rotation: {compress: true}} | lost | -
        success_exit_codes: [3] | kept | success: [3]
        schedule: {cron: "0 3 * * *"} | kept | schedule: {cron: "0 3 * * *"}
        schedule: {interval: 5m, run_on_start: true} | lost | -
        made_up: 1 | lost | -
        "#
        .replace("        schedule: {interval: 5m, run_on_start: true} | lost | -\n", "")
        .as_str(),
    );
    // What is filled in while the file is read, what is left to the shell, and what `vars` say.
    for (text, expected) in [
        ("command: echo $A ${B:-x}", r#"command: [bash, "-c", "echo ${A:-} ${B:-x}"]"#),
        ("command: echo $$A $${B}", r#"command: [bash, "-c", "echo $A $${B}"]"#),
        ("command: echo ${A^^}", r#"command: [bash, "-c", "echo $${A^^}"]"#),
        ("command: echo {{.TAG}}\n    vars: {TAG: v1}", "command: echo v1"),
        (
            "command: serve 80{{.PC_REPLICA_NUM}}\n    replicas: 2",
            r#"command: [serve, "80${instance}"]"#,
        ),
        (
            "command: serve $A\n    disable_env_expansion: true",
            r#"command: [bash, "-c", "serve $A"]"#,
        ),
        (
            "command: a\n    readiness_probe: {exec: {command: b, working_dir: /x}}",
            r#"liveness: {probes: [{kind: readiness, exec: [bash, "-c", "cd /x && b"]}]}"#,
        ),
    ] {
        let text = format!("processes:\n  web:\n    {text}\n");
        let made = imported(Neighbour::ProcessCompose, &[("p.yaml", &text)]);
        let is_there = made.spec.lines().any(|line| line.trim() == expected);
        assert!(is_there, "{expected} is not in\n{}", made.spec);
    }
    let text = "processes:\n  web:\n    command: cd /srv && ./web | tee log\n";
    let made = imported(Neighbour::ProcessCompose, &[("p.yaml", text)]);
    assert!(
        made.spec.contains("command: [bash, \"-c\", \"cd /srv && ./web | tee log\"]"),
        "{}",
        made.spec
    );
}

#[test]
fn of_pm2() {
    table(
        Neighbour::Pm2,
        "ecosystem.json",
        r#"{"apps": [{"name": "web", "script": "app.js" KEY}]}"#,
        r#"
        , "args": "-p 80" | kept | command: node app.js -p 80
        , "interpreter": "python3" | kept | command: python3 app.js
        , "interpreter": "none" | kept | command: ./app.js
        , "node_args": ["--inspect"] | kept | command: node --inspect app.js
        , "cwd": "/srv" | kept | folder: /srv
        , "env": {"PORT": 80} | kept | PORT: "80"
        , "env_production": {"A": "1"} | lost | -
        , "instances": 3 | kept | web@0..2:
        , "instances": "max" | lost | -
        , "exec_mode": "cluster" | lost | -
        , "autorestart": false | kept | restart: never
        , "restart_delay": 500 | kept | backoff: 500ms
        , "exp_backoff_restart_delay": 200 | kept | backoff: {exponential: {first: 200ms, factor: 1.5, most: 15s}}
        , "exp_backoff_restart_delay": 60000 | changed | backoff: 15s
        , "max_restarts": 5, "min_uptime": "2s" | changed | budget: {count: failures, most: 5, within: tumbling 10s}
        , "kill_timeout": 3000 | kept | stop: [{signal: INT, within: 3s, to: all}]
        , "treekill": false | kept | stop: [{signal: INT, within: 1s 600ms}]
        , "max_memory_restart": "300M" | changed | limits: {memory: 300MiB}
        , "stop_exit_codes": [3] | changed | success: [3]
        , "wait_ready": true | lost | -
        , "filter_env": ["SECRET_"] | lost | -
        , "watch": true | lost | -
        , "cron_restart": "0 3 * * *" | lost | -
        , "out_file": "/tmp/web.log" | changed | log: {path: /tmp/web.log, stamps: false}
        , "out_file": "/tmp/web.log", "error_file": "/tmp/web.err" | lost | log: {path: /tmp/web.log, stamps: false}
        , "log_file": "/tmp/all.log", "out_file": "/tmp/web.log" | lost | log: {path: /tmp/all.log, stamps: false}
        , "out_file": "/dev/null", "error_file": "/dev/null" | kept | output: "null"
        , "out_file": "/dev/null", "error_file": "/dev/null", "log_file": "/a.log" | changed | log: {path: /a.log, stamps: false}
        , "port": 3000 | kept | PORT: "3000"
        , "made_up": 1 | lost | -
        "#,
    );
    let made = folder(&[("ecosystem.config.js", "module.exports = {apps: []}\n")]);
    let error = try_import(Neighbour::Pm2, &[made.path().join("ecosystem.config.js")])
        .expect_err("it is a program");
    assert!(error.contains("is a program, and is not run"), "{error}");
}

#[test]
fn of_docker_compose() {
    let around =
        "name: shop\nservices:\n  db: {image: postgres}\n  web:\n    image: web:1\n    KEY\n";
    table(
        Neighbour::DockerCompose,
        "compose.yaml",
        around,
        r#"
        restart: always | kept | restart: always
        restart: on-failure:3 | kept | budget: {count: restarts, most: 3, within: consecutive}
        depends_on: [db] | kept | needs: [{child: network, until: completed}, {child: db, until: started}]
        depends_on: {db: {condition: service_healthy}} | kept | needs: [{child: network, until: completed}, db]
        stop_grace_period: 1m | kept | stop: [{command: docker stop --time 60 shop-web-1, within: 1m 5s}]
        logging: {driver: none} | lost | -
        deploy: {replicas: 3} | lost | -
        profiles: [x] | changed | on_demand: true
        pull_policy: if_not_present | kept | -
        pull_policy: daily | lost | -
        env_file: [{path: a.env}] | lost | -
        environment: {A: "${X:+y}"} | lost | -
        made_up: 1 | lost | -
        "#
        .replace("        pull_policy: if_not_present | kept | -\n", "")
        .as_str(),
    );
    let text = "services:\n  web:\n    image: web:${TAG:?say which}\n    hostname: ${HOST-h}\n";
    let made = imported_with(Neighbour::DockerCompose, &[("compose.yaml", text)], "TAG");
    assert!(made.spec.contains("'web:${TAG:?say which}'"), "{}", made.spec);
    let host = made.report.items.iter().find(|item| item.key == "hostname").expect("told");
    assert_eq!(word(host), "changed", "{}", made.report);
    let text = around.replace(
        "KEY",
        "ports: [\"80:80\"]\n    volumes: [data:/data, ./x:/x:ro]\n    environment: {A: \"${A:-1}\"}\n    command: serve -v\n    \
         healthcheck: {test: curl -f localhost, interval: 5s, retries: 2}",
    );
    let made = imported(Neighbour::DockerCompose, &[("compose.yaml", &text)]);
    for part in [
        "docker run --rm --name shop-web-1 --network shop_default --network-alias web --publish 80:80 --volume shop_data:/data \
         --volume ./x:/x:ro --env 'A=${A:-1}' web:1 serve -v",
        "{kind: readiness, exec: [docker, exec, shop-web-1, /bin/sh, \"-c\", curl -f localhost], every: 5s, timeout: 30s, failures: 2}",
    ] {
        let flat = made.spec.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(part), "{part} is not in\n{}", made.spec);
    }
}

#[test]
fn volumes_of_docker_have_the_names_that_docker_gives_them() {
    let text = "services:\n  db:\n    image: pg\n    volumes: [a:/a, b:/b, c:/c]\n    \
                healthcheck: {test: pg_isready, start_period: 2m}\n\
                volumes: {a: {}, b: {external: true}, c: {name: real}}\n";
    let made = imported(Neighbour::DockerCompose, &[("shop/compose.yaml", text)]);
    let flat = made.spec.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["--volume shop_a:/a --volume b:/b --volume real:/c", "ready_timeout: 5000w"] {
        assert!(flat.contains(part), "{part} is not in\n{}", made.spec);
    }
}

#[test]
fn a_script_of_pm2_with_spaces_is_a_line() {
    let text = r#"{"apps": [{"name": "web", "script": "npm run start", "args": "-- --port 80"}]}"#;
    let made = imported(Neighbour::Pm2, &[("ecosystem.json", text)]);
    assert!(made.spec.contains("command: npm run start -- --port 80\n"), "{}", made.spec);
    assert!(made.spec.contains("shell: true\n"), "{}", made.spec);
}

#[test]
fn of_procserv() {
    table(
        Neighbour::Procserv,
        "procServ.conf",
        "[ioc]\ncommand = ./st.cmd -x\nKEY\n",
        r#"
        chdir = /epics/ioc | kept | folder: /epics/ioc
        user = ioc | kept | user: ioc
        group = controls | kept | group: controls
        port = 2001 | kept | console: {ignore: "^D^C^]", listen: [2001]}
        port = -1 | kept | -
        port = nowhere | lost | -
        host = here | lost | -
        made_up = 1 | lost | -
        "#,
    );
    let script = "#!/bin/sh\n# the IOC\ncd /epics\n/usr/bin/procServ --noautorestart --holdoff 5 -n ioc1 -c /epics/ioc1 \\\n  \
                  --killsig 15 -L /var/log/ioc1.log --frobnicate -P 2001 ./st.cmd a 'b c'\nprocServ -w 2002 ./other\n";
    let made = imported(Neighbour::Procserv, &[("start.sh", script)]);
    for line in [
        "ioc1:",
        "command: [./st.cmd, a, b c]",
        "holdoff: 5s",
        "restart: never",
        "stop: [{signal: TERM}]",
        "console: {transcript: /var/log/ioc1.log, listen: [2001]}",
        "terminal: true",
        "on_demand: true",
    ] {
        assert!(
            made.spec.lines().any(|written| written.trim() == line),
            "{line} is not in\n{}",
            made.spec
        );
    }
    let report = made.report.to_string();
    assert!(
        report.contains("--frobnicate") && report.contains("only lines that begin with procServ"),
        "{report}"
    );
}

#[test]
fn of_s6() {
    let files = [
        ("svc/db/run", "#!/bin/execlineb -P\ndb\n"),
        ("svc/db/type", "longrun\n"),
        ("svc/db/notification-fd", "3\n"),
        ("svc/db/timeout-kill", "5000\n"),
        ("svc/db/down-signal", "SIGINT\n"),
        ("svc/db/finish", "#!/bin/sh\n"),
        ("svc/db/max-death-tally", "10\n"),
        ("svc/init/type", "oneshot\n"),
        ("svc/init/up", "mkdir /tmp/x\n"),
        ("svc/base/type", "bundle\n"),
        ("svc/base/contents.d/db", ""),
        ("svc/base/contents.d/init", ""),
        ("svc/web/type", "longrun\n"),
        ("svc/web/run", "#!/bin/sh\n"),
        ("svc/web/dependencies.d/base", ""),
        ("svc/off/run", "#!/bin/sh\n"),
        ("svc/off/down", ""),
    ];
    let folder = folder(&files);
    let made = try_import(Neighbour::S6, &[folder.path().join("svc")]).expect("it is right");
    let loaded = load(&made.spec, folder.path());
    assert_eq!(loaded.names().collect::<Vec<_>>(), ["db", "init", "off", "web"]);
    for line in [
        "ready: {fd: 3}",
        "stop: [{signal: INT, within: 5s}]",
        "needs: [db, {child: init, until: completed}]",
        "command: [execlineb, \"-P\", ./up]",
        "on_demand: true",
    ] {
        assert!(
            made.spec.lines().any(|written| written.trim() == line),
            "{line} is not in\n{}",
            made.spec
        );
    }
    assert_eq!(
        made.report.lost().map(|item| item.key.as_str()).collect::<Vec<_>>(),
        ["finish", "max-death-tally"]
    );
}

#[test]
fn of_a_procfile() {
    let files = [
        (
            "Procfile",
            "# two\nweb: ./serve -p $PORT\ndb: postgres -D data\nrelease: ./migrate\nnonsense\nempty:\n",
        ),
        (".env", "A=1\n"),
    ];
    let made = imported(Neighbour::Procfile, &files);
    for line in [
        "auto_shutdown: any-significant",
        "command: \"./serve -p $PORT\"",
        "shell: true",
        "PORT: \"5100\"",
        "command: postgres -D data",
        "env_file: [.env]",
        "on_demand: true",
    ] {
        assert!(
            made.spec.lines().any(|written| written.trim() == line),
            "{line} is not in\n{}",
            made.spec
        );
    }
    assert_eq!(made.report.lost().count(), 2);
    // The port of the environment file is that of the first process; a formation makes instances.
    for (extra, expected) in [
        ((".env", "PORT=3000\n"), ["PORT: \"3000\"", "PORT: \"3100\"", "within: 5s"]),
        (
            (".foreman", "port: 6000\ntimeout: 9\n"),
            ["PORT: \"6000\"", "PORT: \"6100\"", "within: 9s"],
        ),
        (
            (".foreman", "formation: web=2\n"),
            ["web@0..1:", "PORT: \"500${instance}\"", "on_demand: true"],
        ),
    ] {
        let files = [("Procfile", "web: ./web\nworker: ./work\n"), extra];
        let made = imported(Neighbour::Procfile, &files);
        for part in expected {
            assert!(made.spec.contains(part), "{part} is not in\n{}", made.spec);
        }
    }
}
