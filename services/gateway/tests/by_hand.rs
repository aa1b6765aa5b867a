//! What people do to several things at once, only try, or take back as a whole.
#![allow(clippy::unwrap_used)] // also in the helpers of tests

mod support;

use api::v1;
use api::v1::admin_service_client::AdminServiceClient;
use api::v1::catalog_service_client::CatalogServiceClient;
use api::v1::master_service_client::MasterServiceClient;
use api::v1::match_service_client::MatchServiceClient;
use api::v1::operation_service_client::OperationServiceClient;
use api::v1::policy_service_client::PolicyServiceClient;
use api::v1::review_service_client::ReviewServiceClient;
use prost::Message as _;
use support::{Running, Transport, update};
use tokio_stream::StreamExt;
use tonic::Code;

struct Clients {
    running: Running,
    catalog: CatalogServiceClient<Transport>,
    masters: MasterServiceClient<Transport>,
    reviews: ReviewServiceClient<Transport>,
}

impl Clients {
    async fn new() -> Clients {
        let running = Running::filled().await;
        Clients {
            catalog: CatalogServiceClient::new(running.admin()),
            masters: MasterServiceClient::new(running.admin()),
            reviews: ReviewServiceClient::new(running.admin()),
            running,
        }
    }

    async fn sku(&mut self, name: &str) -> v1::Sku {
        let get = v1::GetSkuRequest { name: name.to_owned(), ..Default::default() };
        self.catalog.get_sku(get).await.unwrap().into_inner().sku.unwrap()
    }

    async fn members(&mut self, master: &str) -> Vec<String> {
        let list = v1::ListMembersRequest { parent: master.to_owned(), ..Default::default() };
        let listed = self.masters.list_members(list).await.unwrap().into_inner().members;
        listed.into_iter().map(|sku| sku.name).collect()
    }

    async fn revisions(&mut self, master: &str) -> Vec<v1::MasterRevision> {
        let list = v1::ListMasterRevisionsRequest { parent: master.to_owned(), ..Default::default() };
        self.masters.list_master_revisions(list).await.unwrap().into_inner().revisions
    }

    async fn written(&self) -> domain::Sequence {
        self.running.live.store().last_sequence().await.unwrap()
    }

    async fn is_sound(&self) {
        let findings = self.running.live.store().verify().await.unwrap();
        assert!(findings.is_empty(), "{findings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_goes_back_to_a_revision() {
    let mut at = Clients::new().await;
    let leaver = "nodes/shop/skus/A000";
    let master = at.sku(leaver).await.master;
    let before = at.members(&master).await;
    let revision = at.revisions(&master).await[0].revision;

    let unlink = v1::UnlinkSkuRequest { name: master.clone(), sku: leaver.to_owned(), ..Default::default() };
    let own = at.masters.unlink_sku(unlink).await.unwrap().into_inner().own_master.unwrap().name;
    let joiner = "nodes/erp/skus/Z1";
    at.catalog.update_sku(update(joiner, "老王特调蘸水")).await.unwrap();
    let link = v1::LinkSkuRequest { name: master.clone(), sku: joiner.to_owned(), ..Default::default() };
    match at.masters.link_sku(link).await {
        Ok(_) => assert!(at.members(&master).await.contains(&joiner.to_owned())),
        // The node's place may be taken.
        Err(refused) => assert_eq!(refused.code(), Code::FailedPrecondition),
    }

    let revert = v1::RevertMasterRequest {
        name: master.clone(),
        revision,
        reason: "a mistake".to_owned(),
        request_id: "revert-1".to_owned(),
        ..Default::default()
    };
    let sequence = at.written().await;
    let tried = v1::RevertMasterRequest { validate_only: true, ..revert.clone() };
    assert_eq!(at.masters.revert_master(tried).await.unwrap().into_inner().change_sequence, 0);
    assert_eq!(at.written().await, sequence, "only tried");

    let reverted = at.masters.revert_master(revert.clone()).await.unwrap().into_inner();
    assert!(reverted.left_out.is_empty() && reverted.change_sequence > 0, "{reverted:?}");
    assert_eq!(at.members(&master).await, before);
    assert_ne!(at.sku(joiner).await.master, master, "what joined since has left");
    let resolve = v1::ResolveMasterRequest { name: own };
    let resolved = at.masters.resolve_master(resolve).await.unwrap().into_inner().master.unwrap();
    assert_eq!(resolved.name, master, "the leaver's own master leads back");
    let sequence = at.written().await;
    let again = at.masters.revert_master(revert).await.unwrap().into_inner();
    assert_eq!(again.change_sequence, reverted.change_sequence);
    assert_eq!(at.written().await, sequence, "a repeated request changes nothing");

    // What a person links elsewhere meanwhile stays there.
    let newest = at.revisions(&master).await[0].revision;
    let unlink = v1::UnlinkSkuRequest { name: master.clone(), sku: leaver.to_owned(), ..Default::default() };
    let own = at.masters.unlink_sku(unlink).await.unwrap().into_inner().own_master.unwrap().name;
    let link = v1::LinkSkuRequest { name: own.clone(), sku: joiner.to_owned(), ..Default::default() };
    at.masters.link_sku(link).await.unwrap();
    let revert = v1::RevertMasterRequest { name: master.clone(), revision: newest, ..Default::default() };
    let reverted = at.masters.revert_master(revert).await.unwrap().into_inner();
    assert_eq!(reverted.left_out, [leaver]);
    assert_eq!(at.sku(leaver).await.master, own);

    let unknown = v1::RevertMasterRequest { name: master, revision: 99_999, ..Default::default() };
    assert_eq!(at.masters.revert_master(unknown).await.unwrap_err().code(), Code::NotFound);
    at.is_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_tried_changes_nothing_and_is_refused_alike() {
    let mut at = Clients::new().await;
    let sku = "nodes/shop/skus/A000";
    let master = at.sku(sku).await.master;
    let members = at.members(&master).await;
    let other = at.sku("nodes/shop/skus/A001").await.master;
    let sequence = at.written().await;
    let request_id = "one-id".to_owned();

    let unlink = v1::UnlinkSkuRequest {
        name: master.clone(),
        sku: sku.to_owned(),
        validate_only: true,
        request_id,
        ..Default::default()
    };
    let tried = at.masters.unlink_sku(unlink.clone()).await.unwrap().into_inner();
    assert_eq!(tried.change_sequence, 0);
    let split = v1::SplitMasterRequest {
        name: master.clone(),
        skus: vec![sku.to_owned()],
        validate_only: true,
        ..Default::default()
    };
    assert_eq!(at.masters.split_master(split).await.unwrap().into_inner().new_master, None);
    let update_golden = v1::UpdateMasterRequest {
        master: Some(v1::Master {
            name: master.clone(),
            brand: Some(v1::SourcedValue { value: "别家".to_owned(), source: String::new() }),
            ..v1::Master::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["brand".to_owned()] }),
        validate_only: true,
        ..Default::default()
    };
    assert_eq!(at.masters.update_master(update_golden).await.unwrap().into_inner().change_sequence, 0);
    // Both hold a SKU of the shop, which holds a product once.
    let merge = v1::MergeMastersRequest {
        name: master.clone(),
        sources: vec![other],
        force: true,
        validate_only: true,
        ..Default::default()
    };
    let refused = at.masters.merge_masters(merge.clone()).await.unwrap_err();
    let merge = v1::MergeMastersRequest { validate_only: false, ..merge };
    assert_eq!(refused.code(), at.masters.merge_masters(merge).await.unwrap_err().code());
    assert_eq!(at.written().await, sequence);
    assert_eq!(at.members(&master).await, members);

    // The same id for the real one is not taken for a repetition.
    let real = v1::UnlinkSkuRequest { validate_only: false, ..unlink };
    assert!(at.masters.unlink_sku(real).await.unwrap().into_inner().change_sequence > 0);
    assert_ne!(at.sku(sku).await.master, master);
    at.is_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_questions_are_answered_in_one_call() {
    let mut at = Clients::new().await;
    at.running.nodes(&["kiosk"]).await;
    for (sku, text) in [("Q1", "酱油500毫升"), ("Q2", "洗洁精1升"), ("Q3", "牛奶1升"), ("Q4", "白酒500ml")]
    {
        at.catalog.update_sku(update(&format!("nodes/kiosk/skus/{sku}"), text)).await.unwrap();
    }
    let open = v1::ListReviewsRequest::default();
    let listed = at.reviews.list_reviews(open.clone()).await.unwrap().into_inner().reviews;
    assert!(listed.len() >= 2, "{listed:?}");
    let answer = |review: &v1::Review, verdict: v1::Verdict| v1::DecideReviewRequest {
        name: review.name.clone(),
        verdict: verdict.into(),
        etag: review.etag.clone(),
        ..Default::default()
    };

    // One that cannot be answered: none is.
    let stale =
        v1::DecideReviewRequest { etag: "999".to_owned(), ..answer(&listed[1], v1::Verdict::Different) };
    let requests = vec![answer(&listed[0], v1::Verdict::Different), stale];
    let sequence = at.written().await;
    let batch = v1::BatchDecideReviewsRequest { requests, request_id: String::new() };
    assert_eq!(at.reviews.batch_decide_reviews(batch).await.unwrap_err().code(), Code::Aborted);
    assert_eq!(at.written().await, sequence);
    let twice = vec![answer(&listed[0], v1::Verdict::Unsure), answer(&listed[0], v1::Verdict::Same)];
    let batch = v1::BatchDecideReviewsRequest { requests: twice, request_id: String::new() };
    assert_eq!(at.reviews.batch_decide_reviews(batch).await.unwrap_err().code(), Code::InvalidArgument);

    let requests = listed.iter().map(|review| answer(review, v1::Verdict::Different)).collect();
    let batch = v1::BatchDecideReviewsRequest { requests, request_id: "all-at-once".to_owned() };
    let done = at.reviews.batch_decide_reviews(batch.clone()).await.unwrap().into_inner().responses;
    assert_eq!(done.len(), listed.len());
    for (asked, answered) in listed.iter().zip(&done) {
        let review = answered.review.as_ref().unwrap();
        assert_eq!(review.name, asked.name);
        assert!(answered.settled_meanwhile || review.state() == v1::review::State::Decided, "{answered:?}");
    }
    assert!(done.iter().any(|answered| !answered.settled_meanwhile));
    let sequence = at.written().await;
    let again = at.reviews.batch_decide_reviews(batch).await.unwrap().into_inner().responses;
    let decisions = |responses: &[v1::DecideReviewResponse]| -> Vec<Option<String>> {
        responses.iter().map(|one| one.decision.as_ref().map(|decision| decision.name.clone())).collect()
    };
    assert_eq!(decisions(&again), decisions(&done));
    assert_eq!(at.written().await, sequence, "a repeated call decides nothing anew");
    at.is_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_simulated_before_it_holds() {
    let at = Clients::new().await;
    let mut policies = PolicyServiceClient::new(at.running.admin());
    let mut operations = OperationServiceClient::new(at.running.admin());
    let sequence_of = |response: v1::CreatePolicyResponse| response.policy.unwrap().name;
    let mut simulated = Vec::new();
    for auto in [0.85, 0.999_999] {
        let scope = v1::PolicyScope { scope: Some(v1::policy_scope::Scope::Global(v1::GlobalScope {})) };
        let policy = v1::Policy {
            scope: Some(scope),
            auto_threshold: auto,
            review_threshold: 0.15,
            group_mean: 0.6,
            ..v1::Policy::default()
        };
        let create = v1::CreatePolicyRequest { policy: Some(policy), ..Default::default() };
        let name = sequence_of(policies.create_policy(create).await.unwrap().into_inner());
        let before = at.written().await;
        let request = v1::SimulatePolicyRequest { name };
        let operation = policies.simulate_policy(request).await.unwrap().into_inner().operation.unwrap();
        let wait = v1::WaitOperationRequest { name: operation.name, ..Default::default() };
        let operation = operations.wait_operation(wait).await.unwrap().into_inner().operation.unwrap();
        let Some(v1::operation::Result::Response(any)) = operation.result else { panic!("{operation:?}") };
        simulated.push(v1::SimulatePolicyResult::decode(any.value.as_slice()).unwrap());
        assert_eq!(at.written().await, before, "nothing was changed");
    }
    let [same, strict] = simulated.as_slice() else { unreachable!() };
    assert_eq!((same.links_gained, same.links_lost), (0, 0), "{same:?}");
    assert!(strict.links_lost > 10 && strict.links_gained == 0, "{strict:?}");
    assert!(strict.reviews_gained > 0, "what was linked is asked: {strict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_with_four_eyes_takes_another_caller_to_be_replaced() {
    let at = Clients::new().await;
    let key = at.running.key(store::Role::Admin, &[]).await;
    let (mut ann, mut bob) =
        (PolicyServiceClient::new(at.running.admin()), PolicyServiceClient::new(at.running.with(&key)));
    let policy = v1::Policy {
        scope: Some(v1::PolicyScope { scope: Some(v1::policy_scope::Scope::Global(v1::GlobalScope {})) }),
        auto_threshold: 0.9,
        review_threshold: 0.15,
        group_mean: 0.6,
        four_eyes: true,
        ..v1::Policy::default()
    };
    let mut names = Vec::new();
    for _ in 0..2 {
        let create = v1::CreatePolicyRequest { policy: Some(policy.clone()), ..Default::default() };
        names.push(ann.create_policy(create).await.unwrap().into_inner().policy.unwrap().name);
    }
    let activate = |name: &str| v1::ActivatePolicyRequest { name: name.to_owned(), ..Default::default() };
    ann.activate_policy(activate(&names[0])).await.expect("nothing asks for another person yet");
    let refused = ann.activate_policy(activate(&names[1])).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("NEEDS_SECOND_PERSON"), "{refused:?}");
    assert!(bob.activate_policy(activate(&names[1])).await.unwrap().into_inner().policy.unwrap().active);
    ann.activate_policy(activate(&names[0])).await.expect("back to what was agreed to");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_restored_under_the_running_server() {
    let mut at = Clients::new().await;
    let mut admin = AdminServiceClient::new(at.running.admin());
    let mut operations = OperationServiceClient::new(at.running.admin());
    let ended = async |operations: &mut OperationServiceClient<Transport>,
                       operation: Option<v1::Operation>| {
        let wait = v1::WaitOperationRequest { name: operation.unwrap().name, ..Default::default() };
        let operation = operations.wait_operation(wait).await.unwrap().into_inner().operation.unwrap();
        let Some(v1::operation::Result::Response(any)) = operation.result else { panic!("{operation:?}") };
        v1::BackupResult::decode(any.value.as_slice()).unwrap()
    };
    let sku = "nodes/shop/skus/A000";
    let before = at.sku(sku).await;
    let backup = v1::CreateBackupRequest { file_name: "then.db".to_owned() };
    let operation = admin.create_backup(backup).await.unwrap().into_inner().operation;
    let kept = ended(&mut operations, operation).await;

    let mut watch = at.masters.watch_changes(v1::WatchChangesRequest::default()).await.unwrap().into_inner();
    at.catalog.update_sku(update(sku, "立白洗洁精1L")).await.unwrap();
    at.catalog.update_sku(update("nodes/erp/skus/NEW", "海天酱油 500ml")).await.unwrap();
    let after = at.written().await;
    let restore = v1::RestoreBackupRequest { file_name: "then.db".to_owned(), validate_only: true };
    let operation = admin.restore_backup(restore.clone()).await.unwrap().into_inner().operation;
    assert_eq!(ended(&mut operations, operation).await.sku_count, kept.sku_count);
    assert_eq!(at.written().await, after, "only tried");

    let restore = v1::RestoreBackupRequest { validate_only: false, ..restore };
    let operation = admin.restore_backup(restore).await.unwrap().into_inner().operation;
    assert_eq!(ended(&mut operations, operation).await.sku_count, kept.sku_count);
    let now = at.sku(sku).await;
    assert_eq!(
        (now.attributes, now.master, now.match_state),
        (before.attributes, before.master, before.match_state)
    );
    let gone = v1::GetSkuRequest { name: "nodes/erp/skus/NEW".to_owned(), ..Default::default() };
    assert_eq!(at.catalog.get_sku(gone).await.unwrap_err().code(), Code::NotFound);
    // Who watched is told to begin anew, and who asks with an old place too.
    let told = loop {
        match watch.next().await.unwrap() {
            Ok(_) => {}
            Err(told) => break told,
        }
    };
    assert_eq!(told.code(), Code::OutOfRange, "{told:?}");
    // It goes on: finds what is there, links what is new.
    let kiosk = at.catalog.update_sku(update("nodes/erp/skus/NEW2", "可口可乐零度 330ml")).await.unwrap();
    assert!(kiosk.into_inner().change_sequence > after.0);
    let mut matches = MatchServiceClient::new(at.running.admin());
    let find = v1::FindMatchesRequest { query: support::free("海天酱油 0.5升"), ..Default::default() };
    let found = matches.find_matches(find).await.unwrap().into_inner().matches;
    assert!(found.iter().any(|one| one.sku.as_ref().unwrap().name == sku), "{found:?}");
    at.is_sound().await;
}

/// An audit is judged blind through the API too; what the machine thought is told with the answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_audit_does_not_tell_the_machines_opinion() {
    let mut at = Clients::new().await;
    let drawn =
        at.running.live.draw_audit(1.0, &live::Writer::new(&domain::Actor::new("test"))).await.unwrap();
    assert!(drawn > 3, "{drawn} drawn");
    let list = |states: Vec<i32>| v1::ListReviewsRequest {
        page_size: 500,
        filter: Some(v1::ReviewFilter { states, ..Default::default() }),
        ..Default::default()
    };
    let open = vec![v1::review::State::Open.into()];
    let waiting = at.reviews.list_reviews(list(open)).await.unwrap().into_inner().reviews;
    let blind: Vec<&v1::Review> = waiting.iter().filter(|review| review.evidence.is_none()).collect();
    assert_eq!(blind.len(), drawn);
    let name = blind[0].name.clone();
    let got = v1::GetReviewRequest { name: name.clone(), ..Default::default() };
    let got = at.reviews.get_review(got).await.unwrap().into_inner().review.unwrap();
    assert!(got.evidence.is_none(), "{:?}", got.evidence);
    let decide = v1::DecideReviewRequest {
        name: name.clone(),
        verdict: v1::Verdict::Same.into(),
        etag: got.etag,
        ..Default::default()
    };
    at.reviews.decide_review(decide).await.unwrap();
    let got = v1::GetReviewRequest { name, ..Default::default() };
    let got = at.reviews.get_review(got).await.unwrap().into_inner().review.unwrap();
    assert!(got.evidence.unwrap().confidence >= 0.85, "told afterwards");
}
