//! Completion scripts for commands, options, choices and file names. The scripts send no request, so a key press never waits.

use crate::cli::{Opt, Usage};

/// For bash 3.2 and newer, without the bash-completion package.
pub fn bash(table: &[&'static Usage]) -> String {
    let mut cases = Vec::new();
    for usage in table {
        for option in usage.options().filter(|option| option.takes_value()) {
            let names: Vec<String> = names(option)
                .map(|name| quoted(&format!("{} {name}", usage.name)))
                .collect();
            let names = names.join("|");
            let words = if option.takes_file() {
                "FILES".to_owned()
            } else {
                quoted(&option.choices.join(" "))
            };
            cases.push(format!("    {names}) words={words} ;;"));
        }
        let options = usage.options().map(|option| option.name);
        let options: Vec<&str> = options.chain(["--help"]).collect();
        let (options, operands) = (quoted(&options.join(" ")), quoted(&operands(usage, table)));
        cases.push(format!(
            "    '{} '*) [[ $cur == -* ]] && words={options} || words={operands} ;;",
            usage.name
        ));
    }
    include_str!("complete.bash")
        .replace("@CASES@", &cases.join("\n"))
        .replace("@COMMANDS@", &commands(table))
}

/// For zsh, sourced or as a file `_jobgate` in `$fpath`.
pub fn zsh(table: &[&'static Usage]) -> String {
    let (mut subcommands, mut cases) = (Vec::new(), Vec::new());
    for usage in table {
        let entry = format!("{}:{}", usage.name, usage.summary.replace(':', "\\:"));
        subcommands.push(format!("      {}", quoted(&entry)));
        cases.push(format!("    {})\n      _arguments -S \\", usage.name));
        for option in usage.options() {
            for name in names(option) {
                let argument = quoted(&zsh_argument(name, option));
                cases.push(format!("        {argument} \\"));
            }
        }
        let (operand, words) = (usage.placeholder(), operands(usage, table));
        let operand = quoted(&format!("*:{operand} :({words})"));
        let help = "'(-h --help)'{-h,--help}'[show the help page of this command]'";
        cases.push(format!("        {help} \\\n        {operand} ;;"));
    }
    include_str!("complete.zsh")
        .replace("@CASES@", &cases.join("\n"))
        .replace("@COMMANDS@", &subcommands.join("\n"))
}

/// One option of `_arguments`: `*--status=[only jobs with this status]:STATUS:(success failed)`.
fn zsh_argument(name: &str, option: &Opt) -> String {
    let repeated = if option.many { "*" } else { "" };
    let help = option.help.replace('\\', "\\\\");
    let help = help.replace('[', "\\[").replace(']', "\\]");
    // `--status=failed`, `-ojson`
    let attached = if name.starts_with("--") { "=" } else { "+" };
    let choices = option.choices.join(" ");
    let (attached, value) = match option.value {
        None => ("", String::new()),
        Some(value) if option.takes_file() => (attached, format!(":{value}:_files")),
        Some(value) if choices.is_empty() => (attached, format!(":{value}: ")),
        Some(value) if option.many => (attached, format!(":{value}:_sequence compadd - {choices}")),
        Some(value) => (attached, format!(":{value}:({choices})")),
    };
    format!("{repeated}{name}{attached}[{help}]{value}")
}

/// For fish.
pub fn fish(table: &[&'static Usage]) -> String {
    let first = "complete -c jobgate -n __fish_use_subcommand";
    let mut lines = vec![format!(
        "# fish completion for jobgate\ncomplete -c jobgate -f\n{first} -s h -l help\n{first} -l version"
    )];
    for usage in table {
        let (name, summary) = (usage.name, fish_quoted(usage.summary));
        lines.push(format!("{first} -a {name} -d {summary}"));
        let seen = format!("complete -c jobgate -n '__fish_seen_subcommand_from {name}'");
        let operands = fish_quoted(&operands(usage, table));
        lines.push(format!("{seen} -a {operands}\n{seen} -s h -l help"));
        for option in usage.options() {
            let names = names(option).map(|name| match name.strip_prefix("--") {
                Some(long) => format!(" -l {long}"),
                None => name.replace('-', " -s "),
            });
            let value = match option.choices {
                _ if option.takes_file() => " -r -F".to_owned(),
                [] if option.takes_value() => " -x".to_owned(),
                [] => String::new(),
                choices => format!(" -x -a {}", fish_quoted(&choices.join(" "))),
            };
            let (names, help) = (names.collect::<String>(), fish_quoted(option.help));
            lines.push(format!("{seen}{names}{value} -d {help}"));
        }
    }
    lines.join("\n") + "\n"
}

/// `--output` and `-o`.
fn names(option: &Opt) -> impl Iterator<Item = &'static str> {
    [Some(option.name), option.short].into_iter().flatten()
}

fn commands(table: &[&'static Usage]) -> String {
    let names: Vec<&str> = table.iter().map(|usage| usage.name).collect();
    names.join(" ")
}

/// Words to offer for an operand without asking GitLab.
fn operands(usage: &Usage, table: &[&'static Usage]) -> String {
    match usage.placeholder() {
        "COMMAND" => commands(table),
        _ => usage.choices().join(" "),
    }
}

/// Quotes any text as one word of bash or zsh.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Quotes any text as one word of fish, where a backslash escapes within single quotes.
fn fish_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
