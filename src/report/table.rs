//! A table of texts, for terminals and for Markdown.

/// On which side a column's texts end up flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// What the second line of a row begins with.
const INDENT: &str = "    ";
/// Columns that a heading keeps, however narrow the screen is.
const HEADING_MIN: usize = 10;

/// A table of texts with a heading.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(String, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows. Columns whose name starts with `<` hold words, all others numbers.
    pub fn new(columns: &[&str]) -> Self {
        let column = |name: &&str| match name.strip_prefix('<') {
            Some(name) => (name.to_owned(), Side::Left),
            None => ((*name).to_owned(), Side::Right),
        };
        Self { columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row; cells that are missing stay empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.columns.len(), String::new());
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Aligned by spaces, one line a row; the first column is cut where lines would be wider than `width`.
    pub fn plain(&self, width: usize) -> Vec<String> {
        let mut widths = self.widths();
        let rest: usize = widths.iter().skip(1).map(|width| width + 2).sum();
        if let Some(first) = widths.first_mut() {
            *first = (*first).min(width.saturating_sub(rest).max(8));
        }
        self.all().map(|row| self.line(row, &widths, 0)).collect()
    }

    /// In lines of at most `width`: one a row if those are not too wide, with a first column that keeps two thirds of its width
    /// at least; two a row otherwise, of which the first has the first `leading` cells whole.
    pub fn fitted(&self, width: usize, leading: usize) -> Vec<String> {
        let widths = self.widths();
        let whole = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        let first = widths.first().copied().unwrap_or(0);
        if whole <= width || leading == 1 && whole - first / 3 <= width {
            return self.plain(width);
        }
        let mut widths = self.narrowed(leading, width.saturating_sub(INDENT.len()));
        widths.iter_mut().take(leading).for_each(|width| *width = usize::MAX);
        let lines = self.all().flat_map(|row| {
            let named = row[..leading.min(row.len())].join("  ");
            let named = match named.chars().count() > width {
                true => super::words::wrapped(&named, "  ", width),
                false => vec![named],
            };
            named.into_iter().chain([format!("{INDENT}{}", self.line(row, &widths, leading))])
        });
        lines.collect()
    }

    /// The headings and all rows.
    fn all(&self) -> impl Iterator<Item = Vec<&str>> {
        let headings = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        std::iter::once(headings).chain(self.rows.iter().map(|row| row.iter().map(String::as_str).collect()))
    }

    /// The widest text of each column.
    fn widths(&self) -> Vec<usize> {
        let of = |column: usize| self.all().map(|row| row[column].chars().count()).max().unwrap_or(0);
        (0..self.columns.len()).map(of).collect()
    }

    /// Widths at which the columns from `first` on take `width` together, if their headings can give way for that.
    fn narrowed(&self, first: usize, width: usize) -> Vec<usize> {
        let cell = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let cells: Vec<usize> = (0..self.columns.len()).map(cell).collect();
        let at_most = |longest: usize| -> Vec<usize> {
            let headings = self.columns.iter().map(|(name, _)| name.chars().count().min(longest));
            headings.zip(&cells).map(|(heading, cell)| heading.max(*cell)).collect()
        };
        let fits =
            |widths: &Vec<usize>| widths[first..].iter().map(|width| width + 2).sum::<usize>() <= width + 2;
        let longest = self.columns.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        (HEADING_MIN..=longest).rev().map(at_most).find(fits).unwrap_or_else(|| at_most(HEADING_MIN))
    }

    /// A cell of a column that is longer than `width`, cut so that it does not read like another one.
    fn cut(&self, cell: &str, column: usize, width: usize) -> String {
        let others: Vec<&str> = match column {
            0 => self.all().map(|row| row[0]).collect(),
            _ => self.columns.iter().map(|(name, _)| name.as_str()).collect(),
        };
        super::words::cut_apart(cell, width, &others)
    }

    /// The cells of a row from the column `from` on, each in its width; those that are longer are cut.
    fn line(&self, row: Vec<&str>, widths: &[usize], from: usize) -> String {
        let cells = row.iter().zip(widths).zip(&self.columns).enumerate().skip(from);
        let cells = cells.map(|(number, ((cell, width), (_, side)))| {
            let cell = if cell.chars().count() > *width {
                self.cut(cell, number, *width)
            } else {
                (*cell).to_owned()
            };
            match side {
                Side::Left => format!("{cell:<width$}"),
                Side::Right => format!("{cell:>width$}"),
            }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let cells =
            |row: &mut dyn Iterator<Item = String>| format!("| {} |\n", row.collect::<Vec<_>>().join(" | "));
        let mut text = cells(&mut self.columns.iter().map(|(name, _)| escaped(name)));
        text += &cells(&mut self.columns.iter().map(|(_, side)| match side {
            Side::Left => "---".to_owned(),
            Side::Right => "---:".to_owned(),
        }));
        self.rows.iter().for_each(|row| text += &cells(&mut row.iter().map(|cell| escaped(cell))));
        text
    }
}

/// A text that no Markdown reader takes for markup or for the end of a cell.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => safe.push(' '),
            '|' | '*' | '<' | '`' | '\\' | '[' => safe.extend(['\\', letter]),
            _ => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_too_wide_takes_two_lines_and_keeps_every_letter_of_its_cells() {
        let mut table =
            Table::new(&["<figure", "a-variant-with-a-name", "a-variant-with-another", "difference"]);
        let path = "tables.orders.kinesis.latency.p99";
        table.row([path.into(), "123.45 ms".into(), "1.5 s".into(), "+1.38 s".into()]);
        assert_eq!(table.fitted(200, 1), table.plain(200));
        let lines = table.fitted(44, 1);
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.chars().count() <= 44), "{lines:?}");
        assert_eq!(lines[2], path);
        assert!(["123.45 ms", "1.5 s", "+1.38 s"].iter().all(|cell| lines[3].contains(cell)), "{lines:?}");
        let headings: Vec<&str> = lines[1].split_whitespace().collect();
        assert!(headings.len() == 3 && headings[0] != headings[1], "{lines:?}");
    }

    #[test]
    fn words_are_flush_left_and_numbers_right_and_the_first_column_gives_way() {
        let mut table = Table::new(&["<leg", "p50"]);
        table.row(["a-long-name-of-a-leg".into(), "1 ms".into()]);
        table.row(["b|c".into(), "900 ms".into()]);
        assert_eq!(table.plain(18), ["leg            p50", "a-long-na…    1 ms", "b|c         900 ms"]);
        // Two names that would read the same keep what tells them apart.
        let mut table = Table::new(&["<figure", "p50"]);
        let names = ["tables.orders.streams.latency.p99", "tables.orders.kinesis.latency.p99"];
        names.into_iter().for_each(|name| table.row([name.into(), "1 ms".into()]));
        let lines = table.plain(26);
        assert!(lines.iter().all(|line| line.chars().count() <= 26) && lines[1] != lines[2], "{lines:?}");
        let mut table = Table::new(&["<leg", "p50"]);
        table.row(["a-long-name-of-a-leg".into(), "1 ms".into()]);
        table.row(["b|c".into(), "900 ms".into()]);
        assert!(table.markdown().ends_with("| b\\|c | 900 ms |\n"));
        assert!(table.markdown().starts_with("| leg | p50 |\n| --- | ---: |\n"));
    }
}
