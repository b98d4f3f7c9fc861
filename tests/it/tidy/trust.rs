//! What keeps the proofs from ageing: the planted bugs still apply, and each unsafe line says why it is sound.

use std::path::Path;
use std::process::Command;

use super::{files, holds, keep};

#[test]
fn planted_bugs_still_apply() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = files();
    let mut broken = Vec::new();
    for patch in files
        .iter()
        .filter(|file| file.path.starts_with(".ci/patches/") && !file.path.ends_with("/run"))
    {
        let mut git = Command::new("git");
        git.args(["apply", "--check", &patch.path])
            .current_dir(root);
        // A repository that the project lies in is none of its business.
        git.env("GIT_CEILING_DIRECTORIES", root.parent().unwrap());
        let Ok(output) = git.output() else {
            return println!("NOT RUN: there is no git");
        };
        if !output.status.success() || !patch.text.contains("\nTests: ") {
            broken.push(format!(
                "{}: {}",
                patch.path,
                String::from_utf8_lossy(&output.stderr)
            ));
        }
    }
    keep(
        "each patch in .ci/patches applies (make its change to the sources of today) and names the tests that catch it",
        &broken,
    );
}

#[test]
fn unsafe_lines_have_their_proof() {
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.is_source()) {
        let lines: Vec<&str> = file.text.lines().collect();
        for (number, line) in file.code().filter(|(_, line)| holds(line, "unsafe")) {
            // The comment directly above, however many lines it has.
            let above = lines[..number - 1].iter().rev().map(|line| line.trim());
            let mut comment = above.take_while(|line| line.starts_with("//"));
            if !comment.any(|line| line.starts_with("// SAFETY: ")) {
                broken.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    keep(
        "a comment `// SAFETY:` stands above each unsafe line",
        &broken,
    );
}
