//! What a long run tells on the terminal: its stages and notes, a line each, apart from the figures.

use engine::Progress;

pub struct Lines;

impl Progress for Lines {
    fn stage(&self, name: &'static str, total: u64) {
        if total > 0 {
            eprintln!("  {name}: {total}");
        } else {
            eprintln!("  {name}");
        }
    }

    fn advance(&self, _: u64) {}

    fn note(&self, text: &str) {
        eprintln!("{text}");
    }
}
