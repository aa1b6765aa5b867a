//! The process's memory: its peak, where the system tells, and giving back what a stage has freed.

/// Bytes of physical memory at most in use so far (Linux: `VmHWM` of proc_pid_status(5)); `None` elsewhere.
pub fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Gives freed memory back to the system, on every thread. Blocks that one thread allocates and another frees (names, say)
/// would otherwise wait for the first to ask for such a block again: a fifth of the memory of a million names.
pub fn give_back() {
    rayon::broadcast(|_| collect());
    collect();
}

#[allow(unsafe_code)]
fn collect() {
    // SAFETY: `mi_collect` takes no pointer and touches only blocks that are free; it may be called on any thread at any
    // time.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
