//! What is built before it is measured, and what can be counted without running it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::report::{Page, number};

/// Builds with cargo and returns the executable of this name.
fn build(name: &str, arguments: &[&str]) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--quiet", "--message-format=json"]);
    let output = cargo
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo build {arguments:?}: {errors}"
    );
    let messages = String::from_utf8(output.stdout).unwrap();
    let messages = messages
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut found = messages.filter_map(|message| {
        let is_meant = message.get("target")?.get("name")? == name;
        let path = message.get("executable")?.as_str()?.to_owned();
        is_meant.then_some(path)
    });
    found.next_back().expect("an executable").into()
}

/// The release binary: `cargo bench` has just put its own build, made for speed of compiling, in its place.
pub fn release(more: &[&str]) -> PathBuf {
    build("jobgate", &[&["--bin", "jobgate"], more].concat())
}

pub fn floor() -> PathBuf {
    build("floor", &["--bench", "floor"])
}

/// KiB of each crate in a build that keeps its symbols, by `nm`; the largest ten.
pub fn crates() -> Vec<Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/symbols");
    let folder = format!("--target-dir={}", folder.display());
    let binary = release(&["--config=profile.release.strip=\"none\"", &folder]);
    let Ok(output) = Command::new("nm")
        .args(["--print-size", "--demangle"])
        .arg(binary)
        .output()
    else {
        return vec![vec!["nm is not installed".to_owned(), String::new()]];
    };
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut words = line.splitn(4, ' ');
        let (Some(size), Some(name)) = (words.nth(1), words.nth(1)) else {
            continue;
        };
        let Ok(size) = u64::from_str_radix(size, 16) else {
            continue;
        };
        *sizes.entry(owner(name)).or_default() += size;
    }
    let mut sizes: Vec<_> = sizes.into_iter().collect();
    sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let rest = sizes
        .split_off(sizes.len().min(10))
        .iter()
        .map(|(_, size)| size)
        .sum();
    sizes.push(("all others".to_owned(), rest));
    let rows = sizes
        .into_iter()
        .map(|(name, size)| vec![name, number(f64::from(u32::try_from(size / 1024).unwrap()))]);
    rows.collect()
}

/// The crate of a symbol: the first word before `::`; C's symbols have none.
fn owner(name: &str) -> String {
    let name = name.trim_start_matches(['<', '&', '_', '[']);
    let name = name.trim_start_matches("dyn ").trim_start_matches("mut ");
    match name.split_once("::") {
        Some((first, _))
            if first
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_') =>
        {
            format!("`{first}`")
        }
        _ if name.contains("ring_core") || name.contains("nistz256") => "`ring`".to_owned(),
        _ => "C library, and symbols without a crate".to_owned(),
    }
}

/// Lines of code in `src`, and lines of `tests/it`.
pub fn lines(root: &Path) -> (f64, f64) {
    (
        sum(&root.join("src"), &|text| {
            // A test module stands at the end of its file.
            let lines = text.lines().take_while(|line| *line != "mod tests {");
            let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
            lines.map(str::trim).filter(is_code).count()
        }),
        sum(&root.join("tests/it"), &|text| text.lines().count()),
    )
}

/// A sum over all Rust files below a folder.
fn sum(folder: &Path, count: &dyn Fn(&str) -> usize) -> f64 {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let counts = paths.map(|path| match path.extension() {
        _ if path.is_dir() => sum(&path, count),
        Some(end) if end == "rs" => {
            f64::from(u32::try_from(count(&std::fs::read_to_string(&path).unwrap())).unwrap())
        }
        _ => 0.0,
    });
    counts.sum()
}

/// What the figures were measured on and with.
pub fn machine(page: &mut Page) {
    let first = |program: &str, option: &str| {
        let output = Command::new(program).arg(option).output().ok()?;
        let text = String::from_utf8([output.stdout, output.stderr].concat()).ok()?;
        let words = text.lines().next()?.split(' ').take(3);
        Some(words.collect::<Vec<_>>().join(" "))
    };
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    page.text(&format!(
        "\n## Measured with\n\n- {cpus} processors, {}, {}",
        std::env::consts::ARCH,
        std::env::consts::OS
    ));
    for (program, option) in [
        ("rustc", "--version"),
        ("curl", "--version"),
        ("jq", "--version"),
        ("glab", "--version"),
        ("nginx", "-v"),
        ("valgrind", "--version"),
    ] {
        let said = first(program, option).unwrap_or_else(|| format!("{program} is not installed"));
        page.text(&format!("- {said}"));
    }
}
