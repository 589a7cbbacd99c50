//! A table of texts, for terminals and for Markdown.

/// On which side a column's texts end up flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

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
        let headings: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let all = || std::iter::once(&headings).chain(&self.rows);
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|column| all().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        let rest: usize = widths.iter().skip(1).map(|width| width + 2).sum();
        if let Some(first) = widths.first_mut() {
            *first = (*first).min(width.saturating_sub(rest).max(8));
        }
        let firsts: Vec<&str> = all().filter_map(|row| row.first()).map(String::as_str).collect();
        let first = |cell: &str, width: usize| super::words::cut_apart(cell, width, &firsts);
        let line = |row: &Vec<String>| {
            let numbered = row.iter().zip(&widths).zip(&self.columns).enumerate();
            let cells = numbered.map(|(number, ((cell, width), (_, side)))| {
                let cell = if number == 0 { first(cell, *width) } else { cell.clone() };
                match side {
                    Side::Left => format!("{cell:<width$}"),
                    Side::Right => format!("{cell:>width$}"),
                }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        all().map(line).collect()
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
