//! The reliability diagram: claimed confidence against what came true. On the diagonal a confidence is a probability;
//! above it the scorer is too cautious, below it too sure.
//!
//! Bins hold equally many pairs, so a point says how wide its bin is (horizontal) and how sure its height (vertical, 95 %).

use crate::figures::Figures;
use crate::metrics::linkage::AUTO;
use std::fmt::Write;

const SIDE: f64 = 400.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 56.0;
const WIDTH: f64 = LEFT + SIDE + 24.0;
const HEIGHT: f64 = TOP + SIDE + 76.0;

fn x(confidence: f64) -> f64 {
    LEFT + confidence * SIDE
}

fn y(share: f64) -> f64 {
    TOP + (1.0 - share) * SIDE
}

pub fn svg(f: &Figures) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\" role=\"img\" aria-label=\"Reliability diagram of {set}\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n",
        set = escaped(&f.set)
    );
    // Writing into a String cannot fail.
    let _ = frame(&mut out, f);
    let _ = points(&mut out, f);
    out + "</svg>\n"
}

fn frame(out: &mut String, f: &Figures) -> std::fmt::Result {
    let ece = f.ece.map_or_else(|| "–".to_owned(), |e| format!("{e:.4}"));
    writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"24\" font-size=\"16\" font-weight=\"bold\" fill=\"#222222\">{}</text>",
        escaped(&f.set)
    )?;
    writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"42\" fill=\"#555555\">expected calibration error {ece}, scorer {}</text>",
        escaped(&f.scorer)
    )?;
    writeln!(
        out,
        "<rect x=\"{:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{SIDE}\" fill=\"#e8f3ec\"/>",
        x(AUTO),
        SIDE * (1.0 - AUTO)
    )?;
    for tick in 0..=5 {
        let at = f64::from(tick) / 5.0;
        let (tx, ty) = (x(at), y(at));
        writeln!(
            out,
            "<path d=\"M{LEFT} {ty:.1}H{:.1}M{tx:.1} {TOP}V{:.1}\" stroke=\"#dddddd\" fill=\"none\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555555\">{at:.1}</text>\
             <text x=\"{tx:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555555\">{at:.1}</text>",
            LEFT + SIDE,
            TOP + SIDE,
            LEFT - 8.0,
            ty + 4.0,
            TOP + SIDE + 18.0,
        )?;
    }
    writeln!(
        out,
        "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"#999999\" stroke-dasharray=\"5 4\"/>",
        x(0.0),
        y(0.0),
        x(1.0),
        y(1.0)
    )?;
    let middle = TOP + SIDE / 2.0;
    writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#222222\">claimed confidence</text>\
         <text transform=\"translate(18 {middle:.1}) rotate(-90)\" text-anchor=\"middle\" fill=\"#222222\">share that is right</text>",
        LEFT + SIDE / 2.0,
        TOP + SIDE + 38.0,
    )?;
    let l = &f.linkage;
    let auto = if l.auto_pairs > 0 {
        format!(
            "auto zone: {} of {} pairs right = {:.3} (95 %: {:.3} to {:.3})",
            l.auto_right, l.auto_pairs, l.auto.precision, l.auto_interval.low, l.auto_interval.high
        )
    } else {
        "auto zone: no pairs".to_owned()
    };
    writeln!(out, "<text x=\"{LEFT}\" y=\"{:.1}\" fill=\"#2e7d4f\">{auto}</text>", HEIGHT - 14.0)
}

fn points(out: &mut String, f: &Figures) -> std::fmt::Result {
    for b in &f.bins {
        let (px, py) = (x(b.mean_confidence), y(b.accuracy()));
        writeln!(
            out,
            "<path d=\"M{:.1} {py:.1}H{:.1}M{px:.1} {:.1}V{:.1}\" stroke=\"#1f5fa8\" stroke-width=\"1.5\" opacity=\"0.55\"/>\
             <circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"4.5\" fill=\"#1f5fa8\"><title>{:.4} to {:.4}: {} of {} right</title></circle>",
            x(b.lowest),
            x(b.highest),
            y(b.interval.low),
            y(b.interval.high),
            b.lowest,
            b.highest,
            b.right,
            b.count,
        )?;
    }
    labels(out, f)
}

/// `right/count` beside each point; bins that lie on one another (most pairs are clearly different) get one label.
fn labels(out: &mut String, f: &Figures) -> std::fmt::Result {
    let mut start = 0;
    while start < f.bins.len() {
        let at = |i: usize| (x(f.bins[i].mean_confidence), y(f.bins[i].accuracy()));
        let (px, py) = at(start);
        let mut end = start + 1;
        while end < f.bins.len() && (at(end).0 - px).abs() < 26.0 && (at(end).1 - py).abs() < 13.0 {
            end += 1;
        }
        let right: usize = f.bins[start..end].iter().map(|b| b.right).sum();
        let count: usize = f.bins[start..end].iter().map(|b| b.count).sum();
        // Left of the point in the right half, so that no label leaves the frame.
        let (tx, anchor) = if px > LEFT + SIDE / 2.0 { (px - 8.0, "end") } else { (px + 8.0, "start") };
        writeln!(
            out,
            "<text x=\"{tx:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" font-size=\"11\" fill=\"#222222\">{right}/{count}</text>",
            py - 7.0
        )?;
        start = end;
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
