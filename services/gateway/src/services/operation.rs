//! OperationService.

use crate::call::{Right, Shared};
use crate::failure::Failure;
use crate::names;
use crate::operations::Operations;
use api::v1;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status};

#[derive(Clone)]
pub struct Following(pub Arc<Shared>, pub Arc<Operations>);

const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[tonic::async_trait]
impl v1::operation_service_server::OperationService for Following {
    async fn get_operation(
        &self,
        request: Request<v1::GetOperationRequest>,
    ) -> Result<Response<v1::GetOperationResponse>, Status> {
        let operations = self.1.clone();
        self.0
            .call("OperationService.GetOperation", Right::Administer, request, |_, message| async move {
                let id = names::parse_operation("name", &message.name)?;
                Ok(v1::GetOperationResponse { operation: Some(operations.get(&id)?) })
            })
            .await
    }

    async fn list_operations(
        &self,
        request: Request<v1::ListOperationsRequest>,
    ) -> Result<Response<v1::ListOperationsResponse>, Status> {
        let operations = self.1.clone();
        self.0
            .call("OperationService.ListOperations", Right::Administer, request, |_, message| async move {
                let rows = match usize::try_from(message.page_size) {
                    Ok(0) => 50,
                    Ok(size) => size.min(1_000),
                    Err(_) => return Err(Failure::field("page_size", "is negative")),
                };
                let before = match message.page_token.as_str() {
                    "" => None,
                    token => Some(names::parse_operation("page_token", token)?),
                };
                let mut all = operations.list(before.as_deref(), rows + 1);
                let more = all.len() > rows;
                all.truncate(rows);
                let next = all.last().filter(|_| more).map(|last| last.name.clone());
                Ok(v1::ListOperationsResponse { operations: all, next_page_token: next.unwrap_or_default() })
            })
            .await
    }

    async fn cancel_operation(
        &self,
        request: Request<v1::CancelOperationRequest>,
    ) -> Result<Response<v1::CancelOperationResponse>, Status> {
        let operations = self.1.clone();
        self.0
            .call("OperationService.CancelOperation", Right::Administer, request, |_, message| async move {
                operations.cancel(&names::parse_operation("name", &message.name)?)?;
                Ok(v1::CancelOperationResponse {})
            })
            .await
    }

    async fn wait_operation(
        &self,
        request: Request<v1::WaitOperationRequest>,
    ) -> Result<Response<v1::WaitOperationResponse>, Status> {
        let operations = self.1.clone();
        self.0
            .call("OperationService.WaitOperation", Right::Administer, request, |_, message| async move {
                let id = names::parse_operation("name", &message.name)?;
                let asked = message.timeout.and_then(|timeout| Duration::try_from(timeout).ok());
                // A moment less than the server's own deadline, so that the caller gets an answer.
                let most = LONGEST_WAIT - Duration::from_secs(5);
                let timeout = asked.unwrap_or(LONGEST_WAIT).min(most);
                if let Ok(waited) = tokio::time::timeout(timeout, operations.wait(&id)).await {
                    waited?;
                }
                Ok(v1::WaitOperationResponse { operation: Some(operations.get(&id)?) })
            })
            .await
    }
}
