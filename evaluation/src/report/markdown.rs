//! One set's page.

use super::{number, optional, reliability_file, seconds, table, whole};
use crate::figures::Figures;
use crate::metrics::share;
use crate::peers::Peers;

pub fn page(f: &Figures, peers: &Peers) -> String {
    let parts = [
        head(f),
        format!("## Linking\n\n{}", linking(f)),
        format!("## Retrieval\n\n{}", retrieval(f, peers)),
        format!("## Calibration\n\n{}", calibration(f)),
        beside_peers(f, peers),
        format!("## Cost\n\n{}", cost(f)),
    ];
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("\n")
}

fn head(f: &Figures) -> String {
    let versions: Vec<String> =
        f.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    format!(
        "# {}\n\n{} records of {} nodes, {} true pairs. Scorer `{}`{}. {}\n\nVersions: {}.\n",
        f.set,
        f.records,
        f.nodes,
        f.linkage.true_pairs,
        f.scorer,
        if f.held_out() { ", trained without this set" } else { "" },
        judged(f),
        versions.join(", "),
    )
}

fn judged(f: &Figures) -> &'static str {
    match f.judged.as_str() {
        "labelled" => {
            "The truth is partial: only listed matches and hard negatives are judged (`--labelled`)."
        }
        "anchored" => {
            "The truth is partial: listed matches, hard negatives, and every other pair of a record whose partner in that \
             node is known are judged (`--anchored`)."
        }
        _ => "Every pair is judged: what is not true is false.",
    }
}

fn linking(f: &Figures) -> String {
    let l = &f.linkage;
    let mut rows = vec![
        vec![
            "auto zone: precision".to_owned(),
            number(l.auto.precision),
            format!(
                "{} of {} pairs; 95 % interval {} to {}",
                l.auto_right,
                l.auto_pairs,
                number(l.auto_interval.low),
                number(l.auto_interval.high)
            ),
        ],
        vec!["auto zone: recall".to_owned(), number(l.auto.recall), String::new()],
        vec!["auto zone: F1".to_owned(), number(l.auto.f1), String::new()],
        vec![
            "precision of auto links".to_owned(),
            optional(l.auto_link_precision),
            "pairs linked by their own confidence".to_owned(),
        ],
        vec!["best F1".to_owned(), number(l.best.f1), format!("hindsight, at {}", number(l.best.threshold))],
        vec![
            "one-to-one best F1".to_owned(),
            number(l.one_to_one_best.f1),
            format!("hindsight, at {}", number(l.one_to_one_best.threshold)),
        ],
        vec![
            "recall at precision 0.97".to_owned(),
            number(l.one_to_one_recall_when_precise),
            "hindsight".to_owned(),
        ],
        vec!["reach".to_owned(), number(l.reach), "true pairs joined or settled by a question".to_owned()],
        vec![
            "in review".to_owned(),
            number(l.in_review),
            "true pairs that a question would settle".to_owned(),
        ],
        vec![
            "questions per 1,000 records".to_owned(),
            format!("{:.1}", 1000.0 * l.questions_per_record),
            format!("{} in all, answered yes: {}", l.questions, optional(l.question_yield)),
        ],
    ];
    if let Some(b) = f.b_cubed {
        let partial = if f.judged == "all" { "" } else { "; the truth is partial: a lower bound" };
        let parts = format!("precision {}, recall {}{partial}", number(b.precision), number(b.recall));
        rows.push(vec!["B-cubed F1".to_owned(), number(b.f1), parts]);
    }
    if let Some(h) = f.hard_negatives {
        let linked = share(h.linked, h.listed);
        rows.push(vec![
            "hard negatives linked".to_owned(),
            number(linked),
            format!("{} of {}", h.linked, h.listed),
        ]);
    }
    if let Some(t) = f.labelled_test {
        rows.push(vec![
            "labelled test split: F1".to_owned(),
            number(t.tuned.f1),
            format!(
                "at {} (best on the valid split); at 0.5: {}",
                number(t.tuned_threshold),
                number(t.at_half.f1)
            ),
        ]);
    }
    table(&["figure", "value", ""], &rows)
}

fn retrieval(f: &Figures, peers: &Peers) -> String {
    let r = &f.retrieval;
    let mut rows: Vec<Vec<String>> = r
        .channels
        .iter()
        .map(|c| {
            let recalls = c.one_way.iter().chain(&c.either).map(|v| number(*v));
            std::iter::once(c.channel.clone()).chain(recalls).collect()
        })
        .collect();
    for blocking in peers.blocking_on(&f.set) {
        let mut row = vec![format!("*{}*", blocking.method)];
        row.extend(blocking.recall.iter().map(|v| optional(*v)));
        row.extend(["–", "–", "–"].map(str::to_owned));
        rows.push(row);
    }
    format!(
        "{}\nOne way: of the questions asked from both ends of every true pair, the share answered within the first k (the \
         italic rows: asked from the left only). Either: the true pair is within the first k of one end at least. In the run \
         itself {} pairs were scored; {} of the true pairs were among them.\n",
        table(&["channel", "one way @1", "@10", "@50", "either @1", "@10", "@50"], &rows),
        r.candidates,
        number(r.candidate_recall),
    )
}

fn calibration(f: &Figures) -> String {
    let rows: Vec<Vec<String>> = f
        .bins
        .iter()
        .map(|b| {
            vec![
                format!("{} to {}", number(b.lowest), number(b.highest)),
                b.count.to_string(),
                number(b.mean_confidence),
                number(b.accuracy()),
                format!("{} to {}", number(b.interval.low), number(b.interval.high)),
            ]
        })
        .collect();
    let claim = match f.linkage.claim_from_auto {
        Some(c) => format!(
            "{} pairs claim 0.85 or more: {} on the mean, and {} of them are right.",
            c.count,
            number(c.mean_confidence),
            number(share(c.right, c.count))
        ),
        None => "No pair claims 0.85 or more.".to_owned(),
    };
    format!(
        "Expected calibration error {} over ten bins of equal size. {claim} The prior was moved by {:+.2} in \
         log-odds.\n\n![reliability]({})\n\n{}",
        optional(f.ece),
        f.prior_shift,
        reliability_file(&f.set),
        table(&["confidence", "pairs", "mean", "right", "95 % interval"], &rows),
    )
}

fn beside_peers(f: &Figures, peers: &Peers) -> String {
    let others = peers.on(&f.set);
    if others.is_empty() {
        return String::new();
    }
    let l = &f.linkage;
    let own = vec![
        format!("**tongpin** ({})", f.scorer),
        number(l.best.f1),
        format!("**{}**", number(l.one_to_one_best.f1)),
        if l.auto_pairs > 0 { number(l.auto.precision) } else { "–".to_owned() },
        number(l.auto.recall),
        optional(f.ece),
        optional(f.labelled_test.map(|t| t.tuned.f1)),
        seconds(Some(f.cost.wall_seconds)),
        seconds(f.cost.cpu_seconds),
        whole(f.cost.peak_megabytes),
    ];
    let mut rows = vec![own];
    for p in others {
        rows.push(vec![
            if p.supervised { format!("{} ¹", p.tool) } else { p.tool.clone() },
            optional(p.best_f1),
            optional(p.one_to_one_best_f1),
            optional(p.auto_precision),
            optional(p.auto_recall),
            optional(p.ece),
            optional(p.test_f1),
            seconds(p.wall_seconds),
            seconds(p.cpu_seconds),
            whole(p.peak_megabytes),
        ]);
    }
    let header = [
        "tool",
        "best F1",
        "one-to-one best F1",
        "auto precision",
        "auto recall",
        "ECE ²",
        "test split F1",
        "wall s",
        "CPU s",
        "MB",
    ];
    format!(
        "## Beside the peers\n\n{}\n¹ trained on labelled pairs of this set; its figures are over the pairs it was not \
         shown, so they do not compare exactly. ² theirs over ten bins of equal width of their own pairs.\n",
        table(&header, &rows)
    )
}

fn cost(f: &Figures) -> String {
    let c = &f.cost;
    let rows: Vec<Vec<String>> =
        c.stages.iter().map(|(stage, seconds)| vec![stage.clone(), format!("{seconds:.2}")]).collect();
    format!(
        "{}\nWall {:.1} s, CPU {} s, peak memory {} MB.\n",
        table(&["stage", "wall s"], &rows),
        c.wall_seconds,
        seconds(c.cpu_seconds),
        whole(c.peak_megabytes),
    )
}
