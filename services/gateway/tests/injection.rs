//! Texts and keys that mean to do harm: kept as the texts they are or refused, and told of in the audit log.
#![allow(clippy::unwrap_used)] // also in the helpers of tests

mod support;

use api::v1;
use api::v1::admin_service_client::AdminServiceClient;
use api::v1::catalog_service_client::CatalogServiceClient;
use api::v1::match_service_client::MatchServiceClient;
use domain::{Actor, Timestamp};
use live::now;
use store::{KeySpec, Role};
use support::{Running, free, update};
use tonic::Code;

async fn audited(running: &Running) -> Vec<v1::AuditEvent> {
    let request = v1::ListAuditEventsRequest { page_size: 1_000, ..Default::default() };
    AdminServiceClient::new(running.admin()).list_audit_events(request).await.unwrap().into_inner().events
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_is_a_text_like_any_other() {
    let running = Running::filled().await;
    let mut catalog = CatalogServiceClient::new(running.admin());
    for (at, text) in
        ["'; DROP TABLE skus; --", "x' OR '1'='1", "$1); DELETE FROM keys; --", "\\'; SELECT pg_sleep(9); --"]
            .iter()
            .enumerate()
    {
        let name = format!("nodes/shop/skus/Q{at}");
        let kept = catalog.update_sku(update(&name, text)).await.unwrap().into_inner().sku.unwrap();
        assert_eq!(kept.attributes.unwrap().display_name, *text);
        let codes = vec![(*text).to_owned()];
        let lookup = v1::LookupSkusRequest { parent: "nodes/-".to_owned(), codes };
        assert!(catalog.lookup_skus(lookup).await.unwrap().into_inner().skus.is_empty(), "{text}");
        let token = v1::ListSkusRequest {
            parent: "nodes/shop".to_owned(),
            page_token: (*text).to_owned(),
            ..Default::default()
        };
        assert_eq!(catalog.list_skus(token).await.unwrap_err().code(), Code::InvalidArgument, "{text}");
        let find = v1::FindMatchesRequest { query: free(text), ..Default::default() };
        MatchServiceClient::new(running.admin()).find_matches(find).await.unwrap();
        // In the place of a key.
        let mut stranger = CatalogServiceClient::new(running.with(text));
        let get = v1::GetSkuRequest { name, ..Default::default() };
        assert_eq!(stranger.get_sku(get).await.unwrap_err().code(), Code::Unauthenticated, "{text}");
    }
    assert!(running.live.store().verify().await.unwrap().is_empty());
    let refused = audited(&running).await.into_iter().filter(|event| event.outcome == "refused");
    assert_eq!(refused.count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backups_name_leads_nowhere_else() {
    let running = Running::filled().await;
    let outside = running.folder.path().parent().unwrap().join("tongpin-escaped.db");
    let mut admin = AdminServiceClient::new(running.admin());
    let absolute = outside.to_str().unwrap();
    for name in ["../tongpin-escaped.db", "a/../../tongpin-escaped.db", absolute, "..", "a\0b", "a\\..\\b"] {
        let create = v1::CreateBackupRequest { file_name: name.to_owned() };
        assert_eq!(admin.create_backup(create).await.unwrap_err().code(), Code::InvalidArgument, "{name}");
        let restore = v1::RestoreBackupRequest { file_name: name.to_owned(), ..Default::default() };
        assert_eq!(admin.restore_backup(restore).await.unwrap_err().code(), Code::InvalidArgument, "{name}");
    }
    assert!(!outside.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_break_makes_no_line_of_its_own() {
    let running = Running::filled().await;
    let forged = "x\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}";
    let mut catalog = CatalogServiceClient::new(running.admin());
    let name = "nodes/shop/skus/L1";
    let kept = catalog.update_sku(update(name, forged)).await;
    // Kept as it is or refused, but one event in the audit log, whose texts have no line breaks of the caller's.
    if let Err(refused) = kept {
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    }
    let node = running.key(Role::Node, &["shop"]).await;
    let mut foreign = CatalogServiceClient::new(running.with(&node));
    let path = "nodes/store/skus/a%0d%0aforged";
    assert_eq!(foreign.update_sku(update(path, "盐")).await.unwrap_err().code(), Code::PermissionDenied);
    let events = audited(&running).await;
    let last = events.iter().filter(|event| event.outcome == "refused").collect::<Vec<_>>();
    assert_eq!(last.len(), 1);
    for event in &events {
        for text in [&event.actor, &event.action, &event.resource, &event.detail] {
            assert!(!text.contains(['\r', '\n']), "{event:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_key_opens_nothing_and_is_told_of() {
    let running = Running::filled().await;
    let spec = |expires: Timestamp| KeySpec {
        title: "short".to_owned(),
        role: Role::Reader,
        nodes: Vec::new(),
        expires: Some(expires),
    };
    let at = now();
    let store = running.live.store();
    let later = Timestamp(at.0 + 3_600_000_000);
    for (expires, expected) in [(later, Code::Ok), (Timestamp(at.0 - 1), Code::Unauthenticated)] {
        let (_, secret) =
            store.create_key(&spec(expires), &Actor::new("test"), Timestamp(at.0 - 10)).await.unwrap();
        let mut catalog = CatalogServiceClient::new(running.with(secret.expose()));
        let get = v1::GetSkuRequest { name: "nodes/shop/skus/A000".to_owned(), ..Default::default() };
        let code = catalog.get_sku(get).await.map_or_else(|status| status.code(), |_| Code::Ok);
        assert_eq!(code, expected);
    }
    let refused: Vec<v1::AuditEvent> =
        audited(&running).await.into_iter().filter(|event| event.outcome == "refused").collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].action, "CatalogService.GetSku");
}
