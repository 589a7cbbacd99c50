//! What a scenario of the swarm has, before its sections are drawn: how long it runs, and who is there.

use super::choice::Choice;

/// Writes that one scenario offers, about: enough to cross every limit, little enough to be quick.
const WRITES: f64 = 3_000.0;

/// A table as other sections need to know it.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub provisioned: bool,
    /// The stream that its feed goes to.
    pub feeds: Option<String>,
    /// Whether it has a DynamoDB stream.
    pub streams: bool,
    /// Its one writer reads a trace.
    pub traced: bool,
}

/// A stream as other sections need to know it.
#[derive(Clone, Debug)]
pub struct Stream {
    pub name: String,
    pub provisioned: bool,
    pub shards: u64,
    pub retention_hours: u64,
}

/// How long a scenario runs, and who is in it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seconds.
    pub duration: u64,
    pub steady: bool,
    pub advantage: bool,
    pub streams: Vec<Stream>,
    pub tables: Vec<Table>,
    /// Producers that write to tables, with the table's number.
    pub writers: Vec<(String, usize)>,
    /// Producers that put into streams, with the stream's number.
    pub direct: Vec<(String, usize)>,
    /// Consumers by kind, a name each: `polling`, `lambda`.
    pub consumers: Vec<(String, &'static str)>,
    pub deliveries: Vec<String>,
    pub queries: u64,
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64) -> Self {
        let choice = &mut Choice::new(seed, "plan");
        // Seconds, minutes, and days in which records expire and tables and streams scale.
        let duration = match choice.below(10) {
            0..6 => choice.between(2, 20),
            6..9 => choice.between(60, 3_600),
            _ => choice.between(26 * 3_600, 50 * 3_600),
        };
        let names =
            |kind: &str, count: u64| (0..count).map(|number| format!("{kind}-{number}")).collect::<Vec<_>>();
        let stream = |choice: &mut Choice, name: String| Stream {
            name,
            provisioned: choice.chance(70),
            shards: choice.count(1, 40),
            retention_hours: choice.one_of(&[24, 24, 25, 48]),
        };
        let count = choice.between(0, 3);
        let streams: Vec<Stream> =
            names("stream", count).into_iter().map(|name| stream(choice, name)).collect();
        let count = if streams.is_empty() { choice.between(1, 3) } else { choice.between(0, 3) };
        let stream_names: Vec<String> = streams.iter().map(|stream| stream.name.clone()).collect();
        let table = |choice: &mut Choice, name: String| Table {
            name,
            provisioned: choice.chance(60),
            feeds: if choice.chance(80) { choice.name(&stream_names) } else { None },
            streams: choice.chance(40),
            traced: choice.chance(8),
        };
        let tables: Vec<Table> = names("table", count).into_iter().map(|name| table(choice, name)).collect();
        let mut writers = Vec::new();
        for (number, table) in tables.iter().enumerate() {
            let count = if table.traced { 1 } else { choice.between(1, 2) };
            writers.extend(names(&format!("writer-{number}"), count).into_iter().map(|name| (name, number)));
        }
        let least = u64::from(tables.is_empty());
        let direct = match streams.len() as u64 {
            0 => vec![],
            count => {
                let puts = choice.between(least, 2);
                names("direct", puts).into_iter().map(|name| (name, choice.below(count) as usize)).collect()
            }
        };
        let readable = !streams.is_empty() || tables.iter().any(|table| table.streams);
        let readers = if readable { choice.between(0, 6) } else { 0 };
        let kinds = if streams.is_empty() { vec!["polling"] } else { vec!["polling", "lambda"] };
        let consumers =
            names("consumer", readers).into_iter().map(|name| (name, choice.one_of(&kinds))).collect();
        let lakes = if streams.is_empty() { 0 } else { choice.between(0, 3) };
        let queries = if lakes > 0 { choice.between(0, 2) } else { 0 };
        Self {
            duration,
            // An overloaded steady study goes on writing for half an hour.
            steady: duration >= 600 && choice.chance(40),
            advantage: choice.chance(20),
            streams,
            tables,
            writers,
            direct,
            consumers,
            deliveries: names("lake", lakes),
            queries,
        }
    }

    /// Writes a second that one producer may make.
    pub fn rate(&self, choice: &mut Choice) -> f64 {
        let all = WRITES / self.duration as f64 / (self.writers.len() + self.direct.len()).max(1) as f64;
        all * choice.spread(0.1, 1.0)
    }

    /// A moment within the run.
    pub fn moment(&self, choice: &mut Choice) -> String {
        format!("{}ms", choice.below(self.duration * 1_000))
    }

    /// Some part of the run.
    pub fn part(&self, choice: &mut Choice) -> String {
        format!("{}ms", 1 + choice.below(self.duration * 500))
    }

    /// The names of the streams.
    pub fn stream_names(&self) -> Vec<String> {
        self.streams.iter().map(|stream| stream.name.clone()).collect()
    }
}
