//! A scorer that is learnt from people's answers, from the trial to its use: trained beside the running service, shown with what
//! it would change, proposed, put in use by another person while the service runs, and gone back from.

use crate::access::{Person, Token, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, age, token};
use crate::learning::{allow, as_pairs, changes_as_tables, labels};
use crate::queue::name_of;
use crate::{Shared, State};
use axum::extract::{Form, Path};
use axum::response::{IntoResponse, Redirect, Response};
use domain::{Actor, Timestamp};
use engine::{Engine, Figures, Labels, Quiet, TuneOptions};
use live::{Changes, Simulated, Splits, now};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use store::{AuditNote, SHIPPED, Scorer};

/// Fewer judged pairs are not worth a try.
const LEAST: usize = 40;
/// Scorers that are listed.
const LISTED: usize = 20;
/// Pairs that a shadow run shows of each kind.
pub const SHOWN: usize = 60;

/// A retraining on trial, one at a time.
#[derive(Default)]
pub struct Training(Mutex<Option<Trial>>);

#[derive(Clone)]
pub struct Trial {
    since: Timestamp,
    labels: usize,
    outcome: Outcome,
}

#[derive(Clone)]
enum Outcome {
    Running,
    Failed(String),
    Learnt(Arc<Learnt>),
    Proposed(i64),
}

struct Learnt {
    title: String,
    /// The model as JSON.
    body: String,
    measured: Measured,
}

/// What is known of a scorer before it is used: kept with it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Measured {
    labels: usize,
    /// On the quarter that was held back, by the scorer in use then and by this one.
    figures: Option<[Figures; 2]>,
    /// Whether it was worse there.
    is_worse: bool,
    /// What it would have changed.
    counts: Simulated,
    changes: Changes,
}

impl Training {
    pub fn now(&self) -> Option<Trial> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, trial: Trial) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(trial);
    }

    /// Takes the place of the one trial, unless one runs.
    fn begin(&self, trial: &Trial) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|held| matches!(held.outcome, Outcome::Running)) {
            return false;
        }
        *held = Some(trial.clone());
        true
    }
}

/// Trains, and runs the result over all goods without changing anything.
async fn learn(shared: &Shared, labels: Labels) -> Result<Learnt, String> {
    let (engine, count) = (shared.live.engine(), labels.pairs.len());
    let tuned = tokio::task::spawn_blocking(move || {
        let tuning = engine.tune(&labels, None, &TuneOptions::default(), &Quiet)?;
        let body = Engine::scorer_json(&tuning.model);
        Ok::<_, engine::EngineError>((tuning, body))
    });
    let (tuning, body) =
        tuned.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let shadow = shared.live.shadow_scorer(&body, SHOWN).await;
    let (counts, changes) = shadow.map_err(|error| error.to_string())?;
    let is_worse = tuning.is_worse();
    let figures = Some([tuning.before, tuning.after]);
    let measured = Measured { labels: count, figures, is_worse, counts, changes };
    Ok(Learnt { title: tuning.model.version, body, measured })
}

/// Retrains on trial, in the background.
pub async fn train(
    axum::extract::State(shared): State,
    person: Person,
    Form(form): Form<Token>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_approve(), "an approver")?;
    let broken = |error| Failure::of_store(person.view, error);
    let store = shared.live.store();
    let pairs = as_pairs(store, &labels(store).await.map_err(broken)?).await.map_err(broken)?;
    let trial = Trial { since: now(), labels: pairs.pairs.len(), outcome: Outcome::Running };
    if shared.training.begin(&trial) {
        let note = AuditNote {
            action: "console.train".to_owned(),
            subject: "scorer".to_owned(),
            detail: format!("{} labels", trial.labels),
        };
        let shared: Arc<Shared> = shared.clone();
        let by = person.actor();
        tokio::spawn(async move {
            if let Err(error) = shared.live.store().audit(now(), &by, &note, "done").await {
                tracing::warn!(%error, "the audit log");
            }
            let outcome = match learn(&shared, pairs).await {
                Ok(learnt) => Outcome::Learnt(Arc::new(learnt)),
                Err(why) => Outcome::Failed(why),
            };
            shared.training.set(Trial { outcome, ..trial });
        });
    }
    Ok(layout::answer(Redirect::to("/console/learning?said=training#scorer").into_response()))
}

/// Keeps what the trial made, for another person to look at.
pub async fn propose(
    axum::extract::State(shared): State,
    person: Person,
    Form(form): Form<Token>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_approve(), "an approver")?;
    let view = person.view;
    let Some(Trial { outcome: Outcome::Learnt(learnt), since, labels }) = shared.training.now() else {
        let text = view
            .say("There is no trained scorer to propose: train one first.", "没有可提议的模型：请先试训。");
        return Err(Failure::Refused(view, text.to_owned()));
    };
    let note = serde_json::to_string(&learnt.measured).expect("figures are plain data");
    let kept =
        shared.live.store().add_scorer(&learnt.title, &learnt.body, &note, &person.actor(), now()).await;
    let number = kept.map_err(|error| Failure::of_store(view, error))?;
    shared.training.set(Trial { outcome: Outcome::Proposed(number), since, labels });
    Ok(layout::answer(Redirect::to("/console/learning?said=scorer#scorer").into_response()))
}

/// Puts a scorer in use, or goes back to one; then everything is scored and grouped by it, while the service runs.
pub async fn put_in_use(
    axum::extract::State(shared): State,
    person: Person,
    Path(number): Path<i64>,
    Form(form): Form<Token>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.may_approve(), "an approver")?;
    let used = shared.live.use_scorer(number, &person.actor()).await;
    used.map_err(|error| Failure::of(person.view, error))?;
    let live = shared.live.clone();
    tokio::spawn(async move {
        // People's decisions hold whatever the scorer.
        if let Err(error) = live.regroup(Splits::Made).await {
            tracing::error!(%error, "scoring and grouping by another scorer");
        }
    });
    Ok(layout::answer(Redirect::to("/console/learning?said=scoring#scorer").into_response()))
}

/// What was measured of a scorer, and what it would have changed.
pub async fn show(
    axum::extract::State(shared): State,
    person: Person,
    Path(number): Path<i64>,
) -> Result<Response, Failure> {
    let view = person.view;
    allow(&person)?;
    let broken = |error| Failure::of_store(view, error);
    let row = shared.live.store().scorer(number).await.map_err(broken)?.ok_or_else(|| {
        Failure::NotFound(view, view.say("There is no such scorer.", "没有这个模型。").to_owned())
    })?;
    let measured: Measured = serde_json::from_str(&row.note).unwrap_or_default();
    let body = html! {
        h1 { (view.say("Scorer ", "评分模型 ")) (row.number) " " small { code { (row.title) } } }
        p.soft { (view.say("proposed by ", "提议人：")) bdi { (name_of(&row.author)) } " · " (age(&view, row.created)) }
        (figures_of(&view, &measured))
        (counts_of(&view, &measured.counts))
        div.start { (action(&person, &row)) a.button href="/console/learning#scorer" { (view.say("Back", "返回")) } }
        (changes_as_tables(&shared, &view, &measured.changes).await.map_err(broken)?)
    };
    let title = view.say("Scorer", "评分模型");
    Ok(layout::page(&view, Some((&person, Tab::Learning, "/console/learning")), title, &body))
}

fn figures_of(view: &View, measured: &Measured) -> Markup {
    let percent = |share: f64| format!("{:.1}%", 100.0 * share);
    let line = |title: &'static str, one: &Figures| {
        html! { tr {
            th scope="row" { (title) }
            td.number { (one.auto.precision.map_or("–".to_owned(), percent)) } td.number { (percent(one.auto.recall)) }
            td.number { (format!("{:.3}", one.best_f1)) } td.number { (format!("{:.3}", one.calibration_error)) } td.number { (format!("{:.3}", one.log_loss)) }
        } }
    };
    html! { @if let Some([before, after]) = &measured.figures {
        div.scroll tabindex="0" { table.list {
            thead { tr { th { (view.say("Held-back quarter", "留出的四分之一")) } th { (view.say("Precision from 0.85", "0.85 以上准确率")) } th { (view.say("Recall", "召回率")) } th { "F1" } th { (view.say("Calibration error", "校准误差")) } th { (view.say("Log loss", "对数损失")) } } }
            tbody { (line(view.say("scorer in use", "现用模型"), before)) (line(view.say("learnt", "学习后"), after)) }
        } }
        p { (measured.labels) " " (view.say("labels. ", "条标注。")) b { @if measured.is_worse { (view.say("It is worse on what was held back: keep the scorer.", "在留出的数据上变差：请保留现有模型。")) }
            @else { (view.say("It is not worse on what was held back.", "在留出的数据上没有变差。")) } } }
    } }
}

/// What a shadow run counted.
pub fn counts_of(view: &View, counts: &Simulated) -> Markup {
    let tile = |count: usize, en: &'static str, zh: &'static str| {
        html! { div.tile { b { (show::lang::thousands(count)) } (view.say(en, zh)) } }
    };
    html! {
        section.tiles {
            (tile(counts.links_gained, "links would come", "个关联会增加"))
            (tile(counts.links_lost, "links would go", "个关联会消失"))
            (tile(counts.reviews_gained, "questions would come", "个问题会增加"))
            (tile(counts.reviews_lost, "questions would go", "个问题会消失"))
            (tile(counts.decisions_contradicted, "answers that it would have had otherwise", "个人的回答与之相反"))
        }
    }
}

/// The button that puts it in use, or why there is none.
fn action(person: &Person, row: &Scorer) -> Markup {
    let view = &person.view;
    let may = row.used.is_some() || row.author != person.actor();
    html! {
        @if row.in_use { b { (view.say("in use", "使用中")) } }
        @else if may { (use_button(person, row.number, row.used.is_some())) }
        @else { span.soft { (view.say("another person puts it in use", "由另一个人启用")) } }
    }
}

fn use_button(person: &Person, number: i64, again: bool) -> Markup {
    let view = &person.view;
    html! {
        form.inline method="post" action=(format!("/console/learning/scorers/{number}/use")) {
            (token(person))
            button { (if again { view.say("Roll back to this", "回退到此模型") } else { view.say("Put in use", "启用") }) }
        }
    }
}

/// The part of the learning page about the scorer.
pub async fn section(shared: &Shared, person: &Person, labels: usize) -> store::Result<Markup> {
    let view = &person.view;
    let rows = shared.live.store().scorers(LISTED).await?;
    let trial = shared.training.now();
    let running = matches!(&trial, Some(Trial { outcome: Outcome::Running, .. }));
    let by = |used: &Option<(Timestamp, Actor)>| {
        html! { @if let Some((at, by)) = used { bdi { (name_of(by)) } " " small { (age(view, *at)) } } }
    };
    Ok(html! {
        section id="scorer" {
            h2 { (view.say("The scorer, retrained", "重新训练评分模型")) }
            p.soft { (view.say(
                "Trains on three quarters of the judged pairs, compares on the quarter that was held back, and runs over all goods without changing anything. What it made can then be proposed; another person puts it in use, while the service runs, and anyone who may approve goes back from it.",
                "用四分之三的已判断商品训练，在留出的四分之一上比较，再对全部商品试算一遍，不做任何改变。结果可以提议；由另一个人启用，服务无需重启；有批准权限的人随时可以回退。")) }
            @match &trial {
                Some(Trial { outcome: Outcome::Running, since, labels }) => p role="status" { (view.say("Training on ", "正在训练，")) (labels) (view.say(" labels since ", " 条标注，已 ")) (age(view, *since)) " …" }
                Some(Trial { outcome: Outcome::Failed(why), .. }) => p.notice role="alert" { bdi { (why) } }
                Some(Trial { outcome: Outcome::Learnt(learnt), since, .. }) => {
                    h3 { (view.say("Trained ", "试训结果，")) (age(view, *since)) (view.say(" ago", "前")) " " small { code { (learnt.title) } } }
                    (figures_of(view, &learnt.measured))
                    (counts_of(view, &learnt.measured.counts))
                    form.start method="post" action="/console/learning/scorers" {
                        (token(person))
                        button.primary { (view.say("Propose this scorer", "提议这个模型")) }
                        span.soft { (view.say("nothing changes until another person puts it in use", "由另一个人启用后才生效")) }
                    }
                }
                Some(Trial { outcome: Outcome::Proposed(number), .. }) => p { a href=(format!("/console/learning/scorers/{number}")) { (view.say("Proposed as scorer ", "已提议为模型 ")) (number) } }
                None => {}
            }
            @if !running {
                form.start method="post" action="/console/learning/train" { (token(person)) button disabled[labels < LEAST] { (view.say("Retrain on trial", "试训")) }
                    @if labels < LEAST { span.soft { (view.say("it takes some dozen judged pairs of each kind", "需要每类至少几十对判断")) } } }
            }
            @if !rows.is_empty() {
                div.scroll tabindex="0" { table.list {
                    thead { tr { th { "#" } th { (view.say("Scorer", "模型")) } th { (view.say("Links", "关联")) } th { (view.say("Proposed by", "提议人")) } th { (view.say("Put in use by", "启用人")) } th { (view.say("Standing", "状态")) } } }
                    tbody {
                        @for row in &rows {
                            @let measured: Measured = serde_json::from_str(&row.note).unwrap_or_default();
                            tr {
                                td.number { (row.number) }
                                td { a href=(format!("/console/learning/scorers/{}", row.number)) { code { (row.title) } } }
                                td.number { "+" (measured.counts.links_gained) " −" (measured.counts.links_lost) }
                                td { bdi { (name_of(&row.author)) } " " small { (age(view, row.created)) } }
                                td { (by(&row.used)) }
                                td { (action(person, row)) }
                            }
                        }
                        tr {
                            td.number { (SHIPPED) } td { (view.say("of the models folder", "模型目录自带")) } td {} td {} td {}
                            td { @if rows.iter().any(|row| row.in_use) { (use_button(person, SHIPPED, true)) } @else { b { (view.say("in use", "使用中")) } } }
                        }
                    }
                } }
            }
        }
    })
}
