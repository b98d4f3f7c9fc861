//! Colours, where the log shows them.

use crate::host::Vars;
use crate::model::Status;

/// `--color WHEN`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// In CI, whose log shows colours, and on terminals, unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// The parser of the command line has checked the word.
    pub fn of(word: Option<&str>) -> Self {
        match word {
            Some("always") => Self::Always,
            Some("never") => Self::Never,
            _ => Self::Auto,
        }
    }
}

/// Whether one stream gets colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    on: bool,
}

impl Style {
    pub const PLAIN: Self = Self { on: false };

    pub fn choose(color: Color, vars: &Vars, terminal: bool) -> Self {
        let on = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !set(vars, "NO_COLOR") && for_people(vars, terminal),
        };
        Self { on }
    }

    /// Puts text in its colour at the end of a line.
    pub fn paint(self, line: &mut String, text: &str, paint: Paint) {
        match paint.code().filter(|_| self.on && !text.is_empty()) {
            None => line.push_str(text),
            Some(code) => line.extend(["\u{1b}[", code, "m", text, "\u{1b}[0m"]),
        }
    }
}

/// A person reads it: on a terminal, or in the log of a job.
pub fn for_people(vars: &Vars, terminal: bool) -> bool {
    terminal || set(vars, "CI") || set(vars, "GITLAB_CI")
}

/// A value that is not UTF-8 is a value, too.
fn set(vars: &Vars, name: &str) -> bool {
    !matches!(vars.get(name), Ok(None))
}

/// What a colour says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paint {
    #[default]
    Plain,
    Good,
    Bad,
    /// Allowed to fail, waiting for a person.
    Warning,
    /// Under way.
    Busy,
    /// Over without effect, or not begun.
    Dim,
    Strong,
}

impl Paint {
    /// The status of a job or pipeline, as GitLab colours it: the same in lines and tables.
    pub fn status(status: &Status, allow_failure: bool) -> Self {
        match status {
            Status::Success => Self::Good,
            Status::Failed if allow_failure => Self::Warning,
            Status::Failed => Self::Bad,
            Status::Running | Status::Preparing => Self::Busy,
            Status::Pending | Status::WaitingForResource | Status::WaitingForCallback => {
                Self::Warning
            }
            Status::Manual => Self::Strong,
            Status::Canceling | Status::Canceled | Status::Skipped => Self::Dim,
            Status::Created | Status::Scheduled => Self::Dim,
            Status::Unknown(_) => Self::Plain,
        }
    }

    /// Select graphic rendition, ECMA-48.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("32"),
            Self::Bad => Some("31"),
            Self::Warning => Some("33"),
            Self::Busy => Some("34"),
            Self::Dim => Some("90"),
            Self::Strong => Some("1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_on_where_the_log_shows_them() {
        use Color::{Always, Auto, Never};
        let ci: &[(&str, &str)] = &[("CI", "true")];
        for (color, vars, terminal, expected) in [
            (Auto, &[][..], false, false),
            (Auto, &[], true, true),
            (Auto, ci, false, true),
            (Auto, &[("GITLAB_CI", "true")], false, true),
            (Auto, &[("CI", "")], false, false),
            (Auto, &[("CI", "true"), ("NO_COLOR", "1")], true, false),
            (Auto, &[("CI", "true"), ("NO_COLOR", "")], false, true),
            (Always, &[("NO_COLOR", "1")], false, true),
            (Never, ci, true, false),
        ] {
            let vars = Vars::new(vars.iter().map(|(name, value)| (name.into(), value.into())));
            let style = Style::choose(color, &vars, terminal);
            assert_eq!(style.on, expected, "{color:?} {terminal}");
        }
    }

    #[test]
    fn a_failure_that_is_allowed_has_another_colour() {
        let of = |word, allowed| Paint::status(&Status::parse(word), allowed);
        assert_eq!(of("failed", false), Paint::Bad);
        assert_eq!(of("failed", true), Paint::Warning);
        assert_eq!(of("success", true), Paint::Good);
        assert_eq!(of("brand_new", false), Paint::Plain);
    }
}
