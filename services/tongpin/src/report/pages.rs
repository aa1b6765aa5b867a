//! The report's sections, top to bottom: what a reader wants to know first comes first.

use super::compare::{self, Side};
use super::html::{both, counted, escape, heading, name, note, stacked};
use super::picture::histogram;
use super::{EXAMPLES, GROUPS, REJECTED, reliability};
use crate::examples;
use crate::failure;
use crate::kinds::{
    STATES, Statement, TEXT_ONLY, Verdict, kind_name, stage_name, state_key, state_name, statements,
};
use crate::lang::{Language, confidence, percent, thousands};
use crate::summary::Summary;
use domain::{LocalSku, Zone};
use engine::ScoredPair;

pub fn all(summary: &Summary<'_>) -> String {
    let chosen = examples::choose(&summary.records.skus, summary.outcome, EXAMPLES);
    let mut out = header(summary);
    out.push_str(&headline(summary));
    out.push_str(&repeating(summary));
    out.push_str(&states(summary));
    out.push_str(&confidences(summary));
    out.push_str(&reliability::section(summary.promise, false));
    out.push_str(&legend());
    out.push_str(&example_list(
        summary,
        "linked",
        &chosen.linked,
        ("Linked by machine", "机器自动关联的例子"),
        (
            "Spread over the confidence range; of each part the pair whose wording is least alike is shown. If something \
             is wrong here, raise <code>--auto</code>.",
            "在整个置信度范围内均匀抽取，每段取文字最不像的一对。如果这里有错，请调高 <code>--auto</code>。",
        ),
    ));
    out.push_str(&example_list(
        summary,
        "asked",
        &chosen.asked,
        ("Asked of a person", "请人确认的例子"),
        (
            "The most valuable questions of <code>review.csv</code>: uncertain, and settling much.",
            "<code>review.csv</code> 中最有价值的问题：最拿不准，且答案影响最大。",
        ),
    ));
    out.push_str(&example_list(
        summary,
        "apart",
        &chosen.apart,
        ("Left apart", "没有关联的例子"),
        (
            "The nearest misses. A red mark names a stated contradiction: such a pair is never linked by machine, \
             however alike it looks.",
            "最接近关联的一些名称对。红色标记是名称里写明的矛盾：这样的一对看上去再像，机器也不会关联。",
        ),
    ));
    out.push_str(&vetoes(summary));
    out.push_str(&groups(summary));
    out.push_str(&nodes(summary));
    out.push_str(&rejected(summary));
    out.push_str(&run(summary));
    out
}

fn header(summary: &Summary<'_>) -> String {
    const SHOWN: usize = 6;
    let mut inputs: Vec<String> =
        summary.inputs.iter().take(SHOWN).map(|i| format!("<code>{}</code>", name(i))).collect();
    if summary.inputs.len() > SHOWN {
        inputs.push(format!("+{}", summary.inputs.len() - SHOWN));
    }
    let nodes = summary.counts.nodes.len();
    let what = both(
        &format!("Which local SKUs of {nodes} nodes are the same goods"),
        &format!("{nodes} 个节点的本地商品里，哪些是同一商品"),
    );
    format!(
        "<header>\n<div class=\"languages\"><label for=\"show-zh\">中文</label><label for=\"show-en\">English</label></div>\n\
         <h1>同品 <small>Tongpin</small></h1>\n<p class=\"lead\">{what}</p>\n\
         <p class=\"note\"><code>{}</code> · {}</p>\n</header>\n",
        escape(summary.command),
        inputs.join(" ")
    )
}

fn headline(summary: &Summary<'_>) -> String {
    let counts = summary.counts;
    let card = |number: String, label: String, more: String, class: &str| {
        format!(
            "<div class=\"card {class}\"><b>{number}</b><span>{label}</span><small>{more}</small></div>\n"
        )
    };
    let mut out = String::from("<section class=\"cards\">\n");
    out.push_str(&card(
        thousands(counts.records()),
        both("records", "条记录"),
        counted(counts.nodes.len(), "in {} nodes", "来自 {} 个节点"),
        "",
    ));
    out.push_str(&card(
        percent(counts.joined_records(), counts.records()),
        both("of the records linked", "的记录已关联"),
        both(
            &format!(
                "{} records became {} shared goods",
                thousands(counts.joined_records()),
                thousands(counts.joined_masters())
            ),
            &format!(
                "{} 条记录归为 {} 个共同商品",
                thousands(counts.joined_records()),
                thousands(counts.joined_masters())
            ),
        ),
        "auto",
    ));
    out.push_str(&card(
        thousands(counts.zone(Zone::Auto)),
        both("pairs linked by machine", "对名称自动关联"),
        both(
            &format!("confidence from {}", summary.zones.auto),
            &format!("置信度 {} 及以上", summary.zones.auto),
        ),
        "auto",
    ));
    out.push_str(&card(
        thousands(summary.outcome.reviews.len()),
        both("questions for a person", "个问题待人工确认"),
        both("in review.csv, best first", "在 review.csv 中，重要的在前"),
        "review",
    ));
    let refused = summary.records.rejected.len();
    if refused > 0 {
        out.push_str(&card(
            thousands(refused),
            both("rows rejected", "行未被采用"),
            both("in rejected.csv, with reasons", "见 rejected.csv，附原因"),
            "veto",
        ));
    }
    out.push_str("</section>\n");
    out
}

/// Said at the top, since it changes what the numbers mean.
fn repeating(summary: &Summary<'_>) -> String {
    const SHOWN: usize = 8;
    let nodes = &summary.outcome.repeating_nodes;
    if nodes.is_empty() {
        return String::new();
    }
    let mut shown: Vec<String> = nodes.iter().take(SHOWN).map(|n| name(n)).collect();
    if nodes.len() > SHOWN {
        shown.push(format!("+{}", nodes.len() - SHOWN));
    }
    let list = shown.join(", ");
    format!(
        "<p class=\"warning\">{}</p>\n",
        both(
            &format!(
                "<b>{list}</b> seems to list the same goods several times. Which of them a name means cannot be told, \
                 so its pairs became questions instead of links."
            ),
            &format!(
                "<b>{list}</b> 似乎把同一商品列了多次，无法断定一个名称指的是其中哪一条，因此相关名称对改为请人确认，而不自动关联。"
            ),
        )
    )
}

fn states(summary: &Summary<'_>) -> String {
    let counts = summary.counts;
    let parts: Vec<(&str, usize)> =
        STATES.iter().zip(counts.states).map(|(s, n)| (state_key(*s), n)).collect();
    let mut out = heading("states", "Where every record stands", "每条记录的去向");
    out.push_str(&note(
        "Every record is in exactly one state. “No match” is not “not looked at”.",
        "每条记录恰好处于一种状态。“没有同品”不等于“没看过”。",
    ));
    out.push_str(&format!("<div class=\"wide\">{}</div>\n<ul class=\"key\">\n", stacked(&parts)));
    for (state, count) in STATES.iter().zip(counts.states).filter(|(_, n)| *n > 0) {
        out.push_str(&format!(
            "<li><i class=\"{}\"></i>{} <b>{}</b> <small>{}</small></li>\n",
            state_key(*state),
            both(state_name(*state, Language::En), state_name(*state, Language::Zh)),
            thousands(count),
            percent(count, counts.records())
        ));
    }
    out.push_str("</ul>\n");
    out
}

fn confidences(summary: &Summary<'_>) -> String {
    let mut out = heading("confidence", "Confidence of the pairs", "名称对的置信度");
    out.push_str(&note(
        "Confidence is a probability: of the pairs given 0.9, about 90 in 100 should be the same goods. Colour is what \
         became of the pair; a confident pair is still left apart when it contradicts its group. Pairs below the \
         report floor are not shown.",
        "置信度是概率：给 0.9 的名称对，每 100 对应有约 90 对真是同一商品。颜色表示这一对的去向；\
         即使置信度高，与所在组矛盾的一对也不会关联。低于报告下限的名称对不显示。",
    ));
    out.push_str(&histogram(&summary.outcome.pairs, summary.zones));
    let counts = summary.counts;
    out.push_str("<ul class=\"key\">\n");
    for (class, zone, en, zh) in [
        ("auto", Zone::Auto, "linked", "自动关联"),
        ("review", Zone::Review, "asked of a person", "由人确认"),
        ("reject", Zone::Reject, "left apart", "不关联"),
    ] {
        let count = thousands(counts.zone(zone));
        let more = match zone {
            Zone::Review => counted(
                summary.outcome.reviews.len(),
                " <small>in {} questions</small>",
                " <small>合为 {} 个问题</small>",
            ),
            _ => String::new(),
        };
        out.push_str(&format!("<li><i class=\"{class}\"></i>{} <b>{count}</b>{more}</li>\n", both(en, zh)));
    }
    out.push_str("</ul>\n");
    out
}

fn legend() -> String {
    let sample = |class: &str, en: &str, zh: &str| {
        format!("<span><mark class=\"{class}\">{}</mark></span>", both(en, zh))
    };
    let mut out = heading("examples", "Examples, and how to read them", "例子及其读法");
    out.push_str(&format!(
        "<p class=\"legend\">{} {} {} {} {}</p>\n",
        sample("agrees", "both say so", "双方一致"),
        sample("differs", "they contradict", "互相矛盾"),
        sample("partly", "partly the same", "部分一致"),
        sample("one-sided", "only one side says it: unknown, not equal", "仅一方写明：未知，不算相同"),
        sample("own", "other wording", "其他不同文字"),
    ));
    out
}

fn example_list(
    summary: &Summary<'_>,
    id: &str,
    pairs: &[&ScoredPair],
    (title_en, title_zh): (&str, &str),
    (note_en, note_zh): (&str, &str),
) -> String {
    let mut out = format!("<h3 id=\"{id}\">{}</h3>\n", both(title_en, title_zh));
    if pairs.is_empty() {
        out.push_str(&note("There are none in this run.", "本次没有。"));
        return out;
    }
    out.push_str(&note(note_en, note_zh));
    let skus = &summary.records.skus;
    out.push_str("<ol class=\"pairs\">\n");
    for pair in pairs {
        out.push_str(&example(summary, &skus[pair.left as usize], &skus[pair.right as usize], pair));
    }
    out.push_str("</ol>\n");
    out
}

fn example(summary: &Summary<'_>, left: &LocalSku, right: &LocalSku, pair: &ScoredPair) -> String {
    let parts = statements(&pair.reason);
    let (left_name, right_name) = compare::names(&left.name, &right.name, &parts);
    let mut chips: String = parts.iter().map(chip).collect();
    let (skus, outcome) = (&summary.records.skus, summary.outcome);
    if let Some(why) = examples::circumstance(skus, outcome, summary.zones, summary.many_per_node, pair) {
        let [en, zh] = [Language::En, Language::Zh].map(|l| escape(&why.in_words(l)));
        chips.push_str(&format!("<span class=\"chip why\">{}</span>", both(&en, &zh)));
    }
    format!(
        "<li class=\"{zone}\"><span class=\"confidence\">{confidence}</span>\n{}\n{}\n<p class=\"chips\">{chips}</p></li>\n",
        side(left, &left_name, &parts, Side::Left),
        side(right, &right_name, &parts, Side::Right),
        zone = pair.zone.as_str(),
        confidence = escape(&confidence(pair.confidence)),
    )
}

fn side(sku: &LocalSku, shown_name: &str, parts: &[Statement<'_>], which: Side) -> String {
    let fields: Vec<String> = [&sku.brand, &sku.spec, &sku.unit]
        .into_iter()
        .flatten()
        .map(|text| compare::field(text, parts, which))
        .collect();
    let fields = if fields.is_empty() { String::new() } else { format!("<em>{}</em>", fields.join(" · ")) };
    format!(
        "<div class=\"side\"><span class=\"name\">{shown_name}</span>{fields}<small>{} · {}</small></div>",
        name(&sku.key.node.0),
        name(&sku.key.sku.0)
    )
}

fn chip(statement: &Statement<'_>) -> String {
    let Statement { kind, verdict, left, right } = statement;
    let (kind_en, kind_zh) = (kind_name(kind, Language::En), kind_name(kind, Language::Zh));
    let label = both(&escape(&kind_en), &escape(&kind_zh));
    let (left, right) = (name(left), name(right));
    let text = match verdict {
        Verdict::Veto => {
            both(&format!("✕ {} contradicts", escape(&kind_en)), &format!("✕ {}矛盾", escape(&kind_zh)))
        }
        Verdict::Differs => format!("{label} {left} ≠ {right}"),
        Verdict::Partly => format!("{label} {left} ≈ {right}"),
        Verdict::Agrees if statement.right.is_empty() => format!("{label} {left}"),
        Verdict::Agrees => format!("{label} {left} = {right}"),
        Verdict::OneSided if kind.is_empty() && statement.left == TEXT_ONLY => {
            both("by the wording alone", "仅凭名称文字")
        }
        Verdict::OneSided if kind.is_empty() => left,
        Verdict::OneSided => format!("{label} {left} ?"),
    };
    format!("<span class=\"chip {}\">{text}</span>", verdict.class())
}

fn vetoes(summary: &Summary<'_>) -> String {
    let vetoes = &summary.counts.vetoes;
    if vetoes.is_empty() {
        return String::new();
    }
    let mut out = heading("vetoes", "Contradictions that kept pairs apart", "让名称对不能关联的矛盾");
    out.push_str(&note(
        "Reported pairs whose names state something that cannot both be true.",
        "报告的名称对中，双方写明的内容不可能同时成立。",
    ));
    let most = vetoes.iter().map(|(_, n)| *n).max().unwrap_or(1);
    out.push_str("<table class=\"bars\">\n");
    for (veto, count) in vetoes {
        let width = percent(*count, most);
        out.push_str(&format!(
            "<tr><th>{}</th><td class=\"number\">{}</td><td class=\"bar\"><i class=\"veto\" style=\"width:{width}\"></i></td></tr>\n",
            both(&escape(&kind_name(veto, Language::En)), &escape(&kind_name(veto, Language::Zh))),
            thousands(*count)
        ));
    }
    out.push_str("</table>\n");
    out
}

fn groups(summary: &Summary<'_>) -> String {
    const MEMBERS: usize = 12;
    let outcome = summary.outcome;
    let mut largest: Vec<usize> =
        (0..outcome.members.len()).filter(|m| outcome.members[*m].len() > 1).collect();
    if largest.is_empty() {
        return String::new();
    }
    largest.sort_by(|a, b| {
        let size = |m: &usize| outcome.members[*m].len();
        size(b).cmp(&size(a)).then(outcome.master_ids[*a].cmp(&outcome.master_ids[*b]))
    });
    let mut out = heading("groups", "Largest groups", "最大的归组");
    let sizes: Vec<String> = summary
        .counts
        .sizes
        .iter()
        .filter(|(size, _)| **size > 1)
        .map(|(size, n)| format!("{size} × {}", thousands(*n)))
        .collect();
    let sizes = sizes.join(", ");
    out.push_str(&note(
        &format!(
            "Members × groups: {sizes}. Records that share no group with another: {}.",
            thousands(summary.counts.sizes.get(&1).copied().unwrap_or(0))
        ),
        &format!(
            "成员数 × 组数：{sizes}。未与其他记录归组的记录：{}。",
            thousands(summary.counts.sizes.get(&1).copied().unwrap_or(0))
        ),
    ));
    out.push_str("<table class=\"groups\">\n");
    for master in largest.into_iter().take(GROUPS) {
        let members = &outcome.members[master];
        let mut list: String = members
            .iter()
            .take(MEMBERS)
            .map(|i| {
                let sku = &summary.records.skus[*i as usize];
                let spec = sku.spec.as_deref().map(|s| format!("{} · ", name(s))).unwrap_or_default();
                format!("<li>{} <small>{spec}{}</small></li>", name(&sku.name), name(&sku.key.node.0))
            })
            .collect();
        if members.len() > MEMBERS {
            list.push_str(&format!("<li>+{}</li>", members.len() - MEMBERS));
        }
        out.push_str(&format!(
            "<tr><td class=\"number\">{}</td><td><b>{}</b><br><small><code>{}</code></small></td><td><ul>{list}</ul></td></tr>\n",
            members.len(),
            name(&outcome.master_names[master]),
            escape(&outcome.master_ids[master])
        ));
    }
    out.push_str("</table>\n");
    out
}

fn nodes(summary: &Summary<'_>) -> String {
    const SHOWN: usize = 60;
    let nodes = &summary.counts.nodes;
    let mut out = heading("nodes", "Nodes", "各节点");
    out.push_str(&format!(
        "<table class=\"nodes\">\n<tr><th>{}</th><th class=\"number\">{}</th><th class=\"number\">{}</th><th class=\"number\">{}</th><th></th></tr>\n",
        both("node", "节点"),
        both("records", "记录"),
        both("linked", "已关联"),
        both("waiting", "待确认")
    ));
    for (node, states) in nodes.iter().take(SHOWN) {
        let total: usize = states.iter().sum();
        let parts: Vec<(&str, usize)> = STATES.iter().zip(states).map(|(s, n)| (state_key(*s), *n)).collect();
        out.push_str(&format!(
            "<tr><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"bar\">{}</td></tr>\n",
            name(node),
            thousands(total),
            percent(states[0] + states[1], total),
            thousands(states[2]),
            stacked(&parts)
        ));
    }
    out.push_str("</table>\n");
    if nodes.len() > SHOWN {
        out.push_str(&counted(
            nodes.len() - SHOWN,
            "<p class=\"note\">+{} nodes</p>",
            "<p class=\"note\">另有 {} 个节点</p>",
        ));
    }
    out
}

fn rejected(summary: &Summary<'_>) -> String {
    let rows = &summary.records.rejected;
    if rows.is_empty() {
        return String::new();
    }
    let mut out = heading("rejected", "Rows that could not be used", "未被采用的行");
    out.push_str("<table>\n");
    for row in rows.iter().take(REJECTED) {
        let reason = both(
            &escape(&failure::reason(&row.reason, Language::En)),
            &escape(&failure::reason(&row.reason, Language::Zh)),
        );
        out.push_str(&format!(
            "<tr><td><code>{}:{}</code></td><td>{reason}</td><td><small>{}</small></td></tr>\n",
            name(&row.file),
            row.line,
            name(&row.raw)
        ));
    }
    out.push_str("</table>\n");
    if rows.len() > REJECTED {
        out.push_str(&counted(
            rows.len() - REJECTED,
            "<p class=\"note\">and {} more in <code>rejected.csv</code></p>",
            "<p class=\"note\">另有 {} 行，见 <code>rejected.csv</code></p>",
        ));
    }
    out
}

fn run(summary: &Summary<'_>) -> String {
    let run = summary.run;
    let mut out = heading("run", "This run", "本次运行");
    out.push_str("<table class=\"bars\">\n");
    let longest = run.timings.iter().map(|(_, s)| *s).fold(1e-9, f64::max);
    for (stage, seconds) in &run.timings {
        let width = format!("{:.1}%", 100.0 * seconds / longest);
        out.push_str(&format!(
            "<tr><th>{}</th><td class=\"number\">{seconds:.2} s</td><td class=\"bar\"><i class=\"time\" style=\"width:{width}\"></i></td></tr>\n",
            both(&escape(&stage_name(stage, Language::En)), &escape(&stage_name(stage, Language::Zh)))
        ));
    }
    out.push_str("</table>\n<dl>\n");
    let mut fact = |en: &str, zh: &str, value: String| {
        out.push_str(&format!("<dt>{}</dt><dd>{value}</dd>\n", both(en, zh)));
    };
    fact("total time", "总时间", format!("{:.1} s", run.seconds));
    fact("threads", "线程", run.threads.to_string());
    if let Some(bytes) = run.peak_memory {
        fact("peak memory", "内存峰值", format!("{:.0} MB", bytes as f64 / 1e6));
    }
    fact("candidate pairs looked at", "比较过的候选对", thousands(summary.outcome.candidates));
    fact(
        "policy",
        "策略",
        both(
            &format!("linked from {}, asked from {}", summary.zones.auto, summary.zones.review),
            &format!("{} 起自动关联，{} 起请人确认", summary.zones.auto, summary.zones.review),
        ),
    );
    for (what, version) in summary.versions {
        let (en, zh) = match *what {
            "tongpin" => ("tongpin", "同品"),
            "scorer" => ("scorer", "评分模型"),
            "encoder" => ("encoder", "语义编码器"),
            other => (other, other),
        };
        fact(en, zh, format!("<code>{}</code>", name(version)));
    }
    out.push_str("</dl>\n");
    out
}
