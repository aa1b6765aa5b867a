//! The steward's web pages, served beside the API: a queue of questions, one question with what speaks for and against it,
//! and the masters. Pages are made on the server and work as plain forms; one small script adds keys, renews leases and keeps
//! an answer while the connection is gone.
//!
//! Every page has a strict content security policy (no inline script or style), every form a token against forgery, and
//! every name of goods is shown as text, whatever it holds. What people do goes through [`live`], like the API's calls.

mod access;
mod answers;
mod approvals;
mod assets;
mod bulk;
mod failure;
mod import;
mod layout;
mod learning;
mod masters;
mod part;
mod persons;
mod quality;
mod question;
mod queue;
mod reshape;
mod scorers;

pub use access::Settings;
pub use quality::keep_auditing;

use access::Sessions;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Redirect;
use axum::routing::{get, post};
use live::Live;
use std::sync::Arc;

pub(crate) struct Shared {
    pub live: Live,
    pub sessions: Sessions,
    pub imports: import::Imports,
    pub training: scorers::Training,
    pub settings: Settings,
}

pub(crate) type State = axum::extract::State<Arc<Shared>>;

/// The pages, all under `/console/`; `/` leads there.
pub fn router(live: Live, settings: Settings) -> Router {
    let shared = Arc::new(Shared {
        live,
        sessions: Sessions::default(),
        imports: import::Imports::default(),
        training: scorers::Training::default(),
        settings,
    });
    let home = || async { Redirect::to("/console/") };
    Router::new()
        .route("/", get(home))
        .route("/console", get(home))
        .route("/console/", get(queue::show))
        .route("/console/login", get(access::form).post(access::login))
        .route("/console/logout", post(access::logout))
        .route("/console/view", post(access::view))
        .route("/console/answers", get(answers::show))
        .route("/console/approvals", get(approvals::show))
        .route("/console/claim", post(queue::claim))
        .route("/console/held", post(queue::held))
        .route("/console/bulk", get(bulk::list).post(bulk::preview))
        .route("/console/bulk/apply", post(bulk::apply))
        .route("/console/bulk/{id}", get(bulk::show))
        .route("/console/bulk/{id}/undo", post(bulk::undo))
        .route("/console/reviews/{id}", get(question::show))
        .route("/console/reviews/{id}/decide", post(question::decide))
        .route("/console/reviews/{id}/leave", post(question::leave))
        .route("/console/reviews/{id}/other", post(question::other))
        .route("/console/reviews/{id}/give", post(question::give))
        .route("/console/reviews/{id}/renew", post(question::renew))
        .route("/console/decisions/{id}/undo", post(question::undo))
        .route("/console/masters", get(masters::search))
        .route("/console/masters/{id}", get(masters::show))
        .route("/console/masters/{id}/merge", get(reshape::merge_page).post(reshape::merge))
        .route("/console/masters/{id}/split", post(reshape::split))
        .route("/console/masters/{id}/golden", post(reshape::write_golden))
        .route("/console/masters/{id}/unlink", post(masters::unlink))
        .route("/console/masters/{id}/revert", post(masters::revert))
        .route(
            "/console/import",
            // What a form adds to its file is small.
            get(import::form)
                .post(import::upload)
                .layer(DefaultBodyLimit::max(import::MOST_BYTES + 64 * 1024)),
        )
        .route("/console/import/{id}", get(import::show).post(import::map))
        .route("/console/import/{id}/rejected.csv", get(import::rejected))
        .route("/console/learning", get(learning::show))
        .route("/console/learning/try", get(learning::shadow))
        .route("/console/learning/propose", post(learning::propose))
        .route("/console/learning/policies/{scope}/{number}", post(learning::activate))
        .route("/console/learning/labels.csv", get(learning::labels_file))
        .route("/console/learning/train", post(scorers::train))
        .route("/console/learning/scorers", post(scorers::propose))
        .route("/console/learning/scorers/{number}", get(scorers::show))
        .route("/console/learning/scorers/{number}/use", post(scorers::put_in_use))
        .route("/console/persons", get(persons::show).post(persons::make))
        .route("/console/persons/{name}", post(persons::change))
        .route("/console/audit", get(persons::audit))
        .route("/console/quality", get(quality::show))
        .route("/console/quality/audit", post(quality::draw))
        .route("/console/assets/{name}", get(assets::serve))
        .with_state(shared)
}
