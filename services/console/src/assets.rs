//! The style sheet and the script, under names that change with their content, so that browsers may keep them for good.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/script.js");

struct Asset {
    name: String,
    kind: &'static str,
    content: &'static str,
}

fn all() -> &'static [Asset; 2] {
    static ALL: OnceLock<[Asset; 2]> = OnceLock::new();
    let named = |stem: &str, end: &str, kind, content: &'static str| {
        let digest = Sha256::digest(content);
        let short: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        Asset { name: format!("{stem}-{short}.{end}"), kind, content }
    };
    ALL.get_or_init(|| {
        [
            named("style", "css", "text/css; charset=utf-8", STYLE),
            named("script", "js", "text/javascript; charset=utf-8", SCRIPT),
        ]
    })
}

pub fn style() -> String {
    format!("/console/assets/{}", all()[0].name)
}

pub fn script() -> String {
    format!("/console/assets/{}", all()[1].name)
}

pub async fn serve(Path(name): Path<String>) -> Response {
    match all().iter().find(|asset| asset.name == name) {
        Some(asset) => {
            let headers = [
                (header::CONTENT_TYPE, asset.kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, asset.content).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
