//! How good the machine is, by what people answered; and where the goods stand.

use crate::State;
use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab};
use axum::response::Response;
use domain::{MatchState, Verdict};
use live::notes;
use maud::{Markup, html};
use store::{DecisionFilter, Page};

const BINS: usize = 10;
/// Latest decisions that are looked at.
const DECISIONS: usize = 20_000;

#[derive(Clone, Copy, Default)]
struct Bin {
    count: usize,
    claimed: f64,
    same: usize,
}

pub async fn show(axum::extract::State(shared): State, person: Person) -> Result<Response, Failure> {
    let view = person.view;
    let broken = |error| Failure::of_store(view, error);
    let store = shared.live.store();
    let states = store.state_counts().await.map_err(broken)?;
    let mut bins = [Bin::default(); BINS];
    let mut people: std::collections::BTreeMap<String, usize> = Default::default();
    let mut page = Page::first(1_000);
    let mut seen = 0;
    loop {
        let paged = store.decisions(&DecisionFilter::default(), &page).await.map_err(broken)?;
        for row in paged.items.iter().filter(|row| row.value.undone.is_none()) {
            let decision = &row.value;
            *people.entry(decision.actor.as_str().trim_start_matches("user:").to_owned()).or_default() += 1;
            let same = match decision.verdict {
                Verdict::Same => 1,
                Verdict::Different | Verdict::New => 0,
                Verdict::Unsure => continue,
            };
            if decision.review.is_none() {
                continue;
            }
            let claimed = notes::read::<notes::Seen>(&decision.seen).confidence;
            let bin = &mut bins[((claimed * BINS as f64) as usize).min(BINS - 1)];
            *bin = Bin { count: bin.count + 1, claimed: bin.claimed + claimed, same: bin.same + same };
        }
        seen += paged.items.len();
        let Some(next) = paged.next.filter(|_| seen < DECISIONS) else { break };
        page = Page::after(1_000, Some(next));
    }
    let answered: usize = bins.iter().map(|bin| bin.count).sum();
    let total: i64 = states.iter().map(|(_, count)| count).sum();
    let body = html! {
        h1 { (view.say("Quality", "质量")) }
        section {
            h2 { (view.say("Where the goods stand", "商品的状态")) }
            table.list { tbody { @for (state, count) in &states {
                tr { th scope="row" { (state_name(&view, *state)) }
                    td.number { (show::lang::thousands(usize::try_from(*count).unwrap_or(0))) }
                    td { (bar(*count as f64 / total.max(1) as f64)) } }
            } } }
        }
        section {
            h2 { (view.say("Claimed and true", "声称与实际")) }
            @if answered == 0 {
                p.soft { (view.say("Nothing is answered yet: the diagram fills with answers.", "还没有回答；有了回答这里会出现图。")) }
            } @else {
                p.soft { (view.say(
                    "Of the questions that the machine gave a confidence, the share that people called the same. On the diagonal the machine means what it says. Questions are what it was unsure about: its own links are not among them.",
                    "机器给出某个置信度的问题中，人答“相同”的比例。落在对角线上说明机器言行一致。问题都是机器拿不准的，自动关联不在其中。")) }
                (diagram(&view, &bins))
            }
        }
        section {
            h2 { (view.say("Who answered", "谁回答的")) }
            @if people.is_empty() { p.soft { (view.say("Nobody yet.", "还没有人。")) } }
            @else { table.list { tbody { @for (name, count) in &people { tr { th scope="row" { bdi { (name) } } td.number { (show::lang::thousands(*count)) } } } } } }
        }
    };
    let title = view.say("Quality", "质量");
    Ok(layout::page(&view, Some((&person, Tab::Quality, "/console/quality")), title, &body))
}

fn bar(share: f64) -> Markup {
    html! { svg.bar viewBox="0 0 200 10" width="200" height="10" aria-hidden="true" {
        rect.ground x="0" y="0" width="200" height="10" rx="3" {}
        rect.auto x="0" y="0" width=(format!("{:.1}", 200.0 * share)) height="10" rx="3" {}
    } }
}

pub fn state_name(view: &View, state: MatchState) -> &'static str {
    match state {
        MatchState::NotRun => view.say("not looked at yet", "尚未处理"),
        MatchState::NoCandidate => view.say("nothing alike", "没有相近的"),
        MatchState::PendingReview => view.say("waits for an answer", "待人确认"),
        MatchState::LinkedAuto => view.say("linked by machine", "自动关联"),
        MatchState::LinkedConfirmed => view.say("linked by a person", "人工关联"),
        MatchState::Rejected => view.say("looked at, no match", "看过，没有同品"),
        MatchState::Stale => view.say("changed since it was linked", "关联后内容有变"),
        MatchState::Failed => view.say("failed", "失败"),
    }
}

/// A dot a tenth of confidence, as large as it has answers.
fn diagram(view: &View, bins: &[Bin; BINS]) -> Markup {
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1).max(1) as f64;
    let label = view.say("confidence claimed against the share of the same", "声称的置信度与实际相同比例");
    html! {
        svg.diagram viewBox="-34 -24 260 264" width="420" height="426" role="img" aria-label=(label) {
            rect.ground x="0" y="0" width="200" height="200" {}
            line.diagonal x1="0" y1="200" x2="200" y2="0" {}
            @for tick in [0.0f64, 0.25, 0.5, 0.75, 1.0] {
                text x=(200.0 * tick) y="214" text-anchor="middle" { (format!("{tick}")) }
                text x="-5" y=(203.0 - 200.0 * tick) text-anchor="end" { (format!("{tick}")) }
            }
            text x="100" y="230" text-anchor="middle" { (view.say("claimed", "声称")) }
            text x="-34" y="-12" { (view.say("the same", "相同比例")) }
            @for bin in bins.iter().filter(|bin| bin.count > 0) {
                @let count = bin.count as f64;
                circle cx=(format!("{:.1}", 200.0 * bin.claimed / count)) cy=(format!("{:.1}", 200.0 - 200.0 * bin.same as f64 / count))
                    r=(format!("{:.1}", 3.0 + 7.0 * (count / most).sqrt())) {
                    title { (bin.same) " / " (bin.count) }
                }
            }
        }
    }
}
