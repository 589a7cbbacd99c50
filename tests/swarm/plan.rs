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
    /// Producers may put aggregates with records of several keys, so that no reader may take a shard's batches at once.
    pub aggregates: bool,
}

/// A delivery stream as other sections need to know it.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub name: String,
    /// Whether producers put records into it; otherwise it reads a stream.
    pub direct_put: bool,
}

/// A queue: somebody sends to it, and perhaps a function reads it.
#[derive(Clone, Debug)]
pub struct Queue {
    pub name: String,
    pub sender: String,
    pub reader: Option<String>,
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
    /// Producers that put into streams and delivery streams, with what they write to.
    pub direct: Vec<(String, String)>,
    /// Consumers of streams, with their kinds.
    pub consumers: Vec<(String, &'static str)>,
    pub queues: Vec<Queue>,
    pub deliveries: Vec<Delivery>,
    pub queries: u64,
}

fn names(kind: &str, count: u64) -> Vec<String> {
    (0..count).map(|number| format!("{kind}-{number}")).collect()
}

fn deliveries(choice: &mut Choice, streams: &[Stream]) -> Vec<Delivery> {
    let count = choice.between(0, 3);
    let delivery = |name| Delivery { name, direct_put: streams.is_empty() || choice.chance(30) };
    names("lake", count).into_iter().map(delivery).collect()
}

/// Producers that put records straight into streams and delivery streams.
fn direct(
    choice: &mut Choice,
    streams: &[Stream],
    deliveries: &[Delivery],
    alone: bool,
) -> Vec<(String, String)> {
    let streams = streams.iter().map(|it| format!("kinesis.{}", it.name));
    let lakes = deliveries.iter().filter(|it| it.direct_put).map(|it| format!("firehose.{}", it.name));
    let targets: Vec<String> = streams.chain(lakes).collect();
    let count = if targets.is_empty() { 0 } else { choice.between(u64::from(alone), 3) };
    names("direct", count).into_iter().map(|name| (name, choice.one_of(&targets))).collect()
}

/// A kind that stands here twice is drawn twice as often.
const KINDS: [&str; 7] = ["polling", "polling", "lambda", "lambda", "pipe", "kcl", "flink"];

fn consumers(choice: &mut Choice, streams: &[Stream], tables: &[Table]) -> Vec<(String, &'static str)> {
    let readable = !streams.is_empty() || tables.iter().any(|table| table.streams);
    let count = if readable { choice.between(0, 6) } else { 0 };
    // Flink applications read Kinesis streams alone.
    let kinds = if streams.is_empty() { &KINDS[..6] } else { &KINDS };
    names("consumer", count).into_iter().map(|name| (name, choice.one_of(kinds))).collect()
}

fn queues(choice: &mut Choice, consumers: &[(String, &'static str)]) -> Vec<Queue> {
    let mut queues: Vec<Queue> = Vec::new();
    for (sender, kind) in consumers {
        let count = match *kind {
            "pipe" => 1,
            "lambda" if choice.chance(30) => choice.between(1, 2),
            _ => 0,
        };
        for _ in 0..count {
            let number = queues.len();
            let reader = choice.chance(80).then(|| format!("worker-{number}"));
            queues.push(Queue { name: format!("queue-{number}"), sender: sender.clone(), reader });
        }
    }
    queues
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64) -> Self {
        let choice = &mut Choice::new(seed, "plan");
        // Seconds, minutes, and days in which records expire and tables and streams scale.
        let duration = match choice.below(10) {
            0..5 => choice.between(2, 20),
            5..9 => choice.between(60, 3_600),
            _ => choice.between(26 * 3_600, 50 * 3_600),
        };
        let stream = |choice: &mut Choice, name: String| Stream {
            name,
            provisioned: choice.chance(70),
            shards: choice.count(1, 40),
            retention_hours: choice.one_of(&[24, 24, 25, 48]),
            aggregates: choice.chance(50),
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
        let deliveries = deliveries(choice, &streams);
        let direct = direct(choice, &streams, &deliveries, tables.is_empty());
        let consumers = consumers(choice, &streams, &tables);
        let queries = if deliveries.is_empty() { 0 } else { choice.between(0, 2) };
        Self {
            duration,
            // An overloaded steady study goes on writing for half an hour.
            steady: duration >= 600 && choice.chance(40),
            advantage: choice.chance(20),
            streams,
            tables,
            writers,
            direct,
            queues: queues(choice, &consumers),
            consumers,
            deliveries,
            queries,
        }
    }

    /// Writes a second that one producer may make.
    pub fn rate(&self, choice: &mut Choice) -> f64 {
        let all = WRITES / self.duration as f64 / (self.writers.len() + self.direct.len()).max(1) as f64;
        all * choice.spread(0.1, 1.0)
    }

    /// Whether it runs for days, in which what goes on all the time adds up.
    pub fn is_long(&self) -> bool {
        self.duration > 7_200
    }

    /// A moment within the run.
    pub fn moment(&self, choice: &mut Choice) -> String {
        format!("{}ms", choice.below(self.duration * 1_000))
    }

    /// Some part of the run.
    pub fn part(&self, choice: &mut Choice) -> String {
        format!("{}ms", 1 + choice.below(self.duration * 500))
    }

    /// The names of the consumers of these kinds.
    pub fn of_kinds(&self, kinds: &[&str]) -> Vec<String> {
        let of = self.consumers.iter().filter(|(_, kind)| kinds.contains(kind));
        of.map(|(name, _)| name.clone()).collect()
    }

    /// The names of the streams.
    pub fn stream_names(&self) -> Vec<String> {
        self.streams.iter().map(|stream| stream.name.clone()).collect()
    }
}
