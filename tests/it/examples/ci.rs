//! The scripts of the project's own pipeline, as far as they need no network and no compiler: stand-ins take the places of both.

use std::fs;
use std::path::Path;
use std::process::Command;

use expect_test::expect;

use super::runner::{command, shim};
use crate::run::copy_program;

/// A checkout with the project's scripts.
fn checkout() -> tempfile::TempDir {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join(".ci")).expect("a folder");
    shim(folder.path());
    for name in [".ci/upload", ".ci/images", "Cargo.toml", "CHANGELOG.md"] {
        copy_program(&root.join(name), &folder.path().join(name));
    }
    folder
}

fn run(folder: &Path, line: &str, tag: &str) -> (i32, String) {
    let output = Command::new("sh")
        .args(["-c", &format!("exec .ci/{line}")])
        .current_dir(folder)
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
        .env("CI_REGISTRY", "registry.example.com")
        .env("CI_REGISTRY_IMAGE", "registry.example.com/tools/jobgate")
        .env("CI_REGISTRY_USER", "ci")
        .env("CI_REGISTRY_PASSWORD", "secret")
        .output()
        .expect("it starts");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// A command that writes down its words and, if there are any, the bytes on its standard input.
fn recorder(log: &Path) -> String {
    let log = log.display();
    format!("input=$(cat)\nprintf '%s%s\\n' \"$*\" \"${{input:+ < $input}}\" >>'{log}'\n")
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
    command(path, "curl", &recorder(&log));
    fs::create_dir(path.join("dist")).expect("a folder");
    for name in ["jobgate-linux-x86_64", "jobgate.cdx.json"] {
        fs::write(path.join("dist").join(name), name).expect("written");
    }
    let (code, text) = run(path, "upload", "0.0.999");
    assert!(
        code == 1 && text.contains("0.0.999 is not the version") && !log.exists(),
        "{text}"
    );
    let (code, text) = run(path, "upload", version);
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

#[test]
fn images_have_the_tags_that_readers_are_given() {
    let folder = checkout();
    let log = folder.path().join("images");
    command(folder.path(), "buildah", &recorder(&log));
    command(folder.path(), "uname", "echo x86_64\n");
    for verb in ["build", "tag"] {
        let (code, text) = run(folder.path(), &format!("images {verb} </dev/null"), "0.1.0");
        assert_eq!(code, 0, "{text}");
    }
    let log = fs::read_to_string(&log).expect("calls");
    expect![[r#"
        login --username ci --password-stdin registry.example.com < secret
        build --isolation chroot --target shell --tag IMAGE/build:0.1.0-shell-x86_64 .
        push IMAGE/build:0.1.0-shell-x86_64
        build --isolation chroot --target binary --tag IMAGE/build:0.1.0-binary-x86_64 .
        push IMAGE/build:0.1.0-binary-x86_64
        login --username ci --password-stdin registry.example.com < secret
        manifest create shell
        manifest add shell docker://IMAGE/build:0.1.0-shell-x86_64
        manifest add shell docker://IMAGE/build:0.1.0-shell-aarch64
        manifest push --all shell docker://IMAGE:0.1.0
        manifest push --all shell docker://IMAGE:0.1
        manifest create binary
        manifest add binary docker://IMAGE/build:0.1.0-binary-x86_64
        manifest add binary docker://IMAGE/build:0.1.0-binary-aarch64
        manifest push --all binary docker://IMAGE:0.1.0-binary
        manifest push --all binary docker://IMAGE:0.1-binary
    "#]]
    .assert_eq(&log.replace("registry.example.com/tools/jobgate", "IMAGE"));
}
