//! What is made of the command line's own description: completion scripts, manual pages, the reference.

use crate::args::Arguments;
use crate::fault::{Exit, Fault};
use crate::screen::say;
use clap::CommandFactory;
use clap_complete::Shell;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Prints a completion script.
pub(super) fn completion(shell: Shell) -> Result<Exit, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "mainstay", &mut script);
    let script = String::from_utf8_lossy(&script);
    say(&with_children(shell, &script))?;
    Ok(Exit::Done)
}

/// Returns the commands that take children, visible aliases among them.
fn takers() -> Vec<String> {
    let command = Arguments::command();
    let takers = command.get_subcommands().filter(|command| {
        !command.is_hide_set()
            && command.get_positionals().any(|argument| {
                let names = argument.get_value_names().unwrap_or_default();
                names.iter().any(|name| name.starts_with("CHILD"))
            })
    });
    let names = |command: &clap::Command| {
        let mut names = vec![command.get_name().to_owned()];
        names.extend(command.get_visible_aliases().map(Into::into));
        names
    };
    takers.flat_map(names).collect()
}

/// Adds the names of children, which only the daemon knows, to a script.
fn with_children(shell: Shell, script: &str) -> String {
    let takers = takers();
    match shell {
        Shell::Bash => {
            let added = BASH.replace("TAKERS", &takers.join("|"));
            format!("{}\n{added}", script.trim_end())
        }
        Shell::Fish => {
            let added = FISH.replace("TAKERS", &takers.join(" "));
            format!("{}\n{added}", script.trim_end())
        }
        Shell::Zsh => {
            let mut out = String::new();
            for line in script.lines() {
                // The positional arguments of the commands that take children, and of no other.
                let is_child = ["children -- ", "child -- ", "run -- "].iter().any(|name| {
                    line.contains(&format!("::{name}")) || line.contains(&format!(":{name}"))
                });
                let line = if is_child {
                    line.replace(":_default'", ":_mainstay_children'")
                } else {
                    line.into()
                };
                out.push_str(&line);
                out.push('\n');
            }
            // The function stands before the last lines, which call or register the first one.
            match out.rfind("if [ \"$funcstack[1]\"") {
                Some(at) => out.insert_str(at, ZSH),
                None => out.push_str(ZSH),
            }
            out
        }
        Shell::Elvish | Shell::PowerShell | _ => script.into(),
    }
}

const BASH: &str = r#"
# The names of children, asked of the daemon.
_mainstay_children() {
    _mainstay "$@"
    local word cur="${COMP_WORDS[COMP_CWORD]}"
    [[ $cur == -* ]] && return 0
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "$word" in
            TAKERS)
                COMPREPLY=($(compgen -W "$(mainstay __complete-children 2>/dev/null)" -- "$cur"))
                return 0
                ;;
        esac
    done
}
complete -F _mainstay_children -o nosort -o bashdefault -o default mainstay 2>/dev/null ||
    complete -F _mainstay_children -o bashdefault -o default mainstay
"#;

const FISH: &str = r#"
# The names of children, asked of the daemon.
complete -c mainstay -n "__fish_seen_subcommand_from TAKERS" -f -a "(mainstay __complete-children 2>/dev/null)"
"#;

const ZSH: &str = r#"# The names of children, asked of the daemon.
_mainstay_children() {
    local -a children
    children=(${(f)"$(mainstay __complete-children 2>/dev/null)"})
    compadd -a children
}

"#;

/// Writes the manual pages.
pub(super) fn manual(folder: &Path) -> Result<Exit, Fault> {
    let fault = |step, source| Fault::File { path: folder.into(), step, source };
    fs::create_dir_all(folder).map_err(|source| fault("make the folder", source))?;
    clap_mangen::generate_to(Arguments::command(), folder)
        .map_err(|source| fault("write the pages into", source))?;
    Ok(Exit::Done)
}

/// Prints the reference of the command line.
pub(super) fn reference() -> Result<Exit, Fault> {
    say(&reference_text())?;
    Ok(Exit::Done)
}

/// Returns `docs/reference/cli.md`.
fn reference_text() -> String {
    let mut command = Arguments::command().term_width(100).max_term_width(100);
    command.build();
    let mut out = String::from(
        "# Command line\n\n\
         Made from the program's own help: `mainstay __reference > docs/reference/cli.md`.\n\
         How commands end is in [exit codes](exit-codes.md).\n\n\
         What holds for every command stands here once:\n\n",
    );
    let global = command.get_arguments().filter(|argument| argument.is_global_set());
    for argument in global {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "- {}", line(argument));
    }
    let _ = writeln!(out, "- `-h`, `--help`: Print help");
    section(&mut out, &command, 2);
    out
}

/// Adds the sections of the commands below one.
fn section(out: &mut String, command: &clap::Command, depth: usize) {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        let name = below.get_bin_name().unwrap_or_else(|| below.get_name());
        let _ = writeln!(out, "\n{} {name}\n", "#".repeat(depth));
        let about = below.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(out, "{about}.\n");
        let usage = below.clone().render_usage().to_string();
        let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
        let _ = writeln!(out, "```text\n{}\n```", usage.trim_end());
        let own: Vec<&clap::Arg> = below
            .get_arguments()
            .filter(|argument| {
                let id = argument.get_id();
                !argument.is_global_set()
                    && !argument.is_hide_set()
                    && id != "help"
                    && id != "version"
            })
            .collect();
        if !own.is_empty() {
            out.push('\n');
        }
        for argument in own {
            let _ = writeln!(out, "- {}", line(argument));
        }
        if let Some(after) = below.get_after_help() {
            let _ = writeln!(out, "\n```text\n{after}\n```");
        }
        section(out, below, depth + 1);
    }
}

/// Returns one argument on one line.
fn line(argument: &clap::Arg) -> String {
    let mut names = Vec::new();
    let values: Vec<&str> =
        argument.get_value_names().unwrap_or_default().iter().map(|name| name.as_str()).collect();
    let value = if argument.get_action().takes_values() { values.join(" ") } else { String::new() };
    names.extend(argument.get_short().map(|short| format!("`-{short}`")));
    names.extend(argument.get_long().map(|long| {
        if value.is_empty() { format!("`--{long}`") } else { format!("`--{long} {value}`") }
    }));
    if names.is_empty() {
        names.push(format!("`{value}`"));
    }
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("{}: {help}", names.join(", "));
    let possible: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| argument.get_action().takes_values() && !value.is_hide_set())
        .map(|value| {
            let help = value.get_help().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("`{}`{help}", value.get_name())
        })
        .collect();
    if !possible.is_empty() {
        let _ = write!(text, ": {}", possible.join(", "));
    }
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy().into()).collect();
    if !defaults.is_empty()
        && argument.get_action().takes_values()
        && !argument.is_hide_default_value_set()
    {
        let _ = write!(text, " [default: {}]", defaults.join(", "));
    }
    text
}
