//! Certificates: files are looked at before they are used, since what is wrong with them is the operator's to know.

use crate::StartError;
use crate::settings::Tls;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

/// A server that speaks TLS only, and only with those whose certificates are asked for.
pub fn secure(server: Server, tls: &Tls) -> Result<Server, StartError> {
    let (certificate, key) = (certificates(&tls.certificate)?, private_key(&tls.key)?);
    let mut config = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
    if let Some(authorities) = &tls.client_authorities {
        config = config.client_ca_root(Certificate::from_pem(certificates(authorities)?));
    }
    server.tls_config(config).map_err(|error| StartError::Tls {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
        detail: chain(&error),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|source| StartError::Read { path: path.to_owned(), source })
}

fn certificates(path: &Path) -> Result<Vec<u8>, StartError> {
    let text = read(path)?;
    match CertificateDer::pem_slice_iter(&text).next() {
        Some(Ok(_)) => Ok(text),
        _ => Err(StartError::NotInFile { path: path.to_owned(), what: "certificate" }),
    }
}

fn private_key(path: &Path) -> Result<Vec<u8>, StartError> {
    let text = read(path)?;
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(StartError::NotInFile { path: path.to_owned(), what: "private key" }),
    }
}

/// An error and what it comes from: the first says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        told = format!("{told}: {error}");
        source = error.source();
    }
    told
}
