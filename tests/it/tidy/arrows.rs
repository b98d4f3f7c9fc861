//! Which module may use which: the table of the architecture, read off the `use` lines and paths of the program's code. No circle, inside folders neither.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, files, keep};

/// What each module at the root may use, besides itself; of `a::b` that part of `a` alone.
const MAY_USE: &[(&str, &str)] = &[
    // The binary makes the real clock.
    ("main", "lib os host time"),
    ("lib", "host cli help exit commands report"),
    (
        "commands",
        "session pipeline help cli report gitlab decide ci host model time url exit os near",
    ),
    ("session", "gitlab ci report decide host model time exit os"),
    (
        "pipeline",
        "gitlab decide::select report::messages model time exit near",
    ),
    ("help", "exit cli host"),
    ("cli", "exit near"),
    ("report", "decide gitlab model time exit host near"),
    ("gitlab", "ci url host os time model exit"),
    ("decide", "model time exit near"),
    ("ci", "url host model time exit"),
    ("host", "os time exit"),
    ("time", "os"),
    // Times stand in GitLab's objects, and a signal is one of the endings.
    ("model", "time"),
    ("os", "exit"),
    ("exit", ""),
    ("url", ""),
    ("near", ""),
];

/// A module and the file that holds it. `main` and `lib` stand beside each other at the root.
struct Module {
    /// `decide::select`; `lib` is the root itself.
    name: String,
    code: String,
}

impl Module {
    fn of(file: &File) -> Option<Self> {
        let name = file.path.strip_prefix("src/")?.strip_suffix(".rs")?;
        // A test module in a file of its own.
        if name.ends_with("/tests") {
            return None;
        }
        Some(Self {
            name: name.replace('/', "::"),
            code: file
                .code()
                .map(|(_, line)| line.to_owned() + "\n")
                .collect(),
        })
    }

    /// Its ancestor so many levels up; the root's is the root.
    fn up(&self, levels: usize) -> String {
        let mut names: Vec<&str> = self
            .name
            .split("::")
            .filter(|name| *name != "lib")
            .collect();
        names.truncate(names.len().saturating_sub(levels));
        names.join("::")
    }

    /// Every path of ours that the code uses, from the root (`decide::select::Caller`), and those that it only passes on.
    fn paths(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut used, mut passed_on) = (BTreeSet::new(), BTreeSet::new());
        let mut rest = String::new();
        let mut lines = self.code.lines();
        while let Some(line) = lines.next() {
            let Some((before, tree)) = line.split_once("use ").filter(|(before, _)| {
                let before = before.trim();
                before.is_empty() || before.starts_with("pub") && !before.contains(' ')
            }) else {
                rest.push_str(line);
                rest.push('\n');
                continue;
            };
            let mut tree = tree.to_owned();
            while !tree.contains(';') {
                tree.push_str(lines.next().expect("a use ends with ;"));
            }
            let into = if before.trim().is_empty() {
                &mut used
            } else {
                &mut passed_on
            };
            let paths = expand(tree.trim_end().trim_end_matches(';'));
            into.extend(paths.iter().filter_map(|path| self.absolute(path)));
        }
        used.extend(inline(&rest).iter().filter_map(|path| self.absolute(path)));
        (used, passed_on)
    }

    /// The path from the root, if it is one of ours.
    fn absolute(&self, path: &str) -> Option<String> {
        let (first, rest) = path.split_once("::").unwrap_or((path, ""));
        let base = match first {
            "crate" => String::new(),
            // A binary names its library by its crate's name.
            "jobgate" if self.name == "main" => String::new(),
            "self" => self.up(0),
            "super" => {
                let levels = path.split("::").take_while(|name| *name == "super").count();
                let rest: Vec<&str> = path.split("::").skip(levels).collect();
                return Some(join(&self.up(levels), &rest.join("::")));
            }
            child if self.declares(child) => return Some(join(&self.up(0), path)),
            _ => return None,
        };
        Some(join(&base, rest))
    }

    fn declares(&self, child: &str) -> bool {
        self.code.lines().any(|line| {
            let line = line
                .trim_start_matches("pub ")
                .trim_start_matches("pub(crate) ");
            line.strip_prefix("mod ")
                .is_some_and(|rest| rest.trim_end() == format!("{child};"))
        })
    }
}

fn join(base: &str, rest: &str) -> String {
    match (base, rest) {
        ("", path) | (path, "") => path.to_owned(),
        (base, rest) => format!("{base}::{rest}"),
    }
}

/// The paths of a `use` tree: `a::{b, c::{self, D}}`.
fn expand(tree: &str) -> Vec<String> {
    let Some((head, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return vec![path.trim_end_matches("::*").to_owned()];
    };
    let inner = inner
        .trim_end()
        .strip_suffix('}')
        .expect("a tree ends with }");
    let mut depth = 0;
    let parts = inner.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    let paths = parts
        .filter(|part| !part.trim().is_empty())
        .flat_map(expand);
    let head = head.trim();
    paths
        .map(|path| match path.as_str() {
            "self" | "*" => head.trim_end_matches("::").to_owned(),
            path => format!("{head}{path}"),
        })
        .collect()
}

/// Paths in code: names joined by `::`.
fn inline(code: &str) -> Vec<String> {
    let path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = code.split(|c| !path(c)).map(|word| word.trim_matches(':'));
    words
        .filter(|word| word.contains("::"))
        .map(str::to_owned)
        .collect()
}

/// Which file uses which. What a module only passes on counts where it is used, as used from where it stands.
fn arrows(files: &[File]) -> BTreeMap<String, BTreeSet<String>> {
    let modules: Vec<Module> = files.iter().filter_map(Module::of).collect();
    let names: BTreeSet<&str> = modules.iter().map(|module| module.name.as_str()).collect();
    let paths: Vec<_> = modules.iter().map(Module::paths).collect();
    let mut aliases = BTreeMap::new();
    for (module, (_, passed_on)) in modules.iter().zip(&paths) {
        for path in passed_on {
            let name = path.rsplit("::").next().unwrap_or_default();
            aliases.insert(join(&module.up(0), name), path.clone());
        }
    }
    let mut arrows = BTreeMap::new();
    for (module, (used, _)) in modules.iter().zip(&paths) {
        let targets = used.iter().map(|path| home(path, &names, &aliases));
        let others = targets.filter(|target| *target != module.name);
        arrows.insert(module.name.clone(), others.collect());
    }
    arrows
}

/// The module that holds what a path names.
fn home(path: &str, names: &BTreeSet<&str>, aliases: &BTreeMap<String, String>) -> String {
    let mut prefix = path;
    loop {
        if let Some(real) = aliases.get(prefix) {
            return home(real, names, aliases);
        }
        if names.contains(prefix) {
            return prefix.to_owned();
        }
        match prefix.rsplit_once("::") {
            Some((shorter, _)) => prefix = shorter,
            None => return "lib".to_owned(),
        }
    }
}

/// Arrows that the table does not know.
fn beyond(arrows: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let root = |name: &str| name.split("::").next().unwrap_or_default().to_owned();
    let within = |name: &str, part: &str| name == part || name.starts_with(&format!("{part}::"));
    let mut beyond = BTreeSet::new();
    for (from, targets) in arrows {
        let row = MAY_USE.iter().find(|row| row.0 == root(from));
        let may = row.map_or("", |row| row.1);
        for to in targets.iter().filter(|to| root(to) != root(from)) {
            if !may.split(' ').any(|part| within(to, part)) {
                beyond.insert(format!("{from} -> {to}"));
            }
        }
    }
    beyond
}

/// Sets of modules of which each reaches all others.
fn circles(arrows: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let reach = |from: &str| {
        let (mut seen, mut left) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(next) = left.pop() {
            for to in arrows.get(&next).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    left.push(to.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        arrows.keys().map(|from| (from, reach(from))).collect();
    let circle = |name: &String| -> Vec<String> {
        let back = |to: &&String| reached.get(*to).is_some_and(|seen| seen.contains(name));
        reached[name].iter().filter(back).cloned().collect()
    };
    let circles = arrows
        .keys()
        .map(circle)
        .filter(|circle| !circle.is_empty());
    circles.map(|circle| circle.join(" <-> ")).collect()
}

#[test]
fn arrows_follow_the_table_and_never_come_back() {
    let arrows = arrows(&files());
    let broken = beyond(&arrows).into_iter().chain(circles(&arrows));
    keep(
        "modules use what MAY_USE allows, and no two use each other",
        &broken.collect::<Vec<_>>(),
    );
}

#[test]
fn wrong_arrows_are_found() {
    let file = |path: &str, text: &str| File {
        path: format!("src/{path}.rs"),
        text: text.to_owned(),
    };
    let arrows = arrows(&[
        file(
            "lib",
            "pub mod decide;\npub mod host;\npub use host::Host;\nuse crate::commands::{self, run};",
        ),
        file("host", "use crate::os::Interrupt; // crate::report"),
        file("os", "fn f() {\n    crate::time::now();\n}"),
        file(
            "time",
            "#[cfg(test)]\nmod tests {\n    use crate::report::Out;\n}",
        ),
        file("commands", "mod act;\nfn f() { act::run(); }"),
        file(
            "commands/act",
            "use crate::{\n    decide::{select::Caller, wait as w},\n    gitlab::*,\n};",
        ),
        file("decide", "pub mod select;\nmod wait;\npub use wait::Watch;"),
        file(
            "decide/select",
            "use super::{Watch, wait};\nuse crate::Host;",
        ),
        file(
            "decide/wait",
            "use super::super::exit::Exit;\nuse super::select::Caller;",
        ),
        file("gitlab", "use std::fmt;\nuse serde::de::Error;"),
        file("exit", ""),
    ]);
    let of = |name: &str| arrows[name].iter().cloned().collect::<Vec<_>>().join(" ");
    for (module, uses) in [
        ("lib", "commands"),
        ("host", "os"),
        ("os", "time"),
        ("time", ""),
        ("commands", "commands::act"),
        ("commands::act", "decide::select decide::wait gitlab"),
        ("decide::select", "decide::wait host"),
        ("decide::wait", "decide::select exit"),
        ("gitlab", ""),
    ] {
        assert_eq!(of(module), uses, "{module}");
    }
    let text = |lines: BTreeSet<String>| lines.into_iter().collect::<Vec<_>>().join("\n");
    assert_eq!(text(beyond(&arrows)), "decide::select -> host\nos -> time");
    assert_eq!(text(circles(&arrows)), "decide::select <-> decide::wait");
}
