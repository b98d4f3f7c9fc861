//! Files that the user names: certificates, keys and tokens.

use std::io::Read;

use super::fixed::Fixed;
use crate::exit::Stop;
use crate::host::Vars;

/// Limits the size of a PEM file to 4 MiB; a bundle of all public roots has 1 MiB at most.
const LARGEST_PEM: u64 = 4 << 20;

/// A file of certificates or a key, as read. Its content is not printed: it may be a private key.
#[derive(Clone)]
pub struct Pem {
    /// What named it, and its path: `CI_SERVER_TLS_CA_FILE (/builds/x.tmp/ca.pem)`.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Certificates to trust, and the client certificate.
#[derive(Clone, Default)]
pub struct Trust {
    /// `SSL_CERT_FILE`: instead of the built-in public roots.
    pub roots: Option<Pem>,
    /// `--ca-file` or `CI_SERVER_TLS_CA_FILE`: in addition, for GitLab's origin alone. May hold the server's own certificate.
    pub ca: Option<Pem>,
    /// `CI_SERVER_TLS_CERT_FILE` and `CI_SERVER_TLS_KEY_FILE`.
    pub client: Option<(Pem, Pem)>,
}

impl Trust {
    /// With `--ca-file` or `--server`, no variable adds certificates to trust. The variables of the client certificate stay in use: they prove this
    /// client to the server and do not change where requests go.
    pub fn read(vars: &Vars, fixed: &Fixed) -> Result<Self, Stop> {
        let (roots, ca) = match &fixed.ca_file {
            Some(word) if word == "builtin" => (None, None),
            Some(path) => (None, Some(pem(path, "--ca-file")?)),
            None if fixed.server.is_some() => (None, None),
            None => (
                variable(vars, "SSL_CERT_FILE")?,
                variable(vars, "CI_SERVER_TLS_CA_FILE")?,
            ),
        };
        let half = "of CI_SERVER_TLS_CERT_FILE and CI_SERVER_TLS_KEY_FILE only one is set";
        let client = match (
            variable(vars, "CI_SERVER_TLS_CERT_FILE")?,
            variable(vars, "CI_SERVER_TLS_KEY_FILE")?,
        ) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(Stop::usage(half)),
        };
        Ok(Self { roots, ca, client })
    }
}

fn variable(vars: &Vars, name: &'static str) -> Result<Option<Pem>, Stop> {
    vars.get(name)?.map(|path| pem(path, name)).transpose()
}

fn pem(path: &str, source: &'static str) -> Result<Pem, Stop> {
    // The text is not quoted, because it may be the private key itself.
    if path.contains("-----BEGIN") || path.contains('\n') {
        return Err(
            Stop::usage(format!("{source} holds a text, not the path of a file"))
                .hint("a CI/CD variable of type File holds a path"),
        );
    }
    let name = format!("{source} ({})", path.escape_debug());
    let bytes = read(path, &name, LARGEST_PEM)?;
    Ok(Pem { name, bytes })
}

/// Reads a regular file of at most `largest` bytes; messages call it `name`.
pub fn read(path: &str, name: &str, largest: u64) -> Result<Vec<u8>, Stop> {
    let failed = |error: std::io::Error| Stop::usage(format!("cannot read {name}: {error}"));
    // Check the type before opening the file: opening a named pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Stop::usage(format!("{name} is not a regular file")));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(largest + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > largest {
        return Err(Stop::usage(format!(
            "{name} is larger than {largest} bytes"
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(pairs: &[(&str, &str)], ca_file: Option<&str>) -> Result<Trust, Stop> {
        let vars = Vars::new(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())));
        let fixed = Fixed {
            ca_file: ca_file.map(str::to_owned),
            ..Fixed::default()
        };
        Trust::read(&vars, &fixed)
    }

    #[test]
    fn the_command_line_keeps_variables_from_adding_trust() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let path = file.path().to_str().expect("UTF-8");
        let variables = [
            ("SSL_CERT_FILE", "/nowhere/roots.pem"),
            ("CI_SERVER_TLS_CA_FILE", "/nowhere/ca.pem"),
        ];
        let trust_it =
            trust(&variables, Some(path)).expect("the variables' files are not even looked at");
        assert!(trust_it.roots.is_none() && trust_it.ca.is_some());
        assert!(trust(&variables, None).is_err());
    }

    #[test]
    fn what_is_no_readable_regular_file_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        for path in [
            "/nowhere/ca.pem",
            folder.path().to_str().expect("UTF-8"),
            "/dev/null",
        ] {
            let stop = trust(&[], Some(path)).map(|_| ()).expect_err(path);
            assert!(
                stop.error.contains("--ca-file") && stop.error.contains(path),
                "{}",
                stop.error
            );
        }
    }

    #[test]
    fn a_client_certificate_needs_its_key() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let path = file.path().to_str().expect("UTF-8");
        assert!(trust(&[("CI_SERVER_TLS_CERT_FILE", path)], None).is_err());
        let both = [
            ("CI_SERVER_TLS_CERT_FILE", path),
            ("CI_SERVER_TLS_KEY_FILE", path),
        ];
        assert!(trust(&both, None).expect("both").client.is_some());
    }

    #[test]
    fn a_key_in_place_of_its_path_is_not_quoted() {
        for key in [
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
            "-----BEGIN PRIVATE KEY----- hunter2",
            "hunter2\n",
        ] {
            for name in ["CI_SERVER_TLS_KEY_FILE", "CI_SERVER_TLS_CERT_FILE"] {
                let stop = trust(&[(name, key)], None).map(|_| ()).expect_err(key);
                assert!(
                    stop.error.starts_with(name) && !stop.error.contains("hunter2"),
                    "{}",
                    stop.error
                );
            }
        }
    }

    #[test]
    fn a_file_is_not_read_without_bound() {
        let file = tempfile::NamedTempFile::new().expect("file");
        file.as_file().set_len(11).expect("sized");
        let path = file.path().to_str().expect("UTF-8");
        assert!(read(path, "x", 10).is_err());
        assert_eq!(read(path, "x", 11).expect("fits").len(), 11);
    }
}
