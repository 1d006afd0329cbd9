//! How much memory this process takes, as Linux counts it.

use std::fs;

/// Returns the bytes resident now; pages shared with other processes count by their share.
pub(crate) fn resident() -> u64 {
    field("/proc/self/smaps_rollup", "Pss:")
}

/// Returns the most bytes that were ever resident.
pub(crate) fn peak() -> u64 {
    field("/proc/self/status", "VmHWM:")
}

/// Reads one field, which the kernel gives in KiB; 0 where there is no such file.
fn field(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    value.trim().trim_end_matches("kB").trim_end().parse().map_or(0, |kib: u64| kib * 1024)
}
