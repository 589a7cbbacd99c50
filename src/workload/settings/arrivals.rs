//! How a scenario describes when writes arrive.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::distribution::Time;
use crate::units::{Duration, Rate, TimeOfDay, Timestamp};

/// When writes arrive: exactly one of the kinds.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArrivalSettings {
    /// Evenly spaced.
    pub constant: Option<SteadyRate>,
    /// As of many unrelated users: a Poisson process.
    pub poisson: Option<SteadyRate>,
    /// Stages of a load test, one after another; the last one's rate stays.
    pub stages: Option<Vec<StageSettings>>,
    /// A day's wave, day after day.
    pub diurnal: Option<DiurnalSettings>,
    /// A base load with bursts at regular intervals.
    pub bursts: Option<BurstSettings>,
    /// A rate over time from a CSV file, such as a metric's export.
    pub profile: Option<ProfileSettings>,
    /// Recorded writes from a CSV file: their times, items, sizes and operations.
    pub trace: Option<TraceSettings>,
    /// A closed system: so many clients, each of which waits for its answer and thinks before it writes again.
    pub closed: Option<ClosedSettings>,
    /// Whether stages, a day's wave, bursts or a profile give evenly spaced writes instead of a Poisson process.
    #[schemars(extend("default" = false))]
    pub regular: Option<bool>,
}

/// Clients that wait for their answers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosedSettings {
    /// Clients: 1 to 1,000,000. Each has a retry quota of its own (SDK-R4).
    #[schemars(range(min = 1, max = 1_000_000))]
    pub clients: u32,
    /// From an answer, or giving up, to the client's next write.
    pub think_time: Time,
}

/// The same rate all the time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SteadyRate {
    /// Writes a second.
    pub rate: Rate,
}

/// One stage.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageSettings {
    /// Rate at its start.
    pub rate: Rate,
    /// How long it lasts; only the last stage may leave it out.
    #[serde(rename = "for")]
    pub length: Option<Duration>,
    /// Rate at its end, reached along a straight line; the same as at its start when left out.
    pub ramp_to: Option<Rate>,
}

/// A day's wave: its `high` and one of `low` and `mean`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiurnalSettings {
    /// Rate at the quietest time.
    pub low: Option<Rate>,
    /// Mean rate.
    pub mean: Option<Rate>,
    /// Rate at the busiest time.
    pub high: Rate,
    /// The busiest time of the day, in UTC like `start`.
    pub peak_at: TimeOfDay,
}

/// Bursts at regular intervals.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BurstSettings {
    /// Rate between bursts.
    pub base: Rate,
    /// Rate in a burst.
    pub burst: Rate,
    /// From one burst's start to the next one's.
    pub every: Duration,
    /// How long a burst lasts.
    #[serde(rename = "for")]
    pub length: Duration,
    /// When the first one starts.
    #[schemars(extend("default" = "0s"))]
    pub phase: Option<Duration>,
}

/// A rate over time from a file with the columns `timestamp` and `value`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileSettings {
    /// The CSV file, plain or gzip, relative to the scenario's folder.
    pub file: String,
    /// What a value means.
    pub value: ValueSettings,
    /// Period of a row; the most common step between rows when left out.
    pub period: Option<Duration>,
    /// What holds where rows are missing.
    pub missing: MissingSettings,
    /// Where in the file to begin; at its first row when left out.
    pub from: Option<Timestamp>,
    /// Where in the file to end; after its last row when left out.
    pub to: Option<Timestamp>,
    /// Multiplies all rates.
    pub scale: Option<f64>,
    /// Multiplies all rates so that the highest is this one; not with `scale`.
    pub peak: Option<Rate>,
    /// How many times faster time passes than in the file; the number of writes stays.
    pub speed: Option<f64>,
    /// Whether it starts again at its end; otherwise writes end there.
    #[schemars(extend("default" = false))]
    pub repeat: Option<bool>,
}

/// What a row's value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueSettings {
    /// Writes in the row's period.
    PerPeriod,
    /// Writes a second.
    PerSecond,
}

/// What holds where rows are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingSettings {
    /// No writes: metrics leave out periods in which nothing happened.
    Zero,
    /// The rate of the row before.
    Hold,
}

/// Recorded writes, with the columns `timestamp_ms,key,op,bytes_before,bytes_after`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceSettings {
    /// The CSV file, plain or gzip, relative to the scenario's folder.
    pub file: String,
    /// How many times faster time passes than in the file.
    pub speed: Option<f64>,
    /// How many times the trace is played.
    #[schemars(extend("default" = 1), range(min = 1))]
    pub repeat: Option<u32>,
}
