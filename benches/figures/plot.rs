//! The plot: time, memory and requests against the number of jobs, both axes logarithmic.

use std::fmt::Write;

const WIDTH: f64 = 260.0;
const HEIGHT: f64 = 200.0;
const COLOURS: [&str; 4] = ["#2f81f7", "#d29922", "#3fb950", "#db61a2"];

/// One command's line in a panel: jobs and value.
pub struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// Panels side by side; the colours read on light and on dark pages.
pub fn svg(panels: &[(&str, Vec<Line>)]) -> String {
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} 290\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#848d97\">\n",
        panels.len() * 330
    );
    let mut left = 50.0;
    for (title, lines) in panels {
        panel(&mut text, left, title, lines);
        left += 330.0;
    }
    text.push_str("</svg>\n");
    text
}

fn panel(text: &mut String, left: f64, title: &str, lines: &[Line]) {
    let all = || lines.iter().flat_map(|line| &line.points);
    let (from_x, to_x) = decades(all().map(|point| point.0));
    let (from_y, to_y) = decades(all().map(|point| point.1));
    let x = |value: f64| left + WIDTH * (value.log10() - from_x) / (to_x - from_x);
    let y = |value: f64| 30.0 + HEIGHT * (1.0 - (value.log10() - from_y) / (to_y - from_y));
    let _ = writeln!(
        text,
        "<text x=\"{left}\" y=\"18\" font-size=\"13\">{title}</text>"
    );
    let mut grid = |from: f64, to: f64, is_x: bool| {
        let mut decade = from;
        while decade <= to {
            let value = 10_f64.powf(decade);
            let (x1, y1, x2, y2) = if is_x {
                (x(value), 30.0, x(value), 30.0 + HEIGHT)
            } else {
                (left, y(value), left + WIDTH, y(value))
            };
            let _ = writeln!(
                text,
                "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"#848d97\" stroke-opacity=\"0.3\"/>"
            );
            let (x, y, anchor) = if is_x {
                (x1, HEIGHT + 45.0, "middle")
            } else {
                (left - 4.0, y1 + 4.0, "end")
            };
            let _ = writeln!(
                text,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{value}</text>"
            );
            decade += 1.0;
        }
    };
    grid(from_x, to_x, true);
    grid(from_y, to_y, false);
    for (number, line) in lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let points = line.points.iter();
        let points = points.map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1)));
        let points = points.collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            text,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        let at = HEIGHT + 62.0 + 14.0 * f64::from(u8::try_from(number / 2).unwrap());
        let column = left + if number % 2 == 0 { 0.0 } else { 130.0 };
        let _ = writeln!(
            text,
            "<text x=\"{column}\" y=\"{at}\" fill=\"{colour}\">{}</text>",
            line.name
        );
    }
}

/// The whole powers of ten around the values.
fn decades(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let least = values.clone().fold(f64::MAX, f64::min).log10().floor();
    let most = values.fold(f64::MIN_POSITIVE, f64::max).log10().ceil();
    (least, most.max(least + 1.0))
}
