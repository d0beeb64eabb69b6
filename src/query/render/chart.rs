//! Series drawn with characters.
//!
//! Each character is a grid of two by four dots (Braille), so a line of 72 characters shows 144
//! periods. A period without a value leaves a gap. Periods stand in the order of the rows.

use std::fmt::Write;

/// Colours of the lines, as the terminal numbers them.
const COLOURS: [u8; 6] = [36, 33, 35, 32, 31, 34];
/// Lines that are told apart.
pub(super) const LINES_MAX: usize = COLOURS.len();
/// The width of a chart on paper of unknown size.
const WIDTH: usize = 100;
/// Its height.
const HEIGHT: usize = 20;
/// Characters of the numbers beside the axis.
const TICK_WIDTH: usize = 11;
/// Lines between two numbers on the axis.
const TICK_EVERY: usize = 4;

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// What it shows.
    pub(super) name: String,
    /// A value for each period; absent where there is none.
    pub(super) values: Vec<Option<f64>>,
}

/// What a chart is drawn on.
#[derive(Clone, Copy, Debug)]
pub struct Paper {
    /// Its width in characters.
    pub width: usize,
    /// The lines of the drawing itself, without axis and legend.
    pub height: usize,
    /// Whether lines may be told apart by the colours of a terminal.
    pub has_colours: bool,
}

impl Default for Paper {
    fn default() -> Self {
        Self { width: WIDTH, height: HEIGHT, has_colours: false }
    }
}

/// Draws lines over periods. Absent if there is no value to draw.
pub(super) fn draw(periods: &[String], lines: &[Line], paper: Paper) -> Option<String> {
    let values = || lines.iter().flat_map(|line| &line.values).flatten().filter(|v| v.is_finite());
    let low = values().copied().min_by(f64::total_cmp)?;
    let high = values().copied().max_by(f64::total_cmp)?;
    let (low, high) = if low < high { (low, high) } else { (low - 1.0, high + 1.0) };
    let columns = paper.width.saturating_sub(TICK_WIDTH + 2).max(10);
    let rows = paper.height.max(4);
    let mut canvas = Canvas::new(columns, rows);
    for (number, line) in lines.iter().enumerate() {
        canvas.line(line, periods.len(), (low, high), number);
    }
    let mut out = String::new();
    for row in 0..rows {
        let tick = if row % TICK_EVERY == 0 || row == rows - 1 {
            let share = share(row, rows - 1);
            number(high - (high - low) * share, high - low)
        } else {
            String::new()
        };
        let mark = if tick.is_empty() { '│' } else { '┤' };
        // Writing to a text cannot fail.
        let _ = writeln!(out, "{tick:>TICK_WIDTH$} {mark}{}", canvas.row(row, paper.has_colours));
    }
    out.push_str(&axis(periods, columns));
    if lines.len() > 1 {
        for (number, line) in lines.iter().enumerate() {
            let _ = write!(out, "  {} {}", coloured("━━", number, paper.has_colours), line.name);
        }
        out.push('\n');
    }
    Some(out)
}

/// The line below, with the first, the middle and the last period.
fn axis(periods: &[String], columns: usize) -> String {
    let indent = " ".repeat(TICK_WIDTH + 1);
    let mut line = vec![' '; columns];
    let places = [(0, 0), (periods.len() / 2, 1), (periods.len().saturating_sub(1), 2)];
    for (period, third) in places {
        let Some(text) = periods.get(period) else { continue };
        let length = text.chars().count();
        let start = match third {
            0 => 0,
            1 => (columns / 2).saturating_sub(length / 2),
            _ => columns.saturating_sub(length),
        };
        let free = line.iter().skip(start.saturating_sub(1)).take(length + 2).all(|c| *c == ' ');
        if free && start + length <= columns && (third == 0 || period > 0) {
            for (cell, c) in line.iter_mut().skip(start).zip(text.chars()) {
                *cell = c;
            }
        }
    }
    let text: String = line.into_iter().collect();
    format!("{indent}└{}\n{indent} {}\n", "─".repeat(columns), text.trim_end())
}

/// A number with as many digits as its neighbours on the axis need.
fn number(value: f64, range: f64) -> String {
    let digits = if range >= 100.0 {
        0
    } else if range >= 10.0 {
        1
    } else if range >= 1.0 {
        2
    } else {
        4
    };
    let text = format!("{value:.digits$}");
    if text.len() > TICK_WIDTH { format!("{value:.3e}") } else { text }
}

fn coloured(text: &str, number: usize, has_colours: bool) -> String {
    match COLOURS.get(number).filter(|_| has_colours) {
        Some(colour) => format!("\x1b[{colour}m{text}\x1b[0m"),
        None => text.to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "places on a screen")]
fn share(place: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { place as f64 / of as f64 }
}

/// Dots, two by four a character.
struct Canvas {
    columns: usize,
    /// The dots of each character, and the line that drew there last.
    cells: Vec<(u8, usize)>,
}

impl Canvas {
    fn new(columns: usize, rows: usize) -> Self {
        Self { columns, cells: vec![(0, 0); columns * rows] }
    }

    fn size(&self) -> (usize, usize) {
        (self.columns * 2, self.cells.len() / self.columns * 4)
    }

    /// Draws one line, with gaps where values are absent.
    fn line(&mut self, line: &Line, periods: usize, (low, high): (f64, f64), number: usize) {
        let (width, height) = self.size();
        let mut before: Option<(usize, usize)> = None;
        for (period, value) in line.values.iter().enumerate() {
            let Some(value) = value.filter(|value| value.is_finite()) else {
                before = None;
                continue;
            };
            let x = place(share(period, periods.saturating_sub(1)), width);
            let y = place((high - value) / (high - low), height);
            match before {
                Some(from) => self.stroke(from, (x, y), number),
                None => self.dot((x, y), number),
            }
            before = Some((x, y));
        }
    }

    fn stroke(&mut self, from: (usize, usize), to: (usize, usize), number: usize) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        for step in 0..=steps {
            let at = share(step, steps);
            let between = |from: usize, to: usize| {
                let distance = place(at, from.abs_diff(to) + 1);
                if to >= from { from + distance } else { from - distance }
            };
            self.dot((between(from.0, to.0), between(from.1, to.1)), number);
        }
    }

    fn dot(&mut self, (x, y): (usize, usize), number: usize) {
        // The bits of Braille, column by column, from the top.
        const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        if let Some(cell) = self.cells.get_mut(y / 4 * self.columns + x / 2) {
            cell.0 |= BITS[x % 2][y % 4];
            cell.1 = number;
        }
    }

    fn row(&self, row: usize, has_colours: bool) -> String {
        let cells = self.cells.iter().skip(row * self.columns).take(self.columns);
        let mut text = String::new();
        for (dots, number) in cells {
            if *dots == 0 {
                text.push(' ');
                continue;
            }
            let c = char::from_u32(0x2800 + u32::from(*dots)).unwrap_or(' ');
            text.push_str(&coloured(&c.to_string(), *number, has_colours));
        }
        text.trim_end().to_owned()
    }
}

/// The place of a share between 0 and 1 among so many.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place on a screen, kept within it"
)]
fn place(share: f64, count: usize) -> usize {
    let last = count.saturating_sub(1);
    ((share.clamp(0.0, 1.0) * last as f64).round() as usize).min(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAPER: Paper = Paper { width: 40, height: 5, has_colours: false };

    fn line(values: &[f64]) -> Line {
        Line { name: "USD".to_owned(), values: values.iter().map(|v| Some(*v)).collect() }
    }

    #[test]
    fn a_rising_line_goes_from_below_left_to_above_right() {
        let periods: Vec<String> = (2000..2010).map(|year| year.to_string()).collect();
        let values: Vec<f64> = (0..10).map(f64::from).collect();
        let text = draw(&periods, &[line(&values)], PAPER).expect("a chart");
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), 7, "{text}");
        assert!(rows[0].starts_with("       9.00 ┤"), "{text}");
        assert!(rows[4].starts_with("       0.00 ┤"), "{text}");
        assert!(rows[0].chars().count() > rows[4].chars().count(), "{text}");
        assert!(rows[6].contains("2000") && rows[6].ends_with("2009"), "{text}");
    }

    #[test]
    fn odd_data_is_drawn_or_refused_without_a_panic() {
        let periods = vec!["2000".to_owned()];
        assert!(draw(&periods, &[line(&[5.0])], PAPER).is_some());
        assert!(draw(&periods, &[line(&[f64::NAN])], PAPER).is_none());
        assert!(draw(&[], &[line(&[])], PAPER).is_none());
        let gap = Line { name: String::new(), values: vec![Some(1.0), None, Some(f64::INFINITY)] };
        let periods = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert!(draw(&periods, &[gap], Paper { width: 0, height: 0, has_colours: true }).is_some());
        let far = line(&[-1e300, 1e300, 0.0]);
        assert!(draw(&periods, &[far], PAPER).is_some());
    }
}
