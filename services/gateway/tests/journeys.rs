//! Whole journeys through the wire, against a server in this process.

mod support;

use api::v1;
use api::v1::admin_service_client::AdminServiceClient;
use api::v1::catalog_service_client::CatalogServiceClient;
use api::v1::import_skus_request::Message;
use api::v1::import_skus_response;
use api::v1::master_service_client::MasterServiceClient;
use api::v1::match_service_client::MatchServiceClient;
use api::v1::node_service_client::NodeServiceClient;
use api::v1::operation_service_client::OperationServiceClient;
use api::v1::policy_service_client::PolicyServiceClient;
use api::v1::review_service_client::ReviewServiceClient;
use prost::Message as _;
use std::time::Duration;
use store::Role;
use support::{Running, attributes, free, goods, sku, stored, update};
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_types::StatusExt;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_sku_is_linked_found_and_translated() {
    let running = Running::filled().await;
    let mut catalog = CatalogServiceClient::new(running.admin());
    let mut matches = MatchServiceClient::new(running.admin());
    let mut masters = MasterServiceClient::new(running.admin());
    running.nodes(&["kiosk"]).await;

    let name = "nodes/kiosk/skus/K%201";
    let written = catalog.update_sku(update(name, "海天 酱油 500毫升")).await.unwrap().into_inner();
    let kiosk = written.sku.unwrap();
    assert_eq!(kiosk.match_state(), v1::MatchState::LinkedAuto, "{kiosk:?}");
    assert!(!kiosk.master.is_empty());

    let request = v1::TranslateSkuRequest { name: name.to_owned(), nodes: vec!["nodes/shop".to_owned()] };
    let translated = matches.translate_sku(request).await.unwrap().into_inner();
    assert_eq!(translated.skus.len(), 1);
    assert_eq!(translated.skus[0].name, "nodes/shop/skus/A000");

    let find =
        v1::FindMatchesRequest { query: stored(name), explain: true, max_results: 3, ..Default::default() };
    let found = matches.find_matches(find).await.unwrap().into_inner();
    let best = &found.matches[0];
    let evidence = best.evidence.as_ref().unwrap();
    assert!(best.linked && evidence.confidence > 0.85, "{best:?}");
    assert!(evidence.reasons.iter().any(|reason| reason.attribute == "volume"), "{evidence:?}");
    let find = v1::FindMatchesRequest {
        query: free("海天酱油 1000ml"),
        nodes: vec!["nodes/store".to_owned()],
        ..Default::default()
    };
    let found = matches.find_matches(find).await.unwrap().into_inner();
    assert_eq!(found.matches[0].sku.as_ref().unwrap().name, "nodes/store/skus/B001");
    assert!(found.matches.iter().all(|one| one.sku.as_ref().unwrap().name.starts_with("nodes/store/")));

    let pair = v1::ScorePairRequest { left: stored(name), right: free("海天酱油1.5L") };
    let scored = matches.score_pair(pair).await.unwrap().into_inner().evidence.unwrap();
    assert_eq!((scored.veto.as_str(), scored.zone()), ("volume", v1::Zone::Reject));
    let explain = v1::ExplainMatchRequest {
        left: stored(name),
        right: stored("nodes/shop/skus/A000"),
        language_code: "zh".to_owned(),
    };
    let explained = matches.explain_match(explain).await.unwrap().into_inner();
    assert!(explained.linked && !explained.evidence.unwrap().reasons.is_empty());

    let got = v1::GetMasterRequest { name: kiosk.master.clone() };
    let master = masters.get_master(got).await.unwrap().into_inner().master.unwrap();
    assert!(master.member_count >= 3, "{master:?}");
    let members = v1::ListMembersRequest { parent: kiosk.master.clone(), page_size: 2, ..Default::default() };
    let page = masters.list_members(members.clone()).await.unwrap().into_inner();
    assert_eq!(page.members.len(), 2);
    let next = v1::ListMembersRequest { page_token: page.next_page_token, ..members };
    assert!(!masters.list_members(next).await.unwrap().into_inner().members.is_empty());
    let explain = v1::ExplainMasterRequest { name: kiosk.master.clone(), ..Default::default() };
    assert!(!masters.explain_master(explain).await.unwrap().into_inner().links.is_empty());
    let revisions = v1::ListMasterRevisionsRequest { parent: kiosk.master.clone(), ..Default::default() };
    let revisions = masters.list_master_revisions(revisions).await.unwrap().into_inner().revisions;
    assert!(revisions.windows(2).all(|two| two[0].revision > two[1].revision), "{revisions:?}");

    // Its row changes to another product: it stays where it is, stale, and a person is asked.
    let changed = catalog.update_sku(update(name, "立白洗洁精1L")).await.unwrap().into_inner().sku.unwrap();
    assert_eq!((changed.match_state(), &changed.master), (v1::MatchState::Stale, &kiosk.master));
    let mut reviews = ReviewServiceClient::new(running.admin());
    let listed = reviews.list_reviews(v1::ListReviewsRequest::default()).await.unwrap().into_inner().reviews;
    let question = listed.iter().find(|review| review.sku == name).expect("a question");
    let decide = v1::DecideReviewRequest {
        name: question.name.clone(),
        verdict: v1::Verdict::Different.into(),
        etag: question.etag.clone(),
        ..Default::default()
    };
    let decided = reviews.decide_review(decide).await.unwrap().into_inner();
    assert_ne!(decided.master, kiosk.master, "it has left");

    // Deleted, it is gone from everywhere; undeleted, it is back.
    let delete = v1::DeleteSkuRequest { name: name.to_owned(), ..Default::default() };
    catalog.delete_sku(delete.clone()).await.unwrap();
    assert_eq!(catalog.delete_sku(delete).await.unwrap_err().code(), Code::NotFound);
    let undelete = v1::UndeleteSkuRequest { name: name.to_owned(), ..Default::default() };
    let back = catalog.undelete_sku(undelete).await.unwrap().into_inner().sku.unwrap();
    assert_ne!(back.match_state(), v1::MatchState::NotRun);
    assert!(running.live.store().verify().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn people_decide_link_merge_split_and_take_back() {
    let running = Running::filled().await;
    let mut catalog = CatalogServiceClient::new(running.admin());
    let mut masters = MasterServiceClient::new(running.admin());
    let mut reviews = ReviewServiceClient::new(running.admin());
    let get = |name: &str| v1::GetSkuRequest { name: name.to_owned(), ..Default::default() };
    let a = "nodes/shop/skus/A000";
    let master_of = |sku: v1::GetSkuResponse| sku.sku.unwrap().master;
    let one = master_of(catalog.get_sku(get(a)).await.unwrap().into_inner());
    assert!(!one.is_empty());

    // Unlinked by hand: a master of its own, and the machine does not link it back.
    let unlink = v1::UnlinkSkuRequest { name: one.clone(), sku: a.to_owned(), ..Default::default() };
    let unlinked = masters.unlink_sku(unlink).await.unwrap().into_inner();
    let own = unlinked.own_master.unwrap();
    assert_ne!(own.name, one);
    let after = catalog.get_sku(get(a)).await.unwrap().into_inner().sku.unwrap();
    assert_eq!((after.match_state(), &after.master), (v1::MatchState::LinkedConfirmed, &own.name));

    // A contradiction is refused without force; with it, people decide.
    let contradicting = "nodes/store/skus/B001";
    let refused =
        v1::LinkSkuRequest { name: own.name.clone(), sku: contradicting.to_owned(), ..Default::default() };
    assert_eq!(masters.link_sku(refused.clone()).await.unwrap_err().code(), Code::FailedPrecondition);
    let forced = v1::LinkSkuRequest { force: true, ..refused };
    masters.link_sku(forced).await.unwrap();
    let linked = catalog.get_sku(get(contradicting)).await.unwrap().into_inner().sku.unwrap();
    assert_eq!((linked.match_state(), &linked.master), (v1::MatchState::LinkedConfirmed, &own.name));

    let unlink =
        v1::UnlinkSkuRequest { name: own.name.clone(), sku: contradicting.to_owned(), ..Default::default() };
    masters.unlink_sku(unlink).await.unwrap();

    // What has no partner of the machine's may be linked by hand, and split out again; the names of masters that went
    // lead on.
    let apart = "nodes/erp/skus/Z1";
    catalog.update_sku(update(apart, "老王特调蘸水")).await.unwrap();
    let link = v1::LinkSkuRequest { name: own.name.clone(), sku: apart.to_owned(), ..Default::default() };
    masters.link_sku(link).await.unwrap();
    let split =
        v1::SplitMasterRequest { name: own.name.clone(), skus: vec![apart.to_owned()], ..Default::default() };
    let split = masters.split_master(split).await.unwrap().into_inner();
    let new = split.new_master.unwrap();
    let merge = v1::MergeMastersRequest {
        name: new.name.clone(),
        sources: vec![split.master.unwrap().name],
        force: true,
        ..Default::default()
    };
    let merged = masters.merge_masters(merge).await.unwrap().into_inner().master.unwrap();
    assert!(merged.confirmed && merged.member_count >= 2, "{merged:?}");
    let resolve = v1::ResolveMasterRequest { name: own.name.clone() };
    let resolved = masters.resolve_master(resolve).await.unwrap().into_inner();
    assert_eq!(resolved.master.unwrap().name, new.name);
    assert_eq!(resolved.path, [own.name, new.name.clone()]);

    // A name by hand survives; cleared, members speak again.
    let write = |value: Option<&str>| v1::UpdateMasterRequest {
        master: Some(v1::Master {
            name: new.name.clone(),
            display_name: value
                .map(|value| v1::SourcedValue { value: value.to_owned(), source: String::new() }),
            ..v1::Master::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
        ..Default::default()
    };
    let by_hand = masters.update_master(write(Some("招牌酱油"))).await.unwrap().into_inner().master.unwrap();
    assert_eq!(by_hand.overrides, ["display_name"]);
    let cleared = masters.update_master(write(None)).await.unwrap().into_inner().master.unwrap();
    assert!(cleared.overrides.is_empty());

    // A question: claimed by one, refused to another, decided, taken back.
    catalog.update_sku(update("nodes/store/skus/Q1", "酱油500毫升")).await.unwrap();
    let listed = reviews.list_reviews(v1::ListReviewsRequest::default()).await.unwrap().into_inner().reviews;
    let Some(first) = listed.first().cloned() else { panic!("a name without its brand is no question") };
    let claim = v1::ClaimReviewsRequest { names: vec![first.name.clone()], ..Default::default() };
    let claimed = reviews.claim_reviews(claim.clone()).await.unwrap().into_inner().reviews.remove(0);
    let steward = running.key(Role::Steward, &[]).await;
    let mut second = ReviewServiceClient::new(running.with(&steward));
    let lost = second.claim_reviews(claim).await.unwrap_err();
    assert_eq!(lost.get_error_details().error_info().unwrap().reason, "LEASE_LOST");
    let got = reviews
        .get_review(v1::GetReviewRequest { name: first.name.clone(), ..Default::default() })
        .await
        .unwrap()
        .into_inner();
    assert!(!got.members.is_empty());
    let decide = v1::DecideReviewRequest {
        name: first.name.clone(),
        verdict: v1::Verdict::Same.into(),
        etag: claimed.etag.clone(),
        request_id: "decide-1".to_owned(),
        ..Default::default()
    };
    let preview = v1::PreviewDecisionRequest { name: first.name.clone(), verdict: v1::Verdict::Same.into() };
    let before = running.live.store().last_sequence().await.unwrap();
    let preview = reviews.preview_decision(preview).await.unwrap().into_inner();
    assert_eq!(running.live.store().last_sequence().await.unwrap(), before, "a preview writes nothing");
    assert!(preview.obstacles.is_empty() && !preview.needs_second_person, "{preview:?}");
    let decided = reviews.decide_review(decide.clone()).await.unwrap().into_inner();
    for moved in &preview.moves {
        let get = v1::GetSkuRequest { name: moved.sku.clone(), ..Default::default() };
        let now = catalog.get_sku(get).await.unwrap().into_inner().sku.unwrap();
        assert_eq!(now.master, moved.to_master, "{preview:?}");
    }
    assert_eq!(decided.review.as_ref().unwrap().state(), v1::review::State::Decided);
    assert!(!decided.master.is_empty());
    let again = reviews.decide_review(decide.clone()).await.unwrap().into_inner();
    assert_eq!(again.decision, decided.decision, "a repeated request is answered alike");
    let old = v1::DecideReviewRequest { request_id: String::new(), ..decide };
    assert_eq!(reviews.decide_review(old).await.unwrap_err().code(), Code::FailedPrecondition);
    let undo = v1::UndoDecisionRequest { name: decided.decision.unwrap().name, ..Default::default() };
    let undone = reviews.undo_decision(undo).await.unwrap().into_inner();
    assert!(undone.decision.unwrap().undo_time.is_some());
    let stats = reviews.get_review_stats(v1::GetReviewStatsRequest::default()).await.unwrap().into_inner();
    assert!(stats.open + stats.decided + stats.withdrawn > 0);
    let findings = running.live.store().verify().await.unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_do_what_their_roles_allow_and_refusals_are_audited() {
    let running = Running::filled().await;
    let [reader, node, steward, approver] = [
        running.key(Role::Reader, &[]).await,
        running.key(Role::Node, &["shop"]).await,
        running.key(Role::Steward, &[]).await,
        running.key(Role::Approver, &[]).await,
    ];
    let own = update("nodes/shop/skus/N1", "盐 500g");
    let foreign = update("nodes/store/skus/N1", "盐 500g");
    for (key, write_own, write_foreign, merge, administer) in [
        (
            &reader,
            Code::PermissionDenied,
            Code::PermissionDenied,
            Code::PermissionDenied,
            Code::PermissionDenied,
        ),
        (&node, Code::Ok, Code::PermissionDenied, Code::PermissionDenied, Code::PermissionDenied),
        (
            &steward,
            Code::PermissionDenied,
            Code::PermissionDenied,
            Code::PermissionDenied,
            Code::PermissionDenied,
        ),
        (&approver, Code::PermissionDenied, Code::PermissionDenied, Code::NotFound, Code::PermissionDenied),
        (&running.admin, Code::Ok, Code::Ok, Code::NotFound, Code::Ok),
        (
            &String::new(),
            Code::Unauthenticated,
            Code::Unauthenticated,
            Code::Unauthenticated,
            Code::Unauthenticated,
        ),
        (
            &"tp_0000000000000000_x".to_owned(),
            Code::Unauthenticated,
            Code::Unauthenticated,
            Code::Unauthenticated,
            Code::Unauthenticated,
        ),
    ] {
        let code = |result: Result<_, tonic::Status>| result.err().map_or(Code::Ok, |status| status.code());
        let mut catalog = CatalogServiceClient::new(running.with(key));
        let mut masters = MasterServiceClient::new(running.with(key));
        let mut admin = AdminServiceClient::new(running.with(key));
        assert_eq!(code(catalog.update_sku(own.clone()).await.map(drop)), write_own, "{key}: own");
        assert_eq!(
            code(catalog.update_sku(foreign.clone()).await.map(drop)),
            write_foreign,
            "{key}: foreign"
        );
        let merging = v1::MergeMastersRequest {
            name: "masters/none".to_owned(),
            sources: vec!["masters/nor".to_owned()],
            ..Default::default()
        };
        assert_eq!(code(masters.merge_masters(merging).await.map(drop)), merge, "{key}: merge");
        let listing = v1::ListApiKeysRequest::default();
        assert_eq!(code(admin.list_api_keys(listing).await.map(drop)), administer, "{key}: keys");
    }
    let mut reviews = ReviewServiceClient::new(running.with(&reader));
    let refused = reviews.claim_reviews(v1::ClaimReviewsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "ROLE_TOO_SMALL");

    let mut admin = AdminServiceClient::new(running.admin());
    let events =
        admin.list_audit_events(v1::ListAuditEventsRequest { page_size: 1_000, ..Default::default() });
    let events = events.await.unwrap().into_inner().events;
    let refusals = events.iter().filter(|event| event.outcome == "refused").count();
    assert!(refusals >= 12, "{refusals}");
    assert!(events.iter().all(|event| !event.detail.contains("tp_")), "no key is in the log");

    // A key made, rotated and ended over the wire.
    let spec =
        v1::ApiKey { role: v1::Role::Reader.into(), display_name: "r".to_owned(), ..Default::default() };
    let made =
        admin.create_api_key(v1::CreateApiKeyRequest { api_key: Some(spec) }).await.unwrap().into_inner();
    let mut info = AdminServiceClient::new(running.with(&made.secret));
    info.get_server_info(v1::GetServerInfoRequest {}).await.unwrap();
    let name = made.api_key.unwrap().name;
    admin.revoke_api_key(v1::RevokeApiKeyRequest { name }).await.unwrap();
    let ended = info.get_server_info(v1::GetServerInfoRequest {}).await.unwrap_err();
    assert_eq!(ended.code(), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_can_be_sent_again_tried_and_made_to_depend() {
    let running = Running::filled().await;
    let mut catalog = CatalogServiceClient::new(running.admin());
    let request =
        v1::UpdateSkuRequest { request_id: "r1".to_owned(), ..update("nodes/shop/skus/R1", "盐 500g") };
    let first = catalog.update_sku(request.clone()).await.unwrap().into_inner();
    let again = catalog.update_sku(request.clone()).await.unwrap().into_inner();
    assert_eq!(first, again);
    let reused = v1::UpdateSkuRequest { sku: Some(sku("nodes/shop/skus/R1", "糖")), ..request };
    let refused = catalog.update_sku(reused).await.unwrap_err();
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "REQUEST_ID_REUSED");

    let etag = first.sku.unwrap().etag;
    let depending = |etag: &str, text: &str| {
        let sku = v1::Sku { etag: etag.to_owned(), ..sku("nodes/shop/skus/R1", text) };
        v1::UpdateSkuRequest { sku: Some(sku), ..Default::default() }
    };
    catalog.update_sku(depending(&etag, "盐 400g")).await.unwrap();
    assert_eq!(catalog.update_sku(depending(&etag, "盐 300g")).await.unwrap_err().code(), Code::Aborted);

    let before = running.live.store().last_sequence().await.unwrap();
    let tried = v1::UpdateSkuRequest { validate_only: true, ..update("nodes/shop/skus/R2", "糖 1kg") };
    assert_eq!(catalog.update_sku(tried).await.unwrap().into_inner().change_sequence, 0);
    let unchanged = catalog.update_sku(update("nodes/shop/skus/R1", "盐 400g")).await.unwrap();
    let _ = unchanged;
    assert_eq!(running.live.store().last_sequence().await.unwrap(), before, "nothing was written");

    let masked = v1::UpdateSkuRequest {
        sku: Some(v1::Sku {
            attributes: Some(v1::SkuAttributes { brand: Some("中盐".to_owned()), ..Default::default() }),
            ..sku("nodes/shop/skus/R1", "")
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["brand".to_owned()] }),
        ..Default::default()
    };
    let said = catalog.update_sku(masked).await.unwrap().into_inner().sku.unwrap().attributes.unwrap();
    assert_eq!((said.display_name.as_str(), said.brand.as_deref()), ("盐 400g", Some("中盐")));

    for (wrong, field) in [
        (update("nodes/shop/skus/", "盐"), "sku.name"),
        (update("nodes/shop/skus/R3", " "), "sku.attributes.display_name"),
        (v1::UpdateSkuRequest::default(), "sku"),
    ] {
        let status = catalog.update_sku(wrong).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, field);
    }
    let missing = update("nodes/nowhere/skus/1", "盐");
    assert_eq!(catalog.update_sku(missing).await.unwrap_err().code(), Code::NotFound);
    let twice = v1::BatchUpdateSkusRequest {
        parent: "nodes/-".to_owned(),
        requests: vec![update("nodes/shop/skus/T", "盐"), update("nodes/shop/skus/T", "盐")],
        ..Default::default()
    };
    assert_eq!(catalog.batch_update_skus(twice).await.unwrap_err().code(), Code::InvalidArgument);
    let long = "长".repeat(40_000);
    let oversize = catalog.update_sku(update("nodes/shop/skus/L", &long)).await.unwrap_err();
    assert_eq!(oversize.code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_acknowledges_every_row_and_can_replace() {
    let running = Running::filled().await;
    running.nodes(&["kiosk"]).await;
    let key = running.key(Role::Node, &["kiosk"]).await;
    let import = |start: v1::ImportStart, rows: Vec<v1::Sku>| {
        let mut client = CatalogServiceClient::new(running.with(&key));
        async move {
            let mut messages = vec![v1::ImportSkusRequest { message: Some(Message::Start(start)) }];
            messages.extend((1..).zip(rows).map(|(row, sku)| {
                let row = v1::ImportRow { row, sku: Some(sku) };
                v1::ImportSkusRequest { message: Some(Message::Row(row)) }
            }));
            let stream = client.import_skus(tokio_stream::iter(messages)).await?.into_inner();
            stream.collect::<Result<Vec<_>, _>>().await
        }
    };
    let start =
        v1::ImportStart { parent: "nodes/kiosk".to_owned(), import_id: "i".to_owned(), replace: false };
    let mut rows: Vec<v1::Sku> = goods()
        .iter()
        .filter(|(name, _)| name.starts_with("nodes/shop/"))
        .map(|(name, text)| sku(&name.replace("/shop/", "/kiosk/"), text))
        .collect();
    let good = rows.len();
    rows.push(sku("nodes/shop/skus/X", "别家的"));
    rows.push(sku("nodes/kiosk/skus/Y", ""));
    let answers = import(start.clone(), rows.clone()).await.unwrap();
    assert_eq!(answers.len(), rows.len() + 1);
    let acks: Vec<v1::ImportAck> = answers
        .iter()
        .filter_map(|answer| match answer.message.clone() {
            Some(import_skus_response::Message::Ack(ack)) => Some(ack),
            _ => None,
        })
        .collect();
    assert!(acks.iter().map(|ack| ack.row).eq(1..=rows.len() as i64), "one ack a row, in order");
    assert_eq!(acks.iter().filter(|ack| !ack.error.is_empty()).count(), 2);
    let linked = acks.iter().filter(|ack| ack.match_state() == v1::MatchState::LinkedAuto).count();
    assert!(linked * 10 >= good * 8, "{linked} of {good}");
    let summary =
        |answers: &[v1::ImportSkusResponse]| match answers.last().and_then(|last| last.message.clone()) {
            Some(import_skus_response::Message::Summary(summary)) => summary,
            other => panic!("{other:?}"),
        };
    assert_eq!(summary(&answers).created, good as i64);

    // Again: nothing is written twice. Then a shorter one that replaces.
    let again = import(start.clone(), rows[..good].to_vec()).await.unwrap();
    assert_eq!(summary(&again).unchanged, good as i64);
    let replacing = v1::ImportStart { replace: true, ..start.clone() };
    let shorter = import(replacing, rows[..10].to_vec()).await.unwrap();
    assert_eq!(summary(&shorter).deleted, good as i64 - 10);
    let foreign = v1::ImportStart { parent: "nodes/shop".to_owned(), ..start };
    assert_eq!(import(foreign, Vec::new()).await.unwrap_err().code(), Code::PermissionDenied);
    assert!(running.live.store().verify().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_shows_every_change_once_and_in_order() {
    let running = Running::filled().await;
    let mut masters = MasterServiceClient::new(running.admin());
    let from = |after| v1::WatchChangesRequest { after_sequence: Some(after), ..Default::default() };
    let mut stream = masters.watch_changes(from(0)).await.unwrap().into_inner();
    let writing = {
        let mut catalog = CatalogServiceClient::new(running.admin());
        tokio::spawn(async move {
            for i in 0..20 {
                catalog
                    .update_sku(update(&format!("nodes/shop/skus/W{i}"), &format!("盐 {i}00g")))
                    .await
                    .unwrap();
            }
        })
    };
    let mut seen = Vec::new();
    let mut broken = 0;
    loop {
        let answer = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.expect("no silence");
        let Some(Ok(answer)) = answer else { panic!("the stream ended") };
        seen.extend(answer.changes.iter().map(|change| change.sequence));
        // The stream breaks now and then, and goes on from the cursor.
        if seen.len() > 100 * (broken + 1) {
            broken += 1;
            stream = masters.watch_changes(from(*seen.last().unwrap())).await.unwrap().into_inner();
        }
        if writing.is_finished() && answer.sequence >= running.live.store().last_sequence().await.unwrap().0 {
            break;
        }
    }
    writing.await.unwrap();
    assert!(broken > 1);
    assert!(seen.iter().copied().eq(1..=seen.len() as i64), "no gap, none twice");
    let filtered = v1::WatchChangesRequest {
        kinds: vec![v1::ChangeKind::Sku.into()],
        nodes: vec!["nodes/erp".to_owned()],
        ..from(0)
    };
    let mut stream = masters.watch_changes(filtered).await.unwrap().into_inner();
    let answer = stream.next().await.unwrap().unwrap();
    assert!(!answer.changes.is_empty());
    assert!(answer.changes.iter().all(|change| change.resource.starts_with("nodes/erp/skus/")));
    let late = masters.watch_changes(from(1 << 40)).await.unwrap_err();
    assert_eq!(late.code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_nothing() {
    let running = Running::filled().await;
    let mut catalog = CatalogServiceClient::new(running.admin());
    let mut acknowledged = Vec::new();
    for i in 0..10 {
        let request = update(&format!("nodes/shop/skus/Z{i}"), &format!("镇江 香醋 {i}00ml"));
        acknowledged.push(catalog.update_sku(request).await.unwrap().into_inner().sku.unwrap());
    }
    // Not stopped: dropped, with its connections, in the middle of things.
    let unlinked = domain::LocalSku::named("store", "late", "海天老抽 500ml");
    let put = store::Mutation::PutSku { sku: unlinked, state: None, expect: store::Expect::Any };
    let batch = store::Batch::new(live::now(), &domain::Actor::new("test"), "import").with(put);
    running.live.store().commit(&batch).await.unwrap();
    let Running { gateway, live, channel, folder, .. } = running;
    drop((gateway, channel, catalog));
    live.store().close().await;
    drop(live);

    let running = Running::open(folder).await;
    let mut catalog = CatalogServiceClient::new(running.admin());
    for before in acknowledged {
        let request = v1::GetSkuRequest { name: before.name.clone(), ..Default::default() };
        let after = catalog.get_sku(request).await.unwrap().into_inner().sku.unwrap();
        assert_eq!((after.attributes, after.etag), (before.attributes, before.etag));
    }
    // What was written but not linked is linked by the start.
    let late = v1::GetSkuRequest { name: "nodes/store/skus/late".to_owned(), ..Default::default() };
    for _ in 0..200 {
        let state = catalog.get_sku(late.clone()).await.unwrap().into_inner().sku.unwrap().match_state();
        if state != v1::MatchState::NotRun {
            assert!(running.live.store().verify().await.unwrap().is_empty());
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was never linked");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_policies_and_operations() {
    let running = Running::filled().await;
    let mut nodes = NodeServiceClient::new(running.admin());
    let get = v1::GetNodeRequest { name: "nodes/shop".to_owned() };
    let node = nodes.get_node(get).await.unwrap().into_inner().node.unwrap();
    let renamed = v1::UpdateNodeRequest {
        node: Some(v1::Node { display_name: "一号店".to_owned(), ..node.clone() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
        ..Default::default()
    };
    let after = nodes.update_node(renamed.clone()).await.unwrap().into_inner().node.unwrap();
    assert_eq!(after.display_name, "一号店");
    assert_eq!(nodes.update_node(renamed).await.unwrap_err().code(), Code::Aborted, "the etag is old");
    let listed = nodes.list_nodes(v1::ListNodesRequest { page_size: 2, ..Default::default() }).await.unwrap();
    assert_eq!(listed.into_inner().nodes.len(), 2);

    // Archived, its SKUs are not found any more; brought back, they are.
    let mut matches = MatchServiceClient::new(running.admin());
    let find =
        v1::FindMatchesRequest { query: free("海天酱油500ml"), max_results: 50, ..Default::default() };
    let archive = v1::ArchiveNodeRequest { name: "nodes/shop".to_owned(), ..Default::default() };
    nodes.archive_node(archive).await.unwrap();
    let of_shop = |found: &v1::FindMatchesResponse| {
        found.matches.iter().filter(|one| one.sku.as_ref().unwrap().name.starts_with("nodes/shop/")).count()
    };
    assert_eq!(of_shop(&matches.find_matches(find.clone()).await.unwrap().into_inner()), 0);
    let mut catalog = CatalogServiceClient::new(running.admin());
    let refused = catalog.update_sku(update("nodes/shop/skus/A000", "别的")).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let back = v1::UnarchiveNodeRequest { name: "nodes/shop".to_owned(), ..Default::default() };
    nodes.unarchive_node(back).await.unwrap();
    assert!(of_shop(&matches.find_matches(find).await.unwrap().into_inner()) > 0);

    // A strict policy for one category: what was automatic is asked there.
    let mut policies = PolicyServiceClient::new(running.admin());
    let policy = v1::Policy {
        scope: Some(v1::PolicyScope {
            scope: Some(v1::policy_scope::Scope::Category(v1::CategoryScope { category: "严".to_owned() })),
        }),
        auto_threshold: 1.0,
        review_threshold: 0.15,
        group_mean: 0.6,
        ..Default::default()
    };
    let wrong = v1::Policy { review_threshold: 1.5, ..policy.clone() };
    let create = |policy| v1::CreatePolicyRequest { policy: Some(policy), ..Default::default() };
    assert_eq!(policies.create_policy(create(wrong)).await.unwrap_err().code(), Code::InvalidArgument);
    let made = policies.create_policy(create(policy)).await.unwrap().into_inner().policy.unwrap();
    let activate = v1::ActivatePolicyRequest { name: made.name.clone(), ..Default::default() };
    assert!(policies.activate_policy(activate).await.unwrap().into_inner().policy.unwrap().active);
    let resolve = v1::ResolvePolicyRequest {
        left: "nodes/shop".to_owned(),
        right: "nodes/erp".to_owned(),
        category: "严".to_owned(),
    };
    let held = policies.resolve_policy(resolve).await.unwrap().into_inner().policy.unwrap();
    assert_eq!((held.version, held.auto_threshold), (1, 1.0));
    running.nodes(&["strict"]).await;
    let strict = v1::SkuAttributes { category: Some("严".to_owned()), ..attributes("海天 酱油 500ml") };
    let request = v1::UpdateSkuRequest {
        sku: Some(v1::Sku { attributes: Some(strict), ..sku("nodes/strict/skus/1", "") }),
        allow_missing: true,
        ..Default::default()
    };
    let state = catalog.update_sku(request).await.unwrap().into_inner().sku.unwrap();
    assert_eq!(state.match_state(), v1::MatchState::PendingReview, "{state:?}");

    // Long work.
    let mut admin = AdminServiceClient::new(running.admin());
    let mut operations = OperationServiceClient::new(running.admin());
    let mut ended = Vec::new();
    let backup = v1::CreateBackupRequest { file_name: "copy.db".to_owned() };
    ended.push(admin.create_backup(backup).await.unwrap().into_inner().operation.unwrap());
    ended.push(admin.verify_store(v1::VerifyStoreRequest {}).await.unwrap().into_inner().operation.unwrap());
    ended
        .push(admin.rebuild_index(v1::RebuildIndexRequest {}).await.unwrap().into_inner().operation.unwrap());
    for operation in ended {
        let wait = v1::WaitOperationRequest { name: operation.name, timeout: None };
        let done = operations.wait_operation(wait).await.unwrap().into_inner().operation.unwrap();
        let Some(v1::operation::Result::Response(response)) = done.result else { panic!("{done:?}") };
        if done.kind == "verify" {
            let found = v1::VerifyStoreResult::decode(response.value.as_slice()).unwrap();
            assert_eq!(found.finding_count, 0, "{found:?}");
        }
    }
    let path = v1::CreateBackupRequest { file_name: "../copy.db".to_owned() };
    assert_eq!(admin.create_backup(path).await.unwrap_err().code(), Code::InvalidArgument);
    let report = admin.get_calibration_report(v1::GetCalibrationReportRequest::default()).await.unwrap();
    assert_eq!(report.into_inner().bins.len(), 10);
    running.gateway.stop().await;
}
