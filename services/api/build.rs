//! Generates the code from proto/tongpin/v1: protox compiles the files (no protoc needed), tonic-prost-build writes Rust.

use prost::Message;
use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("tongpin/v1"))?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|e| e == "proto"));
    files.sort();

    let descriptors = protox::compile(&files, [root])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut reflected = descriptors.clone();
    for file in &mut reflected.file {
        file.source_code_info = None; // comments: half the size, of no use on the wire
    }
    std::fs::write(out.join("tongpin.v1.bin"), reflected.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds_with_config(descriptors, prost_config())?;
    Ok(())
}

fn prost_config() -> tonic_prost_build::Config {
    let mut config = tonic_prost_build::Config::new();
    // The same file every time: maps in order of their keys.
    config.btree_map(["."]);
    config
}
