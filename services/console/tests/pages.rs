//! The pages as a browser sends and gets them: logins, forms, what two stewards see, what hostile names do.
#![allow(clippy::unwrap_used)] // also in the helpers of tests

use axum::Router;
use axum::body::Body;
use console::Settings;
use domain::{Actor, Holding, LocalSku, Node, NodeId, NodeKind, Verdict};
use engine::{Engine, EngineOptions, Quiet};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use live::{Live, Options, Writer, now};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use store::{Batch, Expect, Location, Mutation, ReviewFilter, Role, Store};
use tempfile::TempDir;
use tower::ServiceExt;

const PASSWORD: &str = "correct horse battery";

fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let open = || Arc::new(Engine::open(&models, &EngineOptions::default(), &Quiet).unwrap());
    ENGINE.get_or_init(open).clone()
}

struct Server {
    live: Live,
    router: Router,
    _folder: TempDir,
}

/// A browser: one cookie jar.
struct Browser<'s> {
    server: &'s Server,
    cookies: Vec<(String, String)>,
}

struct Page {
    status: StatusCode,
    location: String,
    policy: String,
    text: String,
}

impl Page {
    /// The value of a hidden field.
    fn field(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let at = self.text.find(&mark).unwrap_or_else(|| panic!("no field {name} in {}", self.text));
        let rest = &self.text[at + mark.len()..];
        rest[..rest.find('"').unwrap()].to_owned()
    }

    fn id(&self) -> String {
        let path = self.location.split('?').next().unwrap();
        path.rsplit('/').next().unwrap().to_owned()
    }
}

impl Server {
    async fn new() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::Sqlite(folder.path().join("store.db"))).await.unwrap();
        let live = Live::new(engine(), store, Options::default());
        live.build().await.unwrap();
        let router = console::router(live.clone(), Settings::default());
        let server = Server { live, router, _folder: folder };
        for (name, role) in [("li", Role::Steward), ("wang", Role::Steward), ("zhao", Role::Reader)] {
            server.live.store().create_user(name, role, PASSWORD, &Actor::new("test"), now()).await.unwrap();
        }
        server
    }

    async fn goods(&self, goods: &[(String, String, String)]) {
        let nodes: BTreeSet<&String> = goods.iter().map(|(node, ..)| node).collect();
        for id in nodes {
            let node = Node {
                id: NodeId(id.as_str().into()),
                title: id.to_owned(),
                kind: NodeKind::Shop,
                place: None,
                holding: Holding::OnePerMaster,
                archived: None,
            };
            let put = Mutation::PutNode { node, expect: Expect::Any };
            self.live.commit(&Batch::new(now(), &Actor::new("test"), "test").with(put)).await.unwrap();
        }
        let rows: Vec<LocalSku> =
            goods.iter().map(|(node, sku, name)| LocalSku::named(node, sku, name)).collect();
        for outcome in self.live.import_skus(&rows, &Writer::new(&Actor::new("test"))).await.unwrap() {
            outcome.unwrap();
        }
    }

    fn browser(&self) -> Browser<'_> {
        Browser { server: self, cookies: vec![("tongpin_view".to_owned(), "en.light".to_owned())] }
    }

    async fn logged_in(&self, name: &str) -> Browser<'_> {
        let mut browser = self.browser();
        let page = browser.post("/console/login", &[("name", name), ("password", PASSWORD)]).await;
        assert_eq!(
            (page.status, page.location.as_str()),
            (StatusCode::SEE_OTHER, "/console/"),
            "{}",
            page.text
        );
        browser
    }

    async fn waiting(&self) -> usize {
        self.live
            .store()
            .reviews(&ReviewFilter::default(), &store::Page::first(1_000))
            .await
            .unwrap()
            .items
            .len()
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect()
    };
    fields
        .iter()
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

impl Browser<'_> {
    async fn send(&mut self, request: http::request::Builder, body: impl Into<Body>) -> Page {
        let jar: Vec<String> = self.cookies.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let request = request.header(header::COOKIE, jar.join("; ")).body(body.into()).unwrap();
        let response = self.server.router.clone().oneshot(request).await.unwrap();
        let told = |name| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (status, location, policy) =
            (response.status(), told(header::LOCATION), told(header::CONTENT_SECURITY_POLICY));
        for line in response.headers().get_all(header::SET_COOKIE) {
            let (key, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != key);
            self.cookies.push((key.to_owned(), value.to_owned()));
        }
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Page { status, location, policy, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path), String::new()).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, form(fields)).await
    }

    /// Sends a file, as a form with `multipart/form-data` does.
    async fn upload(&mut self, token: &str, name: &str, content: &[u8]) -> Page {
        let mut body = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{token}\r\n--edge\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/csv\r\n\r\n\
"
        )
        .into_bytes();
        body.extend(content);
        body.extend(b"\r\n--edge--\r\n");
        let request = Request::post("/console/import")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge");
        self.send(request, body).await
    }

    async fn field_of(&mut self, path: &str, name: &str) -> String {
        self.get(path).await.field(name)
    }

    async fn field_token(&mut self) -> String {
        self.get("/console/").await.field("token")
    }

    /// Claims the next question and gives its page.
    async fn next(&mut self) -> Option<(String, Page)> {
        let token = self.get("/console/").await.field("token");
        let claimed = self.post("/console/claim", &[("token", &token)]).await;
        assert_eq!(claimed.status, StatusCode::SEE_OTHER, "{}", claimed.text);
        if !claimed.location.starts_with("/console/reviews/") {
            return None;
        }
        let page = self.get(&claimed.location).await;
        Some((claimed.id(), page))
    }

    async fn answer(&mut self, id: &str, page: &Page, verdict: &str) -> Page {
        let (token, etag, request) = (page.field("token"), page.field("etag"), page.field("request"));
        let fields =
            [("token", token.as_str()), ("etag", &etag), ("request", &request), ("verdict", verdict)];
        self.post(&format!("/console/reviews/{id}/decide"), &fields).await
    }
}

/// Three nodes with twenty goods in two sizes, and a kiosk that leaves out the brand, which could be either of two: questions.
fn goods() -> Vec<(String, String, String)> {
    let goods = ["酱油", "陈醋", "洗洁精", "矿泉水", "花生油", "沐浴露", "洗衣液", "白酒", "牛奶", "果汁"];
    let mut out = Vec::new();
    let mut add = |node: &str, sku: String, name: String| out.push((node.to_owned(), sku, name));
    for (g, good) in goods.iter().enumerate() {
        for (s, (ml, litres)) in [("500ml", "0.5升"), ("1L", "1升")].iter().enumerate() {
            for (b, brand) in ["海天", "立白"].iter().enumerate() {
                add("shop", format!("A{b}{g}{s}"), format!("{brand}{good}{ml}"));
                add("store", format!("B{b}{g}{s}"), format!("{brand} {good} {litres}"));
                add("erp", format!("C{b}{g}{s}"), format!("{good}({brand}) {ml}"));
            }
        }
        add("kiosk", format!("K{g}"), format!("{good}500毫升"));
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn a_steward_answers_takes_back_and_answers_again() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let before = server.waiting().await;
    assert!(before >= 3, "{before} questions");
    let mut li = server.logged_in("li").await;
    let queue = li.get("/console/").await;
    assert!(queue.text.contains("wait for an answer"), "{}", queue.text);
    assert!(
        queue.policy.contains("default-src 'none'") && !queue.policy.contains("unsafe"),
        "{}",
        queue.policy
    );
    assert!(!queue.text.contains(" style=") && !queue.text.contains("<script>"), "nothing inline");

    let (id, page) = li.next().await.expect("a question");
    assert!(page.text.contains("data-key=\"s\"") && page.text.contains("What they state"), "{}", page.text);
    let answered = li.answer(&id, &page, "different").await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.text);
    let after = li.get(&answered.location).await;
    assert!(after.text.contains("Answered: different."), "{}", after.text);
    let decided = server.live.store().review(&domain::ReviewId::new(&id)).await.unwrap().unwrap().value;
    assert_eq!(decided.state, domain::ReviewState::Decided);
    // Sent twice, answered once.
    let again = li.answer(&id, &page, "different").await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);

    let path = after.text.split("action=\"/console/decisions/").nth(1).unwrap().split('"').next().unwrap();
    let token = after.field("token");
    let undone = li.post(&format!("/console/decisions/{path}"), &[("token", &token)]).await;
    assert_eq!(undone.status, StatusCode::SEE_OTHER, "{}", undone.text);
    let back = server.live.store().review(&domain::ReviewId::new(&id)).await.unwrap().unwrap().value;
    assert!(back.state.is_waiting(), "the question is back");
    // Any answer can be taken back later, and shows that it was.
    let page = li.get(&format!("/console/reviews/{id}")).await;
    li.answer(&id, &page, "same").await;
    let (other, page) = li.next().await.unwrap();
    li.answer(&other, &page, "different").await;
    let answers = li.get("/console/answers").await;
    assert!(answers.text.contains("taken back by") && answers.text.contains("the same"), "{}", answers.text);
    let undo = answers.text.split("action=\"/console/decisions/").nth(2).unwrap().split('"').next().unwrap();
    let undone = li.post(&format!("/console/decisions/{undo}"), &[("token", &token)]).await;
    assert_eq!(undone.status, StatusCode::SEE_OTHER, "{}", undone.text);
    let back = server.live.store().review(&domain::ReviewId::new(&id)).await.unwrap().unwrap().value;
    assert!(back.state.is_waiting(), "the older answer is taken back");
    for path in ["/console/masters", "/console/masters?q=海天酱油", "/console/quality"] {
        let path = path.replace("海天酱油", "%E6%B5%B7%E5%A4%A9%E9%85%B1%E6%B2%B9");
        assert_eq!(li.get(&path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(server.live.store().verify().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_held_given_on_put_off_and_given_back() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let (mut li, mut wang) = (server.logged_in("li").await, server.logged_in("wang").await);
    let token = li.get("/console/").await.field("token");
    let claimed = li.post("/console/claim", &[("token", &token), ("count", "5")]).await;
    let held = async || {
        let stats = server.live.store().queue_stats(&ReviewFilter::default(), now()).await.unwrap();
        (stats.claimed, stats.deferred)
    };
    assert_eq!(held().await, (5, 0));
    let queue = li.get("/console/").await;
    assert!(queue.text.contains("held by you") && queue.text.contains("data-left=\"59"), "{}", queue.text);
    assert!(li.get("/console/?mine=1").await.text.contains(">5 questions in this part"), "mine");

    // To wang's hands: not li's any more, and the first that wang gets.
    let path = format!("/console/reviews/{}", claimed.id());
    let page = li.get(&path).await;
    assert!(page.text.contains("<option value=\"wang\">"), "{}", page.text);
    let unknown = li.post(&format!("{path}/give"), &[("token", &token), ("to", "zhao")]).await;
    assert_eq!(unknown.status, StatusCode::CONFLICT, "a reader answers nothing");
    let given = li.post(&format!("{path}/give"), &[("token", &token), ("to", "wang")]).await;
    assert_eq!(given.status, StatusCode::SEE_OTHER, "{}", given.text);
    assert!(li.get(&path).await.text.contains("Held by"), "li sees who holds it");
    let (id, page) = wang.next().await.unwrap();
    assert_eq!(id, claimed.id());
    let theirs = wang.field_token().await;
    let back = wang.post(&format!("{path}/give"), &[("token", &token), ("to", "li")]).await;
    assert_eq!(back.status, StatusCode::FORBIDDEN, "li's token is not wang's");
    assert_eq!(wang.answer(&id, &page, "different").await.status, StatusCode::SEE_OTHER);
    wang.post("/console/held", &[("token", &theirs), ("how", "release")]).await;

    // Answered too late: somebody else's now, said on the next question.
    let (theirs_now, page) = wang.next().await.unwrap();
    let to_li =
        wang.post(&format!("/console/reviews/{theirs_now}/give"), &[("token", &theirs), ("to", "li")]).await;
    assert_eq!(to_li.status, StatusCode::SEE_OTHER, "{}", to_li.text);
    let late = wang.answer(&theirs_now, &page, "same").await;
    assert!(wang.get(&late.location).await.text.contains("somebody else has it now"), "{}", late.location);
    wang.post("/console/held", &[("token", &theirs), ("how", "release")]).await;
    let token_li = li.field_token().await;
    let back = [("token", token_li.as_str()), ("how", "release")];
    li.post(&format!("/console/reviews/{theirs_now}/leave"), &back).await;

    let later = li.get(&given.location).await;
    assert!(later.text.contains("Given to that person."), "{}", later.text);
    li.post(&format!("/console/reviews/{}/leave", given.id()), &[("token", &token), ("how", "defer")]).await;
    assert_eq!(held().await, (3, 1), "four are left of five, one is put off");
    let renewed = li.post("/console/held", &[("token", &token)]).await;
    assert_eq!(renewed.status, StatusCode::NO_CONTENT, "a sign of life");
    li.post("/console/held", &[("token", &token), ("how", "release")]).await;
    assert_eq!(held().await, (0, 1), "all are given back");

    // Filters: what does not fit is not shown.
    for (query, some) in [
        ("node=kiosk", true),
        ("node=erp", false),
        ("category=nothing", false),
        ("least=0.1", true),
        ("least=0.999", false),
        ("age=1", false),
        ("reason=audit", false),
        ("band=unlikely&least=0.5", false),
    ] {
        let page = li.get(&format!("/console/?{query}")).await;
        assert_eq!(page.text.contains("<table class=\"queue\""), some, "{query}: {}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_none_fits_another_master_is_found() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let mut li = server.logged_in("li").await;
    let (id, page) = li.next().await.unwrap();
    assert!(page.text.contains("Or is it one of these?"), "{}", page.text);
    // The kiosk's goods state no brand: another good of the same size contradicts nothing it states but the product.
    let found = li.get(&format!("/console/reviews/{id}?q=%E6%B5%B7%E5%A4%A9%E7%99%BD%E9%85%92500ml")).await;
    let action = format!("/console/reviews/{id}/other");
    assert!(found.text.contains(&action) && found.text.contains("海天白酒"), "{}", found.text);
    let cards: Vec<&str> = found.text.split("<section class=\"side\">").collect();
    let card = cards.iter().find(|card| card.contains("海天白酒500ml") && card.contains(&action)).unwrap();
    let hidden = |name: &str| {
        let rest = card.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_default();
        rest.split('"').next().unwrap().to_owned()
    };
    let (token, master, etag, request, force) =
        (hidden("token"), hidden("master"), hidden("etag"), hidden("request"), hidden("force"));
    let sent = [
        ("token", token.as_str()),
        ("master", &master),
        ("etag", &etag),
        ("request", &request),
        ("force", &force),
    ];
    let linked = li.post(&action, &sent).await;
    assert_eq!(linked.status, StatusCode::SEE_OTHER, "{}", linked.text);
    let store = server.live.store();
    let review = store.review(&domain::ReviewId::new(&id)).await.unwrap().unwrap().value;
    assert!(!review.state.is_waiting(), "{review:?}");
    let home = store.masters_of(std::slice::from_ref(&review.sku)).await.unwrap();
    assert_eq!(home[&review.sku].as_str(), master);
    assert_eq!(li.post(&action, &sent).await.status, StatusCode::SEE_OTHER, "sent twice, done once");
    assert_eq!(store.verify().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undone_answer_gives_back_the_master_that_went_into_another() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let (live, store) = (&server.live, server.live.store());
    let key = domain::SkuKey::new;
    let whole = home(&server, "shop", "A000").await;
    let writer = Writer::new(&Actor::new("user:chen"));
    let two = [key("erp", "C000"), key("store", "B000")];
    live.split_by_hand(&whole, &two, None, "", &writer).await.unwrap();
    let part = home(&server, "erp", "C000").await;
    assert_eq!(home(&server, "store", "B000").await, part);
    let merged = live.propose_merge(&whole, &part, "", &writer).await.unwrap();
    assert!(!merged.needs_second_person, "the built-in policy takes one person");
    for sku in &two {
        assert_eq!(home(&server, &sku.node.0, &sku.sku.0).await, whole, "all of it went");
    }
    live.undo(&merged.decision.value.id, &writer).await.unwrap();
    for sku in &two {
        assert_eq!(home(&server, &sku.node.0, &sku.sku.0).await, part, "all of it is back, under its name");
    }
    assert_eq!(home(&server, "shop", "A000").await, whole);
    assert_eq!(store.verify().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_policy_gets_a_hint() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let mut li = server.logged_in("li").await;
    let hint = "Unchanged for more than ninety days";
    assert!(li.get("/console/quality").await.text.contains("The built-in policy holds"));
    for (number, days, hinted) in [(1, 100, true), (2, 3, false)] {
        let policy = domain::Policy {
            number,
            activity: domain::Activity::Inactive,
            ..server.live.policy_for([&NodeId("shop".into()), &NodeId("erp".into())], None).unwrap()
        };
        let active = Mutation::ActivatePolicy { scope: policy.scope.clone(), number, expected: None };
        let then = now().plus_seconds(-86_400 * days);
        let batch = Batch::new(then, &Actor::new("test"), "policy").with(Mutation::AddPolicy { policy });
        server.live.commit(&batch.with(active)).await.unwrap();
        let page = li.get("/console/quality").await;
        assert_eq!(page.text.contains(hint), hinted, "{days} days: {}", page.text);
    }
    let chinese = li.post("/console/view", &[("back", "/console/quality"), ("language", "zh")]).await;
    assert!(li.get(&chinese.location).await.text.contains("策略"), "in the other language too");
}

#[tokio::test(flavor = "multi_thread")]
async fn automatic_links_are_sampled_and_judged_blind() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let store = server.live.store();
    let links = async || {
        let page = store::Page::first(1_000);
        store.list_links(domain::LinkCause::Auto, &page).await.unwrap().items.len()
    };
    let all = links().await;
    assert!(all >= 40, "{all} automatic links");
    let writer = Writer::new(&Actor::new("test"));
    let drawn = server.live.draw_audit(0.3, &writer).await.unwrap();
    assert!(drawn > 3 && drawn < all, "{drawn} of {all}");
    assert_eq!(server.live.draw_audit(0.3, &writer).await.unwrap(), 0, "drawn again, it is the same sample");
    // What is linked around it does not make the machine forget the sample.
    server.goods(&[("late".to_owned(), "L1".to_owned(), "海天酱油500ml".to_owned())]).await;
    let mut li = server.logged_in("li").await;
    let queue = li.get("/console/?reason=audit").await;
    assert!(queue.text.contains("blind") && !queue.text.contains("class=\"band\""), "{}", queue.text);
    let (mut judged, mut right) = (0, 0);
    loop {
        let token = li.field_token().await;
        let claimed = li.post("/console/claim", &[("token", &token), ("reason", "audit")]).await;
        if !claimed.location.starts_with("/console/reviews/") {
            break;
        }
        let page = li.get(&claimed.location).await;
        assert!(page.text.contains("A blind audit"), "{}", page.text);
        assert!(!page.text.contains("What the machine thinks"), "{}", page.text);
        assert!(!page.text.contains("class=\"band\""), "no confidence anywhere: {}", page.text);
        let verdict = if judged == 1 { "different" } else { "same" };
        let answered = li.answer(&claimed.id(), &page, verdict).await;
        assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.text);
        li.post("/console/held", &[("token", &token), ("how", "release")]).await;
        (judged, right) = (judged + 1, right + usize::from(verdict == "same"));
        assert!(judged <= drawn, "each once");
    }
    assert!(judged > 3, "{judged} of {drawn}");
    // Drawn again, other links of the same goods may come, but none that was judged.
    server.live.draw_audit(0.3, &writer).await.unwrap();
    let pair = |sku: &domain::SkuKey, evidence: &live::notes::Evidence| (sku.clone(), evidence.other.clone());
    let given =
        store.decisions(&store::DecisionFilter::default(), &store::Page::first(1_000)).await.unwrap().items;
    let given: Vec<_> = given
        .iter()
        .map(|row| pair(&row.value.sku, &live::notes::read::<live::notes::Seen>(&row.value.seen).evidence))
        .collect();
    for row in store.reviews(&ReviewFilter::default(), &store::Page::first(1_000)).await.unwrap().items {
        let evidence = live::notes::read::<live::notes::Evidence>(&row.value.evidence);
        assert!(!evidence.audit || !given.contains(&pair(&row.value.sku, &evidence)), "{evidence:?}");
    }
    // Taken back, a judged link is the machine's again.
    let automatic = links().await;
    let audits =
        store.decisions(&store::DecisionFilter::default(), &store::Page::first(1_000)).await.unwrap().items;
    let confirmed = audits.iter().find(|row| row.value.verdict == Verdict::Same).unwrap();
    let li_herself = Writer::new(&Actor::new("user:li"));
    server.live.undo(&confirmed.value.id, &li_herself).await.unwrap();
    assert_eq!(links().await, automatic + 1);
    let (judged, right) = (judged - 1, right - 1);
    let quality = li.get("/console/quality").await;
    assert!(quality.text.contains(&format!("{right} / {judged}")), "{}", quality.text);
    assert!(
        quality.text.contains("Clopper") && quality.text.contains("Nodes with most unlinked"),
        "{}",
        quality.text
    );
    assert_eq!(store.verify().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_mapped_looked_at_and_imported() {
    let server = Server::new().await;
    let store = server.live.store();
    store.create_user("root", Role::Admin, PASSWORD, &Actor::new("test"), now()).await.unwrap();
    let (mut li, mut root) = (server.logged_in("li").await, server.logged_in("root").await);
    assert_eq!(li.get("/console/import").await.status, StatusCode::FORBIDDEN, "a steward imports nothing");
    let token = root.get("/console/import").await.field("token");
    assert_eq!(root.upload("forged", "a.csv", b"x").await.status, StatusCode::FORBIDDEN);
    let picture = root.upload(&token, "../../etc/a.png", b"\x89PNG").await;
    let refused = root.get(&picture.location).await;
    assert!(refused.text.contains("role=\"alert\"") && !refused.text.contains("etc"), "{}", refused.text);

    // Headers that nobody could know: asked for, with what the file has.
    let mut file = String::from("柜台,款号,叫法,单价\r\n");
    for (i, name) in ["海天酱油500ml", "立白洗洁精1L", "=1+1", "海天 酱油 0.5升"].iter().enumerate()
    {
        file.push_str(&format!("{},K{i},{name},{i}.5\r\n", if i < 3 { "东店" } else { "西店" }));
    }
    file.push_str("东店,K0,重复的编码,1\r\n东店,,没有编码,1\r\n");
    let sent = root.upload(&token, "商品.csv", file.as_bytes()).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    assert_eq!(li.get(&sent.location).await.status, StatusCode::NOT_FOUND, "the file is its sender's");
    let asked = root.get(&sent.location).await;
    assert!(
        asked.text.contains("no column for") && asked.text.contains("<option value=\"叫法\">"),
        "{}",
        asked.text
    );
    let map = [("token", token.as_str()), ("map-node", "柜台"), ("map-sku", "款号"), ("map-name", "叫法")];
    let looked = root.post(&sent.location, &[&map[..], &[("how", "look")]].concat()).await;
    assert!(looked.text.contains("海天酱油500ml") && looked.text.contains("rows of"), "{}", looked.text);
    assert!(store.sku(&domain::SkuKey::new("东店", "K0")).await.unwrap().is_none(), "nothing is kept yet");
    let begun = root.post(&sent.location, &[&map[..], &[("how", "import")]].concat()).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    root.post(&sent.location, &[&map[..], &[("how", "import")]].concat()).await;
    let mut outcome = root.get(&sent.location).await;
    for _ in 0..100 {
        if outcome.text.contains("To the questions") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        outcome = root.get(&sent.location).await;
    }
    assert!(
        outcome.text.contains("<b>4</b>new") && outcome.text.contains("<b>2</b>left out"),
        "{}",
        outcome.text
    );
    let kept = [domain::SkuKey::new("东店", "K0"), domain::SkuKey::new("西店", "K3")];
    let kept = server.live.saved(&kept).await.unwrap();
    assert!(kept.iter().any(|one| one.master.is_some()), "what is imported is matched at once: {kept:?}");
    let rejected = root.get(&format!("{}/rejected.csv", sent.location)).await;
    assert_eq!(rejected.text.lines().count(), 3, "{}", rejected.text);
    assert!(
        rejected.text.contains("\"duplicate\"") && rejected.text.contains("\"missing\""),
        "{}",
        rejected.text
    );
    // A workbook with a title above its header, as exports have.
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write(0, 0, "七月商品").unwrap();
    for (at, cell) in ["货号", "品名", "规格"].iter().enumerate() {
        sheet.write(1, at as u16, *cell).unwrap();
    }
    for (at, cell) in ["X1", "镇江香醋", "500ml"].iter().enumerate() {
        sheet.write(2, at as u16, *cell).unwrap();
    }
    let sent = root.upload(&token, "南店.xlsx", &book.save_to_buffer().unwrap()).await;
    let looked = root.get(&sent.location).await;
    assert!(looked.text.contains("镇江香醋") && looked.text.contains("南店"), "{}", looked.text);
    let huge = "x".repeat(33 * 1024 * 1024);
    assert_eq!(root.upload(&token, "huge.csv", huge.as_bytes()).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(store.verify().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_let_people_in_and_see_what_was_done() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let store = server.live.store();
    store.create_user("root", Role::Admin, PASSWORD, &Actor::new("test"), now()).await.unwrap();
    let (mut li, mut root) = (server.logged_in("li").await, server.logged_in("root").await);
    for path in ["/console/persons", "/console/audit"] {
        assert_eq!(li.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let theirs = li.field_token().await;
    let new = [("name", "sun"), ("password", PASSWORD), ("role", "steward")];
    let by_li = li.post("/console/persons", &[&new[..], &[("token", &theirs)]].concat()).await;
    assert_eq!(by_li.status, StatusCode::FORBIDDEN, "{}", by_li.text);
    let token = root.get("/console/persons").await.field("token");
    let made = root.post("/console/persons", &[&new[..], &[("token", &token)]].concat()).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    let weak = [("name", "wu"), ("password", "short"), ("role", "steward"), ("token", token.as_str())];
    assert_eq!(root.post("/console/persons", &weak).await.status, StatusCode::CONFLICT);
    let node = [("name", "wu"), ("password", PASSWORD), ("role", "node"), ("token", token.as_str())];
    assert_eq!(
        root.post("/console/persons", &node).await.status,
        StatusCode::CONFLICT,
        "a node is no person"
    );
    let mut sun = server.logged_in("sun").await;
    assert_eq!(sun.get("/console/").await.status, StatusCode::OK);
    let role = [("token", token.as_str()), ("what", "role"), ("role", "approver")];
    assert_eq!(root.post("/console/persons/sun", &role).await.status, StatusCode::SEE_OTHER);
    assert_eq!(store.user("sun").await.unwrap().unwrap().role, Role::Approver);
    assert_eq!(root.post("/console/persons/root", &role).await.status, StatusCode::CONFLICT, "not one's own");
    let password = [("token", token.as_str()), ("what", "password"), ("password", "another good password")];
    root.post("/console/persons/sun", &password).await;
    assert_eq!(sun.get("/console/").await.location, "/console/login", "the old password's session is over");
    root.post("/console/persons/sun", &[("token", token.as_str()), ("what", "shut")]).await;
    assert!(store.user("sun").await.unwrap().unwrap().disabled.is_some());

    let (id, page) = li.next().await.unwrap();
    li.answer(&id, &page, "different").await;
    let audit = root.get("/console/audit?actor=user%3Ali").await;
    assert!(audit.text.contains("console.decide") && audit.text.contains(&id), "{}", audit.text);
    assert!(!audit.text.contains("user:root"), "only li's");
    let audit = root.get("/console/audit").await;
    assert!(audit.text.contains("users/sun") && audit.text.contains("login"), "{}", audit.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn thresholds_are_tried_proposed_put_in_use_by_another_where_policy_asks_and_rolled_back() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let store = server.live.store();
    for name in ["root", "other"] {
        store.create_user(name, Role::Admin, PASSWORD, &Actor::new("test"), now()).await.unwrap();
    }
    let (mut li, mut root, mut other) =
        (server.logged_in("li").await, server.logged_in("root").await, server.logged_in("other").await);
    assert_eq!(li.get("/console/learning").await.status, StatusCode::FORBIDDEN);
    for verdict in ["same", "different"] {
        let (id, page) = li.next().await.unwrap();
        li.answer(&id, &page, verdict).await;
    }
    let page = root.get("/console/learning").await;
    assert!(page.text.contains("Nothing is proved yet"), "{}", page.text);
    let file = root.get("/console/learning/labels.csv").await.text;
    assert!(file.starts_with("\u{feff}left_name,") && file.lines().count() == 3, "{file}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.csv");
    std::fs::write(&path, &file).unwrap();
    let read = tables::read_labelled_pairs(&path, &tables::ColumnMap::default()).unwrap();
    assert_eq!((read.pairs.len(), read.rejected.len()), (2, 0), "`tongpin train` reads the labels");

    let tried = root.get("/console/learning/try?cut=0.99").await;
    assert!(tried.text.contains("Propose this threshold"), "{}", tried.text);
    let links = async || store.count_links(domain::LinkCause::Auto, 0.0).await.unwrap();
    let before = links().await;
    let holds = || {
        let nodes = [&NodeId("shop".into()), &NodeId("erp".into())];
        server.live.policy_for(nodes, None).unwrap().zones.auto.get()
    };
    let token = tried.field("token");
    let odd = root.post("/console/learning/propose", &[("token", &token), ("cut", "0.01")]).await;
    assert_eq!(odd.status, StatusCode::CONFLICT, "only what the table offers");
    // Two eyes: an administrator alone, or an approver another's.
    let version = |number: usize| format!("/console/learning/policies/global/{number}");
    store.create_user("chen", Role::Approver, PASSWORD, &Actor::new("test"), now()).await.unwrap();
    let mut chen = server.logged_in("chen").await;
    let propose = async |who: &mut Browser<'_>, cut: &str| {
        let token = who.get("/console/learning").await.field("token");
        let proposed = who.post("/console/learning/propose", &[("token", &token), ("cut", cut)]).await;
        assert_eq!(proposed.status, StatusCode::SEE_OTHER, "{}", proposed.text);
    };
    let activate = async |who: &mut Browser<'_>, number: usize| {
        let token = who.get("/console/learning").await.field("token");
        who.post(&version(number), &[("token", &token)]).await.status
    };
    propose(&mut chen, "0.99").await;
    assert_eq!(activate(&mut chen, 1).await, StatusCode::CONFLICT, "an approver not one's own");
    assert_eq!(holds(), 0.85, "not yet");
    assert_eq!(activate(&mut root, 1).await, StatusCode::SEE_OTHER);
    assert_eq!(holds(), 0.99);
    propose(&mut root, "0.97").await;
    assert_eq!(activate(&mut root, 2).await, StatusCode::SEE_OTHER, "policy does not ask for another");
    assert_eq!(holds(), 0.97);
    assert!(root.get("/console/learning").await.text.contains("Roll back to this"));
    assert_eq!(activate(&mut root, 1).await, StatusCode::SEE_OTHER);
    assert_eq!(holds(), 0.99, "rolled back");
    let note = store::AuditFilter { actor: Some(Actor::new("user:chen")), ..Default::default() };
    let notes = store.audit_events(&note, &store::Page::first(20)).await.unwrap().items;
    assert!(notes.iter().any(|event| event.note.action == "console.propose_policy"), "{notes:?}");

    // Four eyes: another person than the author, whoever the author is; also through the service's own call.
    let four = domain::Policy {
        scope: domain::PolicyScope::Global,
        number: 3,
        eyes: domain::Eyes::Four,
        ..server.live.policy_for([&NodeId("shop".into()), &NodeId("erp".into())], None).unwrap()
    };
    let by_root = Actor::new("user:root");
    let batch = Batch::new(now(), &by_root, "policy").with(Mutation::AddPolicy { policy: four });
    server.live.commit(&batch).await.unwrap();
    assert_eq!(activate(&mut other, 3).await, StatusCode::SEE_OTHER);
    propose(&mut root, "0.95").await;
    let page = root.get("/console/learning").await;
    assert!(page.text.contains("another person puts it in use"), "{}", page.text);
    assert_eq!(activate(&mut root, 4).await, StatusCode::CONFLICT, "not by the one who wrote it");
    let writer = Writer::new(&by_root);
    let around = server.live.activate_policy(&domain::PolicyScope::Global, 4, None, &writer).await;
    assert!(around.unwrap_err().to_string().contains("NEEDS_SECOND_PERSON"), "nor by any other way");
    assert_eq!(holds(), 0.99, "not yet");
    assert_eq!(activate(&mut chen, 4).await, StatusCode::SEE_OTHER, "an approver is another person");
    assert_eq!(holds(), 0.95);
    assert_eq!(activate(&mut root, 1).await, StatusCode::SEE_OTHER, "back takes nobody else");
    assert_eq!(holds(), 0.99, "rolled back");
    assert!(before > 0 && links().await <= before, "people's work aside, a stricter machine links no more");
    let mine = root.get("/console/learning").await.field("token");
    let few = root.post("/console/learning/train", &[("token", mine.as_str())]).await;
    assert_eq!(few.status, StatusCode::SEE_OTHER, "{}", few.text);
    for _ in 0..200 {
        if root.get("/console/learning").await.text.contains("role=\"alert\"") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(
        root.get("/console/learning").await.text.contains("role=\"alert\""),
        "too few labels are said to be so"
    );
}

/// Answers to questions about goods in two sizes, as if they had been asked: a hundred the same, a hundred different.
async fn many_answers(server: &Server) {
    let by = Actor::new("user:li");
    let mut batch = Batch::new(now(), &by, "decide");
    for number in 0..50 {
        let (b, g, s) = (number / 25, (number / 2) % 10, number % 2);
        for (round, there) in ["B", "C"].iter().enumerate() {
            let node = if *there == "B" { "store" } else { "erp" };
            for (verdict, size) in [(Verdict::Same, s), (Verdict::Different, 1 - s)] {
                let (sku, other) = (
                    domain::SkuKey::new("shop", &format!("A{b}{g}{s}")),
                    domain::SkuKey::new(node, &format!("{there}{b}{g}{size}")),
                );
                let id = format!("d{number}-{round}-{size}");
                batch = batch.with(Mutation::AddDecision {
                    decision: domain::Decision {
                        id: domain::DecisionId::new(&id),
                        review: Some(domain::ReviewId::new(&format!("r{id}"))),
                        sku,
                        other: Some(other),
                        master: None,
                        verdict,
                        reason: String::new(),
                        actor: by.clone(),
                        seen: "{}".to_owned(),
                        at: now(),
                        undone: None,
                    },
                });
            }
        }
    }
    server.live.commit(&batch).await.unwrap();
}

/// Until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..1_200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("it never came: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scorer_is_learnt_used_by_a_second_person_while_the_service_runs_and_rolled_back() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let store = server.live.store();
    store.create_user("root", Role::Admin, PASSWORD, &Actor::new("test"), now()).await.unwrap();
    store.create_user("chen", Role::Approver, PASSWORD, &Actor::new("test"), now()).await.unwrap();
    // Another server of the same store.
    let twin = Live::new(engine(), store.clone(), Options::default());
    twin.build().await.unwrap();
    tokio::spawn({
        let twin = twin.clone();
        async move { twin.follow_scorer().await }
    });
    let shipped = server.live.engine().scorer_version().to_owned();
    many_answers(&server).await;
    let (mut root, mut chen) = (server.logged_in("root").await, server.logged_in("chen").await);
    let token = root.get("/console/learning").await.field("token");
    let early = root.post("/console/learning/scorers", &[("token", &token)]).await;
    assert_eq!(early.status, StatusCode::CONFLICT, "nothing was trained: {}", early.text);
    root.post("/console/learning/train", &[("token", &token)]).await;
    until("a trained scorer", async || {
        let page = root.get("/console/learning").await;
        assert!(!page.text.contains("role=\"alert\""), "{}", page.text);
        page.text.contains("Propose this scorer")
    })
    .await;
    let page = root.get("/console/learning").await;
    assert!(page.text.contains("links would come") && page.text.contains("scorer in use"), "{}", page.text);
    let proposed = root.post("/console/learning/scorers", &[("token", &token)]).await;
    assert_eq!(proposed.status, StatusCode::SEE_OTHER, "{}", proposed.text);
    assert_eq!(server.live.engine().scorer_version(), shipped, "proposed, not used");

    let own = root.post("/console/learning/scorers/1/use", &[("token", &token)]).await;
    assert_eq!(own.status, StatusCode::CONFLICT, "not by the one who proposed it");
    let shown = chen.get("/console/learning/scorers/1").await;
    assert!(shown.text.contains("Put in use") && shown.text.contains("Held-back quarter"), "{}", shown.text);
    let links = async || store.count_links(domain::LinkCause::Auto, 0.0).await.unwrap();
    let before = links().await;
    let theirs = shown.field("token");
    let used = chen.post("/console/learning/scorers/1/use", &[("token", &theirs)]).await;
    assert_eq!(used.status, StatusCode::SEE_OTHER, "{}", used.text);
    let tuned = store.scorer(1).await.unwrap().unwrap().title;
    assert!(tuned.starts_with(&shipped) && tuned.contains("+tuned-"), "{tuned}");
    until("the scorer in use", async || server.live.engine().scorer_version() == tuned).await;
    // The running service answers by it: what it says of a pair names it.
    let query = live::Query::Sku(domain::SkuKey::new("shop", "A000"));
    let (found, _) =
        server.live.find(&query, &live::Wanted { most: 5, ..live::Wanted::default() }).await.unwrap();
    assert!(!found.is_empty(), "it still finds");
    until("the other server", async || twin.engine().scorer_version() == tuned).await;
    // A restart goes on with it.
    let again = Live::new(engine(), store.clone(), Options::default());
    again.build().await.unwrap();
    assert_eq!(again.engine().scorer_version(), tuned);

    // Back, by one person.
    let page = root.get("/console/learning").await;
    assert!(page.text.contains("Roll back to this"), "{}", page.text);
    let back = root.post("/console/learning/scorers/0/use", &[("token", &token)]).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.text);
    until("the scorer of before", async || server.live.engine().scorer_version() == shipped).await;
    until("its links", async || links().await == before).await;
    let again = root.post("/console/learning/scorers/1/use", &[("token", &token)]).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER, "what was agreed to before takes nobody else");
    assert_eq!(store.verify().await.unwrap(), []);
}

/// The master of a SKU.
async fn home(server: &Server, node: &str, sku: &str) -> domain::MasterId {
    let key = domain::SkuKey::new(node, sku);
    server.live.store().masters_of(std::slice::from_ref(&key)).await.unwrap()[&key].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn masters_are_merged_split_and_written_by_hand_and_go_back() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let store = server.live.store();
    store.create_user("chen", Role::Approver, PASSWORD, &Actor::new("test"), now()).await.unwrap();
    let (mut li, mut chen) = (server.logged_in("li").await, server.logged_in("chen").await);
    let (haitian, libai) = (home(&server, "shop", "A000").await, home(&server, "shop", "A010").await);
    let path = format!("/console/masters/{haitian}");
    let page = li.get(&path).await;
    assert!(page.text.contains("Why they belong together") && page.text.contains("History"), "{}", page.text);
    assert!(page.text.contains("joined:"), "the time line says who came: {}", page.text);
    let near = li.get(&format!("{path}/merge")).await;
    assert!(near.text.contains("Show the merge"), "{}", near.text);

    // Two members of one node that holds a product once: said before anything is done, in both languages.
    let shown = li.get(&format!("{path}/merge?with={libai}")).await;
    assert!(shown.text.contains("What the merge would do"), "{}", shown.text);
    assert!(!shown.text.contains("class=\"primary large\""), "it cannot be done: {}", shown.text);
    let token = shown.field("token");
    let refused = li.post(&format!("{path}/merge"), &[("token", &token), ("with", libai.as_str())]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "a steward merges nothing alone");
    let token = chen.get(&path).await.field("token");
    let refused = chen.post(&format!("{path}/merge"), &[("token", &token), ("with", libai.as_str())]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);

    // Split one off, look, do it.
    let denied = li.post(&format!("{path}/split"), &[("token", &token)]).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN, "a steward splits nothing");
    let page = chen.get(&path).await;
    let token = page.field("token");
    let keys: Vec<String> = page
        .text
        .split("form=\"split\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    assert!(keys.len() >= 3, "{keys:?}");
    let ticked = [("token", token.as_str()), ("pick", &keys[0])];
    let shown = chen.post(&format!("{path}/split"), &ticked).await;
    assert!(shown.text.contains("becomes a master of its own"), "{}", shown.text);
    let sent = fields(&shown, &format!("{path}/split"));
    let sent: Vec<(&str, &str)> = sent.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let done = chen.post(&format!("{path}/split"), &sent).await;
    assert!(done.location.ends_with("said=split"), "{}", done.text);
    assert_eq!(
        chen.post(&format!("{path}/split"), &sent).await.status,
        StatusCode::SEE_OTHER,
        "sent twice, done once"
    );
    let (erp, shop) = (home(&server, "erp", "C000").await, home(&server, "shop", "A000").await);
    let none = chen.post(&format!("{path}/split"), &[("token", &token)]).await;
    assert!(none.text.contains("role=\"alert\""), "nothing ticked is said: {}", none.text);
    assert_ne!(erp, shop, "they are two now");

    // Together again: both are confirmed. With four eyes it takes another person.
    let policy = domain::Policy {
        scope: domain::PolicyScope::Global,
        number: 1,
        eyes: domain::Eyes::Four,
        activity: domain::Activity::Inactive,
        ..server.live.policy_for([&NodeId("shop".into()), &NodeId("erp".into())], None).unwrap()
    };
    let active = Mutation::ActivatePolicy { scope: policy.scope.clone(), number: 1, expected: None };
    let batch =
        Batch::new(now(), &Actor::new("test"), "policy").with(Mutation::AddPolicy { policy }).with(active);
    server.live.commit(&batch).await.unwrap();
    let path = format!("/console/masters/{shop}");
    let shown = li.get(&format!("{path}/merge?with={erp}")).await;
    assert!(shown.text.contains("Propose the merge"), "{}", shown.text);
    let sent = fields(&shown, &format!("{path}/merge"));
    let sent: Vec<(&str, &str)> = sent.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let proposed = li.post(&format!("{path}/merge"), &sent).await;
    assert!(proposed.location.ends_with("said=second"), "{} {}", proposed.location, proposed.text);
    assert_ne!(home(&server, "erp", "C000").await, home(&server, "shop", "A000").await, "not yet");
    let approvals = li.get("/console/approvals").await;
    assert!(
        approvals.text.contains("Take back") && !approvals.text.contains("Look and decide"),
        "{}",
        approvals.text
    );
    assert!(
        li.next().await.is_none_or(|(_, page)| !page.text.contains("A second person")),
        "not for the first"
    );
    let approvals = chen.get("/console/approvals").await;
    let at = approvals.text.find("name=\"id\" value=\"").expect("a proposal") + 17;
    let id = approvals.text[at..].split('"').next().unwrap().to_owned();
    let claimed = chen.post("/console/claim", &[("token", &approvals.field("token")), ("id", &id)]).await;
    let page = chen.get(&claimed.location).await;
    assert!(page.text.contains("says that it is the same"), "{}", page.text);
    let agreed = chen.answer(&id, &page, "same").await;
    assert_eq!(agreed.status, StatusCode::SEE_OTHER, "{}", agreed.text);
    assert_eq!(home(&server, "erp", "C000").await, home(&server, "shop", "A000").await, "together again");
    assert!(chen.get("/console/approvals").await.text.contains("Nothing waits for a second person"));

    let quality = chen.get("/console/quality").await;
    assert!(quality.text.contains("(1 / 1 questions that two persons answered)"), "{}", quality.text);

    // A value by hand stays, says where it is from, and goes again.
    let path = format!("/console/masters/{}", home(&server, "shop", "A000").await);
    let page = li.get(&path).await;
    let write = async |li: &mut Browser<'_>, page: &Page, extra: (&str, &str)| {
        let mut sent = fields(page, &format!("{path}/golden"));
        match sent.iter_mut().find(|(key, _)| key == extra.0) {
            Some(field) => field.1 = extra.1.to_owned(),
            None => sent.push((extra.0.to_owned(), extra.1.to_owned())),
        }
        let sent: Vec<(&str, &str)> = sent.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        li.post(&format!("{path}/golden"), &sent).await
    };
    let written = write(&mut li, &page, ("name", "海天老字号酱油")).await;
    let page = li.get(&written.location).await;
    assert!(
        page.text.contains("海天老字号酱油") && page.text.contains("written by a person"),
        "{}",
        page.text
    );
    write(&mut li, &page, ("free-name", "1")).await;
    let page = li.get(&path).await;
    assert!(!page.text.contains("<h1><bdi>海天老字号酱油"), "{}", page.text);

    // Back to how it was at first.
    let first = chen.get(&path).await;
    let revision =
        first.text.rsplit("name=\"revision\" value=\"").next().unwrap().split('"').next().unwrap().to_owned();
    let token = first.field("token");
    let back = chen.post(&format!("{path}/revert"), &[("token", &token), ("revision", &revision)]).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.text);
    assert_eq!(store.verify().await.unwrap(), []);
}

/// Every SKU with its master and every waiting question, as they are.
async fn standing(server: &Server) -> (Vec<(String, String)>, BTreeSet<(String, String)>) {
    let store = server.live.store();
    let members = store.list_members(&store::Page::first(1_000)).await.unwrap().items;
    let members = members.iter().map(|m| (m.key.to_string(), m.master.to_string())).collect();
    let asked = store.reviews(&ReviewFilter::default(), &store::Page::first(1_000)).await.unwrap().items;
    let asked = asked.iter().map(|row| (row.value.sku.to_string(), row.value.master.to_string())).collect();
    (members, asked)
}

/// Hidden and ticked fields of a form, as a browser would send them.
fn fields(page: &Page, form: &str) -> Vec<(String, String)> {
    let mark = format!("action=\"{form}\"");
    let at = page.text.find(&mark).unwrap_or_else(|| panic!("no form {form} in {}", page.text));
    let end = page.text[at..].find("</form>").unwrap();
    let attribute = |tag: &str, name: &str| -> Option<String> {
        let rest = tag.split(&format!(" {name}=\"")).nth(1)?;
        Some(rest.split('"').next()?.replace("&amp;", "&"))
    };
    page.text[at..at + end]
        .split("<input")
        .skip(1)
        .map(|tag| tag.split('>').next().unwrap())
        .filter(|tag| !tag.contains("type=\"checkbox\"") || tag.contains(" checked"))
        .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_questions_get_one_answer_and_one_undo() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let before = standing(&server).await;
    let mut li = server.logged_in("li").await;
    for verdict in ["different", "same", "new"] {
        let token = li.get("/console/").await.field("token");
        let asked = [("token", token.as_str()), ("verdict", verdict), ("count", "50"), ("node", "kiosk")];
        let preview = li.post("/console/bulk", &asked).await;
        assert_eq!(preview.status, StatusCode::OK, "{}", preview.text);
        assert!(preview.text.contains("nothing has changed yet"), "{}", preview.text);
        assert_eq!(standing(&server).await.0, before.0, "a preview changes nothing");
        let mut sent = fields(&preview, "/console/bulk/apply");
        let picked = sent.iter().filter(|(key, _)| key == "pick").count();
        assert!(picked >= 3, "{picked} of {verdict}: {}", preview.text);
        sent.push(("how".to_owned(), "apply".to_owned()));
        let sent: Vec<(&str, &str)> = sent.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let applied = li.post("/console/bulk/apply", &sent).await;
        assert!(applied.location.starts_with("/console/bulk/b-"), "{} {}", applied.location, applied.text);
        // Sent twice, answered once.
        assert_eq!(li.post("/console/bulk/apply", &sent).await.location, applied.location);
        let shown = li.get(&applied.location).await;
        assert!(shown.text.contains("Take all of it back"), "{}", shown.text);
        assert!(li.get("/console/bulk").await.text.contains(applied.location.rsplit('/').next().unwrap()));
        assert!(standing(&server).await.1.len() < before.1.len(), "{verdict}: questions are answered");
        let undone = li.post(&format!("{}/undo", applied.location), &[("token", &token)]).await;
        assert_eq!(undone.status, StatusCode::SEE_OTHER, "{}", undone.text);
        let after = standing(&server).await;
        assert_eq!(after.1, before.1, "{verdict}: the questions are back");
        assert_eq!(server.live.store().verify().await.unwrap(), []);
    }
    let groups = |all: &[(String, String)]| -> Vec<String> {
        all.iter().filter(|(sku, _)| !sku.starts_with("kiosk")).map(|(sku, m)| format!("{sku} {m}")).collect()
    };
    assert_eq!(groups(&standing(&server).await.0), groups(&before.0), "the groups are as they were");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_gets_in_and_only_our_own_forms_count() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let mut nobody = server.browser();
    for path in ["/console/", "/console/masters", "/console/quality", "/console/reviews/r-1"] {
        let page = nobody.get(path).await;
        assert_eq!(
            (page.status, page.location.as_str()),
            (StatusCode::SEE_OTHER, "/console/login"),
            "{path}"
        );
    }
    let wrong = nobody.post("/console/login", &[("name", "li"), ("password", "guess")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    for _ in 0..12 {
        nobody.post("/console/login", &[("name", "wang"), ("password", "guess")]).await;
    }
    let shut = nobody.post("/console/login", &[("name", "wang"), ("password", PASSWORD)]).await;
    assert_eq!(shut.status, StatusCode::UNAUTHORIZED, "too many attempts shut the name for a while");

    let mut li = server.logged_in("li").await;
    let (id, page) = li.next().await.unwrap();
    let forged = [("token", "forged"), ("etag", "1"), ("verdict", "same")];
    let refused = li.post(&format!("/console/reviews/{id}/decide"), &forged).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let outside = Request::post("/console/login")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site");
    let body = form(&[("name", "li"), ("password", PASSWORD)]);
    assert_eq!(server.browser().send(outside, body).await.status, StatusCode::FORBIDDEN);

    let mut zhao = server.logged_in("zhao").await;
    let seen = zhao.get(&format!("/console/reviews/{id}")).await;
    assert!(!seen.text.contains("name=\"verdict\""), "a reader gets no buttons");
    let token = seen.field("token");
    let denied = zhao.post("/console/claim", &[("token", &token)]).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);

    // A restart throws nobody out, and a logout is one everywhere.
    let router = console::router(server.live.clone(), Settings::default());
    let restarted = Server { live: server.live.clone(), router, _folder: tempfile::tempdir().unwrap() };
    let mut same = Browser { server: &restarted, cookies: zhao.cookies.clone() };
    assert_eq!(same.get("/console/").await.status, StatusCode::OK);
    let token = same.field_of("/console/masters", "token").await;
    same.post("/console/logout", &[("token", &token)]).await;
    assert_eq!(zhao.get("/console/").await.location, "/console/login");

    // Shut out while logged in.
    server.live.store().disable_user("li", &Actor::new("test"), now()).await.unwrap();
    let late = li.answer(&id, &page, "same").await;
    assert_eq!(late.location, "/console/login");
    let elsewhere = li.post("/console/view", &[("back", "//evil.example"), ("language", "zh")]).await;
    assert_eq!(elsewhere.location, "/console/");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stewards_never_get_the_same_question() {
    let server = Server::new().await;
    server.goods(&goods()).await;
    let before = server.waiting().await;
    let mut answered = [Vec::new(), Vec::new()];
    let (mut li, mut wang) = (server.logged_in("li").await, server.logged_in("wang").await);
    let work = async |browser: &mut Browser<'_>, done: &mut Vec<String>| {
        while let Some((id, page)) = browser.next().await {
            let answer = browser.answer(&id, &page, "different").await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
            // What the answer claimed next is given back: `next` claims anew.
            if answer.location.starts_with("/console/reviews/") {
                let held = browser.get(&answer.location).await;
                if held.text.contains("name=\"etag\"") {
                    let token = held.field("token");
                    let path = format!("/console/reviews/{}/leave", answer.id());
                    browser.post(&path, &[("token", &token), ("how", "release")]).await;
                }
            }
            done.push(id);
            assert!(done.len() < 200, "the queue ends");
        }
    };
    let [by_li, by_wang] = &mut answered;
    tokio::join!(work(&mut li, by_li), work(&mut wang, by_wang));
    let all: BTreeSet<&String> = answered.iter().flatten().collect();
    assert_eq!(all.len(), answered[0].len() + answered[1].len(), "no question twice");
    assert!(all.len() >= before, "{} answered of {before} and what came after", all.len());
    assert_eq!(server.waiting().await, 0, "none is lost");
    assert_eq!(server.live.store().verify().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_inert_and_readable() {
    let server = Server::new().await;
    let mut all = goods();
    let long = "长".repeat(10_000);
    for (node, sku, name) in [
        ("shop", "X1", "海天酱油<script>alert(1)</script>500ml"),
        ("shop", "X2", "\u{202e}海天\"><img src=x onerror=alert(1)>酱油500ml"),
        ("store", "X3", "立白酱油500ml 👨‍👩‍👧"),
        ("kiosk", "X4", "酱油500毫升 ' onclick='alert(1)"),
        ("kiosk", "X5", "酱油 <b>500ml</b>"),
        ("erp", "X6", long.as_str()),
    ] {
        all.push((node.to_owned(), sku.to_owned(), name.to_owned()));
    }
    server.goods(&all).await;
    let mut li = server.logged_in("li").await;
    let mut seen = vec![li.get("/console/").await, li.get("/console/masters").await];
    for row in
        server.live.store().reviews(&ReviewFilter::default(), &store::Page::first(100)).await.unwrap().items
    {
        let id = row.value.id.to_string();
        seen.push(li.get(&format!("/console/reviews/{id}")).await);
        seen.push(li.get(&format!("/console/masters/{}", row.value.master)).await);
    }
    assert!(seen.len() > 2, "the names are questions to each other");
    for page in &seen {
        assert_eq!(page.status, StatusCode::OK);
        for harm in ["<script>", "<img", "<b>500", "onerror=alert(1)>", "' onclick"] {
            // Between double quotes a single one ends nothing.
            let text = page.text.replace("&#39; onclick", "").replace("value=\"酱油500毫升 ' onclick", "");
            assert!(!text.contains(harm), "{harm} in {text}");
        }
        assert!(page.text.len() < 200_000, "{} bytes", page.text.len());
    }
    assert!(seen.iter().any(|page| page.text.contains("👨‍👩‍👧")), "readable");
    let search = li.get("/console/masters?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    assert!(!search.text.contains("<script>alert"), "{}", search.text);
}
