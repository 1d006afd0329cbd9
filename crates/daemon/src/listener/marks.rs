//! Messages that a process prints between marks, among its other lines. Pure.

/// What stands before a message.
const BEGIN: &str = "<!--XSUPERVISOR:BEGIN-->";
/// What stands behind it.
const END: &str = "<!--XSUPERVISOR:END-->";
/// The longest message that is taken: what is longer loses its beginning, as in supervisord.
const LONGEST: usize = 1 << 20;

/// One output of a process, taken apart line by line.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// What there is of a message whose end has not come.
    open: Option<String>,
}

/// What there is in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Text that is no message.
    Plain(String),
    /// A message.
    Message(String),
}

impl Marks {
    /// Takes a line with its end.
    pub(super) fn take(&mut self, line: &str) -> Vec<Found> {
        let (mut found, mut rest) = (Vec::new(), line);
        while !rest.is_empty() {
            let mark = if self.open.is_some() { END } else { BEGIN };
            let (before, behind) =
                rest.split_once(mark).map_or((rest, None), |(a, b)| (a, Some(b)));
            match &mut self.open {
                Some(open) => {
                    open.push_str(before);
                    if open.len() > LONGEST {
                        let cut = (open.len() - LONGEST..).find(|at| open.is_char_boundary(*at));
                        open.drain(..cut.unwrap_or(0));
                    }
                }
                // The end of a line behind a message is none of the process's lines.
                None if before.trim_end_matches('\n').is_empty() && line.contains(END) => {}
                None if before.is_empty() => {}
                None => found.push(Found::Plain(before.to_owned())),
            }
            let Some(behind) = behind else { break };
            match self.open.take() {
                Some(message) => found.push(Found::Message(message)),
                None => self.open = Some(String::new()),
            }
            rest = behind;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_among_lines() {
        let plain = |text: &str| Found::Plain(text.into());
        let message = |text: &str| Found::Message(text.into());
        let table: [(&[&str], Vec<Found>); 6] = [
            (&["one\n", "\n"], vec![plain("one\n"), plain("\n")]),
            (&["<!--XSUPERVISOR:BEGIN-->hi<!--XSUPERVISOR:END-->\n"], vec![message("hi")]),
            (
                &["a<!--XSUPERVISOR:BEGIN-->hi<!--XSUPERVISOR:END-->b\n"],
                vec![plain("a"), message("hi"), plain("b\n")],
            ),
            (
                &["<!--XSUPERVISOR:BEGIN-->one\n", "two\n", "<!--XSUPERVISOR:END-->\n", "x\n"],
                vec![message("one\ntwo\n"), plain("x\n")],
            ),
            (
                &[
                    "<!--XSUPERVISOR:BEGIN-->1<!--XSUPERVISOR:END--><!--XSUPERVISOR:BEGIN-->2<!--XSUPERVISOR:END-->\n",
                ],
                vec![message("1"), message("2")],
            ),
            (&["<!--XSUPERVISOR:END-->\n"], vec![plain("<!--XSUPERVISOR:END-->\n")]),
        ];
        for (lines, expected) in table {
            let mut marks = Marks::default();
            let found: Vec<Found> = lines.iter().flat_map(|line| marks.take(line)).collect();
            assert_eq!(found, expected, "{lines:?}");
        }
    }

    #[test]
    fn a_message_without_an_end_takes_no_more_than_its_bound() {
        let mut marks = Marks::default();
        marks.take(BEGIN);
        for _ in 0..3 {
            assert_eq!(marks.take(&"ä".repeat(LONGEST / 2)), []);
        }
        let found = marks.take(END);
        let [Found::Message(message)] = found.as_slice() else { panic!("one message") };
        assert!(message.len() <= LONGEST && message.len() > LONGEST - 4);
    }
}
