//! The binary itself: static, and at home in an empty image.

use std::path::{Path, PathBuf};
use std::process::Command;

const BINARY: &str = env!("CARGO_BIN_EXE_jobgate");

/// Program header types and the dynamic section's tag that a static program does not have (`<elf.h>`).
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const DT_NEEDED: u64 = 1;

struct Elf {
    interpreter: bool,
    needed: usize,
}

fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size]
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn elf(path: &Path) -> Elf {
    let bytes = std::fs::read(path).expect("the binary can be read");
    assert_eq!(
        &bytes[..6],
        b"\x7fELF\x02\x01",
        "a 64-bit little-endian ELF file"
    );
    let at = |value: u64| usize::try_from(value).expect("fits");
    let (table, size, count) = (
        at(number(&bytes, 32, 8)),
        at(number(&bytes, 54, 2)),
        at(number(&bytes, 56, 2)),
    );
    let mut found = Elf {
        interpreter: false,
        needed: 0,
    };
    for header in (0..count).map(|index| table + index * size) {
        match number(&bytes, header, 4) {
            PT_INTERP => found.interpreter = true,
            PT_DYNAMIC => {
                let (start, length) = (
                    at(number(&bytes, header + 8, 8)),
                    at(number(&bytes, header + 32, 8)),
                );
                found.needed += (start..start + length)
                    .step_by(16)
                    .filter(|entry| number(&bytes, *entry, 8) == DT_NEEDED)
                    .count();
            }
            _ => {}
        }
    }
    found
}

#[test]
fn it_needs_no_interpreter_and_no_library() {
    if !cfg!(all(target_os = "linux", target_feature = "crt-static")) {
        eprintln!("skipped: this build was asked to be dynamic, or is not for Linux");
        return;
    }
    let found = elf(Path::new(BINARY));
    assert!(!found.interpreter, "the binary asks for an interpreter");
    assert_eq!(found.needed, 0, "the binary needs shared libraries");
}

#[test]
fn a_dynamic_program_would_be_noticed() {
    let shell = PathBuf::from("/bin/sh").canonicalize().ok().filter(|path| {
        std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF\x02\x01"))
    });
    match shell.map(|path| elf(&path)) {
        Some(found) if found.interpreter => assert!(
            found.needed > 0,
            "/bin/sh has an interpreter but needs nothing"
        ),
        _ => eprintln!("skipped: no dynamic /bin/sh here to compare with"),
    }
}

#[test]
fn it_runs_in_an_empty_image() {
    if !cfg!(all(target_os = "linux", target_feature = "crt-static")) {
        eprintln!("skipped: this build was asked to be dynamic, or is not for Linux");
        return;
    }
    let root = tempfile::tempdir().expect("a folder");
    crate::run::copy_program(Path::new(BINARY), &root.path().join("jobgate"));
    let output = Command::new("chroot")
        .arg(root.path())
        .args(["/jobgate", "--version"])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output();
    match output {
        Ok(output) if output.status.success() => {
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                format!("jobgate {}\n", env!("CARGO_PKG_VERSION"))
            );
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        }
        Ok(output)
            if String::from_utf8_lossy(&output.stderr).contains("cannot change root directory") =>
        {
            eprintln!("skipped: changing the root directory is not permitted here");
        }
        Ok(output) => panic!("in an empty root: {output:?}"),
        Err(error) => eprintln!("skipped: no chroot command here ({error})"),
    }
}

/// Limits and pipes of Unix.
#[cfg(unix)]
mod files {
    use super::{BINARY, Command};
    use crate::fake::{GitLab, World, ci, job};
    use crate::run::Run;

    /// A pipeline whose JSON is larger than a kilobyte.
    fn scene() -> (GitLab, Vec<(String, String)>) {
        let mut world = World::new();
        world.project("shop/web");
        let plan = ci().stage(
            "test",
            [job("unit").parallel(9).endless(), job("gate").here()],
        );
        let pipeline = world.pipeline("shop/web", "main", plan);
        let me = world.job(pipeline, "gate");
        let gitlab = GitLab::start(world);
        let vars = gitlab.vars(me).into_iter().collect();
        (gitlab, vars)
    }

    #[test]
    fn a_file_that_may_not_grow_is_an_error_of_the_write() {
        let (_gitlab, vars) = scene();
        let folder = tempfile::tempdir().expect("a folder");
        let output = Command::new("sh")
            .args(["-c", "ulimit -f 1 && exec \"$@\"", "sh", BINARY])
            .args(["jobs", "--output", "json", "--output-file"])
            .arg(folder.path().join("jobs.json"))
            .env_clear()
            .envs(vars)
            .output()
            .expect("a shell");
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(6), "{log}");
        assert!(log.contains("File too large"), "{log}");
        let left = std::fs::read_dir(folder.path())
            .expect("the folder")
            .count();
        assert_eq!(left, 0, "nothing is left in the folder");
    }

    #[test]
    fn a_named_pipe_in_place_of_a_file_is_refused_before_anything_waits_for_it() {
        let (gitlab, vars) = scene();
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo").success());
        let pipe = pipe.to_str().expect("UTF-8");
        for (words, variable) in [
            (format!("jobs --output-file {pipe}"), "UNUSED"),
            (format!("trace unit --output-file {pipe}"), "UNUSED"),
            (format!("jobs --token-file {pipe}"), "UNUSED"),
            (format!("jobs --ca-file {pipe}"), "UNUSED"),
            ("jobs".to_owned(), "JOBGATE_TOKEN_FILE"),
            ("jobs".to_owned(), "SSL_CERT_FILE"),
            ("jobs".to_owned(), "CI_SERVER_TLS_CA_FILE"),
        ] {
            let run = Run::new(&words).vars(vars.clone()).var(variable, pipe);
            let outcome = run.binary();
            assert_eq!(outcome.code, 2, "{words} {variable}: {}", outcome.log);
            assert!(
                outcome.log.contains("not a regular file"),
                "{}",
                outcome.log
            );
        }
        assert_eq!(gitlab.requests().len(), 0);
    }
}
