//! The block notation of YAML as far as kubeconfigs use it: mappings, lists and one-line values, told apart by indentation.
//!
//! Only what lies below `contexts` is read; the rest, with the secrets, is stepped over. What is not plainly of this form is refused, so nothing is ever expanded or nested.

use std::collections::HashSet;

use super::{Entry, Flaw};

/// A line that is neither blank nor a comment, without its indentation.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    number: usize,
    /// Blanks before `text`.
    indent: usize,
    text: &'a str,
}

/// `key: value`, and the deeper lines below it.
struct Pair<'a> {
    name: &'a str,
    value: Line<'a>,
    below: Vec<Line<'a>>,
}

impl Line<'_> {
    fn flaw(&self, what: &'static str) -> Flaw {
        Flaw {
            line: self.number,
            column: self.indent + 1,
            what,
        }
    }

    /// It begins an item of a list.
    fn is_item(&self) -> bool {
        self.text == "-" || self.text.starts_with("- ")
    }

    /// The line from a later byte on.
    fn skip(&self, bytes: usize) -> Self {
        let (before, rest) = self.text.split_at_checked(bytes).unwrap_or((self.text, ""));
        let text = rest.trim_start_matches([' ', '\t']);
        let blanks = rest.len() - text.len();
        Self {
            number: self.number,
            indent: self.indent + before.chars().count() + blanks,
            text,
        }
    }
}

/// The entries below `contexts`.
pub fn entries(text: &str) -> Result<Vec<Entry>, Flaw> {
    let mut pairs = pairs(lines(text)?)?.into_iter();
    let Some(contexts) = pairs.find(|pair| pair.name == "contexts") else {
        return Ok(Vec::new());
    };
    items(below(contexts, "[]")?)?
        .into_iter()
        .map(entry)
        .collect()
}

/// The lines below a key that has no value beside it, or the sign for an empty one.
fn below<'a>(pair: Pair<'a>, empty: &str) -> Result<Vec<Line<'a>>, Flaw> {
    if pair.value.text == empty && pair.below.is_empty() {
        return Ok(pair.below);
    }
    match value(&pair)? {
        None => Ok(pair.below),
        Some(_) => Err(pair.value.flaw("expected this on the lines below")),
    }
}

fn lines(text: &str) -> Result<Vec<Line<'_>>, Flaw> {
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let text = line.trim_start_matches(' ');
        let line = Line {
            number: at + 1,
            indent: line.len() - text.len(),
            text: text.trim_end_matches([' ', '\t', '\r']),
        };
        let marker = line.indent == 0 && matches!(line.text, "---" | "...");
        match line.text.as_bytes() {
            [] | [b'#', ..] => {}
            b"---" if marker && lines.is_empty() => {}
            _ if marker => return Err(line.flaw("more than one document")),
            _ => lines.push(line),
        }
    }
    Ok(lines)
}

/// The pairs of a mapping. The first line's indentation is that of all keys.
fn pairs(lines: Vec<Line<'_>>) -> Result<Vec<Pair<'_>>, Flaw> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut names = HashSet::new();
    let indent = lines.first().map_or(0, |line| line.indent);
    for line in lines {
        match pairs.last_mut() {
            // A list may stand as far left as its key.
            Some(last) if line.indent > indent || line.indent == indent && line.is_item() => {
                last.below.push(line);
            }
            _ if line.indent != indent => {
                return Err(line.flaw("indented less than its neighbours"));
            }
            _ => {
                let pair = pair(line)?;
                if !names.insert(pair.name) {
                    return Err(line.flaw("the same key twice"));
                }
                pairs.push(pair);
            }
        }
    }
    Ok(pairs)
}

fn pair(line: Line<'_>) -> Result<Pair<'_>, Flaw> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let end = line.text.find(|c| !plain(c)).unwrap_or(line.text.len());
    let name = line.text.get(..end).unwrap_or_default();
    let rest = line.text.get(end..).unwrap_or_default();
    let separated = rest == ":" || rest.starts_with(": ") || rest.starts_with(":\t");
    if line.text.starts_with('\t') {
        return Err(line.flaw("a tab in the indentation"));
    }
    if name.is_empty() || !separated {
        return Err(line.flaw("expected a key, a colon and a blank"));
    }
    Ok(Pair {
        name,
        value: line.skip(end + 1),
        below: Vec::new(),
    })
}

/// The items of a list, each as the lines of a mapping of its own.
fn items(lines: Vec<Line<'_>>) -> Result<Vec<Vec<Line<'_>>>, Flaw> {
    let mut items: Vec<Vec<Line>> = Vec::new();
    let indent = lines.first().map_or(0, |line| line.indent);
    for line in lines {
        if line.indent == indent && line.is_item() {
            let first = line.skip(1);
            items.push(if first.text.is_empty() {
                Vec::new()
            } else {
                vec![first]
            });
        } else if let Some(item) = items.last_mut().filter(|_| line.indent > indent) {
            item.push(line);
        } else {
            return Err(line.flaw("expected an item that begins with a dash"));
        }
    }
    Ok(items)
}

fn entry(item: Vec<Line<'_>>) -> Result<Entry, Flaw> {
    let mut entry = Entry::default();
    if let Some(first) = item.first() {
        entry.line = first.number;
        entry.column = first.indent + 1;
    }
    for pair in pairs(item)? {
        match pair.name {
            "name" => entry.name = scalar(&pair)?.unwrap_or_default(),
            "context" => {
                for pair in pairs(below(pair, "{}")?)? {
                    match pair.name {
                        "user" => entry.user = scalar(&pair)?.unwrap_or_default(),
                        "namespace" => entry.namespace = scalar(&pair)?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(entry)
}

/// A value that stands on its key's line and nowhere else.
fn scalar(pair: &Pair) -> Result<Option<String>, Flaw> {
    match pair.below.first() {
        Some(line) => Err(line.flaw("expected a value of one line")),
        None => value(pair),
    }
}

/// The value on the key's line; `None` if there is none, or null.
fn value(pair: &Pair) -> Result<Option<String>, Flaw> {
    let line = pair.value;
    match line.text.as_bytes() {
        [] | [b'#', ..] => Ok(None),
        [b'"', ..] => double_quoted(line).map(Some),
        [b'\'', ..] => single_quoted(line).map(Some),
        [
            b'&' | b'*' | b'!' | b'|' | b'>' | b'%' | b'@' | b'`' | b'[' | b']' | b'{' | b'}'
            | b',',
            ..,
        ] => Err(line.flaw("only plain and quoted values are read here")),
        _ => plain(line),
    }
}

fn plain(line: Line) -> Result<Option<String>, Flaw> {
    let comment = line.text.find(" #").or_else(|| line.text.find("\t#"));
    let text = comment
        .and_then(|at| line.text.get(..at))
        .unwrap_or(line.text)
        .trim_end();
    if line.is_item() || text.starts_with("? ") || text.contains(": ") || text.ends_with(':') {
        return Err(line.flaw("expected a single value"));
    }
    Ok(match text {
        "~" | "null" | "Null" | "NULL" => None,
        text => Some(text.to_owned()),
    })
}

fn single_quoted(line: Line) -> Result<String, Flaw> {
    let mut text = String::new();
    let mut letters = line.text.chars();
    letters.next();
    while let Some(letter) = letters.next() {
        if letter != '\'' {
            text.push(letter);
        } else if letters.as_str().starts_with('\'') {
            letters.next();
            text.push('\'');
        } else {
            return nothing_follows(line, letters.as_str()).map(|()| text);
        }
    }
    Err(line.flaw("a quote that does not end on its line"))
}

fn double_quoted(line: Line) -> Result<String, Flaw> {
    let mut text = String::new();
    let mut letters = line.text.chars();
    letters.next();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return nothing_follows(line, letters.as_str()).map(|()| text),
            '\\' => {
                let escaped = letters.next().and_then(|letter| match letter {
                    'x' => code(&mut letters, 2),
                    'u' => code(&mut letters, 4),
                    'U' => code(&mut letters, 8),
                    letter => escape(letter),
                });
                text.push(escaped.ok_or_else(|| line.flaw("an escape that is not read here"))?);
            }
            letter => text.push(letter),
        }
    }
    Err(line.flaw("a quote that does not end on its line"))
}

fn escape(letter: char) -> Option<char> {
    Some(match letter {
        '"' | '\\' | '/' | ' ' => letter,
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        _ => return None,
    })
}

/// The character of so many hexadecimal digits.
fn code(letters: &mut std::str::Chars, digits: usize) -> Option<char> {
    let mut number = 0;
    for _ in 0..digits {
        number = number * 16 + letters.next()?.to_digit(16)?;
    }
    char::from_u32(number)
}

fn nothing_follows(line: Line, rest: &str) -> Result<(), Flaw> {
    let blank = rest.trim_start();
    if blank.is_empty() || blank.len() < rest.len() && blank.starts_with('#') {
        return Ok(());
    }
    Err(line.flaw("more text after a quoted value"))
}
