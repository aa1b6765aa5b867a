//! PolicyService.

use crate::call::{Right, Shared};
use crate::failure::Failure;
use crate::operations::Operations;
use crate::{convert, names};
use api::v1;
use domain::{Activity, Eyes, Policy, PolicyScope, Stored};
use live::now;
use std::sync::Arc;
use store::{Batch, Mutation, Page, StoreError};
use tonic::{Request, Response, Status};

#[derive(Clone)]
pub struct Policies(pub Arc<Shared>, pub Arc<Operations>);

impl Shared {
    /// All versions; few.
    async fn all_policies(&self) -> Result<Vec<Stored<Policy>>, Failure> {
        let mut all = Vec::new();
        let mut page = Page::first(1_000);
        loop {
            let paged = self.live.store().policies(&page).await?;
            all.extend(paged.items);
            let Some(next) = paged.next else { return Ok(all) };
            page = Page::after(1_000, Some(next));
        }
    }

    async fn policy(&self, scope: &PolicyScope, version: i64) -> Result<Stored<Policy>, Failure> {
        let row = self.live.store().policy(scope, version).await?;
        row.ok_or_else(|| {
            Failure::NotFound(format!("policy {} version {version} does not exist", scope.key()))
        })
    }
}

#[tonic::async_trait]
impl v1::policy_service_server::PolicyService for Policies {
    async fn create_policy(
        &self,
        request: Request<v1::CreatePolicyRequest>,
    ) -> Result<Response<v1::CreatePolicyResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("PolicyService.CreatePolicy", Right::Administer, request, |caller, message| async move {
                let from = message.policy.clone().ok_or_else(|| Failure::required("policy"))?;
                let scope = convert::parse_scope("policy.scope", &from.scope)?;
                let writer = caller.writer(&message.request_id, &message, &scope.key());
                let mut number = None;
                if let Some(request) = &writer.request
                    && let Some(ack) = shared.live.store().replay(request).await?
                {
                    number = String::from_utf8_lossy(&ack.response).parse().ok();
                }
                if let Some(number) = number {
                    let row = shared.policy(&scope, number).await?;
                    let policy = Some(convert::policy(&row.value, Some(&row)));
                    return Ok(v1::CreatePolicyResponse { policy, change_sequence: 0 });
                }
                let all = shared.all_policies().await?;
                let last =
                    all.iter().filter(|row| row.value.scope == scope).map(|row| row.value.number).max();
                let policy = Policy {
                    number: last.unwrap_or(0) + 1,
                    zones: convert::parse_zones(&from)?,
                    group_mean: convert::share("policy.group_mean", from.group_mean)?,
                    eyes: if from.four_eyes { Eyes::Four } else { Eyes::Two },
                    description: from.description.clone(),
                    author: None,
                    activity: Activity::Inactive,
                    scope,
                };
                let mut batch = Batch::new(now(), caller.actor(), "policy")
                    .with(Mutation::AddPolicy { policy: policy.clone() });
                if message.validate_only {
                    shared.live.store().dry_run(&batch).await?;
                    let policy = Some(convert::policy(&policy, None));
                    return Ok(v1::CreatePolicyResponse { policy, change_sequence: 0 });
                }
                (batch.request, batch.audit) = (writer.request, writer.audit);
                batch.response = policy.number.to_string().into_bytes();
                let ack = shared.live.store().commit(&batch).await?;
                let row = shared.policy(&policy.scope, policy.number).await?;
                let policy = Some(convert::policy(&row.value, Some(&row)));
                Ok(v1::CreatePolicyResponse { policy, change_sequence: ack.last.0 })
            })
            .await
    }

    async fn get_policy(
        &self,
        request: Request<v1::GetPolicyRequest>,
    ) -> Result<Response<v1::GetPolicyResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("PolicyService.GetPolicy", Right::Read, request, |_, message| async move {
                let (scope, version) = names::parse_policy("name", &message.name)?;
                let row = shared.policy(&scope, version).await?;
                Ok(v1::GetPolicyResponse { policy: Some(convert::policy(&row.value, Some(&row))) })
            })
            .await
    }

    async fn list_policies(
        &self,
        request: Request<v1::ListPoliciesRequest>,
    ) -> Result<Response<v1::ListPoliciesResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("PolicyService.ListPolicies", Right::Read, request, |_, message| async move {
                let (rows, next) = if message.active_only {
                    (shared.live.store().active_policies().await?, None)
                } else {
                    let page = convert::page(message.page_size, &message.page_token)?;
                    let paged = shared.live.store().policies(&page).await?;
                    (paged.items, paged.next)
                };
                Ok(v1::ListPoliciesResponse {
                    policies: rows.iter().map(|row| convert::policy(&row.value, Some(row))).collect(),
                    next_page_token: next.unwrap_or_default(),
                })
            })
            .await
    }

    async fn activate_policy(
        &self,
        request: Request<v1::ActivatePolicyRequest>,
    ) -> Result<Response<v1::ActivatePolicyResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("PolicyService.ActivatePolicy", Right::Administer, request, |caller, message| async move {
                let (scope, number) = names::parse_policy("name", &message.name)?;
                if let PolicyScope::Pair(one, two) = &scope {
                    for id in [one, two] {
                        let node = shared.live.store().node(id).await?;
                        if node.is_none_or(|row| row.value.archived.is_some()) {
                            let rule =
                                "is archived or does not exist: a policy for it cannot hold".to_owned();
                            return Err(StoreError::Precondition { subject: id.to_string(), rule }.into());
                        }
                    }
                }
                let writer = caller.writer(&message.request_id, &message, &message.name);
                let expected = message.expected_active_version;
                let ack = shared.live.activate_policy(&scope, number, expected, &writer).await?;
                let row = shared.policy(&scope, number).await?;
                let policy = Some(convert::policy(&row.value, Some(&row)));
                Ok(v1::ActivatePolicyResponse { policy, change_sequence: ack.last.0 })
            })
            .await
    }

    async fn resolve_policy(
        &self,
        request: Request<v1::ResolvePolicyRequest>,
    ) -> Result<Response<v1::ResolvePolicyResponse>, Status> {
        let shared = self.0.clone();
        self.0
            .call("PolicyService.ResolvePolicy", Right::Read, request, |_, message| async move {
                let left = names::parse_node("left", &message.left)?;
                let right = names::parse_node("right", &message.right)?;
                let category = (!message.category.is_empty()).then_some(message.category.as_str());
                let held = shared.live.policy_for([&left, &right], category)?;
                Ok(v1::ResolvePolicyResponse { policy: Some(convert::policy(&held, None)) })
            })
            .await
    }

    async fn simulate_policy(
        &self,
        request: Request<v1::SimulatePolicyRequest>,
    ) -> Result<Response<v1::SimulatePolicyResponse>, Status> {
        let (shared, operations) = (self.0.clone(), self.1.clone());
        self.0
            .call("PolicyService.SimulatePolicy", Right::Administer, request, |_, message| async move {
                let (scope, version) = names::parse_policy("name", &message.name)?;
                let policy = shared.policy(&scope, version).await?.value;
                let live = shared.live.clone();
                let operation = operations.begin("simulate", "SimulatePolicyResult", async move {
                    let found = live.simulate(&policy).await?;
                    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
                    Ok(v1::SimulatePolicyResult {
                        links_gained: count(found.links_gained),
                        links_lost: count(found.links_lost),
                        reviews_gained: count(found.reviews_gained),
                        reviews_lost: count(found.reviews_lost),
                        decisions_contradicted: count(found.decisions_contradicted),
                    })
                })?;
                Ok(v1::SimulatePolicyResponse { operation: Some(operation) })
            })
            .await
    }
}
