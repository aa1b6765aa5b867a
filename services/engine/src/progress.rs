//! What a long run tells its caller.

/// Receives progress; called from several threads.
pub trait Progress: Sync {
    /// A stage begins: its name and how many steps it has (0 = not known).
    fn stage(&self, name: &'static str, total: u64);
    /// `n` further steps of the current stage are done.
    fn advance(&self, n: u64);
    /// Something a person should know, such as a first download.
    fn note(&self, text: &str);
}

/// For callers that do not want to know.
pub struct Quiet;

impl Progress for Quiet {
    fn stage(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn note(&self, _: &str) {}
}
