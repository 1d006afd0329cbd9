//! Signals by their names.

/// The signals that have the same number on all common machines.
const NAMES: [(&str, u8); 31] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", ABRT),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", KILL),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", TERM),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", XCPU),
    ("XFSZ", XFSZ),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
];

pub(super) const ABRT: u8 = 6;
pub(super) const KILL: u8 = 9;
pub(super) const TERM: u8 = 15;
pub(super) const XCPU: u8 = 24;
pub(super) const XFSZ: u8 = 25;
/// As programs see it: the C library keeps the two before it for itself.
const RTMIN: u8 = 34;
const RTMAX: u8 = 64;

/// Returns the number of a signal: `TERM`, `SIGTERM`, `15`, `RTMIN+3`.
pub fn number(name: &str) -> Option<u8> {
    if let Ok(number) = name.parse() {
        return (1..=RTMAX).contains(&number).then_some(number);
    }
    let upper = name.to_ascii_uppercase();
    let plain = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = NAMES.iter().find(|(known, _)| *known == plain) {
        return Some(*number);
    }
    let number = match (plain.strip_prefix("RTMIN"), plain.strip_prefix("RTMAX")) {
        (Some(""), _) => RTMIN,
        (_, Some("")) => RTMAX,
        (Some(more), _) => RTMIN.checked_add(more.strip_prefix('+')?.parse().ok()?)?,
        (_, Some(less)) => RTMAX.checked_sub(less.strip_prefix('-')?.parse().ok()?)?,
        (None, None) => return None,
    };
    (RTMIN..=RTMAX).contains(&number).then_some(number)
}

/// The same, or a note of what is wrong and the signal that asks a process to end.
pub(super) fn number_into(name: &str, wrong: &mut Vec<String>) -> u8 {
    number(name).unwrap_or_else(|| {
        wrong
            .push(format!("there is no signal `{name}`: say `TERM`, `SIGTERM`, `15` or `RTMIN+1`"));
        TERM
    })
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_signal_has_a_name_or_a_number() {
        let table = [
            ("TERM", Some(15)),
            ("SIGTERM", Some(15)),
            ("sigusr1", Some(10)),
            ("9", Some(9)),
            ("RTMIN", Some(34)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMAX-1", Some(63)),
            ("RTMIN+31", None),
            ("RTMAX-31", None),
            ("RTMIN3", None),
            ("0", None),
            ("65", None),
            ("", None),
            ("SIG", None),
            ("TERMINATE", None),
        ];
        for (name, expected) in table {
            assert_eq!(number(name), expected, "{name:?}");
        }
    }
}
