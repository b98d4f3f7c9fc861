//! Columns that line up, also with wide characters.

use super::style::{Paint, Style};
use super::text;

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Upper case; a table without any title has no title line.
    pub title: &'static str,
    /// Numbers and durations stand on the right.
    pub right: bool,
    /// May be cut where a terminal is too narrow. Ids, statuses and links never are.
    pub cuts: bool,
}

impl Column {
    pub const fn left(title: &'static str) -> Self {
        Self {
            title,
            right: false,
            cuts: false,
        }
    }

    pub const fn right(title: &'static str) -> Self {
        Self {
            right: true,
            ..Self::left(title)
        }
    }

    /// A name: cut on narrow terminals.
    pub const fn name(title: &'static str) -> Self {
        Self {
            cuts: true,
            ..Self::left(title)
        }
    }
}

/// Blanks between columns.
const GAP: usize = 2;

/// Rows of text, kept in one piece: a table of 10,000 jobs stays small.
#[derive(Debug)]
pub struct Table {
    columns: &'static [Column],
    text: String,
    cells: Vec<Cell>,
    widths: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    /// Where its text ends; it begins where the one before ends.
    end: usize,
    paint: Paint,
}

impl Table {
    pub fn new(columns: &'static [Column]) -> Self {
        let mut table = Self {
            columns,
            text: String::new(),
            cells: Vec::new(),
            widths: vec![0; columns.len()],
        };
        if columns.iter().any(|column| !column.title.is_empty()) {
            let titles: Vec<_> = columns.iter().map(|c| (c.title, Paint::Dim)).collect();
            table.row(&titles);
        }
        table
    }

    /// Adds a row. Text from a server is welcome as it is; cells that are left out are empty.
    pub fn row(&mut self, cells: &[(&str, Paint)]) {
        debug_assert!(cells.len() <= self.columns.len());
        let cells = cells.iter().copied();
        let cells = cells.chain(std::iter::repeat(("", Paint::Plain)));
        for ((text, paint), widest) in cells.zip(&mut self.widths) {
            let text = text::visible(text);
            *widest = text::width(&text).max(*widest);
            self.text.push_str(&text);
            self.cells.push(Cell {
                end: self.text.len(),
                paint,
            });
        }
    }

    /// The text of all cells.
    pub fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Hands out the lines, each with its line break. Only names are cut, to `longest` columns.
    pub fn print(&self, style: Style, longest: Option<usize>, put: &mut dyn FnMut(&str)) {
        let cut = |(width, column): (&usize, &Column)| match longest {
            Some(longest) if column.cuts => longest.min(*width),
            _ => *width,
        };
        let widths: Vec<usize> = self.widths.iter().zip(self.columns).map(cut).collect();
        let mut line = String::new();
        let mut start = 0;
        for row in self.cells.chunks(self.columns.len().max(1)) {
            line.clear();
            // Blanks are owed until a text follows, so that no line ends with them.
            let mut owed = 0;
            for ((cell, column), width) in row.iter().zip(self.columns).zip(&widths) {
                let full = self.text.get(start..cell.end).unwrap_or_default();
                start = cell.end;
                let text = if column.cuts {
                    text::cut(full, *width)
                } else {
                    full.into()
                };
                let free = width.saturating_sub(text::width(&text));
                let (before, after) = if column.right { (free, 0) } else { (0, free) };
                if text.is_empty() {
                    owed += width + GAP;
                    continue;
                }
                line.extend(std::iter::repeat_n(' ', owed + before));
                style.paint(&mut line, &text, cell.paint);
                owed = after + GAP;
            }
            line.push('\n');
            put(&line);
        }
    }
}

/// What stands before an item of a tree: for each level whether the item, or its ancestor there, is the last of its siblings.
pub fn branch(path: &[bool]) -> String {
    let mut prefix = String::new();
    if let Some((last, ancestors)) = path.split_last() {
        for ancestor in ancestors {
            prefix.push_str(if *ancestor { "   " } else { "│  " });
        }
        prefix.push_str(if *last { "└─ " } else { "├─ " });
    }
    prefix
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_raw_string_hashes)]

    use expect_test::expect;

    use super::*;

    const COLUMNS: &[Column] = &[
        Column::right("ID"),
        Column::name("NAME"),
        Column::left("STATUS"),
        Column::left(""),
    ];

    fn printed(table: &Table, style: Style, width: Option<usize>) -> String {
        let mut all = String::new();
        table.print(style, width, &mut |line| all.push_str(line));
        all
    }

    fn jobs() -> Table {
        let mut table = Table::new(COLUMNS);
        let plain = |text| (text, Paint::Plain);
        table.row(&[plain("7"), plain("日本語"), ("success", Paint::Good)]);
        table.row(&[
            plain("1234"),
            plain("b"),
            plain(""),
            plain("https://gitlab.example/x"),
        ]);
        table.row(&[plain(""), plain("evil\u{1b}[2J\nname that is long")]);
        table.row(&[]);
        table
    }

    #[test]
    fn columns_line_up_and_no_line_ends_with_a_blank() {
        expect![[r#"
              ID  NAME                              STATUS
               7  日本語                            success
            1234  b                                          https://gitlab.example/x
                  evil\u{1b}[2J\nname that is long

        "#]]
        .assert_eq(&printed(&jobs(), Style::PLAIN, None));
    }

    #[test]
    fn only_names_are_cut() {
        let expected = expect![[r#"
              ID  NAME                STATUS
               7  日本語              success
            1234  b                            https://gitlab.example/x
                  evil\u{1b}[2J\nna…

        "#]];
        expected.assert_eq(&printed(&jobs(), Style::PLAIN, Some(18)));
        let wide = printed(&jobs(), Style::PLAIN, Some(40));
        assert_eq!(wide, printed(&jobs(), Style::PLAIN, None));
    }

    #[test]
    fn colours_take_no_room() {
        let style = Style::choose(
            super::super::style::Color::Always,
            &crate::host::Vars::default(),
            false,
        );
        let colored = printed(&jobs(), style, None);
        assert!(
            colored.contains("  \u{1b}[32msuccess\u{1b}[0m\n"),
            "{colored}"
        );
        let mut plain = colored;
        for code in ["\u{1b}[32m", "\u{1b}[90m", "\u{1b}[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, printed(&jobs(), Style::PLAIN, None));
    }

    #[test]
    fn a_table_without_titles_or_rows_prints_nothing() {
        const BARE: &[Column] = &[Column::left(""), Column::left("")];
        let mut table = Table::new(BARE);
        assert_eq!(printed(&table, Style::PLAIN, None), "");
        table.row(&[("id", Paint::Plain), ("1", Paint::Plain)]);
        assert_eq!(printed(&table, Style::PLAIN, None), "id  1\n");
        assert_eq!(printed(&Table::new(&[]), Style::PLAIN, Some(3)), "");
    }

    #[test]
    fn a_tree_is_drawn_from_paths() {
        for (path, expected) in [
            (&[][..], ""),
            (&[false], "├─ "),
            (&[true], "└─ "),
            (&[false, true, false], "│     ├─ "),
        ] {
            assert_eq!(branch(path), expected);
        }
    }
}
