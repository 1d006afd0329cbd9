//! One service of `compose.yaml` as a `docker run`.

use super::{NAME, life};
use crate::compose::unknown;
use crate::given::Given;
use crate::model::{Child, Need, Value, name};
use crate::shell::{self, quote};
use crate::yaml::{Node, Yaml};
use crate::{Files, units};
use std::path::Path;

/// The child that makes the network.
pub(super) const NETWORK: &str = "network";

pub(super) struct Here<'a> {
    pub(super) project: &'a str,
    /// What the file says about volumes.
    pub(super) volumes: Option<&'a Node>,
    pub(super) folder: &'a Path,
    pub(super) files: &'a dyn Files,
}

/// Options of `docker run` that take one text, and keys that are one of them.
const PLAIN: &[(&str, &str)] = &[
    ("user", "--user"),
    ("working_dir", "--workdir"),
    ("hostname", "--hostname"),
    ("domainname", "--domainname"),
    ("stop_signal", "--stop-signal"),
    ("platform", "--platform"),
    ("pid", "--pid"),
    ("ipc", "--ipc"),
    ("uts", "--uts"),
    ("userns_mode", "--userns"),
    ("cgroup_parent", "--cgroup-parent"),
    ("runtime", "--runtime"),
    ("mem_limit", "--memory"),
    ("memswap_limit", "--memory-swap"),
    ("mem_reservation", "--memory-reservation"),
    ("cpus", "--cpus"),
    ("cpu_shares", "--cpu-shares"),
    ("cpuset", "--cpuset-cpus"),
    ("cpu_quota", "--cpu-quota"),
    ("cpu_period", "--cpu-period"),
    ("pids_limit", "--pids-limit"),
    ("shm_size", "--shm-size"),
    ("oom_score_adj", "--oom-score-adj"),
    ("mac_address", "--mac-address"),
    ("isolation", "--isolation"),
    ("cgroup", "--cgroupns"),
    ("cpu_rt_period", "--cpu-rt-period"),
    ("cpu_rt_runtime", "--cpu-rt-runtime"),
    ("mem_swappiness", "--memory-swappiness"),
];
/// The same for lists, with the option before each.
const LISTS: &[(&str, &str)] = &[
    ("cap_add", "--cap-add"),
    ("cap_drop", "--cap-drop"),
    ("devices", "--device"),
    ("dns", "--dns"),
    ("dns_opt", "--dns-option"),
    ("dns_search", "--dns-search"),
    ("extra_hosts", "--add-host"),
    ("group_add", "--group-add"),
    ("security_opt", "--security-opt"),
    ("tmpfs", "--tmpfs"),
    ("expose", "--expose"),
    ("volumes_from", "--volumes-from"),
    ("env_file", "--env-file"),
    ("device_cgroup_rules", "--device-cgroup-rule"),
];
/// The same for maps, or lists of `NAME=VALUE`.
const MAPS: &[(&str, &str)] = &[
    ("environment", "--env"),
    ("labels", "--label"),
    ("sysctls", "--sysctl"),
    ("annotations", "--annotation"),
];

/// Keys that take one form or another, of which not all are read.
const FORMED: &[&str] = &[
    "annotations",
    "container_name",
    "depends_on",
    "entrypoint",
    "environment",
    "labels",
    "models",
    "network_mode",
    "ports",
    "pull_policy",
    "sysctls",
    "ulimits",
    "volumes",
];

pub(super) fn read(
    service: &str,
    node: &Node,
    here: &Here<'_>,
    given: &mut Given,
) -> Option<Child> {
    let child_name = name(service);
    let mut child = Child::new(child_name.clone());
    given.about(node.ids(), &child_name);
    let container = node.at("container_name").and_then(Node::text).map(str::to_owned);
    let container = container.unwrap_or_else(|| format!("{}-{child_name}-1", here.project));
    let mut words: Vec<String> = ["docker", "run", "--rm", "--name"].map(String::from).to_vec();
    words.push(container.clone());
    let mut entry: Vec<String> = Vec::new();
    let own_network = node.at("network_mode").and_then(Node::text).is_some();
    if !own_network {
        words.extend(["--network".into(), format!("{}_default", here.project)]);
        words.extend(["--network-alias".into(), service.to_owned()]);
    }
    for (key, value) in node.entries() {
        option(key, value, &mut words, &mut entry, here, given);
    }
    let image = image(service, node, here, given);
    let Some(image) = image else {
        node.lost(given, "a service without an image that can be named is left out");
        return None;
    };
    words.push(image);
    words.extend(entry);
    if let Some(command) = node.at("command") {
        let said = match &command.value {
            Yaml::Text(text) => shell::split(text).ok(),
            Yaml::List(_) => Some(command.texts()),
            Yaml::Empty | Yaml::Map(_) => Some(Vec::new()),
        };
        match said {
            Some(said) => {
                words.extend(said);
                command.kept(given, "the last words of the command");
            }
            None => command.lost(given, "it cannot be split: a quote is not closed"),
        }
    }
    // A container that an earlier life of the machine left would keep the name.
    let line = format!(
        "{{ docker rm -f {} >/dev/null 2>&1 || :; }} && exec {}",
        quote(&container),
        shell::line(&words)
    );
    child.set("command", Value::list(["/bin/sh".to_owned(), "-c".into(), line]));
    life::stop(&mut child, node, &container, given);
    life::restart(&mut child, node, given);
    life::health(&mut child, node, &container, given);
    if node.at("profiles").is_some_and(|profiles| !profiles.each().is_empty()) {
        child.set("on_demand", "true");
    }
    if !own_network {
        child.needs.push(Need {
            child: NETWORK.into(),
            until: "completed",
            on_restart: None,
            from: None,
        });
    }
    life::depends(&mut child, node, given);
    unknown(node, FORMED, NAME, given);
    Some(child)
}

fn image(service: &str, node: &Node, here: &Here<'_>, given: &mut Given) -> Option<String> {
    let said = node.at("image").and_then(|at| Some((at, at.text()?.to_owned())));
    if let Some(build) = node.at("build") {
        let name = format!("{}-{service}", here.project);
        build.lost(
            given,
            &format!("nothing is built: `docker compose build` makes the image `{name}`"),
        );
        if said.is_none() {
            return Some(name);
        }
    }
    let (at, image) = said?;
    at.changed(
        given,
        "its container runs by `docker run` in the foreground, by the docker of \
        this machine; it is removed when it ends",
    );
    Some(image)
}

fn option(
    key: &str,
    node: &Node,
    words: &mut Vec<String>,
    entry: &mut Vec<String>,
    here: &Here<'_>,
    given: &mut Given,
) {
    let text = node.text().map(str::to_owned);
    let is_on = text.as_deref().and_then(units::switch);
    let word = |given: &mut Given| node.kept(given, "an option of `docker run`");
    if let Some((_, option)) = PLAIN.iter().find(|(known, _)| *known == key) {
        match text {
            Some(text) => {
                words.extend([(*option).to_owned(), text]);
                word(given);
            }
            None => node.lost(given, "it takes a text"),
        }
    } else if let Some((_, option)) = LISTS.iter().find(|(known, _)| *known == key) {
        let said = Some(node.texts()).filter(|all| !all.is_empty());
        match said.filter(|all| all.len() == node.each().len().max(1)) {
            Some(all)
                if key != "env_file"
                    || all.iter().all(|file| here.files.exists(&here.folder.join(file))) =>
            {
                words.extend(all.into_iter().flat_map(|text| [(*option).to_owned(), text]));
                word(given);
            }
            Some(_) => node.lost(
                given,
                "the file is not there: docker would not start without \
                it; add `--env-file` once it is",
            ),
            None => node.lost(given, "a list of texts alone is taken"),
        }
    } else if let Some((_, option)) = MAPS.iter().find(|(known, _)| *known == key) {
        map(node, option, words, given);
    } else {
        rest(key, node, is_on, text, words, entry, here, given);
    }
}

fn map(node: &Node, option: &str, words: &mut Vec<String>, given: &mut Given) {
    for (name, value) in node.entries() {
        match &value.value {
            Yaml::Text(text) => {
                words.extend([option.to_owned(), format!("{name}={text}")]);
                value.kept(given, "an option of `docker run`");
            }
            // It was taken out.
            Yaml::Empty if value.ids().iter().any(|id| given.is_judged(*id)) => {}
            Yaml::Empty => {
                words.extend([option.to_owned(), name.clone()]);
                value.kept(given, "an option of `docker run`");
            }
            Yaml::List(_) | Yaml::Map(_) => value.lost(given, "this is no text"),
        }
    }
    for text in node.each().iter().filter_map(Node::text) {
        words.extend([option.to_owned(), text.to_owned()]);
        node.kept(given, "an option of `docker run`");
    }
}

fn rest(
    key: &str,
    node: &Node,
    is_on: Option<bool>,
    text: Option<String>,
    words: &mut Vec<String>,
    entry: &mut Vec<String>,
    here: &Here<'_>,
    given: &mut Given,
) {
    let switch = match key {
        "privileged" => "--privileged",
        "read_only" => "--read-only",
        "init" => "--init",
        "tty" => "--tty",
        "stdin_open" => "--interactive",
        "oom_kill_disable" => "--oom-kill-disable",
        _ => "",
    };
    if !switch.is_empty() {
        if is_on == Some(true) && key != "tty" {
            words.push(switch.into());
        }
        return match (key, is_on) {
            ("tty", Some(true)) => node.lost(
                given,
                "no terminal is passed on: say `terminal: true`, and add `--tty` to the command",
            ),
            ("stdin_open", Some(true)) => node
                .changed(given, "its input stays open and empty: say `stdin: pipe` to send to it"),
            _ => node.kept(given, "an option of `docker run`"),
        };
    }
    match (key, text) {
        ("network_mode", Some(text)) => {
            words.extend(["--network".into(), text]);
            node.kept(given, "an option of `docker run`");
        }
        ("pull_policy", Some(text)) => match text.as_str() {
            "always" | "never" | "missing" | "if_not_present" => {
                let word = if text == "if_not_present" { "missing".into() } else { text };
                words.extend(["--pull".into(), word]);
                node.kept(given, "an option of `docker run`");
            }
            _ => node.lost(given, "`docker run` knows always, missing and never alone"),
        },
        ("cpu_count" | "cpu_percent" | "pull_refresh_after", _) => {
            node.lost(given, "not on Linux, or not known to `docker run`");
        }
        ("container_name", Some(_)) => node.kept(given, "the name of the container"),
        ("entrypoint", _) => {
            let said = match node.text() {
                Some(text) => shell::split(text).unwrap_or_default(),
                None => node.texts(),
            };
            if let Some((first, more)) = said.split_first() {
                words.extend(["--entrypoint".into(), first.clone()]);
                entry.extend(more.iter().cloned());
                node.kept(given, "an option of `docker run`, and the words behind the image");
            }
        }
        ("ports", _) => addresses(node, "--publish", words, here, given),
        ("volumes", _) => addresses(node, "--volume", words, here, given),
        ("ulimits", _) => {
            for (name, value) in node.entries() {
                let pair = |key: &str| value.at(key).and_then(Node::text);
                let said = value.text().map(str::to_owned);
                let said = said.or_else(|| Some(format!("{}:{}", pair("soft")?, pair("hard")?)));
                if let Some(said) = said {
                    words.extend(["--ulimit".into(), format!("{name}={said}")]);
                    value.kept(given, "an option of `docker run`");
                }
            }
        }
        ("logging", _) => node.lost(given, "what it prints is in the log of the child as well: `log` bounds that, `--log-driver` the other"),
        ("networks" | "links" | "external_links", _) => {
            node.lost(given, "all containers are in one network, PROJECT_default, in which each \
                has the name of its service");
        }
        ("profiles", _) => {
            node.changed(given, "`on_demand`: it waits for `mainstay start`, by itself, or for who needs it");
        }
        ("deploy" | "scale", _) => node.lost(given, "one container runs: say `instances`, and \
            give each a name with `${instance}`; limits are `mem_limit`, `cpus`, `pids_limit`"),
        ("configs" | "secrets", _) => node.lost(given, "mount the file: add it to `-v` in the \
            command"),
        ("develop" | "extends" | "credential_spec" | "gpus" | "blkio_config" | "storage_opt" | "attach" | "post_start"
        | "pre_stop" | "models" | "provider" | "use_api_socket" | "label_file" | "interface_name" | "cgroup", _) => {
            node.lost(given, "not said to `docker run`: add the option to the command where it \
                has one");
        }
        _ if key.starts_with("x-") => node.kept(given, "for its anchors alone, as there"),
        _ => {}
    }
}

impl Here<'_> {
    /// Returns a mount of a named volume under the name that docker knows it by.
    fn volume(&self, said: &str) -> String {
        let (name, rest) = said.split_once(':').unwrap_or((said, ""));
        let declared = self.volumes.and_then(|volumes| volumes.at(name));
        let called = declared.and_then(|node| node.at("name")).and_then(Node::text);
        let is_external =
            declared.and_then(|node| node.at("external")).and_then(Node::text) == Some("true");
        match called {
            Some(called) => format!("{called}:{rest}"),
            None if is_external => said.to_owned(),
            None => format!("{}_{said}", self.project),
        }
    }
}

/// Ports and volumes, in the short form or the long one.
fn addresses(
    node: &Node,
    option: &str,
    words: &mut Vec<String>,
    here: &Here<'_>,
    given: &mut Given,
) {
    for one in node.each() {
        let said = match &one.value {
            Yaml::Text(text) => Some(text.clone()),
            Yaml::Map(_) => long(one, option),
            Yaml::Empty | Yaml::List(_) => None,
        };
        let Some(said) = said else {
            node.lost(given, "one of them cannot be said in the short form: add it to the command");
            continue;
        };
        let is_volume = option == "--volume";
        let is_named =
            is_volume && said.contains(':') && !said.starts_with(['/', '.', '~', '\u{e001}']);
        let said = if is_named { here.volume(&said) } else { said };
        words.extend([option.to_owned(), said]);
        if is_volume {
            node.changed(
                given,
                "`--volume`: a path that begins with `.` is relative to the \
                folder of the spec file; a named volume is PROJECT_NAME, unless it has a name of its own or is external",
            );
        } else {
            node.kept(given, "`--publish`");
        }
    }
}

fn long(one: &Node, option: &str) -> Option<String> {
    let said = |key: &str| one.at(key).and_then(Node::text).map(str::to_owned);
    let known: &[&str] = match option {
        "--publish" => {
            &["target", "published", "host_ip", "protocol", "mode", "name", "app_protocol"]
        }
        _ => &["type", "source", "target", "read_only"],
    };
    if one.entries().iter().any(|(key, _)| !known.contains(&key.as_str())) {
        return None;
    }
    if option == "--publish" {
        let ip = said("host_ip").map_or_else(String::new, |ip| format!("{ip}:"));
        let protocol = said("protocol").map_or_else(String::new, |protocol| format!("/{protocol}"));
        return Some(format!(
            "{ip}{}:{}{protocol}",
            said("published").unwrap_or_default(),
            said("target")?
        ));
    }
    let is_plain = said("type").is_none_or(|kind| matches!(kind.as_str(), "bind" | "volume"));
    let end = if said("read_only").as_deref() == Some("true") { ":ro" } else { "" };
    is_plain.then(|| Some(format!("{}:{}{end}", said("source")?, said("target")?)))?
}
