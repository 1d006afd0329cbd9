//! Every key that a neighbour documents is known: kept, changed in meaning, or not honoured with what to do about it.

use crate::support::{folder, load, try_import};
use mainstay_import::{Imported, Neighbour, Report};
use std::collections::BTreeSet;
use std::process::Command;

/// Imports the first of some files, and has the loader read what is written.
#[track_caller]
fn made(neighbour: Neighbour, files: &[(&str, &str)]) -> Imported {
    let folder = folder(files);
    let made = try_import(neighbour, &[folder.path().join(files[0].0)]).expect("it is right");
    load(&made.spec, folder.path());
    made
}

/// What went wrong, so that a table shows all of it at once.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    /// Notes keys that are not told, or told as ones that nobody knows, or without advice.
    fn look<'a>(&mut self, report: &Report, keys: impl IntoIterator<Item = &'a str>) {
        for key in keys {
            let is_told = report.items.iter().any(|item| {
                let known = item.key.as_str();
                known == key
                    || known.starts_with(&format!("{key}."))
                    || known.ends_with(&format!(".{key}"))
            });
            if !is_told {
                self.0.push(format!("`{key}` is dropped silently"));
            }
        }
        for item in &report.items {
            let text = item.verdict.text();
            if text.starts_with("no key that") {
                self.0.push(format!("`{} = {}` is not known", item.key, item.value));
            }
        }
        for item in report.lost().filter(|item| item.verdict.text().len() < 12) {
            self.0.push(format!("`{}` has no advice: {}", item.key, item.verdict.text()));
        }
    }

    #[track_caller]
    fn none(mut self) {
        self.0.sort();
        self.0.dedup();
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

/// Returns what systemd itself says that units can hold: sections with their keys.
fn of_systemd_itself() -> Vec<(String, String)> {
    let program = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"];
    let said = program
        .iter()
        .find_map(|path| Command::new(path).arg("--dump-configuration-items").output().ok());
    let Some(said) = said.filter(|said| said.status.success()) else {
        // CI installs it: there it must not be missing.
        assert!(std::env::var_os("MAINSTAY_UNITS").is_none(), "systemd is not installed");
        return Vec::new();
    };
    let text = String::from_utf8(said.stdout).expect("text");
    let mut section = String::new();
    let mut all = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.split_once('=') {
            all.push((section.clone(), key.to_owned()));
        }
    }
    assert!(all.len() > 500, "only {} keys", all.len());
    all
}

/// Keys of versions of systemd after the one of Debian 12: 253 to 258.
const LATER: &[(&str, &str)] = &[
    ("Unit", "SurviveFinalKillSignal"),
    ("Unit", "WantsMountsFor"),
    ("Unit", "AssertCPUFeature"),
    ("Unit", "ConditionVersion"),
    ("Unit", "ConditionKernelModuleLoaded"),
    ("Service", "RestartSteps"),
    ("Service", "RestartMaxDelaySec"),
    ("Service", "RestartMode"),
    ("Service", "FileDescriptorStorePreserve"),
    ("Service", "OpenFile"),
    ("Service", "ExitType"),
    ("Service", "ReloadSignal"),
    ("Service", "ExecReloadPost"),
    ("Service", "RefreshOnReload"),
    ("Service", "RootEphemeral"),
    ("Service", "ImportCredential"),
    ("Service", "MemoryKSM"),
    ("Service", "PrivatePIDs"),
    ("Service", "PrivateBPF"),
    ("Service", "BPFDelegateCommands"),
    ("Service", "UserNamespacePath"),
    ("Service", "MemoryZSwapWriteback"),
    ("Service", "MemoryPressureWatch"),
    ("Service", "CoredumpReceive"),
    ("Service", "NFTSet"),
    ("Service", "SetLoginEnvironment"),
    ("Service", "StateDirectoryQuota"),
    ("Service", "DelegateNamespaces"),
    ("Service", "ManagedOOMMemoryPressureDurationSec"),
    ("Timer", "RandomizedOffsetSec"),
    ("Timer", "DeferReactivation"),
    ("Socket", "PassFileDescriptorsToExec"),
    ("Socket", "PollLimitIntervalSec"),
    ("Socket", "PollLimitBurst"),
    ("Socket", "AcceptFileDescriptors"),
    ("Socket", "PassPIDFD"),
    ("Socket", "DeferTrigger"),
    ("Socket", "DeferTriggerMaxSec"),
    ("Install", "UpheldBy"),
];

#[test]
fn of_systemd() {
    let mut wrong = Wrong::default();
    let mut all = of_systemd_itself();
    all.extend(LATER.iter().map(|(section, key)| ((*section).into(), (*key).into())));
    let of = |section: &str| {
        let keys = all.iter().filter(|(known, _)| known == section).map(|(_, key)| key.as_str());
        let keys: BTreeSet<&str> = keys.filter(|key| *key != "ExecStart").collect();
        keys
    };
    // One at a time, for some of them change what others mean; with more than one value.
    for value in ["1", "/bin/a b"] {
        for (section, keys) in
            [("Unit", of("Unit")), ("Service", of("Service")), ("Install", of("Install"))]
        {
            for key in keys {
                let unit = match section {
                    "Service" => format!("[Service]\nExecStart=/bin/web\n{key}={value}\n"),
                    _ => format!("[{section}]\n{key}={value}\n[Service]\nExecStart=/bin/web\n"),
                };
                let made = made(Neighbour::Systemd, &[("web.service", &unit)]);
                wrong.look(&made.report, [key]);
            }
        }
    }
    for section in ["Socket", "Timer"] {
        for key in of(section) {
            let kind = section.to_lowercase();
            let files = [
                ("web.service".to_owned(), "[Service]\nExecStart=/bin/web\n".to_owned()),
                (format!("web.{kind}"), format!("[{section}]\n{key}=1\n")),
            ];
            let files: Vec<(&str, &str)> =
                files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            let folder = folder(&files);
            let made =
                try_import(Neighbour::Systemd, &[folder.path().into()]).expect("it is right");
            load(&made.spec, folder.path());
            wrong.look(&made.report, [key]);
        }
    }
    wrong.none();
}

/// Keys of supervisord 4.2.5, by section.
const SUPERVISORD: &[(&str, &str)] = &[
    ("unix_http_server", "file chmod chown username password"),
    ("inet_http_server", "port username password"),
    (
        "supervisord",
        "logfile logfile_maxbytes logfile_backups loglevel pidfile umask nodaemon silent minfds minprocs nocleanup \
         childlogdir user directory strip_ansi environment identifier",
    ),
    ("supervisorctl", "serverurl username password prompt history_file"),
    ("rpcinterface:x", "supervisor.rpcinterface_factory retries"),
    ("ctlplugin:x", "supervisor.ctl_factory"),
    ("group:g", "programs priority"),
    (
        "program:p",
        "process_name numprocs numprocs_start priority autostart startsecs startretries autorestart exitcodes stopsignal \
         stopwaitsecs stopasgroup killasgroup user redirect_stderr stdout_logfile stdout_logfile_maxbytes \
         stdout_logfile_backups stdout_capture_maxbytes stdout_events_enabled stdout_syslog stderr_logfile \
         stderr_logfile_maxbytes stderr_logfile_backups stderr_capture_maxbytes stderr_events_enabled stderr_syslog \
         environment directory umask serverurl",
    ),
    ("fcgi-program:f", "socket socket_backlog socket_owner socket_mode"),
    ("eventlistener:e", "buffer_size events result_handler"),
];

#[test]
fn of_supervisord() {
    let mut wrong = Wrong::default();
    for value in ["1", "true", "/tmp/x", "none"] {
        for (section, keys) in SUPERVISORD {
            for key in keys.split_whitespace() {
                let kind = section.split(':').next().expect("a kind");
                let runs = matches!(kind, "program" | "fcgi-program" | "eventlistener");
                let command = if runs { "command=/bin/x\n" } else { "" };
                let text = format!(
                    "[program:other]\ncommand=/bin/o\n[{section}]\n{command}{key}={value}\n"
                );
                let made = made(Neighbour::Supervisord, &[("s.conf", &text)]);
                wrong.look(&made.report, [key]);
            }
        }
    }
    wrong.none();
}

/// Keys of processes of process-compose 1.64 and later, each with a value.
const PROCESS: &[&str] = &[
    "description: x",
    "disabled: true",
    "is_daemon: true",
    "entrypoint: [a, b]",
    "log_location: ./x.log",
    "log_configuration: {rotation: {directory: /tmp, filename: x, max_size_mb: 1, max_backups: 2, max_age_days: 3, \
     compress: true}, fields_order: [time], disable_json: true, timestamp_format: x, no_color: true, no_metadata: true, \
     add_timestamp: true, flush_each_line: true}",
    "environment: [A=1]",
    "env_file: .env.x",
    "availability: {restart: on_failure, backoff_seconds: 2, max_restarts: 3, exit_on_end: true, exit_on_skipped: true}",
    "depends_on: {db: {condition: process_healthy}}",
    "liveness_probe: {exec: {command: x, working_dir: /tmp}, initial_delay_seconds: 1, period_seconds: 2, \
     timeout_seconds: 3, success_threshold: 1, failure_threshold: 4}",
    "readiness_probe: {http_get: {host: h, path: /p, scheme: http, port: 1, num_port: 2, status_code: 200, \
     headers: {A: b}}}",
    "readiness_probe: {grpc: {port: 1}}",
    "ready_log_line: up",
    "shutdown: {command: x, timeout_seconds: 3, signal: 2, parent_only: true, send_keys: [q]}",
    "disable_ansi_colors: true",
    "working_dir: /tmp",
    "namespace: n",
    "replicas: 2",
    "vars: {A: 1}",
    "is_foreground: true",
    "is_tty: true",
    "is_interactive: true",
    "is_elevated: true",
    "is_dotenv_disabled: true",
    "is_template_disabled: true",
    "disable_env_expansion: true",
    "launch_timeout_seconds: 5",
    "success_exit_codes: [3]",
    "extends: other",
    "schedule: {cron: \"0 3 * * *\", timezone: UTC, run_on_start: true, max_concurrent: 2}",
    "watch: {paths: [x]}",
    "mcp: {tool: x}",
    "x-mine: 1",
];
const PROJECT: &[&str] = &[
    "version: \"0.5\"",
    "name: shop",
    "log_location: ./x.log",
    "log_level: debug",
    "log_length: 10",
    "log_format: json",
    "log_configuration: {no_color: true}",
    "environment: [A=1]",
    "shell: {shell_command: sh, shell_argument: -c, elevated_shell_command: sudo, elevated_shell_argument: -S}",
    "is_strict: true",
    "vars: {A: 1}",
    "disable_env_expansion: true",
    "is_tui_disabled: true",
    "is_dotenv_disabled: true",
    "extends: other.yaml",
    "env_cmds: {A: date}",
    "ordered_shutdown: true",
    "namespaces: {n: {}}",
    "x-mine: 1",
];

fn name(line: &str) -> &str {
    line.split(':').next().expect("a key")
}

#[test]
fn of_process_compose() {
    let mut wrong = Wrong::default();
    for line in PROCESS {
        let text = format!(
            "processes:\n  db: {{command: /bin/db}}\n  web:\n    command: /bin/web\n    {line}\n"
        );
        let made = made(Neighbour::ProcessCompose, &[("p.yaml", &text)]);
        wrong.look(&made.report, [name(line)]);
    }
    for line in PROCESS {
        for value in ["[a]", "{a: b}", "1", "\"\"", "x y"] {
            let key = name(line);
            let text = format!("processes:\n  web:\n    command: /bin/web\n    {key}: {value}\n");
            wrong.look(&made(Neighbour::ProcessCompose, &[("p.yaml", &text)]).report, [key]);
        }
    }
    for line in PROJECT {
        let text = format!("{line}\nprocesses:\n  web: {{command: /bin/web}}\n");
        let made = made(Neighbour::ProcessCompose, &[("p.yaml", &text)]);
        wrong.look(&made.report, [name(line)]);
    }
    wrong.none();
}

/// Attributes of PM2 6's own schema of apps, with their other names.
const APP: &str = "name name_prefix filter_env namespace install_url cwd args exec_interpreter interpreter node_args \
    interpreterArgs interpreter_args out_file out output out_log error_file error err err_file err_log log_file log \
    disable_logs log_type log_date_format time env env_production max_memory_restart pid_file pid restart_delay \
    exp_backoff_restart_delay source_map_support disable_source_map_support wait_ready instances kill_timeout \
    shutdown_with_message listen_timeout cron_restart cron merge_logs combine_logs vizion autorestart watch_delay watch \
    ignore_watch watch_options min_uptime max_restarts execute_command exec_mode force append_env_to_name post_update \
    trace disable_trace v8 event_loop_inspector deep_monitoring increment_var instance_var pmx automation treekill port \
    username uid user gid windowsHide kill_retry_time write io stop_exit_codes autostart kill_signal";

#[test]
fn of_pm2() {
    let mut wrong = Wrong::default();
    for value in ["1", "true", "\"x\"", "[\"a\"]", "{\"A\": \"b\"}"] {
        for key in APP.split_whitespace() {
            let text = format!("{{\"apps\": [{{\"script\": \"app.js\", \"{key}\": {value}}}]}}");
            wrong.look(&made(Neighbour::Pm2, &[("e.json", &text)]).report, [key]);
        }
    }
    let other = "{\"apps\": [{\"exec\": \"app.js\", \"name\": \"web\"}], \"deploy\": {\"a\": {\"user\": \"x\"}}}";
    let made = made(Neighbour::Pm2, &[("e.json", other)]);
    wrong.look(&made.report, ["exec", "deploy"]);
    wrong.none();
}

/// Attributes of services of the Compose specification of 2025.
const SERVICE: &str = "annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs \
    container_name cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset \
    credential_spec depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint \
    env_file environment expose extends external_links extra_hosts gpus group_add healthcheck hostname init ipc isolation \
    label_file labels links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit models \
    network_mode networks oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_stop privileged \
    profiles provider pull_policy pull_refresh_after read_only restart runtime scale secrets security_opt shm_size \
    stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts \
    volumes volumes_from working_dir x-mine";

#[test]
fn of_docker_compose() {
    let mut wrong = Wrong::default();
    for value in ["1", "true", "a", "[a]", "[{path: a}]", "{a: b}"] {
        for key in SERVICE.split_whitespace() {
            let text = format!("services:\n  web:\n    image: web:1\n    {key}: {value}\n");
            wrong.look(&made(Neighbour::DockerCompose, &[("c.yaml", &text)]).report, [key]);
        }
        for key in [
            "version", "name", "include", "models", "networks", "volumes", "secrets", "configs",
            "x-mine",
        ] {
            let text = format!("services: {{web: {{image: web:1}}}}\n{key}: {value}\n");
            wrong.look(&made(Neighbour::DockerCompose, &[("c.yaml", &text)]).report, [key]);
        }
    }
    wrong.none();
}

/// What procServ 2.7.0 says when it is asked, and `-o` of later ones.
const PROCSERV: &str = "--allow --autorestartcmd=^T --coresize=1 --chdir=/ --debug --exec=/bin/x --foreground --holdoff=1 \
    --ignore=^D --info-file=/tmp/i --killcmd=^X --killsig=15 --logport=2002 --logfile=/tmp/l --logstamp --logstamp=x \
    --name=n --noautorestart --pidfile=/tmp/p --port=2003 --quiet --restrict --timefmt=%F --wait --logoutcmd=^] \
    --oneshot";

#[test]
fn of_procserv() {
    let mut wrong = Wrong::default();
    for option in PROCSERV.split_whitespace() {
        let port = if option.starts_with("--port") { "" } else { "-P 2001" };
        let text = format!("procServ {port} {option} ./st.cmd\n");
        let made = made(Neighbour::Procserv, &[("start.sh", &text)]);
        wrong.look(&made.report, [option.split('=').next().expect("a name")]);
    }
    for key in ["chdir", "user", "group", "instance", "environ", "env_file", "port", "host"] {
        let text = format!("[ioc]\ncommand = ./st.cmd\n{key} = 1\n");
        let folder = folder(&[("procServ.conf", &text)]);
        let made = try_import(Neighbour::Procserv, &[folder.path().join("procServ.conf")]);
        wrong.look(&made.expect("it is right").report, [key]);
    }
    wrong.none();
}

/// Files of service folders of s6 2.13 and s6-rc 0.5, and of runit.
const S6: &str = "finish down notification-fd lock-fd timeout-kill timeout-finish max-death-tally down-signal \
    flag-newpidns nosetsid event supervise data env instance instances template conf check control log producer-for \
    consumer-for pipeline-name flag-essential flag-recommended essential timeout-up timeout-down dependencies";

#[test]
fn of_s6() {
    let mut wrong = Wrong::default();
    for name in S6.split_whitespace() {
        let path = format!("web/{name}");
        let files = [("web/run", "#!/bin/sh\nexec web\n"), (path.as_str(), "3\n")];
        let folder = folder(&files);
        let made = try_import(Neighbour::S6, &[folder.path().join("web")]).expect("it is right");
        load(&made.spec, folder.path());
        wrong.look(&made.report, [name]);
    }
    wrong.none();
}

#[test]
fn of_foreman() {
    let mut wrong = Wrong::default();
    for line in [
        "port: 6000",
        "formation: web=2",
        "env: .env.x",
        "procfile: P",
        "root: /",
        "timeout: 9",
        "color: true",
        "timestamp: true",
    ] {
        let files = [("Procfile", "web: ./web\nworker: ./work\n"), (".foreman", line)];
        wrong.look(&made(Neighbour::Procfile, &files).report, [name(line)]);
    }
    wrong.none();
}
