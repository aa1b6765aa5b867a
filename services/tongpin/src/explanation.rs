//! An explanation as a tree for a terminal: what the two names state, compared, and how much each part speaks for or
//! against. The single features stay in `--json`: they overlap, so one of them read alone misleads.

use crate::kinds::kind_name;
use crate::lang::{Language, confidence, pick, say};
use domain::Zone;
use engine::Explanation;
use score::explain::{Branch, Group, Statement, Verdict};
use std::fmt::Write;

/// Log-odds below this are not worth a line.
const SLIGHT: f32 = 0.05;

pub fn render(explanation: &Explanation, language: Language) -> String {
    let zone = match explanation.zone {
        Zone::Auto => pick(language, "linked by machine", "自动关联"),
        Zone::Review => pick(language, "a person is asked", "由人确认"),
        Zone::Reject => pick(language, "left apart", "不关联"),
    };
    let shown = confidence(explanation.confidence);
    let mut out = say!(language, "confidence {shown} · {zone}\n", "置信度 {shown} · {zone}\n");
    if let Some(veto) = &explanation.veto {
        let kind = kind_name(veto, language);
        out.push_str(&say!(
            language,
            "veto: {kind} contradicts, so the machine never links this pair\n",
            "否决：{kind}矛盾，机器绝不关联这一对\n"
        ));
    }
    let branches: Vec<&Branch> = explanation
        .branches
        .iter()
        .filter(|b| !b.statements.is_empty() || b.weight.abs() >= SLIGHT)
        .collect();
    for (i, branch) in branches.iter().enumerate() {
        let last = i + 1 == branches.len();
        let _ = writeln!(
            out,
            "{} {}  {:+.2}",
            if last { "└─" } else { "├─" },
            group_name(branch.group, language),
            branch.weight
        );
        for (j, statement) in branch.statements.iter().enumerate() {
            let bar = if last { "   " } else { "│  " };
            let fork = if j + 1 == branch.statements.len() { "└─" } else { "├─" };
            let _ = writeln!(out, "{bar}{fork} {}", statement_line(statement, language));
        }
    }
    out.push_str(pick(
        language,
        "The numbers are log-odds: + speaks for the same goods, − against. A pair alone is judged with more caution\n\
         than in a run, where the rivals of both names are known.",
        "数字是对数几率：+ 支持同品，− 反对。单独一对的判断比批量运行时更谨慎：批量时知道双方还有哪些竞争者。",
    ));
    out
}

fn group_name(group: Group, language: Language) -> &'static str {
    match group {
        Group::Identity => pick(language, "what it is", "是什么"),
        Group::Quantity => pick(language, "how much", "含量规格"),
        Group::Pack => pick(language, "pack", "包装"),
        Group::Code => pick(language, "models and numbers", "型号与数字"),
        Group::Variant => pick(language, "flavour, colour, claims", "口味、颜色、声明等"),
        Group::Likeness => pick(language, "likeness of wording and meaning", "文字与语义的相似"),
        Group::Standing => pick(language, "place among the candidates", "在候选中的位置"),
    }
}

fn statement_line(statement: &Statement, language: Language) -> String {
    let (sign, word) = match statement.verdict {
        Verdict::Agrees => ("=", pick(language, "agrees", "一致")),
        Verdict::Partly => ("~", pick(language, "partly", "部分一致")),
        Verdict::Differs => ("≠", pick(language, "differs", "不同")),
        Verdict::Unknown => ("?", pick(language, "one side only", "仅一方写明")),
    };
    let kind = kind_name(&statement.kind, language);
    let side = |text: &str| if text.is_empty() { "—".to_owned() } else { text.to_owned() };
    let (left, right) = (side(&statement.left), side(&statement.right));
    say!(language, "{kind}: {left} {sign} {right} ({word})", "{kind}：{left} {sign} {right}（{word}）")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_names_the_contradiction() {
        let branch = |group, weight, statements| Branch { group, weight, statements, features: vec![] };
        let said = |kind: &str, verdict, left: &str, right: &str| Statement {
            kind: kind.to_owned(),
            verdict,
            left: left.to_owned(),
            right: right.to_owned(),
        };
        let explanation = Explanation {
            confidence: 0.999,
            zone: Zone::Reject,
            veto: Some("volume".to_owned()),
            branches: vec![
                branch(Group::Identity, 1.5, vec![said("brand", Verdict::Agrees, "a", "a")]),
                branch(Group::Quantity, -2.0, vec![said("volume", Verdict::Differs, "1l", "2l")]),
            ],
        };
        let en = "confidence >0.99 · left apart\n\
                  veto: volume contradicts, so the machine never links this pair\n\
                  ├─ what it is  +1.50\n│  └─ brand: a = a (agrees)\n\
                  └─ how much  -2.00\n   └─ volume: 1l ≠ 2l (differs)\n";
        assert!(render(&explanation, Language::En).starts_with(en));
        assert!(render(&explanation, Language::Zh).contains("否决：容量矛盾"));
    }
}
