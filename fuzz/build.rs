//! Copies the program's source with every item public, so that a target reaches what the package itself keeps private.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("src");
    let _ = fs::remove_dir_all(&out);
    open(Path::new("../src"), &out);
    println!("cargo::rerun-if-changed=../src");
    // `help` prints it.
    println!("cargo::rustc-env=CARGO_PKG_DESCRIPTION=fuzzed");
}

fn open(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder below OUT_DIR");
    for entry in fs::read_dir(from).expect("a folder of src") {
        let path = entry.expect("an entry of src").path();
        let copy = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            open(&path, &copy);
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        // An included file cannot begin with the documentation of a crate.
        let is_root = path.ends_with("src/lib.rs");
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
        let lines = lines.filter(|line| !(is_root && line.starts_with("//!")));
        fs::write(copy, public(lines)).expect("a copy");
    }
}

/// Makes modules, items and the functions of types public. The text is formatted, so its indentation says what a line belongs to.
fn public<'l>(lines: impl Iterator<Item = &'l str>) -> String {
    const ITEMS: [&str; 7] = [
        "mod ", "fn ", "struct ", "enum ", "trait ", "type ", "const ",
    ];
    let mut of_type = false;
    let mut out = String::new();
    for line in lines {
        if !line.starts_with([' ', '}']) && !line.is_empty() {
            of_type = line.starts_with("impl") && !line.contains(" for ");
        }
        let inner = line.strip_prefix("    ").filter(|_| of_type);
        if inner.is_some_and(|inner| inner.starts_with("fn ")) {
            out.push_str("    pub ");
            out.push_str(line.trim_start());
        } else {
            let item = ITEMS.iter().any(|item| line.starts_with(item));
            out.push_str(if item { "pub " } else { "" });
            out.push_str(
                &line
                    .replace("pub(crate)", "pub")
                    .replace("pub(super)", "pub"),
            );
        }
        out.push('\n');
    }
    out
}
