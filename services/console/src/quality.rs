//! How good the machine is, by what people answered; how people work; and where the goods stand.

use crate::State;
use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, age, token};
use crate::part::segment;
use crate::queue::{Told, name_of};
use axum::extract::{Form, Query};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{Actor, Decision, LinkCause, MasterId, MatchState, NodeId, PolicyScope, SkuKey, Verdict};
use learn::interval::clopper_pearson;
use learn::reliability::{self, Bin};
use live::{AUDIT_SHARE, Live, LiveError, Writer, notes, now};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::{AuditNote, DecisionFilter, Page, ReviewFilter};

/// Latest decisions that are looked at.
const DECISIONS: usize = 20_000;
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// Days of the time series.
const DAYS: i64 = 30;
/// Days after which a policy is worth another look.
const STALE: i64 = 90;
const LEVEL: f64 = 0.95;

/// What people answered, counted.
#[derive(Default)]
struct Answers {
    /// Of questions that the machine asked of itself: what it claimed, and whether it was so.
    asked: Vec<(f64, bool)>,
    /// Of automatic links that were sampled: whether they were right.
    audited: Vec<bool>,
    unsure: usize,
    people: BTreeMap<Actor, Work>,
    by_hour: BTreeMap<i64, usize>,
    /// What each person last said of a SKU and a master.
    said: BTreeMap<(SkuKey, MasterId), BTreeMap<Actor, bool>>,
}

#[derive(Default)]
struct Work {
    answers: usize,
    hours: BTreeSet<i64>,
}

impl Answers {
    /// Decisions come newest first.
    fn add(&mut self, decision: &Decision) {
        let seen: notes::Seen = notes::read(&decision.seen);
        let work = self.people.entry(decision.actor.clone()).or_default();
        work.answers += 1;
        work.hours.insert(decision.at.0 / HOUR);
        *self.by_hour.entry(decision.at.0 / HOUR).or_default() += 1;
        let same = match decision.verdict {
            Verdict::Same => true,
            Verdict::Different | Verdict::New => false,
            Verdict::Unsure => {
                self.unsure += 1;
                return;
            }
        };
        if let Some(master) = &decision.master {
            let about = self.said.entry((decision.sku.clone(), master.clone())).or_default();
            about.entry(decision.actor.clone()).or_insert(same);
        }
        match (&decision.review, seen.evidence.audit) {
            (Some(_), true) => self.audited.push(same),
            (Some(_), false) => self.asked.push((seen.confidence, same)),
            (None, _) => {}
        }
    }

    /// Questions that two persons answered, and how many of those pairs of answers agree.
    fn agreement(&self) -> (usize, usize) {
        let (mut agree, mut all) = (0, 0);
        for by in self.said.values() {
            let answers: Vec<bool> = by.values().copied().collect();
            for (i, one) in answers.iter().enumerate() {
                for other in &answers[i + 1..] {
                    all += 1;
                    agree += usize::from(one == other);
                }
            }
        }
        (agree, all)
    }
}

async fn answers(store: &store::Store) -> store::Result<Answers> {
    let mut answers = Answers::default();
    let mut page = Page::first(1_000);
    let mut seen = 0;
    loop {
        let paged = store.decisions(&DecisionFilter::default(), &page).await?;
        paged.items.iter().filter(|row| row.value.undone.is_none()).for_each(|row| answers.add(&row.value));
        seen += paged.items.len();
        let Some(next) = paged.next.filter(|_| seen < DECISIONS) else { return Ok(answers) };
        page = Page::after(1_000, Some(next));
    }
}

pub async fn show(
    axum::extract::State(shared): State,
    person: Person,
    Query(told): Query<Told>,
) -> Result<Response, Failure> {
    let view = person.view;
    let broken = |error| Failure::of_store(view, error);
    let store = shared.live.store();
    let answers = answers(store).await.map_err(broken)?;
    let states = store.state_counts().await.map_err(broken)?;
    let by_node = store.state_counts_by_node().await.map_err(broken)?;
    let links = store.link_counts(DAY).await.map_err(broken)?;
    let policies = store.active_policies().await.map_err(broken)?;
    let waits = ReviewFilter { evidence_has: vec![notes::AUDIT.to_owned()], ..ReviewFilter::default() };
    let waits = store.queue_stats(&waits, now()).await.map_err(broken)?;
    let waits = waits.open + waits.claimed + waits.deferred;
    let body = html! {
        (told.toast(&person))
        h1 { (view.say("Quality", "质量")) }
        (audit(&person, &answers, waits))
        section {
            h2 { (view.say("Claimed and true", "声称与实际")) }
            @if answers.asked.is_empty() {
                p.soft { (view.say("Nothing is answered yet: the diagram fills with answers.", "还没有回答；有了回答这里会出现图。")) }
            } @else {
                p.soft { (view.say(
                    "Questions by the confidence that the machine gave, in bins of equal size, against the share that people called the same; the bars are 95 % intervals. On the diagonal the machine means what it says. Questions are what it was unsure about: its own links are audited above.",
                    "按机器给出的置信度把问题等量分组，对照人答“相同”的比例；竖线为 95% 区间。落在对角线上说明机器言行一致。问题都是机器拿不准的，自动关联由上面的抽查衡量。")) }
                @let bins = reliability::bins(&answers.asked);
                (diagram(&view, &bins))
                @if let Some(error) = reliability::expected_error(&bins) {
                    p.soft { (view.say("Expected calibration error ", "期望校准误差 ")) b { (format!("{error:.3}")) }
                        " · " (show::lang::thousands(answers.asked.len())) " " (view.say("answers", "个回答")) }
                }
            }
        }
        (work(&view, &answers))
        section {
            h2 { (view.say("Where the goods stand", "商品的状态")) }
            @let total: i64 = states.iter().map(|(_, count)| count).sum();
            div.scroll tabindex="0" { table.list { tbody { @for (state, count) in &states {
                tr { th scope="row" { (state_name(&view, *state)) }
                    td.number { (crate::queue::thousands(*count)) }
                    td { (bar(*count as f64 / total.max(1) as f64)) } }
            } } } }
        }
        section {
            h2 { (view.say("Links over time", "关联随时间的变化")) }
            (over_time(&view, &links))
        }
        (unlinked(&view, &by_node))
        section {
            h2 { (view.say("Policies", "策略")) }
            @if policies.is_empty() {
                p { (view.say("The built-in policy holds: link from 0.85, ask from 0.15. Once some hundred answers are in, look whether the diagram above says that other thresholds fit your goods.",
                    "使用内置策略：0.85 以上自动关联，0.15 以上询问。有了几百个回答之后，请看上面的图，考虑是否有更适合您商品的阈值。")) }
            } @else { ul { @for row in &policies {
                @let policy = &row.value;
                @let days = (now().0 - row.updated.0) / DAY;
                li {
                    b { bdi { (scope(&view, &policy.scope)) } } " "
                    (view.say("links from ", "自动关联 ≥ ")) (policy.zones.auto.get()) (view.say(", asks from ", "，询问 ≥ ")) (policy.zones.review.get())
                    span.soft { " · " (view.say("unchanged for ", "未变动 ")) (age(&view, row.updated)) }
                    @if days >= STALE {
                        p.notice { (view.say("Unchanged for more than ninety days. Goods and names change: try another threshold against today's goods (SimulatePolicy shows the links it would gain and lose) before you keep this one.",
                            "已超过九十天没有变动。商品和写法在变：请用 SimulatePolicy 试试别的阈值会多出、少掉哪些关联，再决定是否保留。")) }
                    }
                }
            } } }
        }
    };
    let title = view.say("Quality", "质量");
    Ok(layout::page(&view, Some((&person, Tab::Quality, "/console/quality")), title, &body))
}

/// What automatic links are worth, by a random sample that was judged blind.
fn audit(person: &Person, answers: &Answers, waits: i64) -> Markup {
    let view = &person.view;
    let (right, all) = (answers.audited.iter().filter(|right| **right).count(), answers.audited.len());
    html! {
        section.side.audit {
            h2 { (view.say("Precision of automatic links", "自动关联的准确率")) }
            @if all == 0 {
                p { (view.say("Not measured yet: no sampled link has been judged.", "尚未测量：还没有抽查的关联被判断。")) }
            } @else {
                @let interval = clopper_pearson(right, all, LEVEL);
                p.figure { b { (show::lang::percent(right, all)) } " " (right) " / " (all) }
                svg.interval viewBox="0 0 300 26" width="300" height="26" role="img" aria-label=(view.say("95 % interval", "95% 区间")) {
                    rect.ground x="0" y="9" width="300" height="8" rx="4" {}
                    rect.auto x=(format!("{:.1}", 300.0 * interval.low)) y="9" width=(format!("{:.1}", 300.0 * (interval.high - interval.low))) height="8" rx="4" {}
                    line x1=(format!("{:.1}", 300.0 * right as f64 / all as f64)) x2=(format!("{:.1}", 300.0 * right as f64 / all as f64)) y1="3" y2="23" {}
                }
                p { (view.say("With 95 % certainty between ", "95% 的把握在 ")) b { (format!("{:.1}%", 100.0 * interval.low)) }
                    (view.say(" and ", " 到 ")) b { (format!("{:.1}%", 100.0 * interval.high)) }
                    (view.say(" (exact interval, Clopper–Pearson).", " 之间（精确区间，Clopper–Pearson）。")) }
            }
            p.soft { (view.say("A random 1.5 % of the links that the machine made by itself is sent back to be judged without its opinion. ", "机器自动关联中随机抽取 1.5%，在不显示机器意见的情况下由人判断。"))
                b { (waits) } (view.say(" of them wait.", " 个等待判断。"))
                @if waits > 0 { " " a href=(format!("/console/?reason={}", segment("audit"))) { (view.say("Judge them", "去判断")) } } }
            @if person.may_approve() {
                form.start method="post" action="/console/quality/audit" {
                    (token(person))
                    button { (view.say("Draw what is new now", "立即抽取新的关联")) }
                    span.soft { (view.say("the server does it every hour", "服务器每小时自动抽取")) }
                }
            }
        }
    }
}

/// A bin of answers as a point with its interval.
fn diagram(view: &View, bins: &[Bin]) -> Markup {
    let label = view.say("confidence claimed against the share of the same", "声称的置信度与实际相同比例");
    let at = |share: f64| format!("{:.1}", 200.0 - 200.0 * share);
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
            @for bin in bins {
                @let x = format!("{:.1}", 200.0 * bin.mean_confidence);
                line.interval x1=(x) x2=(x) y1=(at(bin.interval.low)) y2=(at(bin.interval.high)) {}
                circle cx=(x) cy=(at(bin.accuracy())) r="4" { title { (bin.right) " / " (bin.count) } }
            }
        }
    }
}

fn work(view: &View, answers: &Answers) -> Markup {
    let (agree, pairs) = answers.agreement();
    let last = now().0 / HOUR;
    let hours: Vec<(i64, usize)> =
        (last - 23..=last).map(|hour| (hour, answers.by_hour.get(&hour).copied().unwrap_or(0))).collect();
    let most = hours.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    html! {
        section {
            h2 { (view.say("Who answered", "谁回答的")) }
            @if answers.people.is_empty() { p.soft { (view.say("Nobody yet.", "还没有人。")) } }
            @else {
                div.scroll tabindex="0" { table.list {
                    thead { tr { th { (view.say("Person", "人")) } th { (view.say("Answers", "回答数")) } th { (view.say("per hour of work", "每工作小时")) } } }
                    tbody { @for (who, work) in &answers.people { tr {
                        th scope="row" { bdi { (name_of(who)) } }
                        td.number { (show::lang::thousands(work.answers)) }
                        td.number { (format!("{:.0}", work.answers as f64 / work.hours.len().max(1) as f64)) }
                    } } }
                } }
                h3 { (view.say("Answers in each of the last 24 hours", "最近 24 小时每小时的回答数")) }
                svg.columns viewBox="0 0 480 90" width="480" height="90" role="img"
                    aria-label=(format!("{} {}", hours.iter().map(|(_, count)| count).sum::<usize>(), view.say("answers in the last 24 hours", "个回答（最近 24 小时）"))) {
                    @for (at, (_, count)) in hours.iter().enumerate() {
                        @let height = 70.0 * *count as f64 / most as f64;
                        rect.auto x=(20 * at + 2) y=(format!("{:.1}", 72.0 - height)) width="16" height=(format!("{height:.1}")) rx="2" {}
                        @if *count > 0 { text x=(20 * at + 10) y=(format!("{:.1}", 70.0 - height)) text-anchor="middle" { (count) } }
                    }
                    line x1="0" x2="480" y1="72.5" y2="72.5" {}
                    text x="2" y="86" { "-23 h" } text x="478" y="86" text-anchor="end" { (view.say("now", "现在")) }
                }
                p { (view.say("Agreement between stewards: ", "管家之间的一致率："))
                    @if pairs == 0 { span.soft { (view.say("no question was answered by two persons yet", "还没有两个人回答过同一个问题")) } }
                    @else { b { (show::lang::percent(agree, pairs)) } span.soft { " (" (agree) " / " (pairs) (view.say(" questions that two persons answered)", " 个两人都回答过的问题)")) } }
                    @if answers.unsure > 0 { " · " (answers.unsure) " " (view.say("times not to be told", "次看不出来")) }
                }
            }
        }
    }
}

/// Links that hold today by the day they were made, added up, in the colours of who made them.
fn over_time(view: &View, counts: &[(LinkCause, i64, i64)]) -> Markup {
    let today = now().0 / DAY;
    let until = |cause: LinkCause, day: i64| -> i64 {
        counts.iter().filter(|(of, at, _)| *of == cause && *at <= day).map(|(.., count)| count).sum()
    };
    let causes = [
        (LinkCause::Decision, "for", view.say("by people", "由人")),
        (LinkCause::Auto, "machine", view.say("by the machine", "由机器")),
        (LinkCause::Import, "review", view.say("imported", "导入")),
    ];
    let days: Vec<i64> = (today - DAYS + 1..=today).collect();
    let most: i64 = causes.iter().map(|(cause, ..)| until(*cause, today)).sum::<i64>().max(1);
    let scale = 130.0 / most as f64;
    html! {
        svg.columns viewBox="0 0 600 170" width="600" height="170" role="img" aria-label=(view.say("links by the day they were made", "按建立日期累计的关联数")) {
            @for (at, day) in days.iter().enumerate() {
                @for (number, (cause, class, _)) in causes.iter().enumerate() {
                    // Those before it stand below it.
                    @let below: i64 = causes[..number].iter().map(|(cause, ..)| until(*cause, *day)).sum();
                    @let count = until(*cause, *day);
                    @let top = 140.0 - scale * (below + count) as f64;
                    @if count > 0 { rect class=(class) x=(20 * at + 1) y=(format!("{top:.1}")) width="18" height=(format!("{:.1}", scale * count as f64)) {} }
                }
            }
            line x1="0" x2="600" y1="140.5" y2="140.5" {}
            text x="2" y="156" { (format!("-{} {}", DAYS - 1, view.say("days", "天"))) } text x="598" y="156" text-anchor="end" { (view.say("today", "今天")) }
        }
        p.legend { @for (cause, class, name) in &causes {
            span { svg width="12" height="12" aria-hidden="true" { rect class=(class) width="12" height="12" rx="3" {} } " " (name) " " b { (crate::queue::thousands(until(*cause, today))) } } " "
        } }
    }
}

/// Nodes by goods that have no partner.
fn unlinked(view: &View, counts: &[(NodeId, MatchState, i64)]) -> Markup {
    let mut nodes: BTreeMap<&NodeId, (i64, i64)> = BTreeMap::new();
    for (node, state, count) in counts {
        let (open, all) = nodes.entry(node).or_default();
        *all += count;
        *open += if state.is_linked() { 0 } else { *count };
    }
    let mut nodes: Vec<(&NodeId, (i64, i64))> = nodes.into_iter().collect();
    nodes.sort_by_key(|(node, (open, _))| (-open, *node));
    html! {
        section {
            h2 { (view.say("Nodes with most unlinked goods", "未关联商品最多的节点")) }
            @if nodes.is_empty() { p.soft { (view.say("There are no goods yet.", "还没有商品。")) } }
            @else { div.scroll tabindex="0" { table.list { tbody { @for (node, (open, all)) in nodes.iter().take(10) {
                tr { th scope="row" { a href=(format!("/console/?node={}", segment(&node.0))) { bdi { (node) } } }
                    td.number { (crate::queue::thousands(*open)) " / " (crate::queue::thousands(*all)) }
                    td { (bar(*open as f64 / (*all).max(1) as f64)) } }
            } } } } }
        }
    }
}

pub fn scope(view: &View, scope: &PolicyScope) -> String {
    match scope {
        PolicyScope::Global => view.say("everywhere", "全局").to_owned(),
        PolicyScope::Pair(a, b) => format!("{a} – {b}"),
        PolicyScope::Category(category) => category.clone(),
    }
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

/// Draws what belongs to the sample and was not asked about yet.
pub async fn draw(
    axum::extract::State(shared): State,
    person: Person,
    Form(form): Form<crate::access::Token>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_approve(), "an approver")?;
    let writer = person.writer("console.audit", "links", "");
    let drawn = shared.live.draw_audit(AUDIT_SHARE, &writer).await;
    drawn.map_err(|error| Failure::of(person.view, error))?;
    Ok(layout::answer(Redirect::to("/console/quality?said=drawn").into_response()))
}

/// Draws the sample every hour, for as long as the server runs.
pub async fn keep_auditing(live: Live) {
    let by = Actor::new("audit");
    loop {
        let note =
            AuditNote { action: "audit.draw".to_owned(), subject: "links".to_owned(), detail: String::new() };
        let writer = Writer { audit: Some(note), ..Writer::new(&by) };
        let wait = match live.draw_audit(AUDIT_SHARE, &writer).await {
            Ok(0) => 3600,
            Ok(drawn) => {
                tracing::info!(drawn, "automatic links were sampled");
                3600
            }
            Err(LiveError::Building) => 5,
            Err(error) => {
                tracing::warn!(%error, "automatic links were not sampled");
                3600
            }
        };
        tokio::time::sleep(Duration::from_secs(wait)).await;
    }
}
