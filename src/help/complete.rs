//! Completion scripts: commands, options, choices and file names. They ask no server, so a key press never waits.

use std::fmt::Write;

use crate::cli::{Opt, Usage};

/// For bash 3.2 and newer, without the bash-completion package.
pub fn bash(table: &[&'static Usage]) -> String {
    let mut script = BASH_HEAD.to_owned();
    for usage in table {
        for option in usage.options().filter(|option| option.takes_value()) {
            let names: Vec<String> = [Some(option.name), option.short]
                .into_iter()
                .flatten()
                .map(|name| quoted(&format!("{} {name}", usage.name)))
                .collect();
            let (names, words) = (names.join("|"), quoted(&option.choices.join(" ")));
            let offer = if option.takes_file() { BASH_FILES } else { "" };
            let _ = writeln!(script, "    {names}) words={words} {offer};;");
        }
    }
    for usage in table {
        let options = usage.options().map(|option| option.name);
        let options: Vec<&str> = options.chain(["--help"]).collect();
        let (options, operands) = (options.join(" "), operands(usage, table));
        let (options, operands) = (quoted(&options), quoted(&operands));
        let _ = writeln!(
            script,
            "    '{0} '*) [[ $cur == -* ]] && words={options} || words={operands} ;;",
            usage.name
        );
    }
    let commands = quoted(&format!("{} --help --version", names(table)));
    let _ = writeln!(script, "    *) ((COMP_CWORD == 1)) && words={commands} ;;");
    script + BASH_TAIL
}

/// `--name=value` comes as three words, because `=` breaks words in bash.
const BASH_HEAD: &str = r#"# bash completion for jobgate
_jobgate() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  local command=${COMP_WORDS[1]} words='' index
  COMPREPLY=()
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $prev == '=' ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((index = 2; index < COMP_CWORD; index++)); do
    [[ ${COMP_WORDS[index]} == '--' ]] && return
  done
  ((COMP_CWORD == 1)) && command=''
  case "$command $prev" in
"#;

/// A file name may hold blanks: only line breaks part the offers. bash before 4 has no `compopt`.
const BASH_FILES: &str = "compopt -o filenames 2>/dev/null
      local IFS=$'\\n'; COMPREPLY=($(compgen -f -- \"$cur\")); return ";

const BASH_TAIL: &str = r#"  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _jobgate jobgate
"#;

/// For zsh, sourced or as a file `_jobgate` in `$fpath`.
pub fn zsh(table: &[&'static Usage]) -> String {
    let mut script = ZSH_HEAD.to_owned();
    for usage in table {
        let entry = format!("{}:{}", usage.name, usage.summary.replace(':', "\\:"));
        let _ = writeln!(script, "      {}", quoted(&entry));
    }
    script.push_str(ZSH_COMMANDS);
    for usage in table {
        let _ = writeln!(script, "    {})\n      _arguments -S \\", usage.name);
        for option in usage.options() {
            let long = format!("{}{}", option.name, option.value.map_or("", |_| "="));
            for name in [Some(long.as_str()), option.short].into_iter().flatten() {
                let argument = zsh_argument(name, option);
                let _ = writeln!(script, "        {} \\", quoted(&argument));
            }
        }
        script.push_str(
            "        '(-h --help)'{-h,--help}'[show the help page of this command]' \\\n",
        );
        let (operand, words) = (usage.placeholder(), operands(usage, table));
        let operand = if operand.is_empty() {
            "nothing"
        } else {
            operand
        };
        let _ = writeln!(
            script,
            "        {} ;;",
            quoted(&format!("*:{operand}:({words})"))
        );
    }
    script + ZSH_TAIL
}

const ZSH_HEAD: &str = "#compdef jobgate
_jobgate() {
  if (( CURRENT == 2 )); then
    local -a subcommands
    subcommands=(
";

const ZSH_COMMANDS: &str = "    )
    _describe command subcommands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
";

const ZSH_TAIL: &str = r#"  esac
}
if [[ $funcstack[1] == _jobgate ]]; then
  _jobgate "$@"
else
  compdef _jobgate jobgate
fi
"#;

/// One option of `_arguments`: `*--status=[only jobs with this status]:STATUS:(success failed)`.
fn zsh_argument(name: &str, option: &Opt) -> String {
    let repeated = if option.many { "*" } else { "" };
    let help = option.help.replace('\\', "\\\\");
    let help = help.replace('[', "\\[").replace(']', "\\]");
    let value = match option.value {
        None => String::new(),
        Some(value) if option.takes_file() => format!(":{value}:_files"),
        Some(value) if option.choices.is_empty() => format!(":{value}: "),
        Some(value) => format!(":{value}:({})", option.choices.join(" ")),
    };
    format!("{repeated}{name}[{help}]{value}")
}

/// For fish.
pub fn fish(table: &[&'static Usage]) -> String {
    let mut script = "# fish completion for jobgate\ncomplete -c jobgate -f\n".to_owned();
    for usage in table {
        let (name, summary) = (usage.name, fish_quoted(usage.summary));
        let _ = writeln!(
            script,
            "complete -c jobgate -n __fish_use_subcommand -a {name} -d {summary}"
        );
    }
    for usage in table {
        let seen = format!("-n '__fish_seen_subcommand_from {}'", usage.name);
        let operands = fish_quoted(&operands(usage, table));
        let _ = writeln!(
            script,
            "complete -c jobgate {seen} -a {operands} -l help -s h"
        );
        for option in usage.options() {
            let name = option.name.trim_start_matches('-');
            let short = option.short.map(|short| short.replace('-', " -s "));
            let value = match option.choices {
                _ if option.takes_file() => " -r -F".to_owned(),
                [] if option.takes_value() => " -x".to_owned(),
                [] => String::new(),
                choices => format!(" -x -a {}", fish_quoted(&choices.join(" "))),
            };
            let (short, help) = (short.unwrap_or_default(), fish_quoted(option.help));
            let _ = writeln!(
                script,
                "complete -c jobgate {seen} -l {name}{short}{value} -d {help}"
            );
        }
    }
    script
}

fn names(table: &[&'static Usage]) -> String {
    let names: Vec<&str> = table.iter().map(|usage| usage.name).collect();
    names.join(" ")
}

/// What can be offered for an operand without asking a server.
fn operands(usage: &Usage, table: &[&'static Usage]) -> String {
    match usage.placeholder() {
        "COMMAND" => names(table),
        _ => usage.choices.join(" "),
    }
}

/// One word of bash or zsh, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// One word of fish, where a backslash counts within single quotes.
fn fish_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
