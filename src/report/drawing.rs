//! The pipeline drawn left to right, with each stretch's figures.

use super::result::RunResult;
use super::result::flow::TableRow;
use super::result::objects::DeliveryRow;
use super::result::shards::StreamRow;
use super::result::sqs::QueueRow;
use super::words::{self, NONE};

/// What the drawing says of one stretch: its name and two lines of figures.
type Node = [String; 3];

/// Columns: producers, tables, the stream, readers.
const COLUMNS: usize = 4;

/// Nodes by row and column.
type Grid = Vec<[Option<Node>; COLUMNS]>;

/// The drawing, no wider than `width`: one block for each stream, and one for each table without a feed.
pub fn draw(result: &RunResult, width: usize) -> Vec<String> {
    let streams = result.shards.iter().map(|row| stream(result, row));
    let puts = result.objects.iter().filter(|delivery| delivery.reads == delivery.path);
    let puts = puts.map(|row| direct_put(result, row));
    let tables = result.tables.iter().filter(|table| table.kinesis.is_none() || table.streams.is_some());
    let tables = tables.map(|row| table(result, row));
    let queues = result.queues.iter().map(|row| queue(result, row));
    let blocks = streams.chain(puts).chain(tables).chain(queues);
    let blocks: Vec<_> = blocks.map(|grid| render(&grid, width)).collect();
    blocks.join(&String::new())
}

/// A stream with its producers, tables and readers.
fn stream(result: &RunResult, stream: &StreamRow) -> Grid {
    let mut grid = Grid::new();
    let feeds = |table: &&TableRow| table.kinesis.as_ref().is_some_and(|feed| feed.stream == stream.path);
    for table in result.tables.iter().filter(feeds) {
        left(result, table, &mut grid);
    }
    for producer in result.producers.iter().filter(|producer| producer.writes_to == stream.path) {
        let row = grid.len();
        put(&mut grid, row, 1, direct(result, producer));
    }
    let busiest = stream.worst.iter().filter_map(|shard| shard.utilisation_max).fold(0.0, f64::max);
    put(
        &mut grid,
        0,
        2,
        [
            stream.path.clone(),
            words::plural(u64::from(stream.shards), "shard"),
            format!("busiest second {}", words::percent(busiest)),
        ],
    );
    readers(result, &stream.path, &mut grid);
    grid
}

/// A Firehose that takes puts.
fn direct_put(result: &RunResult, delivery: &DeliveryRow) -> Grid {
    let mut grid = Grid::new();
    for producer in result.producers.iter().filter(|producer| producer.writes_to == delivery.path) {
        let row = grid.len();
        put(&mut grid, row, 1, direct(result, producer));
    }
    let channels = delivery.direct_put.as_ref().and_then(|it| it.scales.last()).map_or(1, |it| it.scale);
    let node = ["Direct PUT".to_owned(), words::plural(u64::from(channels), "channel"), String::new()];
    put(&mut grid, 0, 2, node);
    readers(result, &delivery.path, &mut grid);
    grid
}

/// A table whose changes go nowhere, or into its own stream.
fn table(result: &RunResult, table: &TableRow) -> Grid {
    let mut grid = Grid::new();
    left(result, table, &mut grid);
    if let Some(streams) = &table.streams {
        let path = format!("{}.streams", table.path);
        let leg = format!("{path}.latency");
        let shards = words::plural(streams.open_shards, "open shard");
        put(&mut grid, 0, 2, [path.clone(), shards, format!("visible p99 {}", p99(result, &leg))]);
        readers(result, &path, &mut grid);
    }
    grid
}

/// A queue between its senders and its readers.
fn queue(result: &RunResult, queue: &QueueRow) -> Grid {
    let mut grid = Grid::new();
    for (row, sender) in queue.fed_by.iter().enumerate() {
        put(&mut grid, row, 1, [sender.clone(), String::new(), String::new()]);
    }
    let again = format!("{} received again", words::count(queue.received_again));
    let oldest = queue.oldest_max_ms.map_or(NONE.into(), words::milliseconds);
    put(&mut grid, 0, 2, [queue.path.clone(), again, format!("oldest {oldest}")]);
    readers(result, &queue.path, &mut grid);
    grid
}

fn put(grid: &mut Grid, row: usize, column: usize, node: Node) {
    while grid.len() <= row {
        grid.push(std::array::from_fn(|_| None));
    }
    grid[row][column] = Some(node);
}

/// A table with its producers.
fn left(result: &RunResult, table: &TableRow, grid: &mut Grid) {
    let first = grid.len();
    let leg = format!("{}.kinesis.latency", table.path);
    let to_shard = table.kinesis.as_ref().map(|_| format!("to shard p99 {}", p99(result, &leg)));
    let capacity =
        format!("{} WU/s, {} refused", words::count(table.write_units_per_s), words::count(table.throttled));
    put(grid, first, 1, [table.path.clone(), capacity, to_shard.unwrap_or_default()]);
    let writers = result.producers.iter().filter(|producer| producer.writes_to == table.path);
    for (row, producer) in writers.enumerate() {
        let rate = producer.measured_per_s.map_or(NONE.into(), words::number);
        let refused = producer.throttled_share.map_or(NONE.into(), words::percent);
        let node = [producer.path.clone(), format!("{rate} writes/s"), format!("{refused} throttled")];
        put(grid, first + row, 0, node);
    }
}

/// A producer that puts straight into the stream: it stands among the tables.
fn direct(result: &RunResult, producer: &super::result::flow::ProducerRow) -> Node {
    let rate = producer.measured_per_s.map_or(NONE.into(), words::number);
    let refused = producer.puts.as_ref().and_then(|puts| puts.refused_share);
    let refused = refused.map_or(NONE.into(), words::percent);
    let leg = format!("{}.latency", producer.path);
    let figures = format!("{rate} records/s, {refused} refused");
    [producer.path.clone(), figures, format!("to shard p99 {}", p99(result, &leg))]
}

fn readers(result: &RunResult, stream: &str, grid: &mut Grid) {
    let consumers = result.consumers.iter().filter(|consumer| consumer.reads == stream).map(|consumer| {
        let leg = format!("{}.latency", consumer.path);
        let age = consumer.iterator_age_max_ms.map(words::milliseconds);
        let age = age.map_or(String::new(), |age| format!("iterator age max {age}"));
        [consumer.path.clone(), format!("p99 {}", p99(result, &leg)), age]
    });
    let deliveries = result.objects.iter().filter(|delivery| delivery.reads == stream).map(|delivery| {
        let leg = format!("{}.freshness", delivery.path);
        let objects = delivery.objects_per_day.map_or(NONE.into(), words::number);
        let what = if delivery.destination.is_some() { "requests" } else { "objects" };
        [
            format!("{} ─▶ {}", delivery.path, delivery.destination.as_deref().unwrap_or("S3")),
            format!("p99 {}", p99(result, &leg)),
            format!("{objects} {what}/day"),
        ]
    });
    for (row, node) in consumers.chain(deliveries).enumerate() {
        put(grid, row, 3, node);
    }
}

fn p99(result: &RunResult, path: &str) -> String {
    let row = result.latency.iter().find(|row| row.path == path);
    words::figure(".p99", row.and_then(|row| row.p99_ms))
}

fn render(grid: &Grid, width: usize) -> Vec<String> {
    let rows_of = |column: usize| -> Vec<usize> {
        (0..grid.len()).filter(|row| grid[*row][column].is_some()).collect()
    };
    let rows: [Vec<usize>; COLUMNS] = std::array::from_fn(rows_of);
    let widths =
        widths(grid, width.saturating_sub((COLUMNS - 1) * connector(&[], 0, 0, true).chars().count()));
    let mut lines = Vec::new();
    for row in 0..grid.len() {
        let cells: [Vec<String>; COLUMNS] = std::array::from_fn(|column| {
            grid[row][column].as_ref().map_or_else(Vec::new, |node| lay_out(node, widths[column]))
        });
        for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let mut text = String::new();
            for column in 0..COLUMNS {
                let cell = cells[column].get(line).map_or("", String::as_str);
                text += &format!("{cell:<width$}", width = widths[column]);
                text += match column {
                    0 => connector(&group(grid, &rows[0], &rows[1], row), row, line, true),
                    1 if !rows[2].is_empty() => connector(&rows[1], row, line, true),
                    2 => connector(&rows[3], row, line, false),
                    _ => "",
                };
            }
            lines.push(text.trim_end().to_owned());
        }
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// The lines of a node in a column of this width: figures that are too long go on in a further line, as a figure without its
/// end says something else.
fn lay_out([name, figures @ ..]: &Node, width: usize) -> Vec<String> {
    let figures = figures.iter().flat_map(|line| words::wrapped(line, "", width));
    std::iter::once(words::cut_middle(name, width)).chain(figures).collect()
}

/// The rows of the producers that belong to the table of this row: from its own row up to the next table's.
fn group(grid: &Grid, producers: &[usize], tables: &[usize], row: usize) -> Vec<usize> {
    let first = tables.iter().rev().find(|table| **table <= row).copied().unwrap_or(0);
    let next = tables.iter().find(|table| **table > row).copied().unwrap_or(grid.len());
    producers.iter().copied().filter(|producer| (first..next).contains(producer)).collect()
}

/// What joins a column to the next one: nodes in `rows` flow together into the first of them, or out of it.
fn connector(rows: &[usize], row: usize, line: usize, together: bool) -> &'static str {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return "     " };
    let here = rows.contains(&row) && line == 0;
    match () {
        () if here && first == last => " ──▶ ",
        () if here && row == *first => " ─┬▶ ",
        () if here && row == *last => {
            if together {
                " ─┘  "
            } else {
                "  └▶ "
            }
        }
        () if here => {
            if together {
                " ─┤  "
            } else {
                "  ├▶ "
            }
        }
        () if row >= *first && row < *last => "  │  ",
        () => "     ",
    }
}

/// Widths of the columns: what they need, the widest giving way until all fit. A column stays as wide as its longest word of
/// figures and a name that can still be told from others.
fn widths(grid: &Grid, width: usize) -> [usize; COLUMNS] {
    let nodes = |column: usize| grid.iter().filter_map(move |row| row[column].as_ref());
    let longest = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| text.chars().count()).max();
    let needed = |column: usize| longest(&mut nodes(column).flatten().map(String::as_str)).unwrap_or(0);
    let least = |column: usize| {
        let mut words = nodes(column).flat_map(|[_, figures @ ..]| figures).flat_map(|line| line.split(' '));
        longest(&mut words).map_or(0, |word| word.max(NAME_MIN))
    };
    let mut widths: [usize; COLUMNS] = std::array::from_fn(needed);
    let least: [usize; COLUMNS] = std::array::from_fn(least);
    while widths.iter().sum::<usize>() > width {
        let able = (0..COLUMNS).filter(|column| widths[*column] > least[*column]);
        let Some(widest) = able.max_by_key(|column| widths[*column]) else { break };
        widths[widest] -= 1;
    }
    widths
}

/// Columns that a name keeps.
const NAME_MIN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> Node {
        [name.into(), "a".into(), "b".into()]
    }

    #[test]
    fn two_producers_flow_into_a_table_and_a_stream_out_to_two_readers() {
        let mut grid = Grid::new();
        put(&mut grid, 0, 0, node("p1"));
        put(&mut grid, 1, 0, node("p2"));
        put(&mut grid, 0, 1, node("table"));
        put(&mut grid, 0, 2, node("stream"));
        put(&mut grid, 0, 3, node("r1"));
        put(&mut grid, 1, 3, node("r2"));
        let expected = [
            "p1 ─┬▶ table ──▶ stream ─┬▶ r1",
            "a   │  a         a       │  a",
            "b   │  b         b       │  b",
            "p2 ─┘                    └▶ r2",
            "a                           a",
            "b                           b",
        ];
        assert_eq!(render(&grid, 100), expected);
    }

    #[test]
    fn long_names_lose_their_middle_and_figures_lose_nothing() {
        let node = |name: &str| -> Node {
            [name.into(), "12,345 writes a second".into(), "99.9 % of them throttled".into()]
        };
        let mut grid = Grid::new();
        for (column, name) in [
            "workload.checkout-of-the-web-shop",
            "tables.orders-of-all-customers",
            "kinesis.changes",
            "consumers.search",
        ]
        .into_iter()
        .enumerate()
        {
            put(&mut grid, 0, column, node(name));
        }
        let lines = render(&grid, 80);
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        assert!(
            lines[0].contains("…") && lines[0].contains("shop") && lines[0].starts_with("workload"),
            "{lines:#?}"
        );
        let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
        let count = |word: &str| words.iter().filter(|other| **other == word).count();
        assert_eq!(
            [count("12,345"), count("second"), count("99.9"), count("throttled")],
            [4; 4],
            "{lines:#?}"
        );
    }
}
