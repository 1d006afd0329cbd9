//! What benches of processes share: C programs, and figures.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles one of the C programs beside the benches and returns where it is.
pub(crate) fn compile(source: &str, program: &str, flags: &[&str]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(program);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(source);
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-Wextra"]).args(flags).arg("-o").arg(&path).arg(source);
    let status = cc.status().expect("a C compiler is installed as `cc`");
    assert!(status.success(), "{cc:?} failed");
    path
}

/// Returns the value that this part of the samples does not exceed.
pub(crate) fn quantile(samples: &mut [f64], part: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let at = (samples.len() as f64 * part) as usize;
    samples.get(at.min(samples.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
