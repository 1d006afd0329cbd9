//! Every key of the input is told once, whatever stands there, and what is written can be loaded.

use crate::support::{folder, load, try_import};
use mainstay_import::Neighbour;
use proptest::prelude::*;

/// Keys that a neighbour knows, and some that nobody does, with values of every kind.
fn pairs(known: &'static [&'static str]) -> impl Strategy<Value = Vec<(String, String)>> {
    let key = prop_oneof![
        6 => proptest::sample::select(known).prop_map(String::from),
        1 => "[a-z]{3,12}".prop_map(|name| format!("zz{name}")),
    ];
    let value = prop_oneof![
        proptest::sample::select(
            &[
                "1",
                "0",
                "5s",
                "10",
                "true",
                "false",
                "yes",
                "no",
                "always",
                "on-failure",
                "never",
                "/tmp/x",
                "TERM",
                "SIGINT",
                "notify",
                "a b",
                "web",
                "infinity",
                "512M",
                "022",
                "100%",
                "null",
                "oneshot",
                "/bin/x -a",
                "max",
            ][..]
        )
        .prop_map(String::from),
        "[a-zA-Z0-9 /._-]{1,12}".prop_map(|text| text.trim().to_owned()),
    ];
    proptest::collection::btree_map(key, value, 0..14)
        .prop_map(|map| map.into_iter().filter(|(_, value)| !value.is_empty()).collect())
}

/// Imports a file, counts what is told, and loads what is written.
fn count(neighbour: Neighbour, name: &str, text: &str) -> Result<usize, TestCaseError> {
    let folder = folder(&[(name, text)]);
    let made = try_import(neighbour, &[folder.path().join(name)]);
    let made = made.map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
    load(&made.spec, folder.path());
    let (kept, changed) = (made.report.kept().count(), made.report.changed().count());
    prop_assert_eq!(kept + changed + made.report.lost().count(), made.report.items.len());
    Ok(made.report.items.len())
}

const UNIT: &[&str] = &[
    "Type",
    "Restart",
    "RestartSec",
    "RestartSteps",
    "RestartMaxDelaySec",
    "StartLimitBurst",
    "StartLimitIntervalSec",
    "TimeoutSec",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "KillMode",
    "KillSignal",
    "SendSIGKILL",
    "User",
    "Group",
    "UMask",
    "Nice",
    "WorkingDirectory",
    "Environment",
    "EnvironmentFile",
    "PassEnvironment",
    "LimitNOFILE",
    "LimitCPU",
    "MemoryMax",
    "CPUQuota",
    "TasksMax",
    "CPUWeight",
    "SuccessExitStatus",
    "RestartPreventExitStatus",
    "WatchdogSec",
    "NotifyAccess",
    "ExecStartPre",
    "ExecStop",
    "ExecReload",
    "ExecCondition",
    "RuntimeDirectory",
    "RuntimeDirectoryMode",
    "StandardOutput",
    "StandardError",
    "StandardInput",
    "NoNewPrivileges",
    "CapabilityBoundingSet",
    "IOSchedulingClass",
    "OOMScoreAdjust",
    "RuntimeMaxSec",
    "FileDescriptorStoreMax",
    "PrivateTmp",
    "RemainAfterExit",
    "ConditionPathExists",
];
const PROGRAM: &[&str] = &[
    "process_name",
    "numprocs",
    "numprocs_start",
    "directory",
    "umask",
    "priority",
    "autostart",
    "startsecs",
    "startretries",
    "autorestart",
    "exitcodes",
    "stopsignal",
    "stopwaitsecs",
    "stopasgroup",
    "killasgroup",
    "user",
    "redirect_stderr",
    "stdout_logfile",
    "stdout_logfile_maxbytes",
    "stdout_logfile_backups",
    "stderr_logfile",
    "environment",
    "serverurl",
];
const PROCESS: &[&str] = &[
    "description",
    "working_dir",
    "environment",
    "env_file",
    "ready_log_line",
    "log_location",
    "namespace",
    "replicas",
    "disabled",
    "is_tty",
    "success_exit_codes",
    "is_daemon",
    "launch_timeout_seconds",
    "watch",
    "schedule",
    "depends_on",
];
const APP: &[&str] = &[
    "cwd",
    "args",
    "instances",
    "exec_mode",
    "autorestart",
    "max_restarts",
    "min_uptime",
    "restart_delay",
    "kill_timeout",
    "exp_backoff_restart_delay",
    "max_memory_restart",
    "wait_ready",
    "watch",
    "out_file",
    "error_file",
    "cron_restart",
    "stop_exit_codes",
    "kill_signal",
    "treekill",
    "user",
    "namespace",
    "time",
    "interpreter",
    "node_args",
];
const SERVICE: &[&str] = &[
    "user",
    "working_dir",
    "restart",
    "container_name",
    "command",
    "entrypoint",
    "stop_grace_period",
    "stop_signal",
    "init",
    "tty",
    "privileged",
    "mem_limit",
    "environment",
    "env_file",
    "ports",
    "volumes",
    "network_mode",
    "hostname",
    "profiles",
    "depends_on",
    "build",
    "platform",
];
const SECTION: &[&str] = &["chdir", "user", "group", "port", "environment", "env_file", "host"];

/// Returns a text as a YAML scalar.
fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_units(pairs in pairs(UNIT)) {
        let lines: String = pairs.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        let told = count(Neighbour::Systemd, "a.service", &format!("[Service]\nExecStart=/bin/a\n{lines}"))?;
        prop_assert_eq!(told, pairs.len() + 1);
    }

    #[test]
    fn of_programs(pairs in pairs(PROGRAM)) {
        let lines: String = pairs.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        let told = count(Neighbour::Supervisord, "s.conf", &format!("[program:a]\ncommand=/bin/a\n{lines}"))?;
        prop_assert_eq!(told, pairs.len() + 1);
    }

    #[test]
    fn of_processes(pairs in pairs(PROCESS)) {
        let lines: String = pairs.iter().map(|(key, value)| format!("    {key}: {}\n", quoted(value))).collect();
        let text = format!("version: \"0.5\"\nprocesses:\n  a:\n    command: /bin/a\n{lines}");
        prop_assert_eq!(count(Neighbour::ProcessCompose, "p.yaml", &text)?, pairs.len() + 2);
    }

    #[test]
    fn of_apps(pairs in pairs(APP)) {
        let lines: String = pairs.iter().map(|(key, value)| format!(", \"{key}\": \"{value}\"")).collect();
        let text = format!("{{\"apps\": [{{\"name\": \"a\", \"script\": \"a.js\"{lines}}}]}}");
        prop_assert_eq!(count(Neighbour::Pm2, "ecosystem.json", &text)?, pairs.len() + 2);
    }

    #[test]
    fn of_services(pairs in pairs(SERVICE)) {
        let lines: String = pairs.iter().map(|(key, value)| format!("    {key}: {}\n", quoted(value))).collect();
        let text = format!("services:\n  a:\n    image: redis:7\n{lines}");
        prop_assert_eq!(count(Neighbour::DockerCompose, "compose.yaml", &text)?, pairs.len() + 1);
    }

    #[test]
    fn of_sections(pairs in pairs(SECTION)) {
        let lines: String = pairs.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let told = count(Neighbour::Procserv, "procServ.conf", &format!("[ioc]\ncommand = ./st.cmd\n{lines}"))?;
        prop_assert_eq!(told, pairs.len() + 1);
    }

    #[test]
    fn of_folders(files in proptest::collection::btree_set(proptest::sample::select(&[
        "finish", "notification-fd", "down", "down-signal", "timeout-kill", "timeout-finish", "max-death-tally", "lock-fd",
        "timeout-up", "flag-newpidns", "log", "conf", "check", "zzz", "nosetsid",
    ][..]), 0..8), value in "[a-z0-9]{0,4}") {
        let mut all: Vec<(String, String)> = vec![("web/run".into(), "#!/bin/sh\nexec web\n".into())];
        all.extend(files.iter().map(|name| (format!("web/{name}"), value.clone())));
        let all: Vec<(&str, &str)> = all.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let folder = folder(&all);
        let made = try_import(Neighbour::S6, &[folder.path().join("web")]).map_err(TestCaseError::fail)?;
        load(&made.spec, folder.path());
        prop_assert_eq!(made.report.items.len(), all.len());
    }

    #[test]
    fn of_lines(lines in proptest::collection::vec("[a-z]{1,6}: [a-z $|'-]{1,12}|# [a-z]{3}|[a-z ]{1,9}", 0..8)) {
        let text = format!("web: ./serve\n{}\n", lines.join("\n"));
        let told = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count();
        prop_assert_eq!(count(Neighbour::Procfile, "Procfile", &text)?, told);
    }
}
