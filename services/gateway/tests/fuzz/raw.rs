//! gRPC calls whose messages are bytes.

use crate::support::Transport;
use bytes::{Buf, BufMut, Bytes};
use std::time::Duration;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};

#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// The status of a call, and its text. Of a stream that does not end by itself a moment is enough.
pub async fn call(transport: &Transport, path: &str, messages: Vec<Bytes>, streams: bool) -> (Code, String) {
    let mut client = Grpc::new(transport.clone());
    let path = path.parse().expect("a path");
    client.ready().await.expect("the server is there");
    let request = Request::new(tokio_stream::iter(messages));
    let outcome = async {
        let mut answers = client.streaming(request, path, Raw).await?.into_inner();
        while answers.message().await?.is_some() {}
        Ok::<(), Status>(())
    };
    let patience = if streams { Duration::from_millis(20) } else { Duration::from_secs(60) };
    match tokio::time::timeout(patience, outcome).await {
        Ok(Ok(())) => (Code::Ok, String::new()),
        Ok(Err(status)) => (status.code(), status.message().to_owned()),
        Err(_) if streams => (Code::Cancelled, String::new()),
        Err(_) => (Code::Internal, "no answer in a minute".to_owned()),
    }
}
