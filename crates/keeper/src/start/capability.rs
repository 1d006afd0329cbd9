//! The names of capabilities.

use super::failed;
use mainstay_wire::Text;
use mainstay_wire::keeper::{StartError, Step};
use rustix::io::Errno;
use std::sync::OnceLock;

/// In order of their numbers.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// Returns how many capabilities this kernel knows.
pub(super) fn count() -> u8 {
    static COUNT: OnceLock<u8> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let last = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").ok();
        let last = last.and_then(|text| text.trim().parse::<u8>().ok());
        // It holds sets of 64; one that does not say has those that are named here.
        last.map_or(NAMES.len() as u8, |last| (last + 1).min(64))
    })
}

/// Returns the set of these capabilities, written with or without `CAP_`, in any case.
pub(super) fn set(names: &[Text]) -> Result<u64, StartError> {
    names.iter().try_fold(0, |set, name| {
        let lower = name.to_str_lossy().to_lowercase();
        let short = lower.strip_prefix("cap_").unwrap_or(&lower);
        match NAMES.iter().position(|known| *known == short) {
            Some(number) => Ok(set | 1 << number),
            None => Err(failed(Step::FindCapability, name.to_string(), Errno::INVAL)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bits() {
        assert_eq!(set(&["CAP_CHOWN".into(), "net_bind_service".into()]), Ok(1 | 1 << 10));
        assert_eq!(set(&[]), Ok(0));
        let error = set(&["net_bind".into()]).expect_err("no such name");
        assert_eq!((error.step, &*error.about), (Step::FindCapability, "net_bind"));
    }
}
