//! Tables for the log of a job: columns that line up, also with wide characters, no wider than the log.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::iter::repeat_n;

use super::style::{Paint, Style};
use super::text;

/// One column with its title, in upper case. It is left out if no row has a text there; a table without any title has no title line.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// Ids and statuses: never cut.
    Left(&'static str),
    /// Numbers and durations.
    Right(&'static str),
    /// Names: cut where people read.
    Name(&'static str),
    /// Words, in the last column only: what does not fit goes below.
    Text(&'static str),
}

impl Column {
    fn title(&self) -> &'static str {
        let (Self::Left(title) | Self::Right(title) | Self::Name(title) | Self::Text(title)) = self;
        title
    }
}

/// Columns that the log of a job shows.
pub const WIDTH: usize = 110;
/// Columns of the longest and the shortest name that people are shown: how far it is cut depends on the other columns.
const LONGEST_NAME: usize = 40;
const SHORTEST_NAME: usize = 12;
/// Blanks between columns.
const GAP: usize = 2;

/// Rows of text, kept in one piece: a table of 10,000 jobs stays small.
#[derive(Debug)]
pub struct Table {
    columns: &'static [Column],
    text: String,
    /// For each row one cell per column, and one for the link below it: where its text ends. It begins where the one before ends.
    cells: Vec<(usize, Paint)>,
    widths: Vec<usize>,
    /// What links that do not stand below their rows have before the id.
    bases: BTreeSet<String>,
}

impl Table {
    pub fn new(columns: &'static [Column]) -> Self {
        Self {
            columns,
            text: String::new(),
            cells: Vec::new(),
            widths: vec![0; columns.len()],
            bases: BTreeSet::new(),
        }
    }

    /// Adds a row. Text from a server is welcome as it is; cells that are left out are empty.
    pub fn row(&mut self, cells: &[(&str, Paint)]) {
        let cells = cells
            .iter()
            .copied()
            .chain(std::iter::repeat(("", Paint::Dim)));
        for ((text, paint), widest) in cells.zip(&mut self.widths) {
            let text = text::visible(text);
            *widest = text::width(&text).max(*widest);
            self.text.push_str(&text);
            self.cells.push((self.text.len(), paint));
        }
        self.cells.push((self.text.len(), Paint::Dim));
    }

    /// The link of the last row stands below it.
    pub fn link(&mut self, url: &str) {
        self.text.push_str(&text::visible(url));
        if let Some((end, _)) = self.cells.last_mut() {
            *end = self.text.len();
        }
    }

    /// The link of a row without a line of its own: what such links have in common stands once, below the table, and they end with the ids of
    /// their rows.
    pub fn listed(&mut self, url: &str) {
        self.bases
            .extend(url.rsplit_once('/').map(|(base, _)| base.to_owned()));
    }

    /// The text of all cells.
    pub fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Hands out the rows, each with its line breaks. `width`: of the log that people read; without it nothing is cut or goes below.
    pub fn print(&self, style: Style, width: Option<usize>, put: &mut dyn FnMut(&str)) {
        let layout = Layout {
            columns: self.columns,
            widths: self.widths(width),
            style,
            width: width.unwrap_or(usize::MAX),
        };
        let titles = self.columns.iter().map(|c| (c.title(), Paint::Dim));
        let titles = layout.row(&titles.collect::<Vec<_>>());
        // The title of texts stands there only if it fits.
        if let Some(titles) = titles.lines().next().filter(|line| !line.is_empty()) {
            put(&format!("{titles}\n"));
        }
        let mut start = 0;
        for row in self.cells.chunks(self.columns.len() + 1) {
            let cells = row.iter().map(|(end, paint)| {
                let text = self.text.get(start..*end).unwrap_or_default();
                start = *end;
                (text, *paint)
            });
            put(&layout.row(&cells.collect::<Vec<_>>()));
        }
        if let (Some(base), 1) = (self.bases.first(), self.bases.len()) {
            let (mut line, base) = (String::new(), text::visible(base));
            style.paint(&mut line, &format!("links: {base}/ID"), Paint::Dim);
            put(&(line + "\n"));
        }
    }

    /// How wide each column is: 0 if it is left out. Names give way to what must not be cut, the last ones first.
    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let mut widths = self.widths.clone();
        let mut all = 0;
        let shown = widths.iter_mut().zip(self.columns);
        for (wide, column) in shown.filter(|(wide, _)| **wide > 0) {
            *wide = text::width(column.title()).max(*wide);
            match column {
                Column::Name(_) if width.is_some() => *wide = LONGEST_NAME.min(*wide),
                Column::Text(_) => continue,
                _ => {}
            }
            all += *wide + GAP;
        }
        let mut excess = width.map_or(0, |width| all.saturating_sub(width + GAP));
        for (wide, column) in widths.iter_mut().zip(self.columns).rev() {
            if let Column::Name(_) = column {
                let less = wide.saturating_sub(SHORTEST_NAME).min(excess);
                (*wide, excess) = (*wide - less, excess - less);
            }
        }
        widths
    }
}

/// Where the columns of a table stand.
struct Layout {
    columns: &'static [Column],
    widths: Vec<usize>,
    style: Style,
    width: usize,
}

impl Layout {
    /// A row with the lines that belong below it.
    fn row(&self, cells: &[(&str, Paint)]) -> String {
        let mut row = String::new();
        let lead = lead(cells.first().map_or("", |(name, _)| name));
        let mut at = 0;
        let columns = self.columns.iter().zip(&self.widths).zip(cells);
        for ((column, wide), (text, paint)) in columns.filter(|((_, wide), _)| **wide > 0) {
            let text = match column {
                Column::Name(_) => text::cut(text, *wide),
                _ => Cow::Borrowed(*text),
            };
            let free = wide.saturating_sub(text::width(&text));
            let (before, after) = match column {
                Column::Text(_) => {
                    self.text(&mut row, &text, *paint, at, &lead);
                    break;
                }
                Column::Right(_) => (free, GAP),
                _ => (0, free + GAP),
            };
            row.extend(repeat_n(' ', before));
            self.style.paint(&mut row, &text, *paint);
            row.extend(repeat_n(' ', after));
            at += wide + GAP;
        }
        row.truncate(row.trim_end().len());
        if let Some((link, paint)) = cells.get(self.columns.len())
            && !link.is_empty()
        {
            row.extend(["\n", &lead]);
            self.style.paint(&mut row, link, *paint);
        }
        row + "\n"
    }

    /// Words in the last column, which begins at this place of the row.
    fn text(&self, row: &mut String, text: &str, paint: Paint, at: usize, lead: &str) {
        if at + text::width(text) <= self.width {
            return self.style.paint(row, text, paint);
        }
        row.truncate(row.trim_end().len());
        for line in text::lines(text, self.width - text::width(lead)) {
            row.extend(["\n", lead]);
            self.style.paint(row, &line, paint);
        }
    }
}

/// What stands before a line below a row: the lines of a tree go on there.
fn lead(name: &str) -> String {
    let drawn = name.chars().take_while(|c| "│├└─ ".contains(*c));
    let drawn = drawn.collect::<String>().replace('├', "│");
    drawn.replace(['└', '─'], " ") + "  "
}

/// Visits the items of a tree, each with the lines that stand before its name. Nothing is `above` the first level, which has no lines.
pub fn tree<'t, T>(
    items: &'t [T],
    below: fn(&T) -> &[T],
    above: Option<&str>,
    each: &mut dyn FnMut(&str, &'t T),
) {
    for (index, item) in items.iter().enumerate() {
        let (branch, line) = match above {
            None => ("", ""),
            Some(_) if index + 1 == items.len() => ("└─ ", "   "),
            Some(_) => ("├─ ", "│  "),
        };
        let above = above.unwrap_or_default();
        each(&format!("{above}{branch}"), item);
        tree(below(item), below, Some(&format!("{above}{line}")), each);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_raw_string_hashes)]

    use expect_test::expect;

    use super::*;

    const COLUMNS: &[Column] = &[
        Column::Right("ID"),
        Column::Name("NAME"),
        Column::Left("STATUS"),
        Column::Left(""),
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
              ID  NAME          STATUS
               7  日本語        success
            1234  b                      https://gitlab.example/x
                  evil\u{…long

        "#]];
        expected.assert_eq(&printed(&jobs(), Style::PLAIN, Some(30)));
        let wide = printed(&jobs(), Style::PLAIN, Some(WIDTH));
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
        const BARE: &[Column] = &[Column::Left(""), Column::Left("")];
        let mut table = Table::new(BARE);
        assert_eq!(printed(&table, Style::PLAIN, None), "");
        table.row(&[("id", Paint::Plain), ("1", Paint::Plain)]);
        assert_eq!(printed(&table, Style::PLAIN, None), "id  1\n");
        assert_eq!(printed(&Table::new(&[]), Style::PLAIN, Some(3)), "");
    }

    #[test]
    fn a_tree_is_drawn_below_its_first_level() {
        struct Item(&'static str, Vec<Item>);
        let leaf = |name| Item(name, vec![]);
        let two = Item("two", vec![leaf("three"), leaf("four")]);
        let items = [Item("one", vec![two, Item("five", vec![leaf("six")])])];
        let mut lines = Vec::new();
        tree(&items, |item| &item.1, None, &mut |prefix, item| {
            lines.push(format!("{prefix}{}", item.0));
        });
        let expected = "one|├─ two|│  ├─ three|│  └─ four|└─ five|   └─ six";
        assert_eq!(lines.join("|"), expected);
    }
}
