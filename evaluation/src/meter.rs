//! What a run costs: wall clock, CPU seconds of all threads and peak memory, as Linux tells them under `/proc/self`.
//! Elsewhere CPU and memory are unknown, not zero.

use std::fs;
use std::time::Instant;

/// The unit of the times in `/proc/self/stat`: user-space ticks, which Linux fixes at 100 a second (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

pub struct Meter {
    wall: Instant,
    cpu: Option<f64>,
}

pub struct Reading {
    pub wall_seconds: f64,
    pub cpu_seconds: Option<f64>,
    pub peak_megabytes: Option<f64>,
}

impl Meter {
    pub fn start() -> Meter {
        // "5" sets the peak back to what is held now (proc(5), clear_refs); where it is refused, the peak is that of the
        // whole process, an upper bound.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Meter { wall: Instant::now(), cpu: cpu_seconds() }
    }

    pub fn read(&self) -> Reading {
        Reading {
            wall_seconds: self.wall.elapsed().as_secs_f64(),
            cpu_seconds: cpu_seconds().zip(self.cpu).map(|(now, then)| now - then),
            peak_megabytes: peak_megabytes(),
        }
    }
}

fn cpu_seconds() -> Option<f64> {
    parse_stat(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Fields 14 and 15 (user and system time); the second field, the program's name, may hold blanks and brackets.
fn parse_stat(stat: &str) -> Option<f64> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut times = after_name.split_whitespace().skip(11);
    let ticks: f64 = times.next()?.parse::<f64>().ok()? + times.next()?.parse::<f64>().ok()?;
    Some(ticks / TICKS_A_SECOND)
}

fn peak_megabytes() -> Option<f64> {
    parse_peak(&fs::read_to_string("/proc/self/status").ok()?)
}

fn parse_peak(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_right_fields() {
        let stat = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        assert_eq!(parse_stat(stat), Some(3.0));
        assert_eq!(parse_stat("42"), None);
        assert_eq!(parse_peak("VmPeak: 9 kB\nVmHWM:\t    2048 kB\n"), Some(2.0));
        assert_eq!(parse_peak(""), None);
    }
}
