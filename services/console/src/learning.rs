//! What people's answers teach the machine: where it may link by itself, with a tested bound; a scorer retrained on trial.
//!
//! Nothing is learnt in silence. A threshold is tried first (a shadow run over all goods says which links would come and go),
//! then proposed, then activated by another person, and every version before can be gone back to.

use crate::State;
use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, age, token};
use crate::queue::name_of;
use crate::{Shared, access};
use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{
    Activity, Confidence, LinkCause, LocalSku, Policy, PolicyScope, SkuKey, Stored, Timestamp, Verdict,
    ZonePolicy,
};
use engine::{Figures, Labels, Quiet, TuneOptions};
use http::{HeaderValue, header};
use learn::bound::{lower_bound, pairs_needed};
use live::{Splits, notes, now};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::{AuditFilter, AuditNote, Batch, DecisionFilter, Mutation, Page, ReviewFilter, Role};

const DECISIONS: usize = 20_000;
/// Thresholds that are looked at, strict to loose.
const CUTS: [f64; 12] = [0.99, 0.97, 0.95, 0.93, 0.9, 0.88, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6];
const TARGETS: [&str; 3] = ["0.95", "0.97", "0.99"];
/// How surely a bound holds.
const LEVEL: f64 = 0.95;
/// Pairs that a shadow run shows of each kind.
const SHOWN: usize = 60;
/// In the audit log.
const PROPOSE: &str = "console.propose_policy";

/// A retraining on trial, one at a time.
#[derive(Default)]
pub struct Training(Mutex<Option<Trial>>);

#[derive(Clone)]
struct Trial {
    since: Timestamp,
    labels: usize,
    /// `None` while it runs.
    outcome: Option<Result<(Figures, Figures), String>>,
}

impl Training {
    fn now(&self) -> Option<Trial> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, trial: Trial) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(trial);
    }
}

/// An answer as a label.
struct Label {
    pair: (SkuKey, SkuKey),
    same: bool,
    confidence: f64,
    audit: bool,
}

/// Answers that say something about a pair, newest first, one a pair.
async fn labels(store: &store::Store) -> store::Result<Vec<Label>> {
    let mut labels: BTreeMap<(SkuKey, SkuKey), (usize, Label)> = BTreeMap::new();
    let mut page = Page::first(1_000);
    let mut seen = 0;
    loop {
        let paged = store.decisions(&DecisionFilter::default(), &page).await?;
        for row in paged.items.iter().filter(|row| row.value.undone.is_none()) {
            seen += 1;
            let said: notes::Seen = notes::read(&row.value.seen);
            let same = match row.value.verdict {
                Verdict::Same => true,
                Verdict::Different | Verdict::New => false,
                Verdict::Unsure => continue,
            };
            // By hand nothing was claimed, and no pair was looked at.
            if row.value.review.is_none() || said.vote {
                continue;
            }
            let Some(other) = row.value.other.clone().or(said.evidence.other) else { continue };
            let pair = (row.value.sku.clone(), other);
            let label =
                Label { pair: pair.clone(), same, confidence: said.confidence, audit: said.evidence.audit };
            labels.entry(pair).or_insert((seen, label));
        }
        let Some(next) = paged.next.filter(|_| seen < DECISIONS) else { break };
        page = Page::after(1_000, Some(next));
    }
    let mut labels: Vec<(usize, Label)> = labels.into_values().collect();
    labels.sort_by_key(|(at, _)| *at);
    Ok(labels.into_iter().map(|(_, label)| label).collect())
}

/// What the answers prove of linking from a cut on.
///
/// Two kinds of links come together there: those that the machine makes by itself, of which a random sample was audited, and
/// those that it asks about now, of which the answered ones are taken for the rest. Each kind's error has an exact upper bound
/// (Clopper–Pearson); both hold together at [`LEVEL`] where each holds at half the risk (Bonferroni).
struct Tested {
    cut: f64,
    audited: (usize, usize),
    answered: (usize, usize),
    at_least: f64,
}

fn tested(cut: f64, now: f64, labels: &[Label], links: i64, questions: i64, level: f64) -> Tested {
    let count = |audit: bool| {
        let from = labels.iter().filter(|label| label.audit == audit && label.confidence >= cut);
        let from = from.filter(|label| audit || label.confidence < now);
        from.fold((0, 0), |(right, all), label| (right + usize::from(label.same), all + 1))
    };
    let (audited, answered) = (count(true), count(false));
    let both = links > 0 && questions > 0;
    let each = if both { 1.0 - (1.0 - level) / 2.0 } else { level };
    let bound = |(right, all): (usize, usize)| if all == 0 { 0.0 } else { lower_bound(right, all, each) };
    let weight = (links + questions).max(1) as f64;
    let at_least = (links as f64 * bound(audited) + questions as f64 * bound(answered)) / weight;
    Tested { cut, audited, answered, at_least }
}

async fn table(shared: &Shared, labels: &[Label], held: f64) -> store::Result<Vec<Tested>> {
    let store = shared.live.store();
    let mut table = Vec::with_capacity(CUTS.len());
    // Stricter cuts are many tries at one promise; looser ones are taken in order, each only if the one before holds.
    let stricter = CUTS.iter().filter(|cut| **cut > held).count().max(1);
    for cut in CUTS {
        let links = store.count_links(LinkCause::Auto, cut.max(held)).await?;
        let asked = ReviewFilter {
            min_confidence: Some(cut),
            max_confidence: Some(held),
            evidence_lacks: vec![notes::AUDIT.to_owned()],
            ..ReviewFilter::default()
        };
        let questions = match cut < held {
            true => {
                let stats = store.queue_stats(&asked, now()).await?;
                stats.open + stats.claimed + stats.deferred + stats.decided
            }
            false => 0,
        };
        let level = if cut > held { 1.0 - (1.0 - LEVEL) / stricter as f64 } else { LEVEL };
        table.push(tested(cut, held, labels, links, questions, level));
    }
    Ok(table)
}

/// The loosest cut that is proved: from the one that holds towards looser ones while they hold, else the first stricter one.
fn suggested(table: &[Tested], held: f64, target: f64) -> Option<&Tested> {
    let looser: Vec<&Tested> = table.iter().filter(|one| one.cut <= held).collect();
    let proved = looser.iter().take_while(|one| one.at_least >= target).last();
    proved.copied().or_else(|| table.iter().rev().find(|one| one.cut > held && one.at_least >= target))
}

#[derive(Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    target: String,
    #[serde(default)]
    said: String,
}

fn allow(person: &Person) -> Result<(), Failure> {
    if person.may_approve() { Ok(()) } else { Err(Failure::Denied(person.view, "an approver")) }
}

/// The global policy that holds.
async fn held(shared: &Shared, view: View) -> Result<Policy, Failure> {
    let active =
        shared.live.store().active_policies().await.map_err(|error| Failure::of_store(view, error))?;
    let global = active.into_iter().find(|row| row.value.scope == PolicyScope::Global);
    Ok(global.map_or_else(built_in, |row| row.value))
}

fn built_in() -> Policy {
    let rules = live::Rules::default();
    Policy {
        scope: PolicyScope::Global,
        number: 0,
        zones: rules.zones,
        group_mean: rules.group_mean,
        eyes: rules.eyes,
        description: "built in".to_owned(),
        activity: Activity::Active,
    }
}

pub async fn show(
    axum::extract::State(shared): State,
    person: Person,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let view = person.view;
    allow(&person)?;
    let broken = |error| Failure::of_store(view, error);
    let store = shared.live.store();
    let labels = labels(store).await.map_err(broken)?;
    let policy = held(&shared, view).await?;
    let now_at = policy.zones.auto.get();
    let table = table(&shared, &labels, now_at).await.map_err(broken)?;
    let target: f64 =
        asked.target.parse().ok().filter(|_| TARGETS.contains(&asked.target.as_str())).unwrap_or(0.97);
    let best = suggested(&table, now_at, target);
    let versions = versions(&shared).await.map_err(broken)?;
    let same = labels.iter().filter(|label| label.same).count();
    let audits = labels.iter().filter(|label| label.audit).count();
    let body = html! {
        @if !asked.said.is_empty() { section.toast role="status" { span { (match asked.said.as_str() {
            "proposed" => view.say("Proposed. An administrator other than you activates it.", "已提议。由另一位管理员启用。"),
            "active" => view.say("It holds now; all goods are grouped anew in the background.", "现已生效；正在后台重新归组。"),
            _ => view.say("Training has begun; look again in a minute.", "已开始训练，请过一分钟再看。"),
        }) } } }
        h1 { (view.say("Learning", "学习")) }
        section.tiles {
            div.tile { b { (show::lang::thousands(labels.len())) } (view.say("pairs that people judged", "对名称经人判断")) }
            div.tile { b { (show::lang::thousands(same)) } (view.say("of them the same", "对相同")) }
            div.tile { b { (show::lang::thousands(labels.len() - same)) } (view.say("of them different", "对不同")) }
            div.tile { b { (show::lang::thousands(audits)) } (view.say("from the random audit", "对来自随机抽查")) }
        }
        p { a.button href="/console/learning/labels.csv" download { (view.say("Take the labels away (CSV)", "下载标注（CSV）")) } }
        section {
            h2 { (view.say("From where on may the machine link by itself?", "置信度多高时可以自动关联？")) }
            form.filters method="get" action="/console/learning" {
                label { (view.say("precision that is wanted", "希望的准确率"))
                    select name="target" { @for one in TARGETS { option value=(one) selected[one.parse() == Ok(target)] { (one) } } } }
                button { (view.say("Show", "查看")) }
            }
            p { @match best {
                Some(best) if best.cut == now_at => { b { (view.say("Keep the threshold that holds. ", "保持现在的阈值。")) } }
                Some(best) => { b { (view.say("The answers prove a threshold of ", "回答可以证明的阈值是 ")) (best.cut) (view.say(". ", "。")) } }
                None => {
                    b { (view.say("Nothing is proved yet. ", "目前还不能证明。")) }
                    (view.say("Without a single error it would take ", "即使没有一个错误，也需要 ")) (pairs_needed(0, target, LEVEL)) (view.say(" audited links.", " 个抽查过的关联。"))
                }
            } " " span.soft { (view.say("Proved: with 95 % certainty the precision is at least what is wanted.", "证明：有 95% 的把握准确率不低于所希望的值。")) } }
            div.scroll tabindex="0" { table.list {
                thead { tr { th { (view.say("Links from", "自动关联 ≥")) } th { (view.say("Audited, right", "抽查中正确")) } th { (view.say("Asked and answered the same", "询问后答相同")) }
                    th { (view.say("Precision at least", "准确率至少")) } th { span.hidden { (view.say("Do", "操作")) } } } }
                tbody { @for one in &table {
                    @let here = one.cut == now_at;
                    tr {
                        th scope="row" { (one.cut) @if here { " " small { (view.say("holds now", "现行")) } } }
                        td.number { (one.audited.0) " / " (one.audited.1) }
                        td.number { @if one.cut < now_at { (one.answered.0) " / " (one.answered.1) } @else { "–" } }
                        td.number { @if one.at_least >= target { b { (format!("{:.3}", one.at_least)) } } @else { (format!("{:.3}", one.at_least)) } }
                        td.number { @if !here { a href=(format!("/console/learning/try?cut={}", one.cut)) { (view.say("Try it", "试一试")) } } }
                    }
                } }
            } }
        }
        section {
            h2 { (view.say("Versions", "版本")) }
            @if versions.is_empty() { p.soft { (view.say("The built-in policy holds: 0.85.", "使用内置策略：0.85。")) } }
            @else { div.scroll tabindex="0" { table.list {
                thead { tr { th { "#" } th { (view.say("Links from", "自动关联 ≥")) } th { (view.say("Why", "原因")) } th { (view.say("Proposed by", "提议人")) } th { (view.say("When", "多久前")) } th { (view.say("Standing", "状态")) } } }
                tbody { @for (row, by) in &versions {
                    @let one = &row.value;
                    tr {
                        td.number { (one.number) } td.number { (one.zones.auto.get()) } td { bdi { (show::html::cut(&one.description, 160).0) } }
                        td { @if let Some(by) = by { bdi { (by.trim_start_matches("user:")) } } }
                        td { (age(&view, row.created)) }
                        td { @if one.activity == Activity::Active { b { (view.say("holds", "生效中")) } }
                            @else if person.user.role == Role::Admin && by.as_deref() != Some(person.actor().as_str()) {
                                form.inline method="post" action=(format!("/console/learning/versions/{}", one.number)) {
                                    (token(&person))
                                    button { (if one.number > policy.number { view.say("Activate", "启用") } else { view.say("Roll back to this", "回退到此版本") }) }
                                }
                            } @else { span.soft { (view.say("another administrator activates it", "由另一位管理员启用")) } }
                        }
                    }
                } }
            } } }
        }
        (scorer(&person, shared.training.now(), labels.len()))
    };
    let title = view.say("Learning", "学习");
    Ok(layout::page(&view, Some((&person, Tab::Learning, "/console/learning")), title, &body))
}

/// Global versions, newest first, with who proposed them.
async fn versions(shared: &Shared) -> store::Result<Vec<(Stored<Policy>, Option<String>)>> {
    let store = shared.live.store();
    let filter = AuditFilter { action: Some(PROPOSE.to_owned()), ..AuditFilter::default() };
    let proposals = store.audit_events(&filter, &Page::first(500)).await?.items;
    let policies = store.policies(&Page::first(500)).await?.items;
    let global = policies.into_iter().filter(|row| row.value.scope == PolicyScope::Global);
    Ok(global
        .take(20)
        .map(|row| {
            let subject = subject(row.value.number);
            let by = proposals.iter().find(|event| event.note.subject == subject);
            let by = by.map(|event| event.actor.to_string());
            (row, by)
        })
        .collect())
}

fn subject(number: i64) -> String {
    format!("policies/global/{number}")
}

fn scorer(person: &Person, trial: Option<Trial>, labels: usize) -> Markup {
    let view = &person.view;
    let figures = |one: &Figures| {
        let percent = |share: f64| format!("{:.1}%", 100.0 * share);
        html! {
            td.number { (one.auto.precision.map_or("–".to_owned(), percent)) } td.number { (percent(one.auto.recall)) }
            td.number { (format!("{:.3}", one.best_f1)) } td.number { (format!("{:.3}", one.calibration_error)) } td.number { (format!("{:.3}", one.log_loss)) }
        }
    };
    html! {
        section {
            h2 { (view.say("The scorer, retrained on trial", "试训评分模型")) }
            p.soft { (view.say(
                "Fits readers and calibrators to three quarters of the judged products and compares on the quarter that was held back. The running service keeps its scorer; a better one is made for good from the same labels by:",
                "用四分之三的已判断商品训练，在留出的四分之一上比较。运行中的服务不受影响；要正式使用更好的模型，请用同样的标注运行：")) " "
                code { "tongpin train labels.csv --out MODELS" } " " (view.say("and served with", "然后用")) " " code { "--models MODELS" } }
            @match &trial {
                Some(Trial { outcome: None, since, labels }) => p role="status" { (view.say("Training on ", "正在训练，")) (labels) (view.say(" labels since ", " 条标注，已 ")) (age(view, *since)) " …" }
                Some(Trial { outcome: Some(Err(why)), .. }) => p.notice role="alert" { bdi { (why) } }
                Some(Trial { outcome: Some(Ok((before, after))), labels, since }) => {
                    p { (labels) " " (view.say("labels", "条标注")) " · " (age(view, *since)) }
                    div.scroll tabindex="0" { table.list {
                        thead { tr { th { (view.say("Held-back quarter", "留出的四分之一")) } th { (view.say("Precision from 0.85", "0.85 以上准确率")) } th { (view.say("Recall", "召回率")) } th { "F1" } th { (view.say("Calibration error", "校准误差")) } th { (view.say("Log loss", "对数损失")) } } }
                        tbody { tr { th scope="row" { (view.say("before", "之前")) } (figures(before)) } tr { th scope="row" { (view.say("after", "之后")) } (figures(after)) } }
                    } }
                    p { @if after.log_loss > before.log_loss || after.best_f1 < before.best_f1 - 0.01 { (view.say("It would be worse: keep the scorer.", "会变差：请保留现有模型。")) } @else { (view.say("It would not be worse.", "不会变差。")) } }
                }
                None => {}
            }
            @if !matches!(trial, Some(Trial { outcome: None, .. })) {
                form.start method="post" action="/console/learning/train" { (token(person)) button disabled[labels < 40] { (view.say("Retrain on trial", "试训")) }
                    @if labels < 40 { span.soft { (view.say("it takes some dozen judged pairs of each kind", "需要每类至少几十对判断")) } } }
            }
        }
    }
}

#[derive(Deserialize)]
pub struct Cut {
    cut: f64,
    #[serde(default)]
    token: String,
}

fn candidate(view: View, policy: &Policy, cut: f64) -> Result<Policy, Failure> {
    if !CUTS.contains(&cut) {
        let text = view.say("Choose a threshold from the table.", "请从表中选择阈值。");
        return Err(Failure::Refused(view, text.to_owned()));
    }
    let zones = ZonePolicy { auto: Confidence::saturating(cut), ..policy.zones };
    Ok(Policy { zones, activity: Activity::Inactive, ..policy.clone() })
}

/// The shadow run: what a threshold would change, without changing anything.
pub async fn shadow(
    axum::extract::State(shared): State,
    person: Person,
    Query(asked): Query<Cut>,
) -> Result<Response, Failure> {
    let view = person.view;
    allow(&person)?;
    let broken = |error| Failure::of_store(view, error);
    let policy = held(&shared, view).await?;
    let tried = candidate(view, &policy, asked.cut)?;
    let (counts, changes) =
        shared.live.shadow(&tried, SHOWN).await.map_err(|error| Failure::of(view, error))?;
    let keys: Vec<SkuKey> =
        changes.gained.iter().chain(&changes.lost).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let skus = shared.live.store().skus(&keys).await.map_err(broken)?;
    let skus: BTreeMap<SkuKey, LocalSku> =
        skus.into_iter().map(|row| (row.value.sku.key.clone(), row.value.sku)).collect();
    let tile =
        |count: usize, text: &'static str| html! { div.tile { b { (show::lang::thousands(count)) } (text) } };
    let body = html! {
        h1 { (view.say("If the machine linked from ", "如果从 ")) (asked.cut) (view.say(" on", " 起自动关联")) " " small { (view.say("it does from ", "现在是 ")) (policy.zones.auto.get()) (view.say("; nothing has changed", "；现在没有任何改变")) } }
        section.tiles {
            (tile(counts.links_gained, view.say("links would come", "个关联会增加")))
            (tile(counts.links_lost, view.say("links would go", "个关联会消失")))
            (tile(counts.reviews_gained, view.say("questions would come", "个问题会增加")))
            (tile(counts.reviews_lost, view.say("questions would go", "个问题会消失")))
            (tile(counts.decisions_contradicted, view.say("answers that it would have had otherwise", "个人的回答与之相反")))
        }
        (pairs(&shared, &view, view.say("Links that would come", "会增加的关联"), &changes.gained, &skus))
        (pairs(&shared, &view, view.say("Links that would go", "会消失的关联"), &changes.lost, &skus))
        form.start method="post" action="/console/learning/propose" {
            (token(&person))
            input type="hidden" name="cut" value=(asked.cut);
            button.primary.large { (view.say("Propose this threshold", "提议这个阈值")) }
            a.button href="/console/learning" { (view.say("Change nothing", "不做改变")) }
            span.soft { (view.say("It holds only when another administrator activates it.", "由另一位管理员启用后才生效。")) }
        }
    };
    let title = view.say("Shadow run", "影子运行");
    Ok(layout::page(&view, Some((&person, Tab::Learning, "/console/learning")), title, &body))
}

fn pairs(
    shared: &Shared,
    view: &View,
    title: &'static str,
    pairs: &[(SkuKey, SkuKey)],
    skus: &BTreeMap<SkuKey, LocalSku>,
) -> Markup {
    html! { @if !pairs.is_empty() {
        h2 { (title) }
        div.scroll tabindex="0" { table.list { tbody { @for (left, right) in pairs {
            @if let (Some(left), Some(right)) = (skus.get(left), skus.get(right)) {
                @let reason = shared.live.engine().reason(left, right, None);
                @let marked = show::compare::names(&left.name, &right.name, &show::kinds::statements(&reason));
                tr {
                    td { (layout::made(marked.0)) small { bdi { (left.key.node) } } }
                    td { (layout::made(marked.1)) small { bdi { (right.key.node) } } }
                    td { bdi { (show::kinds::reason_in_words(&reason, view.language)) } }
                }
            }
        } } } }
        @if pairs.len() == SHOWN { p.soft { (view.say("The first sixty are shown.", "只显示前六十个。")) } }
    } }
}

pub async fn propose(
    axum::extract::State(shared): State,
    person: Person,
    Form(form): Form<Cut>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_approve(), "an approver")?;
    let view = person.view;
    let broken = |error| Failure::of_store(view, error);
    let policy = held(&shared, view).await?;
    let versions = versions(&shared).await.map_err(broken)?;
    let number = versions.first().map_or(0, |(row, _)| row.value.number) + 1;
    let labels = labels(shared.live.store()).await.map_err(broken)?;
    let audits = labels.iter().filter(|label| label.audit).count();
    let description = format!(
        "learnt from {} judged pairs, {audits} of them audited, by {}",
        labels.len(),
        name_of(&person.actor())
    );
    let policy = Policy { number, description, ..candidate(view, &policy, form.cut)? };
    let mut batch = Batch::new(now(), &person.actor(), "policy").with(Mutation::AddPolicy { policy });
    batch.audit = Some(AuditNote {
        action: PROPOSE.to_owned(),
        subject: subject(number),
        detail: format!("auto {}", form.cut),
    });
    shared.live.commit(&batch).await.map_err(|error| Failure::of(view, error))?;
    Ok(layout::answer(Redirect::to("/console/learning?said=proposed").into_response()))
}

/// Activates a proposal of another person, or goes back to an earlier version; then everything is grouped by it.
pub async fn activate(
    axum::extract::State(shared): State,
    person: Person,
    Path(number): Path<i64>,
    Form(form): Form<access::Token>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.user.role == Role::Admin, "an administrator")?;
    let view = person.view;
    let versions = versions(&shared).await.map_err(|error| Failure::of_store(view, error))?;
    let own = versions
        .iter()
        .any(|(row, by)| row.value.number == number && by.as_deref() == Some(person.actor().as_str()));
    if own {
        let text = view.say(
            "Another administrator has to activate what you proposed.",
            "您提议的须由另一位管理员启用。",
        );
        return Err(Failure::Refused(view, text.to_owned()));
    }
    let mutation = Mutation::ActivatePolicy { scope: PolicyScope::Global, number, expected: None };
    let mut batch = Batch::new(now(), &person.actor(), "policy").with(mutation);
    batch.audit = Some(AuditNote {
        action: "console.activate_policy".to_owned(),
        subject: subject(number),
        detail: String::new(),
    });
    shared.live.commit(&batch).await.map_err(|error| Failure::of(view, error))?;
    let live = shared.live.clone();
    tokio::spawn(async move {
        // People's decisions hold whatever the threshold.
        if let Err(error) = live.regroup(Splits::Made).await {
            tracing::error!(%error, "grouping by another policy");
        }
    });
    Ok(layout::answer(Redirect::to("/console/learning?said=active").into_response()))
}

async fn as_pairs(store: &store::Store, labels: &[Label]) -> store::Result<Labels> {
    let mut out = Labels { source: "console".to_owned(), ..Labels::default() };
    for part in labels.chunks(500) {
        let keys: Vec<SkuKey> =
            part.iter().flat_map(|label| [label.pair.0.clone(), label.pair.1.clone()]).collect();
        let rows = store.skus(&keys).await?;
        let rows: BTreeMap<SkuKey, LocalSku> =
            rows.into_iter().map(|row| (row.value.sku.key.clone(), row.value.sku)).collect();
        for label in part {
            if let (Some(left), Some(right)) = (rows.get(&label.pair.0), rows.get(&label.pair.1)) {
                out.pairs.push((left.clone(), right.clone()));
                out.same.push(label.same);
            }
        }
    }
    Ok(out)
}

/// The labels as `tongpin train` reads them.
pub async fn labels_file(axum::extract::State(shared): State, person: Person) -> Result<Response, Failure> {
    allow(&person)?;
    let broken = |error| Failure::of_store(person.view, error);
    let store = shared.live.store();
    let pairs = as_pairs(store, &labels(store).await.map_err(broken)?).await.map_err(broken)?;
    let fields = ["name", "brand", "spec", "unit", "category", "gtin"];
    let sides = ["left", "right"].map(|side| fields.map(|field| format!("{side}_{field}")).join(","));
    let mut text = format!("\u{feff}{},label\r\n", sides.join(","));
    for ((left, right), same) in pairs.pairs.iter().zip(&pairs.same) {
        for sku in [left, right] {
            let cells = [
                Some(&sku.name),
                sku.brand.as_ref(),
                sku.spec.as_ref(),
                sku.unit.as_ref(),
                sku.category.as_ref(),
                sku.gtin.as_ref(),
            ];
            for cell in cells {
                text.push_str(&format!(
                    "\"{}\",",
                    cell.map(|cell| cell.replace('"', "\"\"")).unwrap_or_default()
                ));
            }
        }
        text.push_str(if *same { "1\r\n" } else { "0\r\n" });
    }
    let mut response = layout::answer(text);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers
        .insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"labels.csv\""));
    Ok(response)
}

/// Retrains on trial, in the background.
pub async fn train(
    axum::extract::State(shared): State,
    person: Person,
    Form(form): Form<access::Token>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_approve(), "an approver")?;
    let broken = |error| Failure::of_store(person.view, error);
    let store = shared.live.store();
    let running = shared.training.now().is_some_and(|trial| trial.outcome.is_none());
    if !running {
        let labels = as_pairs(store, &labels(store).await.map_err(broken)?).await.map_err(broken)?;
        let note = AuditNote {
            action: "console.train".to_owned(),
            subject: "scorer".to_owned(),
            detail: format!("{} labels", labels.pairs.len()),
        };
        store.audit(now(), &person.actor(), &note, "done").await.map_err(broken)?;
        let trial = Trial { since: now(), labels: labels.pairs.len(), outcome: None };
        shared.training.set(trial.clone());
        let shared: Arc<Shared> = shared.clone();
        tokio::task::spawn_blocking(move || {
            let tuned = shared.live.engine().tune(&labels, None, &TuneOptions::default(), &Quiet);
            let outcome =
                tuned.map(|tuning| (tuning.before, tuning.after)).map_err(|error| error.to_string());
            shared.training.set(Trial { outcome: Some(outcome), ..trial });
        });
    }
    Ok(layout::answer(Redirect::to("/console/learning?said=training").into_response()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(audit: bool, confidence: f64, same: bool, number: usize) -> Label {
        let pair = (SkuKey::new("a", &number.to_string()), SkuKey::new("b", &number.to_string()));
        Label { pair, same, confidence, audit }
    }

    #[test]
    fn a_threshold_is_only_proved_by_enough_right_answers() {
        let audits = |count: usize, wrong: usize| -> Vec<Label> {
            (0..count).map(|i| label(true, 0.9, i >= wrong, i)).collect()
        };
        // 0.95 ^ 59 < 0.05: fifty-nine right ones prove 95 %, fifty-eight do not.
        assert!(tested(0.85, 0.85, &audits(59, 0), 100, 0, 0.95).at_least >= 0.95);
        assert!(tested(0.85, 0.85, &audits(58, 0), 100, 0, 0.95).at_least < 0.95);
        assert!(tested(0.85, 0.85, &audits(59, 1), 100, 0, 0.95).at_least < 0.95);
        assert_eq!(tested(0.85, 0.85, &[], 100, 0, 0.95).at_least, 0.0, "no answers prove nothing");
        // Looser: the answered questions count by their share, and one kind without answers counts as wrong.
        let mut mixed = audits(400, 0);
        assert!(tested(0.8, 0.85, &mixed, 100, 100, 0.95).at_least < 0.55);
        mixed.extend((0..400).map(|i| label(false, 0.82, true, 1_000 + i)));
        assert!(tested(0.8, 0.85, &mixed, 100, 100, 0.95).at_least > 0.98);
        let table = [0.9, 0.85, 0.8]
            .map(|cut| tested(cut, 0.85, &mixed, 100, if cut < 0.85 { 100 } else { 0 }, 0.95));
        assert_eq!(suggested(&table, 0.85, 0.97).map(|one| one.cut), Some(0.8));
        assert_eq!(suggested(&table, 0.85, 0.999).map(|one| one.cut), None);
    }
}
