//! Completion scripts: commands, options, choices and file names. They ask nobody, so a key press never waits for a server.

use std::fmt::Write;

use crate::cli::{Opt, Usage};

/// For bash 3.2 and newer, without the bash-completion package.
pub fn bash(table: &[&'static Usage]) -> String {
    let mut script = BASH_HEAD.to_owned();
    let _ = writeln!(script, "  local commands={}", single(&names(table)));
    script.push_str("  case \"$command $prev\" in\n");
    for usage in table {
        for option in usage.options().filter(|option| option.takes_value()) {
            bash_value(&mut script, usage, option);
        }
    }
    script.push_str("  esac\n  case $command in\n");
    for usage in table {
        let _ = writeln!(
            script,
            "    {}) words={} operands={} ;;",
            usage.name,
            single(&option_names(usage)),
            single(&operand_words(usage, table)),
        );
    }
    script.push_str(BASH_TAIL);
    script
}

/// Finds command, word and the word before; `--name=value` comes as three words, because `=` breaks words in bash.
const BASH_HEAD: &str = r"# bash completion for jobgate
_jobgate() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  local command=${COMP_WORDS[1]} words='' operands='' index
  COMPREPLY=()
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $prev == '=' ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((index = 2; index < COMP_CWORD; index++)); do
    [[ ${COMP_WORDS[index]} == '--' ]] && return
  done
";

const BASH_TAIL: &str = r#"  esac
  if ((COMP_CWORD == 1)); then
    words="$commands --help --version"
  elif [[ $cur != -* ]]; then
    words=$operands
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _jobgate jobgate
"#;

/// A file name may hold blanks: only line breaks part the offers. bash before 4 has no `compopt`.
const BASH_FILES: &str = r#"compopt -o filenames 2>/dev/null
      local IFS=$'\n'; COMPREPLY=($(compgen -f -- "$cur")); "#;

fn bash_value(script: &mut String, usage: &Usage, option: &Opt) {
    let mut pattern = format!("'{} {}'", usage.name, option.name);
    if let Some(short) = option.short {
        let _ = write!(pattern, "|'{} {short}'", usage.name);
    }
    let offer = if option.takes_file() {
        BASH_FILES.to_owned()
    } else if option.choices.is_empty() {
        String::new()
    } else {
        let choices = single(&option.choices.join(" "));
        format!("COMPREPLY=($(compgen -W {choices} -- \"$cur\")); ")
    };
    let _ = writeln!(script, "    {pattern}) {offer}return ;;");
}

/// For zsh, sourced or as a file `_jobgate` in `$fpath`.
pub fn zsh(table: &[&'static Usage]) -> String {
    let mut script = "#compdef jobgate\n_jobgate() {\n".to_owned();
    script.push_str("  if (( CURRENT == 2 )); then\n    local -a subcommands\n    subcommands=(\n");
    for usage in table {
        let entry = format!("{}:{}", usage.name, usage.summary.replace(':', "\\:"));
        let _ = writeln!(script, "      {}", single(&entry));
    }
    script.push_str("    )\n    _describe command subcommands\n    return\n  fi\n");
    script.push_str("  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n");
    script.push_str("  case $command in\n");
    for usage in table {
        let _ = writeln!(script, "    {})\n      _arguments -S \\", usage.name);
        for option in usage.options() {
            zsh_option(&mut script, option);
        }
        let help = "(-h --help)'{-h,--help}'[show this command'\\''s help]'";
        let _ = writeln!(script, "        '{help} \\");
        let name = Some(usage.placeholder()).filter(|name| !name.is_empty());
        let operands = operand_words(usage, table);
        let operands = format!("*:{}:({operands})", name.unwrap_or("nothing"));
        let _ = writeln!(script, "        {} ;;", single(&operands));
    }
    script.push_str(
        "  esac\n}\nif [[ $funcstack[1] == _jobgate ]]; then\n  _jobgate \"$@\"\nelse\n  compdef _jobgate jobgate\nfi\n",
    );
    script
}

fn zsh_option(script: &mut String, option: &Opt) {
    let help: String = option
        .help
        .chars()
        .flat_map(|c| {
            matches!(c, '[' | ']' | '\\')
                .then_some('\\')
                .into_iter()
                .chain([c])
        })
        .collect();
    let action = if option.takes_file() {
        "_files".to_owned()
    } else if option.choices.is_empty() {
        " ".to_owned()
    } else {
        format!("({})", option.choices.join(" "))
    };
    let value = option
        .value
        .map_or(String::new(), |value| format!(":{value}:{action}"));
    let repeat = if option.many { "*" } else { "" };
    let attached = if option.takes_value() { "=" } else { "" };
    let long = format!("{repeat}{}{attached}[{help}]{value}", option.name);
    let _ = writeln!(script, "        {} \\", single(&long));
    if let Some(short) = option.short {
        let short = format!("{repeat}{short}[{help}]{value}");
        let _ = writeln!(script, "        {} \\", single(&short));
    }
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
        let command = format!(
            "complete -c jobgate -n '__fish_seen_subcommand_from {}'",
            usage.name
        );
        let operands = operand_words(usage, table);
        if !operands.is_empty() {
            let _ = writeln!(script, "{command} -a {}", fish_quoted(&operands));
        }
        for option in usage.options() {
            fish_option(&mut script, &command, option);
        }
        let _ = writeln!(script, "{command} -l help -s h");
    }
    script
}

fn fish_option(script: &mut String, command: &str, option: &Opt) {
    let _ = write!(
        script,
        "{command} -l {}",
        option.name.trim_start_matches('-')
    );
    if let Some(short) = option.short {
        let _ = write!(script, " -s {}", short.trim_start_matches('-'));
    }
    if option.takes_file() {
        script.push_str(" -r -F");
    } else if !option.choices.is_empty() {
        let _ = write!(script, " -x -a {}", fish_quoted(&option.choices.join(" ")));
    } else if option.takes_value() {
        script.push_str(" -x");
    }
    let _ = writeln!(script, " -d {}", fish_quoted(option.help));
}

fn names(table: &[&'static Usage]) -> String {
    let names: Vec<&str> = table.iter().map(|usage| usage.name).collect();
    names.join(" ")
}

fn option_names(usage: &Usage) -> String {
    let options = usage.options().map(|option| option.name);
    options.chain(["--help"]).collect::<Vec<_>>().join(" ")
}

/// What can be offered for an operand without asking anybody.
fn operand_words(usage: &Usage, table: &[&'static Usage]) -> String {
    match usage.placeholder() {
        "COMMAND" => names(table),
        _ => usage.choices.join(" "),
    }
}

/// One word of bash or zsh, whatever is in it.
fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// One word of fish, where a backslash counts within single quotes.
fn fish_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
