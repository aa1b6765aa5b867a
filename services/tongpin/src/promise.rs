//! What a model's labels proved, in plain words and as a reliability diagram.

use crate::lang::{Language, say, thousands};
use score::Promise;

/// One decimal, rounded down: a proved bound is never rounded up.
fn per_cent(share: f64) -> String {
    format!("{:.1}%", (share * 1000.0 + 1e-6).floor() / 10.0)
}

/// A confidence with as many digits as tell it from 1.
fn cut(value: f64) -> String {
    if value > 0.9995 { format!("{value:.6}") } else { format!("{value:.4}") }
}

pub fn sentences(promise: &Promise, language: Language) -> Vec<String> {
    let (above, wrong, pairs) =
        (thousands(promise.above), thousands(promise.wrong), thousands(promise.pairs));
    let (at_least, target, level) =
        (per_cent(promise.at_least), per_cent(promise.target), format!("{:.0}%", 100.0 * promise.level));
    let first = match promise.cut {
        Some(value) => {
            let cut = cut(value);
            say!(
                language,
                "At cut {cut}, of {above} labelled pairs above it {wrong} are wrong; with {level} confidence precision is at least {at_least}.",
                "阈值 {cut}：其上有 {above} 对已标注，错 {wrong} 对；有 {level} 的把握，准确率不低于 {at_least}。"
            )
        }
        None if promise.above == 0 => say!(
            language,
            "No cut holds: {pairs} labelled pairs are too few to prove a precision of {target} anywhere. Nothing is linked by machine.",
            "没有阈值成立：{pairs} 对标注太少，无法在任何地方证明 {target} 的准确率。因此不自动关联。"
        ),
        None => say!(
            language,
            "No cut holds: a precision of {target} is proved nowhere. Where it comes nearest, of {above} labelled pairs {wrong} are wrong; with {level} confidence precision is at least {at_least}. Nothing is linked by machine.",
            "没有阈值成立：任何地方都证明不了 {target} 的准确率。最接近处有 {above} 对已标注，错 {wrong} 对；有 {level} 的把握，准确率不低于 {at_least}。因此不自动关联。"
        ),
    };
    let tighter = per_cent(promise.tighter);
    let second = match promise.missing {
        Some(0) => return vec![first],
        Some(missing) => {
            let missing = thousands(missing);
            say!(
                language,
                "To prove {tighter} there, about {missing} more labels above the cut are missing, if as many of them are wrong as so far.",
                "若要在那里证明 {tighter}，按目前的出错比例，阈值之上大约还缺 {missing} 对标注。"
            )
        }
        None => say!(
            language,
            "More labels would not prove {tighter} there: too many of the pairs are wrong for that.",
            "再多标注也证明不了 {tighter}：那里出错的名称对太多了。"
        ),
    };
    vec![first, second]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_in_both_languages() {
        let held = Promise {
            target: 0.95,
            level: 0.95,
            cut: Some(0.91),
            pairs: 500,
            above: 200,
            wrong: 3,
            at_least: 0.961_99,
            tighter: 0.975,
            missing: Some(400),
            reliability: Vec::new(),
            measured_on: "labels.csv".to_owned(),
        };
        let said = sentences(&held, Language::En).join(" ");
        for part in [
            "cut 0.9100",
            "200 labelled pairs above it 3 are wrong",
            "95% confidence",
            "at least 96.1%",
            "400 more",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
        let none = Promise { cut: None, missing: None, tighter: 0.95, ..held.clone() };
        assert!(sentences(&none, Language::En)[0].contains("Nothing is linked"));
        assert!(sentences(&none, Language::Zh)[0].contains("不自动关联"));
        let few = Promise { above: 0, wrong: 0, missing: Some(59), ..none };
        assert!(sentences(&few, Language::Zh)[1].contains("59"));
    }
}
