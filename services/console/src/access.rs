//! Who is here: logins, sessions, rights, forms that only our own pages may send.
//!
//! A session is 256 random bits in a cookie that scripts cannot read and other sites cannot send; the store keeps its digest
//! only, so that a stolen copy opens none, a restart throws nobody out, and every server of a store knows who is in. Ten
//! wrong passwords for a name within a quarter of an hour shut that name for the rest of it, at the server that saw them.

use crate::failure::Failure;
use crate::layout::{self, answer};
use crate::{Shared, State};
use axum::extract::{Form, FromRequestParts};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::Actor;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use live::{Writer, now};
use maud::html;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use store::{AuditNote, Role, User};
use subtle::ConstantTimeEq;

const COOKIE: &str = "tongpin_session";
const VIEW: &str = "tongpin_view";
/// Seconds without a request after which a session ends.
const IDLE: i64 = 12 * 3600;
/// Seconds after which a session's use is noted again: a request costs no write.
const TOUCH: i64 = 300;
const WINDOW: Duration = Duration::from_secs(15 * 60);
const MOST_ATTEMPTS: u32 = 10;
/// Names remembered at once: what a flood of logins may cost.
const MOST: usize = 10_000;

/// What the server that serves the pages knows.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Cookies are sent over TLS only.
    pub secure: bool,
    /// Seconds that a claimed question is one's own without a sign of life.
    pub lease_seconds: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { secure: false, lease_seconds: 600 }
    }
}

#[derive(Default)]
pub struct Sessions {
    attempts: Mutex<HashMap<String, (u32, Instant)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn random() -> Result<String, Failure> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "random bytes");
        Failure::Broken(View::default())
    })?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

impl Sessions {
    fn may_try(&self, name: &str) -> bool {
        let mut attempts = lock(&self.attempts);
        attempts.retain(|_, (_, since)| since.elapsed() < WINDOW);
        if attempts.len() >= MOST {
            return false;
        }
        let (count, _) = attempts.entry(name.to_owned()).or_insert((0, Instant::now()));
        *count += 1;
        *count <= MOST_ATTEMPTS
    }

    fn succeeded(&self, name: &str) {
        lock(&self.attempts).remove(name);
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    #[default]
    Auto,
    Light,
    Dark,
}

/// How a person wants to see the pages: kept in a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    pub language: engine::Language,
    pub theme: Theme,
    /// Confidence and weights are hidden until they are asked for.
    pub blind: bool,
}

impl Default for View {
    fn default() -> Self {
        View { language: engine::Language::Zh, theme: Theme::Auto, blind: false }
    }
}

impl View {
    pub fn say(&self, en: &'static str, zh: &'static str) -> &'static str {
        show::lang::pick(self.language, en, zh)
    }

    /// One of two texts that are made at run time.
    pub fn pick<'a>(&self, en: &'a str, zh: &'a str) -> &'a str {
        if self.is_chinese() { zh } else { en }
    }

    pub fn is_chinese(&self) -> bool {
        self.language == engine::Language::Zh
    }

    fn of(headers: &HeaderMap) -> View {
        let mut view = View::default();
        match cookie(headers, VIEW) {
            Some(words) => {
                for word in words.split('.') {
                    match word {
                        "en" => view.language = engine::Language::En,
                        "zh" => view.language = engine::Language::Zh,
                        "light" => view.theme = Theme::Light,
                        "dark" => view.theme = Theme::Dark,
                        "blind" => view.blind = true,
                        _ => {}
                    }
                }
            }
            None => {
                let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
                let first = accepted.unwrap_or("zh").trim_start().to_lowercase();
                view.language =
                    if first.starts_with("zh") { engine::Language::Zh } else { engine::Language::En };
            }
        }
        view
    }

    fn cookie(&self) -> String {
        let language = self.say("en", "zh");
        let theme = match self.theme {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        };
        let blind = if self.blind { ".blind" } else { "" };
        format!("{VIEW}={language}.{theme}{blind}; Path=/console; Max-Age=31536000; SameSite=Lax; HttpOnly")
    }
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A person who is logged in.
#[derive(Clone, Debug)]
pub struct Person {
    pub user: User,
    pub view: View,
    pub form_token: String,
}

/// Whether a role answers questions.
pub fn decides(role: Role) -> bool {
    matches!(role, Role::Steward | Role::Approver | Role::Admin)
}

impl Person {
    pub fn actor(&self) -> Actor {
        self.user.actor()
    }

    pub fn may_decide(&self) -> bool {
        decides(self.user.role)
    }

    pub fn may_approve(&self) -> bool {
        matches!(self.user.role, Role::Approver | Role::Admin)
    }

    /// For a form that changes something: it is one of ours, and the person may.
    pub fn writes(&self, token: &str, may: bool, needs: &'static str) -> Result<(), Failure> {
        if !bool::from(self.form_token.as_bytes().ct_eq(token.as_bytes())) {
            return Err(Failure::Forged(self.view));
        }
        if may { Ok(()) } else { Err(Failure::Denied(self.view, needs)) }
    }

    /// For a write that the audit log shall know of, and that a form sent twice does once.
    pub fn writer(&self, action: &str, subject: &str, request: &str) -> Writer {
        let audit =
            AuditNote { action: action.to_owned(), subject: subject.to_owned(), detail: String::new() };
        let request = (!request.is_empty() && request.len() <= 128).then(|| store::Request {
            caller: self.actor(),
            id: format!("console/{request}"),
            digest: BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{action} {subject}"))),
        });
        Writer { request, audit: Some(audit), ..Writer::new(&self.actor()) }
    }
}

impl FromRequestParts<Arc<Shared>> for Person {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Person, Failure> {
        let view = View::of(&parts.headers);
        let token = cookie(&parts.headers, COOKIE).ok_or(Failure::Login)?;
        let broken = |error| Failure::of_store(view, error);
        let (store, at, key) = (shared.live.store(), now(), digest(token));
        let session =
            store.session(&key, at.plus_seconds(-IDLE)).await.map_err(broken)?.ok_or(Failure::Login)?;
        if session.used < at.plus_seconds(-TOUCH) {
            store.touch_session(&key, at).await.map_err(broken)?;
        }
        let store::Session { name, form_token, .. } = session;
        // Asked anew each time: who was shut out or changed roles is so at once.
        let user = store.user(&name).await.map_err(broken)?;
        let user = user.filter(|user| user.disabled.is_none()).ok_or(Failure::Login)?;
        Ok(Person { user, view, form_token })
    }
}

/// How somebody who need not be logged in wants to see a page.
pub struct Visitor(pub View);

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visitor, Self::Rejection> {
        Ok(Visitor(View::of(&parts.headers)))
    }
}

pub async fn form(Visitor(view): Visitor) -> Response {
    login_page(view, "", None)
}

fn login_page(view: View, name: &str, problem: Option<&'static str>) -> Response {
    let title = view.say("Log in", "登录");
    let body = html! {
        section.login {
            h1 { "同品 " small { "Tongpin" } }
            p.soft { (view.say("The steward's console", "数据管家控制台")) }
            @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
            form method="post" action="/console/login" {
                label { (view.say("Name", "姓名"))
                    input name="name" value=(name) autocomplete="username" required autofocus maxlength="128"; }
                label { (view.say("Password", "密码"))
                    input name="password" type="password" autocomplete="current-password" required maxlength="1024"; }
                button.primary type="submit" { (title) }
            }
            p.soft.small {
                (view.say("No account yet? An administrator makes one:", "还没有账号？请管理员创建："))
                br;
                code { "tongpin user NAME --role steward --data DIR" }
            }
        }
    };
    let status = if problem.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    (status, layout::page(&view, None, title, &body)).into_response()
}

#[derive(Deserialize)]
pub struct Login {
    name: String,
    password: String,
}

pub async fn login(
    axum::extract::State(shared): State,
    Visitor(view): Visitor,
    headers: HeaderMap,
    Form(form): Form<Login>,
) -> Result<Response, Failure> {
    if !is_same_site(&headers) {
        return Err(Failure::Forged(view));
    }
    let name = form.name.trim();
    if !shared.sessions.may_try(name) {
        let problem = view.say(
            "Too many attempts for this name: wait a quarter of an hour.",
            "该姓名尝试次数过多：请等一刻钟再试。",
        );
        return Ok(login_page(view, name, Some(problem)));
    }
    let store = shared.live.store();
    let found = store.check_password(name, &form.password).await;
    let user = found.map_err(|error| Failure::of_store(view, error))?;
    let note = AuditNote {
        action: "login".to_owned(),
        subject: format!("users/{}", name.chars().take(128).collect::<String>()),
        detail: String::new(),
    };
    let outcome = if user.is_some() { "done" } else { "refused" };
    let by = user.as_ref().map_or_else(|| Actor::new("nobody"), User::actor);
    store.audit(now(), &by, &note, outcome).await.map_err(|error| Failure::of_store(view, error))?;
    let Some(user) = user else {
        let problem = view.say("Name or password is wrong.", "姓名或密码不对。");
        return Ok(login_page(view, name, Some(problem)));
    };
    shared.sessions.succeeded(name);
    let (token, form_token, at) = (random()?, random()?, now());
    let begun =
        store.begin_session(&digest(&token), &user.name, &form_token, at, at.plus_seconds(-IDLE)).await;
    begun.map_err(|error| Failure::of_store(view, error))?;
    let secure = if shared.settings.secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/console; HttpOnly; SameSite=Strict{secure}");
    Ok(with_cookie(Redirect::to("/console/").into_response(), &cookie))
}

/// Browsers say where a form came from; who says nothing is no browser of the last years.
fn is_same_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    site.is_none_or(|site| matches!(site, "same-origin" | "none"))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

#[derive(Deserialize)]
pub struct Token {
    pub token: String,
}

pub async fn logout(
    axum::extract::State(shared): State,
    person: Person,
    headers: HeaderMap,
    Form(form): Form<Token>,
) -> Result<Response, Failure> {
    person.writes(&form.token, true, "")?;
    if let Some(token) = cookie(&headers, COOKIE) {
        let ended = shared.live.store().end_session(&digest(token)).await;
        ended.map_err(|error| Failure::of_store(person.view, error))?;
    }
    let gone = format!("{COOKIE}=; Path=/console; Max-Age=0; HttpOnly; SameSite=Strict");
    Ok(with_cookie(Redirect::to("/console/login").into_response(), &gone))
}

#[derive(Deserialize)]
pub struct Wish {
    language: Option<String>,
    theme: Option<String>,
    blind: Option<String>,
    back: String,
}

/// Changes the language, the theme or the blind mode; needs no login and no token, as it changes the browser's own cookie.
pub async fn view(Visitor(mut view): Visitor, Form(wish): Form<Wish>) -> Response {
    match wish.language.as_deref() {
        Some("en") => view.language = engine::Language::En,
        Some("zh") => view.language = engine::Language::Zh,
        _ => {}
    }
    match wish.theme.as_deref() {
        Some("light") => view.theme = Theme::Light,
        Some("dark") => view.theme = Theme::Dark,
        Some("auto") => view.theme = Theme::Auto,
        _ => {}
    }
    if let Some(blind) = wish.blind {
        view.blind = blind == "1";
    }
    let ours = wish.back.starts_with("/console/") && !wish.back.contains(['\\', '\r', '\n']);
    let back = if ours { wish.back.as_str() } else { "/console/" };
    with_cookie(answer(Redirect::to(back)), &view.cookie())
}
