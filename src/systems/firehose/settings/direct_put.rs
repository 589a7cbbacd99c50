//! How a scenario describes Direct PUT: a delivery stream that takes records from producers.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::parameter::Parameter;
use crate::units::Duration;

/// Which of AWS's pages holds.
pub const QUOTA: Parameter =
    Parameter::published("FH-Q3", "quota", "the quotas of Direct PUT that hold", "current");
/// How many times the default quota.
pub const SCALE: Parameter =
    Parameter::published("FH-Q4", "scale", "times the default quotas of Direct PUT at the start", "1");
/// Whether it scales by itself.
pub const AUTO_SCALING: Parameter =
    Parameter::published("FH-Q5", "auto_scaling", "whether quotas of Direct PUT rise by themselves", "true");
/// How long a doubling takes.
pub const RAMP: Parameter = Parameter::assumed(
    "UNV-2",
    "ramp",
    "from a refused record to doubled quotas of Direct PUT",
    "5m",
    "AWS says that the limit is raised until throttling stops (FH-Q5), not how fast",
);
/// What a channel is.
pub const CHANNELS: Parameter = Parameter::built_in(
    "FH-Q5",
    "parallel channels of a Direct PUT stream",
    "as many as the default quotas it has; requests take them by turns, and each buffer's size hint is its share of the hint",
    "AWS says that each doubling adds channels, and in 2020 that buffers then shrink; requests' way to a channel is a guess",
);
/// How it scales down.
pub const NEVER_DOWN: Parameter = Parameter::built_in(
    "UNV-2",
    "when quotas of Direct PUT that have risen fall again",
    "not within the run",
    "AWS does not publish it",
);

/// The parameters of Direct PUT.
pub const PARAMETERS: &[Parameter] = &[QUOTA, SCALE, AUTO_SCALING, RAMP, CHANNELS, NEVER_DOWN];

/// A delivery stream that takes records from producers, whose `writes_to` names it (FH-S1).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectPutSettings {
    /// Which default quotas hold: FH-Q1 and FH-Q2, or those of an older page (FH-Q3).
    #[schemars(extend("default" = QUOTA.value))]
    pub quota: Option<QuotaSettings>,
    /// How many times the Region's default quotas it has at the start, all three together (FH-Q4): 1 to 1,024. So many channels
    /// with a buffer each it has, too (FH-Q6).
    #[schemars(extend("default" = 1), range(min = 1, max = 1_024))]
    pub scale: Option<u32>,
    /// Whether the quotas rise while records are refused (FH-Q5).
    #[schemars(extend("default" = true))]
    pub auto_scaling: Option<bool>,
    /// From a refused record to doubled quotas: 1s to 24h.
    #[schemars(extend("default" = RAMP.value))]
    pub ramp: Option<Duration>,
}

/// Which default quotas hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotaSettings {
    /// Those of the quotas page now: 500,000 or 100,000 records a second (FH-Q1, FH-Q2).
    Current,
    /// Those of an older page and of the API's text: 5,000 or 1,000 records a second (FH-Q3).
    Legacy,
}
