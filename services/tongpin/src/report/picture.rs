//! The confidence histogram as inline SVG. Far more pairs lie near 0 than anywhere else, so the tallest bar may be
//! cut: it then has a torn top and its number beside it.

use super::html::both;
use crate::args::Zones;
use crate::lang::thousands;
use domain::Zone;
use engine::ScoredPair;

const BINS: usize = 20;
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 14.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 46.0;

/// Pairs by confidence and zone.
pub fn histogram(pairs: &[ScoredPair], zones: Zones) -> String {
    let mut bins = [[0usize; 3]; BINS];
    for pair in pairs {
        let bin = ((pair.confidence * BINS as f64) as usize).min(BINS - 1);
        bins[bin][pair.zone as usize] += 1;
    }
    let totals: Vec<usize> = bins.iter().map(|b| b.iter().sum()).collect();
    let mut sorted = totals.clone();
    sorted.sort_unstable();
    let (tallest, second) = (sorted[BINS - 1], sorted[BINS - 2]);
    let top = if tallest > 3 * second && second > 0 { second as f64 * 1.3 } else { tallest.max(1) as f64 };

    let plot = HEIGHT - TOP - BOTTOM;
    let base = HEIGHT - BOTTOM;
    let step = (WIDTH - 2.0 * LEFT) / BINS as f64;
    let x = |confidence: f64| LEFT + confidence * (WIDTH - 2.0 * LEFT);
    let mut out = format!(
        "<svg class=\"histogram\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"confidence histogram\">\n"
    );
    out.push_str(&zone_background(zones, &x, base));
    for (bin, counts) in bins.iter().enumerate() {
        let left = LEFT + bin as f64 * step + 2.0;
        let mut y = base;
        let mut room = plot;
        for (zone, class) in [(Zone::Reject, "reject"), (Zone::Review, "review"), (Zone::Auto, "auto")] {
            let count = counts[zone as usize];
            let height = (count as f64 / top * plot).max(if count > 0 { 1.5 } else { 0.0 }).min(room);
            if height > 0.0 {
                y -= height;
                room -= height;
                let width = step - 4.0;
                out.push_str(&format!(
                    "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>\n"
                ));
            }
        }
        if totals[bin] as f64 > top {
            out.push_str(&torn_top(left, y, step - 4.0));
        }
        if totals[bin] > 0 {
            let (at, above) = (left + step / 2.0 - 2.0, y - 6.0);
            let number = thousands(totals[bin]);
            out.push_str(&format!("<text class=\"count\" x=\"{at:.1}\" y=\"{above:.1}\">{number}</text>\n"));
        }
    }
    out.push_str(&format!(
        "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{base}\" y2=\"{base}\"/>\n",
        WIDTH - LEFT
    ));
    for tick in 0..=10 {
        let (at, below) = (x(f64::from(tick) / 10.0), base + 17.0);
        let label = f64::from(tick) / 10.0;
        out.push_str(&format!("<text class=\"tick\" x=\"{at:.1}\" y=\"{below}\">{label}</text>\n"));
    }
    out.push_str("</svg>\n");
    out
}

fn torn_top(left: f64, y: f64, width: f64) -> String {
    let (a, b, c) = (left, left + width / 2.0, left + width);
    let (low, high) = (y + 14.0, y + 8.0);
    format!("<polyline class=\"tear\" points=\"{a:.1},{low:.1} {b:.1},{high:.1} {c:.1},{low:.1}\"/>\n")
}

/// Where each zone lies, named at the bottom.
fn zone_background(zones: Zones, x: &dyn Fn(f64) -> f64, base: f64) -> String {
    let mut out = String::new();
    for (from, to, class, en, zh) in [
        (0.0, zones.review, "reject", "left apart", "不关联"),
        (zones.review, zones.auto, "review", "a person is asked", "由人确认"),
        (zones.auto, 1.0, "auto", "linked", "自动关联"),
    ] {
        let (left, width) = (x(from), x(to) - x(from));
        if width < 1.0 {
            continue;
        }
        let plot = base - TOP;
        out.push_str(&format!(
            "<rect class=\"ground {class}\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{plot:.1}\"/>\n"
        ));
        if width >= 70.0 {
            let (at, below) = (left + width / 2.0, base + 37.0);
            let label = both(en, zh).replace("<span", "<tspan").replace("</span", "</tspan");
            out.push_str(&format!(
                "<text class=\"zone {class}\" x=\"{at:.1}\" y=\"{below:.1}\">{label}</text>\n"
            ));
        }
    }
    out
}
