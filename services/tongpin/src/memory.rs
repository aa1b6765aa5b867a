//! The process's peak memory, where the system tells.

/// Bytes of physical memory at most in use so far (Linux: `VmHWM` of proc_pid_status(5)); `None` elsewhere.
pub fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
