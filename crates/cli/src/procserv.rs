//! `mainstay procserv`: one child on a console, by the command line of procServ.
//!
//! It is a daemon like any other, with a spec file that is made here. Its process is the keeper, so that what is
//! written into pid and info files is what can be signalled.

use crate::args::{Global, ProcservArgs};
use crate::command;
use crate::fault::Fault;
use crate::place::{self, Place, Surroundings};
use crate::up::{Behind, Declared, Manner, begin};
use mainstay_daemon::console::{NoKey, alone, endpoint, is_local, key, try_open};
use mainstay_wire::spec::Endpoint;
use rustix::process::{Resource, getrlimit};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Carries out `mainstay procserv`.
pub(crate) fn procserv(args: &ProcservArgs, global: &Global) -> Result<ExitCode, Fault> {
    let here = std::env::current_dir().map_err(place::PlaceError::Here)?;
    let mut plan = Plan::of(args, &here)?;
    let is_debug = args.debug || std::env::var_os("PROCSERV_DEBUG").is_some();
    let stays = args.foreground || is_debug;
    if args.behind.is_empty() {
        plan.choose_ports()?;
    }
    let name = plan.name();
    let around = Surroundings::here()?;
    let mut place = Place::named(&name, &around)?;
    // One folder would be that of all.
    let state = around.path("MAINSTAY_STATE").map(|folder| folder.join(&name));
    if let Some(state) = &state {
        place.state.clone_from(state);
    }
    if !stays && args.behind.is_empty() {
        return go_behind(&plan, &place, &around, global, args.quiet);
    }
    let text = plan.spec(std::process::id(), stays);
    let shows_rest = stays && plan.transcript().is_some_and(|path| path != "-");
    let text = Some(text);
    let declared = Declared { name: name.clone(), file: here.clone(), text, state, relay: None };
    let manner =
        Manner { detach: false, wait: None, echo: shows_rest, bare: !is_debug, tells: !args.quiet };
    // What is typed as a name here is the child's.
    let global = Global { name: Some(name), quiet: args.quiet, ..global.clone() };
    let pid_file = PidFile::write(args.pidfile.as_deref());
    let code = begin(&declared, &manner, &global);
    drop(pid_file);
    code
}

/// Starts the same behind, and waits until it serves.
fn go_behind(
    plan: &Plan<'_>,
    place: &Place,
    around: &Surroundings,
    global: &Global,
    is_quiet: bool,
) -> Result<ExitCode, Fault> {
    place.make(around)?;
    let mut typed = std::env::args_os().skip(1);
    let before: Vec<_> = typed.by_ref().take_while(|word| word != "procserv").collect();
    let places = plan.typing.iter().chain(&plan.looking).map(|(text, _)| text.into());
    let hidden = places.flat_map(|place| ["--behind".into(), place]);
    let arguments = before.into_iter().chain(["procserv".into()]).chain(hidden).chain(typed);
    let program = std::env::current_exe().map_err(|source| Fault::File {
        path: "/proc/self/exe".into(),
        step: "find this program by",
        source,
    })?;
    let behind = Behind { program, arguments: arguments.collect(), socket: place.socket() };
    let pid = behind.start(place)?;
    // It answers once its consoles are open.
    let global = Global { socket: Some(place.socket()), name: None, ..global.clone() };
    command::until_it_answers(&global)?;
    if !is_quiet {
        eprintln!("mainstay procserv: spawning daemon process: {pid}");
        if plan.args.logfile.is_none() && plan.looking.is_empty() {
            eprintln!("Warning: No log file and no port for log connections specified.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What was typed, as far as it has to be understood before the spec file is made.
struct Plan<'a> {
    args: &'a ProcservArgs,
    here: &'a Path,
    typing: Vec<(String, Endpoint)>,
    looking: Vec<(String, Endpoint)>,
    command: &'a [String],
}

impl<'a> Plan<'a> {
    fn of(args: &'a ProcservArgs, here: &'a Path) -> Result<Self, Fault> {
        let (ports, command) = match (&args.ports[..], &args.rest[..]) {
            ([], [endpoint, command @ ..]) => (std::slice::from_ref(endpoint), command),
            (ports, command) => (ports, command),
        };
        if command.is_empty() {
            return Err(usage(
                "there is no command to run".into(),
                "say the endpoint and then the command: `mainstay procserv 20000 ./st.cmd`",
            ));
        }
        for text in [&args.killcmd, &args.autorestartcmd, &args.logoutcmd] {
            key(text)
                .map_err(|error: NoKey| usage(error.to_string(), "an empty text is no key"))?;
        }
        let read = |texts: &[String], is_allowed: bool| -> Result<Vec<_>, Fault> {
            texts.iter().map(|text| read(text, is_allowed, here)).collect()
        };
        let mut typing = read(ports, args.allow)?;
        let mut looking = read(&args.log_ports, args.allow && !args.restrict)?;
        // The ports that were chosen stand in the same order.
        for (place, chosen) in typing.iter_mut().chain(&mut looking).zip(&args.behind) {
            *place = self::read(chosen, true, here)?;
        }
        Ok(Self { args, here, typing, looking, command })
    }

    /// Makes a port of each 0, and finds out whether all of them can be listened at.
    fn choose_ports(&mut self) -> Result<(), Fault> {
        let all = self.typing.iter().chain(&self.looking).map(|(_, at)| at.clone());
        let all: Vec<Endpoint> = all.collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(Fault::Runtime)?;
        let chosen = runtime.block_on(async { try_open(&all) }).map_err(|error| Fault::Failed {
            text: format!("{error}: {}", error.source_text()),
            hint: Some("end who listens there, or choose another endpoint; 0 is any port".into()),
        })?;
        for (place, chosen) in self.typing.iter_mut().chain(&mut self.looking).zip(chosen) {
            if let Endpoint::Tcp(address) = chosen {
                *place = (address.to_string(), chosen);
            }
        }
        Ok(())
    }

    fn title(&self) -> &str {
        self.args.name.as_deref().unwrap_or(&self.command[0])
    }

    /// Returns what the daemon is called: as the child and where it is reached.
    fn name(&self) -> String {
        let stem = Path::new(self.title()).file_name().unwrap_or_default().to_string_lossy();
        let place = match self.typing.first().map(|(_, at)| at) {
            Some(Endpoint::Tcp(address)) => address.port().to_string(),
            Some(Endpoint::Unix { path, .. }) => {
                path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
            Some(Endpoint::Abstract(name)) => name.clone(),
            None => String::new(),
        };
        // Both have room in what a name may be.
        let short = |text: &str| text.chars().take(30).collect::<String>();
        place::folder_name(&format!("{}-{}", short(&stem), short(&place)))
    }

    /// Returns where what is seen is written.
    fn transcript(&self) -> Option<String> {
        let file = self.args.logfile.as_ref()?;
        Some(if file == Path::new("-") {
            "-".into()
        } else {
            self.here.join(file).display().to_string()
        })
    }

    /// Returns the spec file that says the same. JSON is YAML, so that nothing needs a quote of its own.
    fn spec(&self, pid: u32, stays: bool) -> String {
        let args = self.args;
        let stem = Path::new(self.title()).file_name().unwrap_or_default().to_string_lossy();
        let child = place::folder_name(&stem);
        let command: Vec<String> =
            args.exec.iter().chain(self.command).map(|part| plain(part)).collect();
        let folder = args.chdir.as_ref().map_or_else(|| self.here.into(), |to| self.here.join(to));
        let mut process = json!({
            "command": command,
            "preset": "procserv",
            "holdoff": format!("{}s", args.holdoff),
            "folder": plain(&folder.display().to_string()),
            "inherit": "all",
            "environment": { "PROCSERV_INFO": plain(&self.info(pid)) },
            "stop": [{
                "signal": args.killsig.trim_start_matches('-'),
                "to": "all",
                "within": format!("{}s", args.grace_period),
            }],
            "console": self.console(stays),
        });
        if args.oneshot {
            process["restart"] = "never".into();
            process["criticality"] = "critical".into();
        }
        if args.wait {
            process["on_demand"] = true.into();
        }
        if let Some(size) = args.coresize {
            process["rlimits"] = json!({ "core": core(size) });
        }
        json!({ "name": self.name(), "children": { child: process } }).to_string()
    }

    fn console(&self, stays: bool) -> Value {
        let args = self.args;
        let texts = |places: &[(String, Endpoint)]| -> Vec<String> {
            places.iter().map(|(text, _)| plain(text)).collect()
        };
        let mode = match (args.oneshot, args.noautorestart) {
            (true, _) => "oneshot",
            (false, true) => "off",
            (false, false) => "on",
        };
        let mut console = json!({
            "listen": texts(&self.typing),
            "allow": args.allow,
            "keys": {
                "kill": plain(&args.killcmd),
                "toggle": plain(&args.autorestartcmd),
                "logout": plain(&args.logoutcmd),
                "quit": "^Q",
            },
            "ignore": plain(&args.ignore),
            "title": plain(self.title()),
            "time": plain(&args.timefmt),
            "mode": mode,
        });
        if !self.looking.is_empty() {
            console["log_listen"] = texts(&self.looking).into();
        }
        if let Some(file) = &args.info_file {
            console["info_file"] = plain(&self.here.join(file).display().to_string()).into();
        }
        // In the foreground it is what somebody looks at.
        if let Some(path) = self.transcript().or_else(|| stays.then(|| "-".into())) {
            let mut transcript = json!({ "path": if path == "-" { path } else { plain(&path) } });
            if let Some(stamp) = &args.logstamp {
                let stamp = match stamp.as_str() {
                    "" => format!("[{}] ", args.timefmt),
                    stamp => stamp.to_owned(),
                };
                transcript["stamp"] = plain(&stamp).into();
            }
            console["transcript"] = transcript;
        }
        console
    }

    /// Returns what the child is told of its console.
    fn info(&self, pid: u32) -> String {
        use mainstay_daemon::console::Written;
        let mut info = format!("PID={pid}");
        for (what, places) in [("CTL", &self.typing), ("LOG", &self.looking)] {
            for (_, endpoint) in places {
                info.push_str(&format!(";{what}={}", Written(endpoint)));
            }
        }
        info
    }
}

/// Reads an endpoint. One that other machines could reach is kept to this one unless that is allowed, as procServ does.
fn read(text: &str, is_allowed: bool, here: &Path) -> Result<(String, Endpoint), Fault> {
    let mut endpoint = endpoint(text, alone(is_allowed), here)
        .map_err(|error| usage(error.to_string(), error.help()))?;
    if !is_allowed
        && !is_local(&endpoint)
        && let Endpoint::Tcp(address) = &mut endpoint
    {
        let asked = *address;
        *address = SocketAddr::new(alone(false), asked.port());
        eprintln!(
            "mainstay procserv: listening on {address} in place of {asked}: say --allow to be reached from elsewhere"
        );
    }
    let text = match &endpoint {
        Endpoint::Tcp(address) => address.to_string(),
        Endpoint::Unix { .. } | Endpoint::Abstract(_) => text.to_owned(),
    };
    Ok((text, endpoint))
}

fn usage(text: String, hint: &str) -> Fault {
    Fault::Usage { text, hint: Some(hint.into()) }
}

/// What stands in a command line is meant as it is.
fn plain(text: &str) -> String {
    text.replace('$', "$$")
}

/// Returns the limit of core files: the softer one, as far as the harder one lets it.
fn core(size: u64) -> Value {
    match getrlimit(Resource::Core).maximum {
        Some(hard) => json!({ "soft": size.min(hard), "hard": hard }),
        None => json!({ "soft": size, "hard": "unlimited" }),
    }
}

/// The file with the number of this process; it goes when this is dropped.
struct PidFile(Option<PathBuf>);

impl PidFile {
    /// Writes it. As with procServ it is told, and no more, where that fails.
    fn write(path: Option<&Path>) -> Self {
        let path = path.filter(|path| !path.as_os_str().is_empty());
        let Some(path) = path else { return Self(None) };
        match fs::write(path, format!("{}\n", std::process::id())) {
            Ok(()) => Self(std::path::absolute(path).ok()),
            Err(error) => {
                eprintln!(
                    "mainstay procserv: cannot write the pid file {}: {error}",
                    path.display()
                );
                Self(None)
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Somebody else may have removed it.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser;

    /// Returns the spec file that is made of these arguments, as it is understood.
    fn made(typed: &[&str]) -> (String, mainstay_daemon::spec::Loaded) {
        let typed = ["mainstay", "procserv"].iter().chain(typed);
        let Command::Procserv(args) = Arguments::try_parse_from(typed).unwrap().command else {
            unreachable!("that is what was typed")
        };
        let here = Path::new("/ioc");
        let text = Plan::of(&args, here).unwrap().spec(7, args.foreground);
        let loaded = mainstay_daemon::spec::load_text(
            &text,
            Path::new("/ioc/mainstay.yaml"),
            &|_| None,
            None,
        );
        let loaded = loaded.unwrap_or_else(|problems| panic!("{text}\n{problems}"));
        (text, loaded)
    }

    #[test]
    fn every_option_has_an_effect_on_the_spec_file() {
        let plain = made(&["20000", "./st.cmd"]).0;
        for typed in [
            &["-P", "20001", "./st.cmd"][..],
            &["--port", "unix:@ioc", "./st.cmd"],
            &["-l", "20002", "20000", "./st.cmd"],
            &["--allow", "20000", "./st.cmd"],
            &["-n", "ioc", "20000", "./st.cmd"],
            &["-c", "boot", "20000", "./st.cmd"],
            &["-e", "/bin/sh", "20000", "./st.cmd"],
            &["--holdoff", "3", "20000", "./st.cmd"],
            &["--noautorestart", "20000", "./st.cmd"],
            &["-o", "20000", "./st.cmd"],
            &["-w", "20000", "./st.cmd"],
            &["-k", "^K", "20000", "./st.cmd"],
            &["-k", "", "20000", "./st.cmd"],
            &["--autorestartcmd", "^B", "20000", "./st.cmd"],
            &["-x", "^D", "20000", "./st.cmd"],
            &["--killsig", "15", "20000", "./st.cmd"],
            &["-G", "9", "20000", "./st.cmd"],
            &["-i", "^D^C", "20000", "./st.cmd"],
            &["--coresize", "0", "20000", "./st.cmd"],
            &["-L", "log", "20000", "./st.cmd"],
            &["-L", "log", "--logstamp", "20000", "./st.cmd"],
            &["-L", "log", "--logstamp=%X ", "20000", "./st.cmd"],
            &["--timefmt", "%X", "20000", "./st.cmd"],
            &["-I", "info", "20000", "./st.cmd"],
            &["-f", "20000", "./st.cmd"],
        ] {
            assert_ne!(made(typed).0, plain, "{typed:?}");
        }
    }

    #[test]
    fn what_follows_the_command_is_its_own() {
        let (text, _) = made(&["20000", "./st.cmd", "-P", "$HOME", "--wait"]);
        assert!(text.contains(r#"["./st.cmd","-P","$$HOME","--wait"]"#), "{text}");
    }

    #[test]
    fn ports_stay_on_this_machine_unless_that_is_allowed() {
        let at = |typed: &[&str]| {
            let (_, loaded) = made(typed);
            let console = &loaded.consoles.values().next().expect("a console").console;
            let all = console.listen.iter().chain(&console.log_listen);
            all.map(|at| mainstay_daemon::console::Written(at).to_string()).collect::<Vec<_>>()
        };
        assert_eq!(at(&["-l", "7", "8", "a"]), ["tcp:127.0.0.1:8", "tcp:127.0.0.1:7"]);
        assert_eq!(at(&["0.0.0.0:8", "a"]), ["tcp:127.0.0.1:8"]);
        assert_eq!(at(&["--allow", "-l", "7", "8", "a"]), ["tcp:0.0.0.0:8", "tcp:0.0.0.0:7"]);
        assert_eq!(
            at(&["--allow", "--restrict", "-l", "7", "8", "a"]),
            ["tcp:0.0.0.0:8", "tcp:127.0.0.1:7"]
        );
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        let refused = |typed: &[&str]| {
            let typed = ["mainstay", "procserv"].iter().chain(typed);
            match Arguments::try_parse_from(typed) {
                Err(error) => error.to_string(),
                Ok(Arguments { command: Command::Procserv(args), .. }) => {
                    let plan = Plan::of(&args, Path::new("/")).map(drop);
                    plan.expect_err("it cannot be understood").to_string()
                }
                Ok(other) => panic!("{other:?}"),
            }
        };
        assert!(refused(&["--bogus", "20000", "a"]).contains("unexpected argument '--bogus'"));
        assert!(refused(&["20000"]).contains("no command to run"));
        assert!(refused(&["host:1", "a"]).contains("in numbers"));
        assert!(refused(&["-k", "^X^Y", "20000", "a"]).contains("more than one key"));
        assert!(refused(&["-o", "--noautorestart", "20000", "a"]).contains("cannot be used with"));
    }

    #[test]
    fn the_child_is_told_as_procserv_does() {
        let (text, _) = made(&["-P", "20000", "-P", "unix:ioc.sock", "-l", "20001", "a"]);
        let info = "PID=7;CTL=tcp:127.0.0.1:20000;CTL=unix:/ioc/ioc.sock;LOG=tcp:127.0.0.1:20001";
        assert!(text.contains(info), "{text}");
    }
}
