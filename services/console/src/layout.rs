//! What every page has around it.

use crate::access::{Person, Theme, View};
use crate::assets;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// With the headers of every answer.
pub fn answer(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Queue,
    Masters,
    Quality,
    Learning,
    Import,
    Persons,
}

/// HTML that [`show`] has escaped.
pub fn made(html: String) -> PreEscaped<String> {
    PreEscaped(html)
}

pub fn page(view: &View, person: Option<(&Person, Tab, &str)>, title: &str, body: &Markup) -> Response {
    let theme = match view.theme {
        Theme::Auto => "auto",
        Theme::Light => "light",
        Theme::Dark => "dark",
    };
    let back = person.map_or("/console/login", |(_, _, path)| path);
    let page = html! {
        (DOCTYPE)
        html lang=(view.say("en", "zh-CN")) data-theme=(theme) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · 同品 Tongpin" }
                link rel="stylesheet" href=(assets::style());
                link rel="icon" href="data:,";
                script src=(assets::script()) defer {}
            }
            body {
                a.skip href="#main" { (view.say("Skip to content", "跳到正文")) }
                header.top {
                    a.brand href="/console/" { "同品" span { "Tongpin" } }
                    @if let Some((person, tab, _)) = person {
                        nav aria-label=(view.say("Pages", "页面")) {
                            (link_to(view, tab, Tab::Queue, "/console/", "Queue", "队列"))
                            (link_to(view, tab, Tab::Masters, "/console/masters", "Masters", "主数据"))
                            (link_to(view, tab, Tab::Quality, "/console/quality", "Quality", "质量"))
                            @if person.may_approve() { (link_to(view, tab, Tab::Learning, "/console/learning", "Learning", "学习")) }
                            @if person.user.role == store::Role::Admin {
                                (link_to(view, tab, Tab::Import, "/console/import", "Import", "导入"))
                                (link_to(view, tab, Tab::Persons, "/console/persons", "Persons", "人员"))
                            }
                        }
                        span.who { bdi { (person.user.name) } small { (person.user.role.as_str()) } }
                    }
                    form.view method="post" action="/console/view" {
                        input type="hidden" name="back" value=(back);
                        button name="language" value=(view.say("zh", "en")) { (view.say("中文", "English")) }
                        @if view.theme != Theme::Light { button name="theme" value="light" { (view.say("Light", "浅色")) } }
                        @if view.theme != Theme::Dark { button name="theme" value="dark" { (view.say("Dark", "深色")) } }
                    }
                    @if let Some((person, _, _)) = person {
                        form.view method="post" action="/console/logout" {
                            (token(person))
                            button { (view.say("Log out", "退出")) }
                        }
                    }
                }
                p.offline hidden role="status" {
                    (view.say(
                        "The connection is gone. Your answer is kept here and sent when it is back.",
                        "连接已断开。您的回答保留在本页，恢复后自动提交。",
                    ))
                }
                main id="main" { (body) }
            }
        }
    };
    answer(Html(page.into_string()))
}

fn link_to(view: &View, now: Tab, tab: Tab, path: &str, en: &'static str, zh: &'static str) -> Markup {
    let current = (now == tab).then_some("page");
    html! { a href=(path) aria-current=[current] { (view.say(en, zh)) } }
}

/// The token against forged forms.
pub fn token(person: &Person) -> Markup {
    html! { input type="hidden" name="token" value=(person.form_token); }
}

/// A confidence as people read it, with a bar: `0.62`.
pub fn band(view: &View, confidence: f64) -> Markup {
    let text = show::lang::confidence(confidence);
    let class = if confidence >= 0.85 {
        "auto"
    } else if confidence >= 0.15 {
        "review"
    } else {
        "reject"
    };
    html! {
        span.band title=(view.say("the machine's confidence that it is the same", "机器认为是同品的置信度")) {
            svg viewBox="0 0 100 8" width="100" height="8" aria-hidden="true" {
                rect.ground x="0" y="0" width="100" height="8" rx="4" {}
                rect class=(class) x="0" y="0" width=(format!("{:.1}", 100.0 * confidence)) height="8" rx="4" {}
                // Where the machine begins to ask, and to act by itself.
                @for zone in [15, 85] { line x1=(zone) y1="0" x2=(zone) y2="8" {} }
            }
            b { (text) }
        }
    }
}

/// How long ago, roughly.
pub fn age(view: &View, since: domain::Timestamp) -> String {
    let minutes = (live::now().0 - since.0).max(0) / 60_000_000;
    let (count, en, zh) = match minutes {
        0..60 => (minutes, "min", "分钟"),
        60..2880 => (minutes / 60, "h", "小时"),
        _ => (minutes / 1440, "d", "天"),
    };
    format!("{count} {}", view.say(en, zh))
}
