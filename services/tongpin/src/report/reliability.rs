//! What stands behind the confidences: the promise that labels proved and the reliability diagram, or, for the shipped
//! scorer, what it was calibrated on.

use super::html::{both, escape, heading, name, note};
use crate::lang::{Language, thousands};
use crate::promise;
use score::Promise;
use score::tuned::Point;

const SIDE: f64 = 340.0;
const LEFT: f64 = 46.0;
const TOP: f64 = 14.0;
const WIDTH: f64 = LEFT + SIDE + 20.0;
const HEIGHT: f64 = TOP + SIDE + 46.0;

/// `of_given_pairs`: the page is about pairs that were given, not found.
pub fn section(promise: Option<&Promise>, of_given_pairs: bool) -> String {
    let mut out = heading("promise", "What the confidences rest on", "置信度的依据");
    let Some(promise) = promise else {
        out.push_str(&note(
            "The scorer is the shipped one. It was calibrated on sets that its stages did not see, one left out at a time: \
             real lists of electronics, paint and Hong Kong supermarkets, lists that one hand wrote for made-up shops, kitchens and importers, and generated Chinese catalogues \
             (models/scorer/README.md). Nothing was tested on your own data: label some pairs, and \
             <code>tongpin calibrate</code> says what can be promised there.",
            "当前使用随程序附带的评分模型。它在各阶段未见过的数据集上逐一留出校准：电子产品、涂料、香港超市的真实清单，为虚构的商店、厨房和进口商手写的清单，以及生成的中文商品目录\
             （见 models/scorer/README.md）。在您自己的数据上尚未检验：请标注一些名称对，用 <code>tongpin calibrate</code> \
             得到可以保证的准确率。",
        ));
        return out;
    };
    if !of_given_pairs {
        out.push_str(&note(
            "The links of this run are those of the shipped stages, calibrated on sets that they did not see. What follows was \
             tested on given pairs, as <code>tongpin score</code> reads them.",
            "本次运行的关联出自程序附带的各阶段，并在其未见过的数据集上校准。以下是对给定名称对\
             （<code>tongpin score</code> 的读法）检验的结果。",
        ));
    }
    let [english, chinese] =
        [Language::En, Language::Zh].map(|language| escape(&promise::sentences(promise, language).join(" ")));
    out.push_str(&format!("<p>{}</p>\n", both(&english, &chinese)));
    out.push_str(&note(
        &format!(
            "Measured on {} labelled pairs of {}. It holds for pairs like these. Points on the diagonal: of the pairs given that confidence as many are right as it says; lines are 95 % \
             intervals. Pairs below 0.01 are left out.",
            thousands(promise.pairs),
            name(&promise.measured_on)
        ),
        &format!(
            "在 {1} 的 {0} 对标注上测得；只对同类的名称对成立。点在对角线上，\
             表示给出该置信度的名称对确实有那么多是对的；竖线为 95% 区间。低于 0.01 的名称对不计。",
            thousands(promise.pairs),
            name(&promise.measured_on)
        ),
    ));
    if !promise.reliability.is_empty() {
        out.push_str(&diagram(&promise.reliability, promise.cut));
    }
    out
}

fn x(confidence: f64) -> f64 {
    LEFT + confidence * SIDE
}

fn y(share: f64) -> f64 {
    TOP + (1.0 - share) * SIDE
}

fn diagram(points: &[Point], cut: Option<f64>) -> String {
    let mut out = format!(
        "<svg class=\"reliability\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"reliability diagram\">\n"
    );
    if let Some(cut) = cut {
        let width = (1.0 - cut) * SIDE;
        out.push_str(&format!(
            "<rect class=\"ground auto\" x=\"{:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{SIDE}\"/>\n",
            x(cut)
        ));
    }
    for tick in 0..=5 {
        let at = f64::from(tick) / 5.0;
        let (across, up) = (x(at), y(at));
        out.push_str(&format!(
            "<path class=\"grid\" d=\"M{LEFT} {up:.1}H{:.1}M{across:.1} {TOP}V{:.1}\"/>\
             <text class=\"tick side\" x=\"{:.1}\" y=\"{:.1}\">{at:.1}</text>\
             <text class=\"tick\" x=\"{across:.1}\" y=\"{:.1}\">{at:.1}</text>\n",
            LEFT + SIDE,
            TOP + SIDE,
            LEFT - 8.0,
            up + 4.0,
            TOP + SIDE + 18.0
        ));
    }
    out.push_str(&format!(
        "<path class=\"diagonal\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>\n",
        x(0.0),
        y(0.0),
        x(1.0),
        y(1.0)
    ));
    for point in points {
        let share = point.right as f64 / point.pairs.max(1) as f64;
        let at = x(point.mean_confidence);
        out.push_str(&format!(
            "<path class=\"interval\" d=\"M{at:.1} {:.1}V{:.1}\"/><circle cx=\"{at:.1}\" cy=\"{:.1}\" r=\"4\">\
             <title>{} / {}</title></circle>\n",
            y(point.low),
            y(point.high),
            y(share),
            point.right,
            point.pairs
        ));
    }
    let label = both("confidence, and the share that is right", "横轴：置信度；纵轴：正确的比例");
    let label = label.replace("<span", "<tspan").replace("</span", "</tspan");
    out.push_str(&format!(
        "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>\n</svg>\n",
        LEFT + SIDE / 2.0,
        TOP + SIDE + 38.0
    ));
    out
}
