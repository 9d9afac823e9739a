//! Certificates and keys of TLS: read from PEM files once, at start.
//!
//! Trust is what the configuration names, a file of authorities or the fingerprint of one certificate, and nothing of the
//! system's. TLS 1.3 and 1.2, provider *ring*. Private keys stay in rustls, are never shown, and their files must not
//! be readable by group or others. Allocates at start only.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::control::transport_config::TlsConfig;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| format!("{path}: no PEM certificates: {error}"))?;
    if found.is_empty() {
        return Err(format!("{path}: holds no certificate (-----BEGIN CERTIFICATE-----)"));
    }
    Ok(found)
}

fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, String> {
    let mode = std::fs::metadata(path).map_err(|error| format!("{path}: {error}"))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!("{path}: a private key that others may read: chmod 600 {path}"));
    }
    PrivateKeyDer::from_pem_file(path).map_err(|error| format!("{path}: no PEM private key: {error}"))
}

fn authorities(path: &str) -> Result<Arc<RootCertStore>, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store.add(certificate).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(Arc::new(store))
}

/// The client's side: whom to trust, and who we are where the venue asks. `what` opens error texts.
///
/// # Errors
/// A file that cannot be read or holds something else, with its name.
pub fn client(what: &str, tls: &TlsConfig) -> Result<Arc<ClientConfig>, String> {
    let said = |error: String| format!("{what}: tls: {error}");
    let wrong = |error: rustls::Error| said(error.to_string());
    let verifier: Arc<dyn ServerCertVerifier> = if let Some(sha256) = tls.pin() {
        Arc::new(Pinned { sha256, provider: provider() })
    } else if tls.ca_file.is_empty() {
        return Err(said("whom to trust? give ca_file or pinned_sha256".to_owned()));
    } else {
        let authorities = authorities(&tls.ca_file).map_err(said)?;
        let verifier = WebPkiServerVerifier::builder_with_provider(authorities, provider()).build();
        verifier.map_err(|error| said(format!("{}: {error}", tls.ca_file)))?
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = if tls.client_certificate_file.is_empty() {
        builder.with_no_client_auth()
    } else {
        let chain = certificates(&tls.client_certificate_file).map_err(said)?;
        let key = private_key(&tls.client_key_file).map_err(said)?;
        let both = format!("{} with {}", tls.client_certificate_file, tls.client_key_file);
        builder.with_client_auth_cert(chain, key).map_err(|error| said(format!("{both}: {error}")))?
    };
    // A session is opened once a day: nothing is gained by keeping tickets.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// The acceptor's side of a simulated venue; with `client_ca_file` it demands a client certificate.
///
/// # Errors
/// A file that cannot be read or holds something else, with its name.
pub fn server(what: &str, tls: &TlsConfig) -> Result<Arc<ServerConfig>, String> {
    let said = |error: String| format!("{what}: tls: {error}");
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| said(error.to_string()))?;
    let builder = if tls.client_ca_file.is_empty() {
        builder.with_no_client_auth()
    } else {
        let authorities = authorities(&tls.client_ca_file).map_err(said)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider()).build();
        builder.with_client_cert_verifier(
            verifier.map_err(|error| said(format!("{}: {error}", tls.client_ca_file)))?,
        )
    };
    let chain = certificates(&tls.certificate_file).map_err(said)?;
    let key = private_key(&tls.key_file).map_err(said)?;
    let both = format!("{} with {}", tls.certificate_file, tls.key_file);
    let mut config =
        builder.with_single_cert(chain, key).map_err(|error| said(format!("{both}: {error}")))?;
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Trusts the one certificate whose DER form has this SHA-256, whatever its name, issuer and dates.
#[derive(Debug)]
struct Pinned {
    sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = ring::digest::digest(&ring::digest::SHA256, end_entity);
        if found.as_ref() == self.sha256 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
