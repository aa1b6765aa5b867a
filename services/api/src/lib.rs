//! The wire words: what `proto/tongpin/v1` says, as Rust. Messages, clients and servers are generated when this crate
//! is built; nothing here is written by hand but this page.
//!
//! - [`v1`]: messages, `*_client` and `*_server` modules.
//! - [`names`]: resource names of nodes and SKUs.
//! - [`DESCRIPTORS`]: the encoded `FileDescriptorSet`, for server reflection and transcoding.
//!
//! This room knows no domain type: the gateway translates, so that the wire and the inside can change apart from each
//! other.

pub mod names;

/// Package `tongpin.v1`. The comments are those of the proto files.
#[allow(clippy::all, unused_qualifications, missing_docs)]
pub mod v1 {
    tonic::include_proto!("tongpin.v1");
}

/// The encoded `google.protobuf.FileDescriptorSet` of the package and the well-known types it uses.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tongpin.v1.bin"));

#[cfg(test)]
mod tests {
    use prost::Message;

    #[test]
    fn the_descriptors_name_every_service() {
        let set = prost_types::FileDescriptorSet::decode(super::DESCRIPTORS).unwrap();
        let mut services: Vec<&str> =
            set.file.iter().flat_map(|file| file.service.iter().map(|service| service.name())).collect();
        services.sort_unstable();
        let expected = [
            "AdminService",
            "CatalogService",
            "MasterService",
            "MatchService",
            "NodeService",
            "OperationService",
            "PolicyService",
            "ReviewService",
        ];
        assert_eq!(services, expected);
    }

    #[test]
    fn a_message_survives_the_wire() {
        let node = super::v1::Node {
            name: "nodes/n1".into(),
            display_name: "一号店".into(),
            kind: super::v1::NodeKind::Shop.into(),
            ..Default::default()
        };
        assert_eq!(super::v1::Node::decode(node.encode_to_vec().as_slice()).unwrap(), node);
    }
}
