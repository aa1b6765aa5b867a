//! What goes wrong, as a page that says what to do.

use crate::access::View;
use crate::layout;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use live::LiveError;
use maud::html;
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
                    true => format!("您的角色不能这样做：需要 {needs}。"),
                };
                (StatusCode::FORBIDDEN, view, text)
            }
            Failure::NotFound(view, text) => (StatusCode::NOT_FOUND, view, text),
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
                p { bdi { (text) } }
                p { a.button href="/console/" { (view.say("To the queue", "回到队列")) } }
            }
        };
        (status, layout::page(&view, None, title, &body)).into_response()
    }
}
