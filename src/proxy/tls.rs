//! Certificates of the listeners: one per host name, chosen by SNI, replaced whole by a reload.
//!
//! A reload changes certificates for new connections; running ones keep theirs. Never serves TLS below 1.2,
//! never falls back to plaintext.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use openssl::error::ErrorStack;
use openssl::ssl::{
    AlpnError, NameType, SniError, SslAcceptor, SslAcceptorBuilder, SslContext, SslFiletype, SslMethod,
    SslOptions, SslRef, SslVersion, select_next_proto,
};

/// A certificate and the hosts it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// A host name, `*.suffix`, or `*` for every other name and for clients without SNI.
    pub host: String,
    /// PEM file: the certificate, then its chain.
    pub cert: PathBuf,
    /// PEM file: the private key.
    pub key: PathBuf,
}

/// Why certificates cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A listener with TLS and no certificate.
    #[error("TLS needs at least one certificate")]
    None,
    /// A file that cannot be read or is not what it should be.
    #[error("{path}: not a readable PEM {what} ({source})")]
    File {
        /// The file.
        path: PathBuf,
        /// "certificate chain" or "private key".
        what: &'static str,
        /// The cause.
        #[source]
        source: ErrorStack,
    },
    /// The key belongs to another certificate.
    #[error("the private key {key} does not belong to the certificate {cert}")]
    Mismatch {
        /// The certificate file.
        cert: PathBuf,
        /// The key file.
        key: PathBuf,
        /// The cause.
        #[source]
        source: ErrorStack,
    },
    /// OpenSSL itself failed.
    #[error("OpenSSL refused the TLS settings")]
    Settings(#[from] ErrorStack),
}

/// The certificates in use.
pub struct Certificates {
    current: ArcSwap<SslAcceptor>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the files. The first certificate also answers clients that name no host or an unknown one,
    /// unless one is for `*`.
    pub fn load(certificates: &[Certificate]) -> Result<Self, TlsError> {
        Ok(Self { current: ArcSwap::from_pointee(acceptor(certificates)?) })
    }

    /// Replaces all certificates for new connections, or none.
    pub fn replace(&self, certificates: &[Certificate]) -> Result<(), TlsError> {
        self.current.store(Arc::new(acceptor(certificates)?));
        Ok(())
    }

    pub(super) fn acceptor(&self) -> Arc<SslAcceptor> {
        self.current.load_full()
    }
}

/// The acceptor of the fallback certificate, which hands over to the others by server name.
fn acceptor(certificates: &[Certificate]) -> Result<SslAcceptor, TlsError> {
    let fallback = certificates.iter().find(|one| one.host == "*").or(certificates.first());
    let mut builder = settings(fallback.ok_or(TlsError::None)?)?;
    let by_host = certificates
        .iter()
        .map(|one| Ok((one.host.to_ascii_lowercase(), settings(one)?.build().into_context())))
        .collect::<Result<BTreeMap<String, SslContext>, TlsError>>()?;
    builder.set_servername_callback(move |ssl, _alert| choose(ssl, &by_host));
    Ok(builder.build())
}

/// Exact name, then `*.` with one label taken off; other names keep the fallback.
fn choose(ssl: &mut SslRef, by_host: &BTreeMap<String, SslContext>) -> Result<(), SniError> {
    let Some(name) = ssl.servername(NameType::HOST_NAME).map(str::to_ascii_lowercase) else {
        return Ok(());
    };
    let wildcard = || by_host.get(&format!("*.{}", name.split_once('.')?.1));
    match by_host.get(&name).or_else(wildcard) {
        Some(context) => ssl.set_ssl_context(context).map_err(|_| SniError::ALERT_FATAL),
        None => Ok(()),
    }
}

fn settings(certificate: &Certificate) -> Result<SslAcceptorBuilder, TlsError> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_options(SslOptions::NO_RENEGOTIATION);
    // One read for a whole record instead of one for its header and one for the rest.
    builder.set_read_ahead(true);
    builder.set_alpn_select_callback(|_, offered| {
        select_next_proto(b"\x02h2\x08http/1.1", offered).ok_or(AlpnError::NOACK)
    });
    let Certificate { cert, key, .. } = certificate;
    let file = |path: &Path, what| {
        let path = path.to_path_buf();
        move |source| TlsError::File { path, what, source }
    };
    builder.set_certificate_chain_file(cert).map_err(file(cert, "certificate chain"))?;
    builder.set_private_key_file(key, SslFiletype::PEM).map_err(|source| {
        // OpenSSL compares the two as soon as it has both, and says so in the same way as for a bad file.
        match openssl_mismatch(&source) {
            true => TlsError::Mismatch { cert: cert.clone(), key: key.clone(), source },
            false => TlsError::File { path: key.clone(), what: "private key", source },
        }
    })?;
    Ok(builder)
}

fn openssl_mismatch(errors: &ErrorStack) -> bool {
    errors.errors().iter().any(|one| one.reason().is_some_and(|reason| reason.contains("mismatch")))
}
