//! What goes wrong, as a page that says what to do.

use crate::access::View;
use crate::layout;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use live::LiveError;
use maud::{Markup, html};
use store::StoreError;

#[derive(Debug)]
pub enum Failure {
    /// Nobody is logged in.
    Login,
    /// A form that was not made here, or too long ago.
    Forged(View),
    Denied(View, &'static str),
    NotFound(View, String),
    /// What was asked cannot be done as things are now.
    Refused(View, String),
    /// More than is taken.
    TooLarge(View, String),
    Building(View),
    /// The server's own fault; the log says more.
    Broken(View),
}

impl Failure {
    pub fn of(view: View, error: LiveError) -> Failure {
        match error {
            LiveError::Building => Failure::Building(view),
            LiveError::Store(error) => Failure::of_store(view, error),
            LiveError::GivenUp(_) => {
                tracing::error!(%error, "the console");
                Failure::Broken(view)
            }
            other => match other.to_string() {
                text if text.contains("does not exist") => Failure::NotFound(view, text),
                text => Failure::Refused(view, text),
            },
        }
    }

    pub fn of_store(view: View, error: StoreError) -> Failure {
        match error {
            StoreError::NotFound { .. } => Failure::NotFound(view, error.to_string()),
            StoreError::Precondition { .. }
            | StoreError::Conflict { .. }
            | StoreError::LeaseLost { .. }
            | StoreError::Invalid { .. }
            | StoreError::AlreadyExists { .. } => Failure::Refused(view, error.to_string()),
            _ => {
                tracing::error!(%error, "the console");
                Failure::Broken(view)
            }
        }
    }
}

/// A rule that forbids something, in the person's language; what it is about stays as it was said.
pub fn in_words(view: &View, said: &str) -> Markup {
    // What the rooms below say, by its unmistakable part.
    const RULES: [(&str, &str); 16] = [
        ("nothing is left to answer", "这个问题已经有了结果。"),
        ("contradicts its member", "与其中一个成员写明的内容互相矛盾。"),
        ("the node holds a product once", "该节点同一商品只能有一条：请先移出原有的一条。"),
        ("was merged into", "该主数据已并入别的主数据。"),
        ("has no members any more", "该主数据已没有成员。"),
        ("as its only member", "它是唯一的成员，不能移出。"),
        ("cannot be merged into itself", "不能与自身合并。"),
        ("must keep a member and lose a member", "拆分后两边都必须有成员：请勾选一部分成员。"),
        ("as a member already", "它已经是成员。"),
        ("does not have", "它不是成员。"),
        ("had no members at revision", "那个版本没有成员。"),
        ("is not held by", "这个问题现在不归您：别人正在看，或租期已到。请重新领取。"),
        ("read it again and decide again", "内容已被别人改动：请刷新后再试。"),
        ("has to have 10 characters", "密码至少 10 个字符，不超过 1024 字节。"),
        ("does not exist", "没有找到：请检查编号。"),
        ("exists already", "已经存在：请换一个名称。"),
    ];
    match RULES.iter().find(|(part, _)| said.contains(part)).filter(|_| view.is_chinese()) {
        Some((_, zh)) => html! { (zh) " " small { bdi lang="en" { (said) } } },
        None => html! { bdi { (said) } },
    }
}

fn role_in_chinese(needs: &str) -> &str {
    match needs {
        "a steward" => "管家（steward）",
        "an approver" => "审批人（approver）",
        "an administrator" => "管理员（admin）",
        other => other,
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, view, text) = match self {
            Failure::Login => return Redirect::to("/console/login").into_response(),
            Failure::Forged(view) => {
                let text = view.say(
                    "This form is too old or was not made by this page. Go back, reload, and send it again.",
                    "该表单已过期，或不是由本页面生成。请返回、刷新后重新提交。",
                );
                (StatusCode::FORBIDDEN, view, text.to_owned())
            }
            Failure::Denied(view, needs) => {
                let text = match view.is_chinese() {
                    false => format!("Your role does not allow this: it takes {needs}."),
                    true => format!("您的角色不能这样做：需要{}。", role_in_chinese(needs)),
                };
                (StatusCode::FORBIDDEN, view, text)
            }
            Failure::NotFound(view, text) => (StatusCode::NOT_FOUND, view, text),
            Failure::TooLarge(view, text) => (StatusCode::PAYLOAD_TOO_LARGE, view, text),
            Failure::Refused(view, text) => (StatusCode::CONFLICT, view, text),
            Failure::Building(view) => {
                let text = view.say(
                    "The index is being built. Try again in a moment; nothing is lost.",
                    "正在建立索引，请稍候再试；不会丢失任何内容。",
                );
                (StatusCode::SERVICE_UNAVAILABLE, view, text.to_owned())
            }
            Failure::Broken(view) => {
                let text = view.say(
                    "The server failed. Nothing was half done; try again, and tell the operator if it stays so.",
                    "服务器出错。没有任何内容只做了一半；请重试，若仍如此请告知运维。",
                );
                (StatusCode::INTERNAL_SERVER_ERROR, view, text.to_owned())
            }
        };
        let title = view.say("This did not work", "没有成功");
        let body = html! {
            section.notice role="alert" {
                h1 { (title) }
                p { (in_words(&view, &text)) }
                p { a.button href="/console/" { (view.say("To the queue", "回到队列")) } }
            }
        };
        (status, layout::page(&view, None, title, &body)).into_response()
    }
}
