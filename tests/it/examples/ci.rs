//! The scripts of the project's own pipeline, as far as they need no network and no compiler: stand-ins take the places of both.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::runner::{command, shim};
use crate::run::copy_program;

/// A checkout with the project's scripts.
fn checkout() -> tempfile::TempDir {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join(".ci")).expect("a folder");
    shim(folder.path());
    for name in [".ci/upload", "Cargo.toml", "CHANGELOG.md"] {
        copy_program(&root.join(name), &folder.path().join(name));
    }
    folder
}

fn run(folder: &Path, script: &str, tag: &str) -> (i32, String) {
    let output = Command::new(folder.join(".ci").join(script))
        .env_clear()
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", folder.join("bin").display()),
        )
        .env("RUSTFLAGS", "-D warnings")
        .env("CI_API_V4_URL", "https://gitlab.example.com/api/v4")
        .env("CI_PROJECT_ID", "7")
        .env("CI_JOB_TOKEN", "glcbt-secret")
        .env("CI_COMMIT_TAG", tag)
        .output()
        .expect("it starts");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn an_upload_is_of_the_tagged_version() {
    let folder = checkout();
    let path = folder.path();
    let version = env!("CARGO_PKG_VERSION");
    fs::write(
        path.join("CHANGELOG.md"),
        format!("# Changes\n\n## {version}\n"),
    )
    .expect("written");
    let log = path.join("uploads");
    command(
        path,
        "curl",
        &format!(
            "printf '%s < %s\\n' \"$*\" \"$(cat)\" >>'{}'\n",
            log.display()
        ),
    );
    fs::create_dir(path.join("dist")).expect("a folder");
    for name in ["jobgate-linux-x86_64", "jobgate.cdx.json"] {
        fs::write(path.join("dist").join(name), name).expect("written");
    }
    let (code, text) = run(path, "upload", "v0.0.999");
    assert!(
        code == 1 && text.contains("v0.0.999 is not the version") && !log.exists(),
        "{text}"
    );
    let (code, text) = run(path, "upload", &format!("v{version}"));
    assert_eq!(code, 0, "{text}");
    let uploads = fs::read_to_string(&log).expect("uploads");
    let base =
        format!("https://gitlab.example.com/api/v4/projects/7/packages/generic/jobgate/{version}");
    let lines: Vec<String> = ["jobgate-linux-x86_64", "jobgate.cdx.json", "SHA256SUMS"]
        .iter()
        .map(|name| {
            format!("--fail --silent --show-error --retry 3 --header @- --upload-file {name} {base}/{name} < JOB-TOKEN: glcbt-secret")
        })
        .collect();
    assert_eq!(uploads.lines().collect::<Vec<_>>(), lines);
    let sums = fs::read_to_string(path.join("dist/SHA256SUMS")).expect("sums");
    assert_eq!(sums.lines().count(), 2, "{sums}");
}
