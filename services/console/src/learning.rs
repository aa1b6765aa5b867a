//! What people's answers teach the machine: where it may link by itself, with a tested bound; and the policies.
//!
//! Nothing is learnt in silence. A threshold is tried first (a shadow run over all goods says which links would come and go),
//! then proposed, then put in use (by another person where policy wants four eyes), and every version before can be gone back
//! to. The scorer itself is learnt in `scorers`.

use crate::State;
use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, age, token};
use crate::part::segment;
use crate::queue::name_of;
use crate::scorers::SHOWN;
use crate::{Shared, access};
use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{
    Activity, Confidence, Eyes, LinkCause, LocalSku, Policy, PolicyScope, SkuKey, Stored, Verdict, Version,
    ZonePolicy,
};
use engine::Labels;
use http::{HeaderValue, header};
use learn::bound::{lower_bound, pairs_needed};
use live::{Changes, Splits, notes, now};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeMap;
use store::{AuditNote, Batch, DecisionFilter, Mutation, Page, ReviewFilter, Role};

const DECISIONS: usize = 20_000;
/// Thresholds that are looked at, strict to loose.
const CUTS: [f64; 12] = [0.99, 0.97, 0.95, 0.93, 0.9, 0.88, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6];
const TARGETS: [&str; 3] = ["0.95", "0.97", "0.99"];
/// How surely a bound holds.
const LEVEL: f64 = 0.95;
/// Versions of each scope that are listed.
const VERSIONS: usize = 10;
/// In the audit log.
const PROPOSE: &str = "console.propose_policy";

/// An answer as a label.
pub struct Label {
    pair: (SkuKey, SkuKey),
    same: bool,
    confidence: f64,
    audit: bool,
}

/// Answers that say something about a pair, newest first, one a pair.
pub async fn labels(store: &store::Store) -> store::Result<Vec<Label>> {
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

pub fn allow(person: &Person) -> Result<(), Failure> {
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
        author: None,
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
            "proposed" => view.say("Proposed; it is among the versions below.", "已提议，见下面的版本列表。"),
            "scorer" => view.say("Proposed. Another person puts it in use.", "已提议。由另一个人启用。"),
            "scoring" => view.say("All goods are scored and grouped by it in the background; then it is in use.", "正在后台重新评分和归组，完成后生效。"),
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
        section id="versions" {
            h2 { (view.say("Versions", "版本")) }
            @if versions.is_empty() { p.soft { (view.say("The built-in policy holds: 0.85.", "使用内置策略：0.85。")) } }
            @else {
                p.soft { @if policy.eyes == Eyes::Four { (view.say("Policy wants four eyes: another person than the author puts a version in use.", "策略要求四眼原则：由作者之外的人启用新版本。")) }
                    @else { (view.say("An administrator puts a version in use, or an approver another person's. A policy with four eyes takes another person than the author.", "由管理员启用；有批准权限的人可以启用别人的版本。要求四眼原则的策略须由作者之外的人启用。")) } }
                div.scroll tabindex="0" { table.list {
                thead { tr { th { (view.say("For", "范围")) } th { "#" } th { (view.say("Links from", "自动关联 ≥")) } th { (view.say("Asks from", "询问 ≥")) } th { (view.say("Eyes", "人数")) } th { (view.say("Why", "原因")) } th { (view.say("Written by", "作者")) } th { (view.say("When", "多久前")) } th { (view.say("Standing", "状态")) } } }
                tbody { @for row in &versions {
                    @let one = &row.value;
                    tr {
                        td { bdi { (crate::quality::scope(&view, &one.scope)) } }
                        td.number { (one.number) } td.number { (one.zones.auto.get()) } td.number { (one.zones.review.get()) }
                        td { (if one.eyes == Eyes::Four { view.say("four", "四眼") } else { view.say("two", "一人") }) }
                        td { bdi { (show::html::cut(&one.description, 160).0) } }
                        td { @if let Some(by) = &one.author { bdi { (name_of(by)) } } }
                        td { (age(&view, row.created)) }
                        td { @if one.activity == Activity::Active { b { (view.say("holds", "生效中")) } }
                            @else if may_activate(&person, &policy, row) {
                                form.inline method="post" action=(format!("/console/learning/policies/{}/{}", segment(&one.scope.key()), one.number)) {
                                    (token(&person))
                                    button { (if held_before(row) { view.say("Roll back to this", "回退到此版本") } else { view.say("Put in use", "启用") }) }
                                }
                            } @else { span.soft { (view.say("another person puts it in use", "由另一个人启用")) } }
                        }
                    }
                } }
            } } }
        }
        (crate::scorers::section(&shared, &person, labels.len()).await.map_err(broken)?)
    };
    let title = view.say("Learning", "学习");
    Ok(layout::page(&view, Some((&person, Tab::Learning, "/console/learning")), title, &body))
}

/// Versions of every scope, newest first in each.
async fn versions(shared: &Shared) -> store::Result<Vec<Stored<Policy>>> {
    let mut all = shared.live.store().policies(&Page::first(1_000)).await?.items;
    all.sort_by_key(|row| (row.value.scope != PolicyScope::Global, row.value.scope.key(), -row.value.number));
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    all.retain(|row| {
        let count = shown.entry(row.value.scope.key()).or_default();
        *count += 1;
        *count <= VERSIONS || row.value.activity == Activity::Active
    });
    Ok(all)
}

/// Whether it was in use before: somebody has agreed to it then.
fn held_before(row: &Stored<Policy>) -> bool {
    row.version > Version(1)
}

/// An administrator, and for another person's version an approver; where policy wants four eyes never the author of a new one.
fn may_activate(person: &Person, held: &Policy, row: &Stored<Policy>) -> bool {
    let own = row.value.author.as_ref() == Some(&person.actor());
    let alone = person.user.role == Role::Admin && held.eyes == Eyes::Two;
    person.may_approve() && (!own || alone || held_before(row))
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
    let body = html! {
        h1 { (view.say("If the machine linked from ", "如果从 ")) (asked.cut) (view.say(" on", " 起自动关联")) " " small { (view.say("it does from ", "现在是 ")) (policy.zones.auto.get()) (view.say("; nothing has changed", "；现在没有任何改变")) } }
        (crate::scorers::counts_of(&view, &counts))
        (changes_as_tables(&shared, &view, &changes).await.map_err(broken)?)
        form.start method="post" action="/console/learning/propose" {
            (token(&person))
            input type="hidden" name="cut" value=(asked.cut);
            button.primary.large { (view.say("Propose this threshold", "提议这个阈值")) }
            a.button href="/console/learning" { (view.say("Change nothing", "不做改变")) }
            span.soft { (view.say("It holds only when somebody puts it in use.", "启用后才生效。")) }
        }
    };
    let title = view.say("Shadow run", "影子运行");
    Ok(layout::page(&view, Some((&person, Tab::Learning, "/console/learning")), title, &body))
}

/// Pairs that would be linked, and pairs that would not any more.
pub async fn changes_as_tables(shared: &Shared, view: &View, changes: &Changes) -> store::Result<Markup> {
    let keys: Vec<SkuKey> =
        changes.gained.iter().chain(&changes.lost).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let skus = shared.live.store().skus(&keys).await?;
    let skus: BTreeMap<SkuKey, LocalSku> =
        skus.into_iter().map(|row| (row.value.sku.key.clone(), row.value.sku)).collect();
    Ok(html! {
        (pairs(shared, view, view.say("Links that would come", "会增加的关联"), &changes.gained, &skus))
        (pairs(shared, view, view.say("Links that would go", "会消失的关联"), &changes.lost, &skus))
    })
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
    let global = versions.iter().filter(|row| row.value.scope == PolicyScope::Global);
    let number = global.map(|row| row.value.number).max().unwrap_or(0) + 1;
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
        subject: format!("policies/global/{number}"),
        detail: format!("auto {}", form.cut),
    });
    shared.live.commit(&batch).await.map_err(|error| Failure::of(view, error))?;
    Ok(layout::answer(Redirect::to("/console/learning?said=proposed#versions").into_response()))
}

/// Puts a version in use, or goes back to an earlier one; then everything is grouped by it.
pub async fn activate(
    axum::extract::State(shared): State,
    person: Person,
    Path((scope, number)): Path<(String, i64)>,
    Form(form): Form<access::Token>,
) -> Result<Response, Failure> {
    let view = person.view;
    let broken = |error| Failure::of_store(view, error);
    person.writes(&form.token, person.may_approve(), "an approver")?;
    let all = versions(&shared).await.map_err(broken)?;
    let row = all.iter().find(|row| row.value.scope.key() == scope && row.value.number == number);
    let row = row.ok_or_else(|| {
        Failure::NotFound(view, view.say("There is no such version.", "没有这个版本。").to_owned())
    })?;
    if !may_activate(&person, &held(&shared, view).await?, row) {
        let text =
            view.say("Another person has to put in use what you wrote.", "您写的版本须由另一个人启用。");
        return Err(Failure::Refused(view, text.to_owned()));
    }
    let subject = format!("policies/{scope}/{number}");
    let writer = person.writer("console.activate_policy", &subject, "");
    let done = shared.live.activate_policy(&row.value.scope, number, None, &writer).await;
    done.map_err(|error| Failure::of(view, error))?;
    let live = shared.live.clone();
    tokio::spawn(async move {
        // People's decisions hold whatever the threshold.
        if let Err(error) = live.regroup(Splits::Made).await {
            tracing::error!(%error, "grouping by another policy");
        }
    });
    Ok(layout::answer(Redirect::to("/console/learning?said=active#versions").into_response()))
}

/// Labels with what their pairs say.
pub async fn as_pairs(store: &store::Store, labels: &[Label]) -> store::Result<Labels> {
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
