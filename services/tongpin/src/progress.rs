//! How a long run shows that it is alive: bars with rate and time left on a terminal, a line a stage (and one every
//! few seconds) elsewhere, nothing when asked to be quiet. Everything goes to stderr; stdout is for results.

use crate::kinds::stage_name;
use crate::lang::{Language, say, thousands};
use engine::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub struct Display {
    language: Language,
    mode: Mode,
    current: Mutex<Option<Stage>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Bars,
    Lines,
    Nothing,
}

struct Stage {
    name: &'static str,
    total: u64,
    done: u64,
    began: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

/// Between two lines about one stage.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Display {
    pub fn new(language: Language, quiet: bool) -> Self {
        let mode = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Mode::Nothing,
            (false, true) => Mode::Bars,
            (false, false) => Mode::Lines,
        };
        Display { language, mode, current: Mutex::new(None) }
    }

    /// The last stage is over.
    pub fn close(&self) {
        self.with(|current| self.end(current));
    }

    fn with(&self, change: impl FnOnce(&mut Option<Stage>)) {
        change(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn end(&self, current: &mut Option<Stage>) {
        let Some(stage) = current.take() else { return };
        let seconds = stage.began.elapsed().as_secs_f64();
        let name = stage_name(stage.name, self.language);
        let amount =
            if stage.total > 0 { format!("  {}", thousands(stage.total as usize)) } else { String::new() };
        let line = say!(self.language, "{name}{amount}  {seconds:.1} s", "{name}{amount}  {seconds:.1} 秒");
        match (self.mode, stage.bar) {
            (Mode::Bars, Some(bar)) => {
                bar.finish_and_clear();
                eprintln!("  {line}");
            }
            (Mode::Lines, _) => eprintln!("{line}"),
            _ => {}
        }
    }

    fn bar(&self, name: &'static str, total: u64) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(
            if total > 0 { Some(total) } else { None },
            ProgressDrawTarget::stderr_with_hz(8),
        );
        let template = match (total > 0, self.language) {
            (true, Language::En) => {
                "  {msg} {bar:28} {percent:>3}%  {human_pos}/{human_len}  {per_sec}  {eta} left"
            }
            (true, Language::Zh) => {
                "  {msg} {bar:28} {percent:>3}%  {human_pos}/{human_len}  {per_sec}  剩余 {eta}"
            }
            (false, _) => "  {msg} {spinner}  {elapsed}",
        };
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("per_sec", |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{}/s", thousands(state.per_sec() as usize));
            });
        bar.set_style(style.progress_chars("━╸ "));
        bar.set_message(stage_name(name, self.language));
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

impl Progress for Display {
    fn stage(&self, name: &'static str, total: u64) {
        crate::memory::give_back();
        self.with(|current| {
            self.end(current);
            let bar = (self.mode == Mode::Bars).then(|| self.bar(name, total));
            let now = Instant::now();
            *current = Some(Stage { name, total, done: 0, began: now, last_line: now, bar });
        });
    }

    fn advance(&self, n: u64) {
        self.with(|current| {
            let Some(stage) = current else { return };
            stage.done += n;
            if let Some(bar) = &stage.bar {
                bar.inc(n);
            } else if self.mode == Mode::Lines && stage.last_line.elapsed() >= LINE_EVERY {
                stage.last_line = Instant::now();
                let rate = stage.done as f64 / stage.began.elapsed().as_secs_f64().max(1e-9);
                let left = stage.total.saturating_sub(stage.done) as f64 / rate.max(1e-9);
                let name = stage_name(stage.name, self.language);
                let (done, total) = (thousands(stage.done as usize), thousands(stage.total as usize));
                let rate = thousands(rate as usize);
                eprintln!(
                    "{}",
                    say!(
                        self.language,
                        "{name}  {done}/{total}  {rate}/s  {left:.0} s left",
                        "{name}  {done}/{total}  {rate}/秒  剩余 {left:.0} 秒"
                    )
                );
            }
        });
    }

    fn note(&self, text: &str) {
        self.with(|current| match current.as_ref().and_then(|s| s.bar.as_ref()) {
            _ if self.mode == Mode::Nothing => {}
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        });
    }
}
