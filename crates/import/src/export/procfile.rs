//! A `Procfile`: a line for each process.

use super::Process;
use crate::given::Given;
use crate::shell::line;

pub(super) fn lines(processes: &[Process], given: &mut Given) -> Vec<(String, String)> {
    let mut text = String::new();
    for process in processes {
        let name: String = process
            .path
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
            .collect();
        let is_shell = process.word("shell") == Some("true");
        let mut command = match (is_shell, process.word("command")) {
            (true, Some(line)) => line.to_owned(),
            (true, None) | (false, _) => line(&process.words()),
        };
        if command.contains('\n') {
            if let Some(node) = process.keys.at("command") {
                node.lost(
                    given,
                    "a command of several lines has no place in a line: put it into a script",
                );
            }
            continue;
        }
        process.kept("command", given, "the line");
        process.kept("shell", given, "every line is read by a shell");
        let mut lead = String::new();
        if let Some(all) = process.keys.at("environment") {
            for (name, value) in all.entries() {
                if let Some(text) = value.text() {
                    lead.push_str(&format!("{name}={} ", crate::shell::quote(text)));
                    value.kept(given, "in front of the command");
                }
            }
        }
        if !lead.is_empty() {
            command = if is_shell {
                format!("export {lead}; {command}")
            } else {
                format!("{lead}{command}")
            };
        }
        if let Some(folder) = process.keys.at("folder") {
            let text = folder.text().unwrap_or(".");
            command = format!("cd {} && {command}", crate::shell::quote(text));
            folder.kept(given, "`cd` in front of the command");
        }
        text.push_str(&format!("{name}: {command}\n"));
        for (key, node) in process.keys.entries() {
            match key.as_str() {
                "command" | "shell" | "environment" | "folder" => {}
                "log" => node.lost(given, "a Procfile's runner prints what all of them print"),
                _ => node.lost(
                    given,
                    "a Procfile has names and commands alone: its runner ends all when one ends",
                ),
            }
        }
    }
    vec![("Procfile".into(), text)]
}
