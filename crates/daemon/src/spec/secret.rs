//! Values that stand elsewhere. They are read here, and go into the environment of a child and nowhere else.

use super::scalar;
use super::syntax::Node;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A secret is short; what is longer is something else.
const MOST: u64 = 64 * 1024;
/// How long a command may take that prints one.
const LIMIT: Duration = Duration::from_secs(10);

/// Where a value stands that is shown and stored nowhere.
#[derive(Clone)]
pub struct Secret(Node);

impl Secret {
    pub(super) const fn new(reference: Node) -> Self {
        Self(reference)
    }

    /// Reads the value as it is now. It may wait: for a disk, or for a command that prints it.
    ///
    /// # Errors
    ///
    /// In words, with the reference and the reason, and never with a value.
    pub fn read(&self) -> Result<String, String> {
        read(&self.0, &|name| std::env::var(name).ok())
    }
}

/// It shows the reference.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&super::form::form(&self.0))
    }
}

/// Reads the value that a reference names.
///
/// # Errors
///
/// In words, with the reference and the reason, and never with a value.
pub(super) fn read(
    reference: &Node,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let value = if let Some(path) = reference.get("file").and_then(Node::text) {
        file(path)?
    } else if let Some(name) = reference.get("env").and_then(Node::text) {
        environment(name).ok_or_else(|| format!("the variable `{name}` is not set"))?
    } else if let Some(command) = reference.get("command") {
        let words = match command.text() {
            Some(line) => scalar::split(line).map_err(str::to_owned)?,
            None => command.each().iter().filter_map(Node::text).map(str::to_owned).collect(),
        };
        printed(&words)?
    } else {
        return Err("it names no `file`, `env` or `command`".into());
    };
    if value.contains('\0') {
        return Err("it holds a NUL byte, which no variable can".into());
    }
    Ok(value)
}

fn file(path: &str) -> Result<String, String> {
    let failed =
        |error: &dyn std::fmt::Display| format!("the file `{path}` cannot be read: {error}");
    let file = std::fs::File::open(path).map_err(|error| failed(&error))?;
    text(file).map_err(|error| failed(&error))
}

/// Reads a text, without the line end after it.
fn text(from: impl Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    from.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST {
        return Err("it has more than 64 KiB".into());
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())?;
    let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    Ok(line.map_or_else(|| text.clone(), str::to_owned))
}

/// Runs a command and returns what it prints.
fn printed(words: &[String]) -> Result<String, String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("its command is empty".into());
    };
    let failed = |what: &str| format!("the command `{program}` {what}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(&format!("does not start: {error}")))?;
    // It is named by a descriptor, which never comes to mean another process.
    let pid = Pid::from_child(&child);
    let handle = pidfd_open(pid, PidfdFlags::empty())
        .map_err(|error| failed(&format!("cannot be watched: {error}")))?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let read = child.stdout.take().map_or_else(|| Ok(String::new()), text);
        // Who asked may have gone: then nobody wants to know.
        drop(tell.send((read, child.wait())));
    });
    match told.recv_timeout(LIMIT) {
        Err(_) => {
            // It may have ended in this very moment.
            let _ = pidfd_send_signal(handle, Signal::KILL);
            Err(failed("has not ended within 10 s, and was ended"))
        }
        Ok((_, Err(error))) => Err(failed(&format!("cannot be waited for: {error}"))),
        Ok((_, Ok(status))) if !status.success() => Err(failed(&format!("failed: {status}"))),
        Ok((Err(error), Ok(_))) => Err(failed(&format!("printed what cannot be taken: {error}"))),
        Ok((Ok(text), Ok(_))) => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn one_line_end_does_not_count_and_much_text_is_no_secret() {
        for (written, expected) in
            [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("", ""), (" a ", " a ")]
        {
            assert_eq!(text(written.as_bytes()).as_deref(), Ok(expected));
        }
        assert_eq!(text(std::io::repeat(b'x')), Err("it has more than 64 KiB".into()));
        assert_eq!(text(&[0xff][..]), Err("it is no UTF-8 text".into()));
    }
}
