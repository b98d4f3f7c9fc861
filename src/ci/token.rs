//! Finds the job token and the access token, and checks that each can be a token.

use super::file;
use super::fixed::{Fixed, Secret};
use crate::exit::Stop;
use crate::host::Vars;

const LONGEST: usize = 16_384;
/// GitLab's prefix of every job token (`app/models/ci/build.rb`).
const JOB_PREFIX: &str = "glcbt-";

/// A project, group or personal access token, and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub token: Secret,
    /// `--token-file`, `JOBGATE_TOKEN_FILE`, `JOBGATE_TOKEN` or `GITLAB_TOKEN`.
    pub source: &'static str,
}

/// Reads the job token and the access token. A job token in the access token's place is used as a job token.
pub(super) fn read(
    vars: &Vars,
    fixed: &Fixed,
    warnings: &mut Vec<String>,
) -> Result<(Option<Secret>, Option<Access>), Stop> {
    let job = vars.get("CI_JOB_TOKEN")?;
    let job = job.map(|text| check(text, "CI_JOB_TOKEN")).transpose()?;
    let Some(access) = access(vars, fixed)? else {
        return Ok((job, None));
    };
    let is_job_token =
        access.token.reveal().starts_with(JOB_PREFIX) || job.as_ref() == Some(&access.token);
    if !is_job_token {
        return Ok((job, Some(access)));
    }
    let (what, instead) = match &job {
        Some(job) if *job != access.token => {
            ("another job's token", "CI_JOB_TOKEN is used instead")
        }
        _ => ("a job token", "it is sent as a job token"),
    };
    let source = access.source;
    warnings.push(format!(
        "{source} holds {what}, not an access token; {instead}"
    ));
    Ok((job.or(Some(access.token)), None))
}

fn access(vars: &Vars, fixed: &Fixed) -> Result<Option<Access>, Stop> {
    if let Some(path) = &fixed.token_file {
        return from_file(path, "--token-file").map(Some);
    }
    if let Some(path) = vars.get("JOBGATE_TOKEN_FILE")? {
        return from_file(path, "JOBGATE_TOKEN_FILE").map(Some);
    }
    for source in ["JOBGATE_TOKEN", "GITLAB_TOKEN"] {
        if let Some(text) = vars.get(source)? {
            if looks_like_a_path(text) {
                let error = format!("{source} holds the path of a file, not a token");
                return Err(Stop::usage(error).hint(
                    "a variable of type File holds a path: name it JOBGATE_TOKEN_FILE, or change its type to Variable",
                ));
            }
            let token = check(text, source)?;
            return Ok(Some(Access { token, source }));
        }
    }
    Ok(None)
}

/// Reads the token from a file. The path is not quoted, because it may be a token in the wrong place.
fn from_file(path: &str, source: &'static str) -> Result<Access, Stop> {
    if path.starts_with("gl") && path.contains('-') && !path.contains(['/', '.']) {
        return Err(Stop::usage(format!("{source} holds a token, not the path of a file"))
            .hint("put the token into JOBGATE_TOKEN, or make JOBGATE_TOKEN_FILE a variable of type File"));
    }
    let bytes = file::read(path, &format!("the file of {source}"), LONGEST as u64 + 2)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Stop::usage(format!(
            "the file of {source} is not a text file, so it holds no token"
        ))
    })?;
    let token = check(&text, source)?;
    Ok(Access { token, source })
}

/// Drops one newline at the end and accepts 1 to 16,384 visible ASCII characters. An error does not quote the text.
fn check(text: &str, source: &str) -> Result<Secret, Stop> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    let alone = "the value must be the token alone, on one line";
    let (why, hint) = if text.is_empty() {
        ("is empty", alone)
    } else if text.len() > LONGEST {
        ("is longer than 16384 characters", alone)
    } else if text.starts_with('$') {
        let hint = "that variable does not exist in this job (a protected one exists on protected refs only)";
        ("is the name of a variable, not its value", hint)
    } else if text.starts_with(['"', '\'']) || text.ends_with(['"', '\'']) {
        let hint = "remove the quotes: in a CI/CD variable they are part of the value";
        ("is in quotes", hint)
    } else if has_name(text) {
        ("begins with NAME=", alone)
    } else if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret::new(text.to_owned()));
    } else {
        ("has blanks, line breaks or characters outside ASCII", alone)
    };
    Err(Stop::usage(format!("the token in {source} {why}")).hint(hint))
}

/// Whether the text is a line of a shell script or dotenv file, as `TOKEN=…`. A token may end with `=`.
fn has_name(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, value)| {
        let is_name = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        name.bytes().all(is_name) && !name.is_empty() && !value.trim_matches('=').is_empty()
    })
}

fn looks_like_a_path(text: &str) -> bool {
    let starts = ["/", "./", "../", "~/"];
    text.contains(":\\") || starts.iter().any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::exit::Exit;

    type Read = Result<(Option<Secret>, Option<Access>), Stop>;

    fn read_all(pairs: &[(&str, &str)], token_file: Option<&str>) -> (Read, Vec<String>) {
        let vars = Vars::new(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())));
        let fixed = Fixed {
            token_file: token_file.map(str::to_owned),
            ..Fixed::default()
        };
        let mut warnings = Vec::new();
        let tokens = read(&vars, &fixed, &mut warnings);
        (tokens, warnings)
    }

    fn file_with(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("temporary file");
        file.write_all(bytes).expect("written");
        file
    }

    #[test]
    fn the_first_source_wins() {
        let (option, variable) = (file_with(b"glpat-option\n"), file_with(b"glpat-file"));
        let option = option.path().to_str().expect("UTF-8");
        let all = [
            (
                "JOBGATE_TOKEN_FILE",
                variable.path().to_str().expect("UTF-8"),
            ),
            ("JOBGATE_TOKEN", "glpat-own"),
            ("GITLAB_TOKEN", "glpat-gitlab"),
        ];
        for (skip, option, token, source) in [
            (0, Some(option), "glpat-option", "--token-file"),
            (0, None, "glpat-file", "JOBGATE_TOKEN_FILE"),
            (1, None, "glpat-own", "JOBGATE_TOKEN"),
            (2, None, "glpat-gitlab", "GITLAB_TOKEN"),
        ] {
            let variables = all.get(skip..).unwrap_or_default();
            let access = read_all(variables, option)
                .0
                .expect("read")
                .1
                .expect("a token");
            assert_eq!((access.token.reveal(), access.source), (token, source));
            assert!(!format!("{access:?}").contains(token));
        }
        assert_eq!(
            read_all(&[("GITLAB_TOKEN", "")], None).0.expect("read"),
            (None, None)
        );
    }

    #[test]
    fn a_bad_token_is_refused_by_name_and_never_quoted() {
        let long = "hunter2".repeat(2400);
        for bad in [
            "hunter2 ",
            " hunter2",
            "hunter2\n\n",
            "hun\nter2",
            "hunter2\u{e9}",
            "\n",
            "hunter2\t",
            &long,
        ] {
            for name in ["CI_JOB_TOKEN", "JOBGATE_TOKEN", "GITLAB_TOKEN"] {
                let stop = read_all(&[(name, bad)], None).0.expect_err(bad);
                assert_eq!(stop.exit, Exit::Usage);
                let shown = format!("{stop:?} {:?}", stop.hints);
                assert!(
                    shown.contains(name) && !shown.contains("hunter2"),
                    "{shown}"
                );
            }
            let file = file_with(bad.as_bytes());
            let stop = read_all(&[], file.path().to_str()).0.expect_err(bad);
            assert!(!format!("{stop:?}").contains("hunter2"));
        }
        let longest = "x".repeat(LONGEST);
        for good in ["x", "x\n", "x\r\n", &longest] {
            assert!(read_all(&[("CI_JOB_TOKEN", good)], None).0.is_ok());
        }
    }

    #[test]
    fn a_path_in_the_token_and_a_token_in_the_path_are_recognized() {
        for path in ["/builds/g/p.tmp/JOBGATE_TOKEN", "./t", "C:\\t", "~/t"] {
            let stop = read_all(&[("JOBGATE_TOKEN", path)], None)
                .0
                .expect_err(path);
            assert_eq!((stop.exit, stop.hints.len()), (Exit::Usage, 1));
        }
        for (pairs, option) in [
            (&[("JOBGATE_TOKEN_FILE", "glpat-hunter2")][..], None),
            (&[], Some("glpat-hunter2")),
        ] {
            let stop = read_all(pairs, option).0.expect_err("no such file");
            assert_eq!(stop.exit, Exit::Usage);
            assert!(!format!("{stop:?} {:?}", stop.hints).contains("hunter2"));
        }
        let folder = tempfile::tempdir().expect("folder");
        assert!(read_all(&[], folder.path().to_str()).0.is_err());
    }

    #[test]
    fn what_is_not_a_token_is_explained() {
        for bad in [
            "\"glpat-hunter2\"",
            "'glpat-hunter2'",
            "JOBGATE_TOKEN=glpat-hunter2",
            "$HUNTER2_TOKEN",
            "${HUNTER2_TOKEN}",
        ] {
            let file = file_with(bad.as_bytes());
            let read = [
                read_all(&[("JOBGATE_TOKEN", bad)], None).0,
                read_all(&[], file.path().to_str()).0,
            ];
            for stop in read.map(|read| read.expect_err(bad)) {
                assert_eq!((stop.exit, stop.hints.len()), (Exit::Usage, 1));
                let shown = format!("{stop:?} {:?}", stop.hints).to_lowercase();
                assert!(!shown.contains("hunter2"), "{shown}");
            }
        }
        for good in ["glpat-a=", "AB==", "gl$pat", "x=y"] {
            assert!(
                read_all(&[("JOBGATE_TOKEN", good)], None).0.is_ok(),
                "{good}"
            );
        }
    }

    #[test]
    fn a_job_token_in_the_wrong_place_is_used_as_what_it_is() {
        for (pairs, job) in [
            (&[("GITLAB_TOKEN", "glcbt-64_a")][..], "glcbt-64_a"),
            (
                &[
                    ("GITLAB_TOKEN", "glcbt-64_a"),
                    ("CI_JOB_TOKEN", "glcbt-64_a"),
                ],
                "glcbt-64_a",
            ),
            (
                &[("JOBGATE_TOKEN", "legacy"), ("CI_JOB_TOKEN", "legacy")],
                "legacy",
            ),
            (
                &[
                    ("JOBGATE_TOKEN", "glcbt-of-another"),
                    ("CI_JOB_TOKEN", "mine"),
                ],
                "mine",
            ),
        ] {
            let (tokens, warnings) = read_all(pairs, None);
            let (found, access) = tokens.expect("read");
            assert_eq!((found.expect("job token").reveal(), access), (job, None));
            assert_eq!(warnings.len(), 1, "{warnings:?}");
        }
    }
}
