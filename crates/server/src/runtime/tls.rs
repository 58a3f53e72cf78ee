//! Certificates: the operator's, or a self-signed pair in the data folder.

use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Paths;
use crate::config::{Config, TlsFiles};

/// TLS for the listeners. Makes `tls/cert.pem` and `tls/key.pem` when no files are configured and
/// none were made before.
pub fn server_config(config: &Config, paths: &Paths) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let files = match &config.tls {
        Some(files) => files.clone(),
        None => self_signed(config, paths)?,
    };
    let certificates = read_all(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.private_key)
        .with_context(|| format!("private key `{}`", files.private_key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .context("the certificate and the key do not go together")?;
    Ok(Arc::new(config))
}

fn read_all(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let file =
        std::fs::File::open(path).with_context(|| format!("certificate `{}`", path.display()))?;
    let certificates = CertificateDer::pem_reader_iter(BufReader::new(file))
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("certificate `{}`", path.display()))?;
    ensure!(
        !certificates.is_empty(),
        "`{}` holds no certificate",
        path.display()
    );
    Ok(certificates)
}

fn self_signed(config: &Config, paths: &Paths) -> anyhow::Result<TlsFiles> {
    let files = TlsFiles {
        certificate: paths.tls.join("cert.pem"),
        private_key: paths.tls.join("key.pem"),
    };
    if files.certificate.exists() && files.private_key.exists() {
        return Ok(files);
    }
    std::fs::create_dir_all(&paths.tls)?;
    let names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
        config.node.clone(),
    ];
    let made =
        rcgen::generate_simple_self_signed(names).context("making a self-signed certificate")?;
    super::open::write_secret(
        &files.private_key,
        made.signing_key.serialize_pem().as_bytes(),
    )?;
    std::fs::write(&files.certificate, made.cert.pem())?;
    tracing::info!(
        "made a self-signed certificate at {}",
        files.certificate.display()
    );
    Ok(files)
}
