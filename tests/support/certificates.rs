//! Certificates for a server of a test, made by `openssl` in a folder of the test's own.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// A certificate authority (`ca.crt`) and a server certificate for `localhost` (`server.crt`, `server.key`).
pub fn make_certificates(dir: &Path) {
    let openssl = |args: &[&str]| {
        let output = Command::new("openssl").args(args).current_dir(dir).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let mut extensions = std::fs::File::create(dir.join("server.ext")).unwrap();
    extensions.write_all(b"subjectAltName=DNS:localhost\n").unwrap();
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let authority = ["-x509", "-days", "2", "-subj", "/CN=test authority"];
    openssl(&[&["req"], &key[..], &authority[..], &["-keyout", "ca.key", "-out", "ca.crt"]].concat());
    let request = ["-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"];
    openssl(&[&["req"], &key[..], &request[..]].concat());
    openssl(&[
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "server.ext",
        "-out",
        "server.crt",
    ]);
}
