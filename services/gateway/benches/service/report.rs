//! What was measured, as a table and as a plot of the distributions.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Default)]
pub struct Report {
    /// (what, figure, its bar)
    figures: Vec<(String, String, String)>,
    /// (what, times in ms, ascending)
    latencies: Vec<(String, Vec<f64>)>,
}

impl Report {
    pub fn figure(&mut self, what: &str, figure: String, bar: &str) {
        println!("  {what:<58} {figure}");
        self.figures.push((what.to_owned(), figure, bar.to_owned()));
    }

    pub fn latency(&mut self, what: &str, times: Vec<Duration>, bar: &str) {
        let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        let [p50, p90, p99, most] = [0.5, 0.9, 0.99, 1.0].map(|share| at(&times, share));
        let figure = format!("p50 {p50:.2} ms, p90 {p90:.2}, p99 {p99:.2}, max {most:.2}");
        self.figure(what, format!("{figure} (n = {})", times.len()), bar);
        self.latencies.push((what.to_owned(), times));
    }

    /// Writes `NAME.md` and `NAME.svg`.
    pub fn write(&self, folder: &Path, name: &str, command: &str, about: &str) {
        let mut page = format!(
            "# {about}\n\n`{command}`, {}, {} cores. {}\n\n| what | measured | bar |\n|---|---|---|\n",
            today(),
            std::thread::available_parallelism().map_or(0, usize::from),
            load(),
        );
        for (what, figure, bar) in &self.figures {
            let _ = writeln!(page, "| {what} | {figure} | {bar} |");
        }
        let _ = writeln!(page, "\n![Distributions of the times]({name}.svg)");
        std::fs::create_dir_all(folder).expect("the reports' folder");
        std::fs::write(folder.join(format!("{name}.md")), page).expect("the table is written");
        std::fs::write(folder.join(format!("{name}.svg")), self.plot(about)).expect("the plot is written");
    }

    /// Cumulative shares over time, on a logarithmic scale.
    fn plot(&self, about: &str) -> String {
        const WIDTH: f64 = 760.0;
        const HEIGHT: f64 = 420.0;
        let (left, right, top, bottom) = (56.0, 20.0, 40.0, 48.0);
        const COLOURS: [&str; 6] = ["#0b6e99", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#be123c"];
        let (least, most) = (0.1f64, 1_000.0f64);
        let x = |ms: f64| {
            let place = (ms.clamp(least, most) / least).ln() / (most / least).ln();
            left + place * (WIDTH - left - right)
        };
        let y = |share: f64| top + (1.0 - share) * (HEIGHT - top - bottom);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"{left}\" y=\"20\" font-size=\"14\">{about}</text>\n"
        );
        for ms in [0.1, 1.0, 10.0, 100.0, 1_000.0] {
            let (x, floor) = (x(ms), HEIGHT - bottom);
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{floor}\" stroke=\"#ddd\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{ms} ms</text>",
                floor + 18.0
            );
        }
        for share in [0.0, 0.5, 0.9, 0.99] {
            let y = y(share);
            let _ = writeln!(
                svg,
                "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{share}</text>",
                WIDTH - right,
                left - 6.0,
                y + 4.0
            );
        }
        for (number, ((what, times), colour)) in self.latencies.iter().zip(COLOURS).enumerate() {
            let points: Vec<String> = (0..=200)
                .map(|step| f64::from(step) / 200.0)
                .map(|share| format!("{:.1},{:.1}", x(at(times, share)), y(share)))
                .collect();
            let row = top + 14.0 + 16.0 * number as f64;
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
                 <text x=\"{}\" y=\"{row}\" fill=\"{colour}\">{what}</text>",
                points.join(" "),
                left + 8.0
            );
        }
        svg + "</svg>\n"
    }
}

/// The value below which this share of the sorted values lies.
fn at(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

/// As 2026-11-27; days to dates after Hinnant, "chrono-compatible low-level date algorithms".
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

/// How busy others kept the machine: what a figure is to be read with.
fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minutes = load.split(' ').nth(2).unwrap_or("unknown");
    format!("Load average over the last 15 minutes, this run included: {minutes}.")
}

/// Memory that the process holds, in MB.
pub fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Processor seconds that the process has used.
pub fn processor() -> f64 {
    const TICKS: f64 = 100.0; // of Linux
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = (stat.rsplit(')').next().unwrap_or_default().split_whitespace())
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    fields.get(11..13).map_or(0.0, |used| used.iter().sum::<f64>() / TICKS)
}
