//! Who may come in, and who did what: for administrators.

use crate::State;
use crate::access::{Person, View};
use crate::failure::Failure;
use crate::layout::{self, Tab, age, token};
use crate::part::segment;
use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use domain::Actor;
use live::now;
use maud::{Markup, html};
use serde::Deserialize;
use store::{AuditFilter, Page, Role};

const LINES: usize = 100;
/// What a person may be; a node's key is no person.
const ROLES: [Role; 4] = [Role::Reader, Role::Steward, Role::Approver, Role::Admin];

fn allow(person: &Person) -> Result<(), Failure> {
    if person.user.role == Role::Admin {
        Ok(())
    } else {
        Err(Failure::Denied(person.view, "an administrator"))
    }
}

fn role_name(view: &View, role: Role) -> &'static str {
    match role {
        Role::Reader => view.say("reader: looks", "只读：查看"),
        Role::Steward => view.say("steward: answers questions", "管家：回答问题"),
        Role::Approver => view.say(
            "approver: also merges, splits, agrees as the second person",
            "审批人：还可合并、拆分、作为第二个人同意",
        ),
        Role::Admin => view.say("administrator: everything", "管理员：全部"),
        Role::Node => view.say("node", "节点"),
    }
}

fn roles(view: &View, now: Role) -> Markup {
    html! { select name="role" aria-label=(view.say("role", "角色")) {
        @for role in ROLES { option value=(role.as_str()) selected[role == now] { (role_name(view, role)) } }
    } }
}

pub async fn show(axum::extract::State(shared): State, person: Person) -> Result<Response, Failure> {
    let view = person.view;
    allow(&person)?;
    let users = shared.live.store().users().await.map_err(|error| Failure::of_store(view, error))?;
    let title = view.say("Persons", "人员");
    let body = html! {
        h1 { (title) " " small { (users.len()) } }
        div.scroll tabindex="0" { table.list {
            thead { tr { th { (view.say("Name", "姓名")) } th { (view.say("Role", "角色")) } th { (view.say("Since", "建立")) } th { (view.say("New password", "新密码")) } th { (view.say("May come in", "可否登录")) } } }
            tbody { @for user in &users {
                @let path = format!("/console/persons/{}", segment(&user.name));
                @let own = user.name == person.user.name;
                tr {
                    th scope="row" { bdi { (user.name) } @if own { " " small { (view.say("you", "您")) } } }
                    td { @if own { (role_name(&view, user.role)) } @else {
                        form.inline method="post" action=(path) { (token(&person)) (roles(&view, user.role)) button name="what" value="role" { (view.say("Set", "设置")) } }
                    } }
                    td { (age(&view, user.created)) }
                    td { form.inline method="post" action=(path) { (token(&person))
                        input type="password" name="password" autocomplete="new-password" minlength="10" maxlength="1024" required size="14"
                            aria-label=(format!("{} {}", view.say("new password for", "新密码："), user.name));
                        button name="what" value="password" { (view.say("Set", "设置")) } } }
                    td { @if own { (view.say("yes", "可以")) } @else {
                        form.inline method="post" action=(path) { (token(&person))
                            @if user.disabled.is_some() { span.problem-text { (view.say("no", "不可以")) } " " button name="what" value="open" { (view.say("Let in again", "恢复")) } }
                            @else { (view.say("yes", "可以")) " " button name="what" value="shut" { (view.say("Shut out", "停用")) } }
                        }
                    } }
                }
            } }
        } }
        section.side.result {
            h2 { (view.say("A new person", "新增人员")) }
            form.start method="post" action="/console/persons" {
                (token(&person))
                label { (view.say("name", "姓名")) input name="name" required maxlength="128" autocomplete="off"; }
                label { (view.say("password (10 characters or more)", "密码（至少 10 个字符）")) input type="password" name="password" required minlength="10" maxlength="1024" autocomplete="new-password"; }
                label { (view.say("role", "角色")) (roles(&view, Role::Steward)) }
                button.primary { (view.say("Make", "新增")) }
            }
        }
        p { a.button href="/console/audit" { (view.say("Who did what", "操作记录")) } }
    };
    Ok(layout::page(&view, Some((&person, Tab::Persons, "/console/persons")), title, &body))
}

#[derive(Deserialize)]
pub struct New {
    token: String,
    name: String,
    password: String,
    role: String,
}

fn role_of(view: View, word: &str) -> Result<Role, Failure> {
    Role::parse(word)
        .filter(|role| ROLES.contains(role))
        .ok_or_else(|| Failure::Refused(view, view.say("Choose a role.", "请选择角色。").to_owned()))
}

pub async fn make(
    axum::extract::State(shared): State,
    person: Person,
    Form(form): Form<New>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.user.role == Role::Admin, "an administrator")?;
    let (view, by) = (person.view, person.actor());
    let role = role_of(view, &form.role)?;
    let made = shared.live.store().create_user(form.name.trim(), role, &form.password, &by, now()).await;
    made.map_err(|error| Failure::of_store(view, error))?;
    Ok(layout::answer(Redirect::to("/console/persons").into_response()))
}

#[derive(Deserialize)]
pub struct Change {
    token: String,
    what: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    password: String,
}

/// Role, password, shut out, let in; nobody takes away their own rights, so that somebody is left who may.
pub async fn change(
    axum::extract::State(shared): State,
    person: Person,
    Path(name): Path<String>,
    Form(form): Form<Change>,
) -> Result<Response, Failure> {
    person.writes(&form.token, person.user.role == Role::Admin, "an administrator")?;
    let (view, by, store) = (person.view, person.actor(), shared.live.store());
    if name == person.user.name && form.what != "password" {
        let text = view.say(
            "Nobody changes their own rights: ask another administrator.",
            "不能更改自己的权限：请另一位管理员操作。",
        );
        return Err(Failure::Refused(view, text.to_owned()));
    }
    let done = match form.what.as_str() {
        "role" => store.set_user_role(&name, role_of(view, &form.role)?, &by, now()).await,
        "password" => store.set_password(&name, &form.password, &by, now()).await,
        "shut" => store.disable_user(&name, &by, now()).await,
        _ => store.enable_user(&name, &by, now()).await,
    };
    done.map_err(|error| Failure::of_store(view, error))?;
    if matches!(form.what.as_str(), "password" | "shut") && name != person.user.name {
        // Whoever came in by the old password goes out.
        store.end_sessions_of(&name).await.map_err(|error| Failure::of_store(view, error))?;
    }
    Ok(layout::answer(Redirect::to("/console/persons").into_response()))
}

#[derive(Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    actor: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    after: String,
}

pub async fn audit(
    axum::extract::State(shared): State,
    person: Person,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let view = person.view;
    allow(&person)?;
    let filter = AuditFilter {
        actor: (!asked.actor.is_empty()).then(|| Actor::new(&asked.actor)),
        action: (!asked.action.is_empty()).then(|| asked.action.clone()),
        ..AuditFilter::default()
    };
    let page = Page::after(LINES, (!asked.after.is_empty()).then(|| asked.after.clone()));
    let events = shared.live.store().audit_events(&filter, &page).await;
    let events = events.map_err(|error| Failure::of_store(view, error))?;
    let title = view.say("Who did what", "操作记录");
    let body = html! {
        h1 { (title) }
        form.filters method="get" action="/console/audit" {
            label { (view.say("Who", "谁")) input name="actor" value=(asked.actor) maxlength="140" placeholder="user:li"; }
            label { (view.say("What", "操作")) input name="action" value=(asked.action) maxlength="80" placeholder="console.decide"; }
            button { (view.say("Show", "筛选")) }
        }
        div.scroll tabindex="0" { table.list {
            thead { tr { th { "#" } th { (view.say("When", "多久前")) } th { (view.say("Who", "谁")) } th { (view.say("What", "操作")) } th { (view.say("To what", "对象")) } th { (view.say("Outcome", "结果")) } } }
            tbody { @for event in &events.items { tr {
                td.number { (event.number) }
                td { (age(&view, event.at)) }
                td { bdi { (event.actor) } }
                td { code { (event.note.action) } }
                td { (layout::made(show::html::name(&event.note.subject))) @if !event.note.detail.is_empty() { small { bdi { (show::html::cut(&event.note.detail, 200).0) } } } }
                td { (event.outcome) }
            } } }
        } }
        @if let Some(next) = &events.next {
            p { a.button href=(format!("/console/audit?actor={}&action={}&after={}", segment(&asked.actor), segment(&asked.action), segment(next))) { (view.say("Older", "更早")) } }
        }
    };
    Ok(layout::page(&view, Some((&person, Tab::Persons, "/console/audit")), title, &body))
}
