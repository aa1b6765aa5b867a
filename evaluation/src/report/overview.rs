//! All sets on one page.

use super::{number, optional, table, whole};
use crate::figures::Figures;
use crate::metrics::share;

pub fn page(all: &[Figures]) -> String {
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let header = [
        "set",
        "judged",
        "scorer",
        "auto precision (95 %)",
        "auto recall",
        "reach",
        "questions / 1,000",
        "best F1",
        "one-to-one best F1",
        "B-cubed F1",
        "ECE",
        "hard negatives linked",
        "recall@10 / @50",
        "CPU s",
        "MB",
    ];
    format!(
        "# Evaluation reports\n\nWritten by `cargo run --release -p evaluation -- DIR…`; every figure is explained in \
         [../README.md](../README.md). A scorer `without-NAME` was trained without the set NAME. Recall is that of the fused \
         channels, asked from one end.\n\n{}",
        table(&header, &rows)
    )
}

fn row(f: &Figures) -> Vec<String> {
    let l = &f.linkage;
    let fused = f.retrieval.channels.iter().find(|c| c.channel == "fused");
    vec![
        format!("[{0}]({0}.md)", f.set),
        f.judged.clone(),
        f.scorer.clone(),
        if l.auto_pairs > 0 {
            format!(
                "{} ({}–{})",
                number(l.auto.precision),
                number(l.auto_interval.low),
                number(l.auto_interval.high)
            )
        } else {
            "–".to_owned()
        },
        number(l.auto.recall),
        number(l.reach),
        format!("{:.0}", 1000.0 * l.questions_per_record),
        number(l.best.f1),
        number(l.one_to_one_best.f1),
        optional(f.b_cubed.map(|b| b.f1)),
        optional(f.ece),
        optional(f.hard_negatives.map(|h| share(h.linked, h.listed))),
        fused.map_or_else(
            || "–".to_owned(),
            |c| format!("{} / {}", number(c.one_way[1]), number(c.one_way[2])),
        ),
        whole(f.cost.cpu_seconds),
        whole(f.cost.peak_megabytes),
    ]
}
