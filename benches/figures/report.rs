//! The page: tables in Markdown, and whether each goal is met.

use std::fmt::Write;

/// The text of `docs/figures.md`, as it grows.
#[derive(Default)]
pub struct Page(pub String);

/// A figure that the design names a goal for.
pub struct Goal {
    figure: &'static str,
    unit: &'static str,
    limit: Option<f64>,
    most: f64,
    measured: Result<f64, String>,
    reason: String,
}

impl Page {
    pub fn text(&mut self, text: &str) {
        let _ = writeln!(self.0, "{text}");
    }

    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let _ = writeln!(self.0, "\n| {} |", head.join(" | "));
        let _ = writeln!(self.0, "|---|{}", "--:|".repeat(head.len() - 1));
        for row in rows {
            let _ = writeln!(self.0, "| {} |", row.join(" | "));
        }
    }

    /// The text with a list of its headings above the first of them.
    pub fn with_contents(&self) -> String {
        let (head, rest) = self.0.split_once("\n## ").unwrap();
        let titles = self.0.lines().filter_map(|line| line.strip_prefix("## "));
        let links = titles.map(|title| {
            let letters = title.chars().flat_map(char::to_lowercase);
            let letters =
                letters.filter(|letter| letter.is_alphanumeric() || " -".contains(*letter));
            let anchor = letters.collect::<String>().replace(' ', "-");
            format!("[{title}](#{anchor})")
        });
        let links = links.collect::<Vec<_>>().join(" ·\n");
        format!("{head}\n{links}\n\n## {rest}")
    }

    pub fn goals(&mut self, goals: &[Goal]) {
        let head = ["figure", "limit", "goal", "measured", "goal is"];
        let rows: Vec<_> = goals.iter().map(Goal::row).collect();
        self.table(&head, &rows);
        for goal in goals.iter().filter(|goal| !goal.is_met()) {
            if let (Ok(_), reason) = (&goal.measured, &goal.reason) {
                let _ = writeln!(self.0, "\n{}: {reason}.", goal.figure);
            }
        }
    }
}

impl Goal {
    /// An error in place of a measured value says why there is none.
    pub fn new(
        figure: &'static str,
        unit: &'static str,
        most: f64,
        measured: Result<f64, String>,
    ) -> Self {
        Self {
            figure,
            unit,
            limit: None,
            most,
            measured,
            reason: String::new(),
        }
    }

    /// What the figure may not pass, even where it misses its goal.
    pub fn limit(self, limit: f64) -> Self {
        let limit = Some(limit);
        Self { limit, ..self }
    }

    /// Why the goal is missed, if it is.
    pub fn because(self, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { reason, ..self }
    }

    fn is_met(&self) -> bool {
        self.measured.as_ref().is_ok_and(|seen| *seen <= self.most)
    }

    fn row(&self) -> Vec<String> {
        let show = |value: f64| {
            format!("{} {}", number(value), self.unit)
                .trim_end()
                .to_owned()
        };
        let limit = self.limit.map(show).unwrap_or_default();
        let (measured, met) = match &self.measured {
            Ok(seen) => (
                show(*seen),
                if self.is_met() { "met" } else { "**missed**" },
            ),
            Err(why) => (why.clone(), "not measured"),
        };
        vec![
            self.figure.to_owned(),
            limit,
            show(self.most),
            measured,
            met.to_owned(),
        ]
    }
}

/// Three digits where they say something; thousands apart.
pub fn number(value: f64) -> String {
    match value {
        _ if value >= 1000.0 => {
            let digits = format!("{value:.0}");
            let (thousands, rest) = digits.split_at(digits.len() - 3);
            format!("{thousands},{rest}")
        }
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ if value >= 0.1 => format!("{value:.2}"),
        _ if value == 0.0 => "0".to_owned(),
        _ => format!("{value:.4}"),
    }
}
