//! What an AWS SDK client does when a call fails: how long it waits before the next attempt, and when it gives up.
//!
//! An SDK retries whole calls. Members that fail inside a successful batch reply are the application's business
//! (`SDK-R13`).

use crate::engine::backoff::doubled;

const MILLISECOND_NS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// Longest wait before jitter in the standard mode (`SDK-R2`, `SDK-R6`).
const STANDARD_CAP_NS: u64 = 20 * SECOND_NS;

/// Why an attempt failed (`SDK-R12`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Refused because a limit was reached.
    Throttling,
    /// A server error or a broken connection.
    Transient,
    /// No answer in time. Waits like a transient failure; only its price can differ.
    Timeout,
}

/// Which client makes the call: DynamoDB's (and DynamoDB Streams') has defaults of its own (`SDK-R3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A DynamoDB or DynamoDB Streams client.
    DynamoDb,
    /// A client of any other service, such as Kinesis or Firehose.
    Other,
}

/// How a wait is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// Evenly between zero and the computed delay.
    Full,
    /// Exactly the computed delay.
    None,
}

/// The delay before jitter, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backoff {
    /// `min(base * 2^(attempt - 1), cap)`.
    Exponential {
        /// Base delay after throttling.
        throttling_ns: u64,
        /// Base delay after a transient failure or a timeout.
        transient_ns: u64,
        /// Upper bound.
        cap_ns: u64,
    },
    /// One delay after another; the last repeats. An empty schedule gives up at once.
    Schedule(Vec<u64>),
}

/// Tokens that one retry takes from the [`RetryQuota`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaCosts {
    /// After throttling.
    pub throttling: u16,
    /// After a transient failure.
    pub transient: u16,
    /// After a timeout.
    pub timeout: u16,
}

/// The retry behaviour of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryProfile {
    /// The name it goes by in a scenario.
    pub name: &'static str,
    /// Attempts in all, the first included; `None` for no limit.
    pub attempts_max: Option<u32>,
    /// Delay before jitter.
    pub backoff: Backoff,
    /// Spread of the delay.
    pub jitter: Jitter,
    /// What retries cost; `None` for a client without a quota.
    pub quota: Option<QuotaCosts>,
}

impl RetryProfile {
    /// The names that [`RetryProfile::named`] knows.
    pub const NAMES: [&'static str; 9] = [
        "none",
        "standard_2026",
        "standard_2020",
        "legacy",
        "legacy_java",
        "legacy_go",
        "legacy_javascript",
        "legacy_dotnet",
        "legacy_cpp",
    ];

    /// The profile of this name.
    pub fn named(name: &str, client: Client) -> Option<Self> {
        Some(match name {
            "none" => Self::none(),
            "standard_2026" => Self::standard_2026(client),
            "standard_2020" => Self::standard_2020(),
            "legacy" => Self::legacy(client),
            "legacy_java" => Self::legacy_java(client),
            "legacy_go" => Self::legacy_go(),
            "legacy_javascript" => Self::legacy_javascript(),
            "legacy_dotnet" => Self::legacy_dotnet(client),
            "legacy_cpp" => Self::legacy_cpp(),
            _ => return None,
        })
    }

    /// One attempt only.
    pub const fn none() -> Self {
        Self {
            name: "none",
            attempts_max: Some(1),
            backoff: Backoff::Schedule(Vec::new()),
            jitter: Jitter::None,
            quota: None,
        }
    }

    /// The standard mode since November 2026 (`SDK-R1` to `SDK-R4`).
    pub const fn standard_2026(client: Client) -> Self {
        let (attempts, transient_ns) = match client {
            Client::DynamoDb => (4, 25 * MILLISECOND_NS),
            Client::Other => (3, 50 * MILLISECOND_NS),
        };
        Self {
            name: "standard_2026",
            attempts_max: Some(attempts),
            backoff: exponential(SECOND_NS, transient_ns, STANDARD_CAP_NS),
            jitter: Jitter::Full,
            quota: Some(QuotaCosts { throttling: 5, transient: 14, timeout: 14 }),
        }
    }

    /// The standard mode before 2026, as botocore has it; the same for every service (`SDK-R6`).
    pub const fn standard_2020() -> Self {
        Self {
            name: "standard_2020",
            attempts_max: Some(3),
            backoff: exponential(SECOND_NS, SECOND_NS, STANDARD_CAP_NS),
            jitter: Jitter::Full,
            quota: Some(QuotaCosts { throttling: 5, transient: 5, timeout: 10 }),
        }
    }

    /// The legacy mode of botocore: many quick, unspread attempts at DynamoDB (`SDK-R7`), fewer and slower ones
    /// elsewhere (`SDK-R8`). No upper bound of the delay is published, nor needed with so few attempts.
    pub const fn legacy(client: Client) -> Self {
        let (attempts, base_ns, jitter) = match client {
            Client::DynamoDb => (10, 50 * MILLISECOND_NS, Jitter::None),
            Client::Other => (5, SECOND_NS, Jitter::Full),
        };
        Self {
            name: "legacy",
            attempts_max: Some(attempts),
            backoff: exponential(base_ns, base_ns, u64::MAX),
            jitter,
            quota: None,
        }
    }

    /// The legacy mode of the Java SDK 2.x (`SDK-R9`). The fact names one base delay for DynamoDB, taken here for
    /// transient failures; the jitter and the cap of the standard mode are assumed, and its own quota is left out.
    pub const fn legacy_java(client: Client) -> Self {
        let (attempts, transient_ns) = match client {
            Client::DynamoDb => (9, 25 * MILLISECOND_NS),
            Client::Other => (4, 100 * MILLISECOND_NS),
        };
        Self {
            name: "legacy_java",
            attempts_max: Some(attempts),
            backoff: exponential(500 * MILLISECOND_NS, transient_ns, STANDARD_CAP_NS),
            jitter: Jitter::Full,
            quota: None,
        }
    }

    /// The Go SDK 2.x before 2026 (`SDK-R10`).
    pub const fn legacy_go() -> Self {
        Self::before_2026("legacy_go", 3, SECOND_NS)
    }

    /// The JavaScript SDK v3 before 2026 (`SDK-R10`).
    pub const fn legacy_javascript() -> Self {
        Self::before_2026("legacy_javascript", 3, 100 * MILLISECOND_NS)
    }

    /// The .NET SDK before 2026 (`SDK-R10`). The fact gives attempts for DynamoDB only; elsewhere the standard three are
    /// assumed.
    pub const fn legacy_dotnet(client: Client) -> Self {
        let attempts = match client {
            Client::DynamoDb => 10,
            Client::Other => 3,
        };
        Self::before_2026("legacy_dotnet", attempts, SECOND_NS)
    }

    /// The C++ SDK before 2026 (`SDK-R10`).
    pub const fn legacy_cpp() -> Self {
        Self::before_2026("legacy_cpp", 11, 25 * MILLISECOND_NS)
    }

    /// One base delay and a number of attempts (`SDK-R10`); the jitter and the cap of the standard mode are assumed, and
    /// a quota is left out.
    const fn before_2026(name: &'static str, attempts: u32, base_ns: u64) -> Self {
        Self {
            name,
            attempts_max: Some(attempts),
            backoff: exponential(base_ns, base_ns, STANDARD_CAP_NS),
            jitter: Jitter::Full,
            quota: None,
        }
    }

    /// Delays written down one by one, in nanoseconds; the last repeats until the attempts are used up, or
    /// without end when there is no limit.
    pub const fn fixed(delays_ns: Vec<u64>, attempts_max: Option<u32>) -> Self {
        Self {
            name: "fixed",
            attempts_max,
            backoff: Backoff::Schedule(delays_ns),
            jitter: Jitter::None,
            quota: None,
        }
    }

    /// The wait after throttling: see [`RetryProfile::delay_after`].
    #[inline]
    pub fn delay(&self, attempt: u32, uniform: f64) -> Option<u64> {
        self.delay_after(Failure::Throttling, attempt, uniform)
    }

    /// Nanoseconds to wait before the next attempt, or `None` to give up.
    ///
    /// `attempt` counts the attempts that have failed so far, from 1; `uniform` is a draw from [0, 1), unused
    /// without jitter.
    pub fn delay_after(&self, failure: Failure, attempt: u32, uniform: f64) -> Option<u64> {
        if self.attempts_max.is_some_and(|most| attempt >= most) {
            return None;
        }
        let delay_ns = self.backoff.delay_ns(failure, attempt.saturating_sub(1))?;
        Some(match self.jitter {
            Jitter::Full => (uniform * delay_ns as f64).round() as u64,
            Jitter::None => delay_ns,
        })
    }

    /// Tokens a retry after this failure takes; zero without a quota.
    pub fn quota_cost(&self, failure: Failure) -> u16 {
        self.quota.map_or(0, |costs| match failure {
            Failure::Throttling => costs.throttling,
            Failure::Transient => costs.transient,
            Failure::Timeout => costs.timeout,
        })
    }
}

const fn exponential(throttling_ns: u64, transient_ns: u64, cap_ns: u64) -> Backoff {
    Backoff::Exponential { throttling_ns, transient_ns, cap_ns }
}

impl Backoff {
    /// The delay after `retries` earlier ones.
    fn delay_ns(&self, failure: Failure, retries: u32) -> Option<u64> {
        match self {
            Self::Exponential { throttling_ns, transient_ns, cap_ns } => {
                let base_ns = match failure {
                    Failure::Throttling => *throttling_ns,
                    Failure::Transient | Failure::Timeout => *transient_ns,
                };
                Some(doubled(base_ns, *cap_ns, retries.saturating_add(1)))
            }
            Self::Schedule(delays_ns) => delays_ns.get(retries as usize).or(delays_ns.last()).copied(),
        }
    }
}

/// The tokens a client may spend on retries, so that it fails fast while most calls fail (`SDK-R4`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryQuota {
    tokens: u16,
}

impl RetryQuota {
    /// Tokens of a new client, and the most it can hold (`SDK-R4`).
    pub const TOKENS_MAX: u16 = 500;

    /// A full quota.
    pub const fn new() -> Self {
        Self { tokens: Self::TOKENS_MAX }
    }

    /// Tokens left.
    pub const fn tokens(self) -> u16 {
        self.tokens
    }

    /// Pays for one retry; false, and nothing taken, when the tokens do not suffice.
    pub const fn take(&mut self, cost: u16) -> bool {
        let enough = self.tokens >= cost;
        if enough {
            self.tokens -= cost;
        }
        enough
    }

    /// A call succeeded: its last retry's cost comes back, or one token if it needed no retry (`SDK-R4`).
    pub fn succeed(&mut self, last_retry_cost: Option<u16>) {
        self.tokens = self.tokens.saturating_add(last_retry_cost.unwrap_or(1)).min(Self::TOKENS_MAX);
    }
}

impl Default for RetryQuota {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest delays in milliseconds until the client gives up.
    fn delays_ms(profile: &RetryProfile, failure: Failure) -> Vec<u64> {
        let delays = (1..).map_while(|attempt| profile.delay_after(failure, attempt, 1.0));
        delays.map(|delay_ns| delay_ns / MILLISECOND_NS).collect()
    }

    #[test]
    fn sdk_r2_sdk_r3_sdk_r6_sdk_r7_sdk_r8_sdk_r9_profiles_follow_the_published_schedules() {
        use Client::{DynamoDb, Other};
        use Failure::{Throttling, Transient};
        let standard = RetryProfile::standard_2026;
        assert_eq!(delays_ms(&standard(DynamoDb), Throttling), [1_000, 2_000, 4_000]);
        assert_eq!(delays_ms(&standard(DynamoDb), Transient), [25, 50, 100]);
        assert_eq!(delays_ms(&standard(Other), Throttling), [1_000, 2_000]);
        assert_eq!(delays_ms(&standard(Other), Transient), [50, 100]);
        assert_eq!(delays_ms(&RetryProfile::standard_2020(), Throttling), [1_000, 2_000]);
        assert_eq!(
            delays_ms(&RetryProfile::legacy(DynamoDb), Throttling),
            [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800]
        );
        assert_eq!(delays_ms(&RetryProfile::legacy(Other), Throttling), [1_000, 2_000, 4_000, 8_000]);
        assert_eq!(delays_ms(&RetryProfile::legacy_java(Other), Transient), [100, 200, 400]);
        assert!(delays_ms(&RetryProfile::none(), Throttling).is_empty());
    }

    #[test]
    fn sdk_r10_older_sdks_differ_in_attempts_and_base() {
        let largest = |name: &str| {
            let delays =
                delays_ms(&RetryProfile::named(name, Client::DynamoDb).unwrap(), Failure::Throttling);
            (delays.len() + 1, delays[0])
        };
        assert_eq!(largest("legacy_go"), (3, 1_000));
        assert_eq!(largest("legacy_javascript"), (3, 100));
        assert_eq!(largest("legacy_dotnet"), (10, 1_000));
        assert_eq!(largest("legacy_cpp"), (11, 25));
    }

    #[test]
    fn sdk_r2_the_cap_holds_before_jitter() {
        let patient = RetryProfile { attempts_max: None, ..RetryProfile::standard_2026(Client::DynamoDb) };
        assert_eq!(patient.delay(6, 0.5), Some(10 * SECOND_NS));
        assert_eq!(patient.delay(u32::MAX, 0.25), Some(5 * SECOND_NS));
        assert_eq!(patient.delay(1, 0.0), Some(0));
    }

    #[test]
    fn the_last_fixed_delay_repeats() {
        let fixed = RetryProfile::fixed(vec![50, 100], None);
        assert_eq!([1, 2, 3, 1_000].map(|attempt| fixed.delay(attempt, 0.9)), [50, 100, 100, 100].map(Some));
        let limited = RetryProfile::fixed(vec![50, 100], Some(4));
        assert_eq!([3, 4].map(|attempt| limited.delay(attempt, 0.9)), [Some(100), None]);
        assert_eq!(RetryProfile::fixed(vec![], None).delay(1, 0.9), None);
    }

    /// SDK-R4: 500 tokens pay for 35 retries after transient failures, or for 100 after throttling.
    #[test]
    fn sdk_r4_the_quota_runs_dry_and_refills() {
        let profile = RetryProfile::standard_2026(Client::DynamoDb);
        for (failure, expected) in [(Failure::Transient, 35), (Failure::Throttling, 100)] {
            let mut quota = RetryQuota::new();
            let cost = profile.quota_cost(failure);
            assert_eq!((0..1_000).filter(|_| quota.take(cost)).count(), expected);
            let left = quota.tokens();
            quota.succeed(Some(cost));
            quota.succeed(None);
            assert_eq!(quota.tokens(), left + cost + 1);
            (0..1_000).for_each(|_| quota.succeed(None));
            assert_eq!(quota.tokens(), RetryQuota::TOKENS_MAX);
        }
    }

    #[test]
    fn sdk_r1_the_defaults_before_and_since_2026_are_offered_by_name() {
        for name in ["legacy", "standard_2020", "standard_2026"] {
            assert!(RetryProfile::NAMES.contains(&name), "{name}");
        }
        // A throttled DynamoDB write waits up to 1 s since 2026, where botocore's legacy mode waited 50 ms.
        let first = |profile: &RetryProfile| delays_ms(profile, Failure::Throttling)[0];
        assert_eq!(first(&RetryProfile::standard_2026(Client::DynamoDb)), 1_000);
        assert_eq!(first(&RetryProfile::legacy(Client::DynamoDb)), 50);
    }

    #[test]
    fn sdk_r12_throttles_wait_longer_than_server_errors_and_timeouts() {
        let delays = |failure| delays_ms(&RetryProfile::standard_2026(Client::DynamoDb), failure);
        assert_eq!(delays(Failure::Transient), delays(Failure::Timeout));
        assert_eq!((delays(Failure::Throttling)[0], delays(Failure::Transient)[0]), (1_000, 25));
    }

    #[test]
    fn every_listed_name_is_known() {
        for name in RetryProfile::NAMES {
            assert_eq!(RetryProfile::named(name, Client::Other).unwrap().name, name);
        }
        assert_eq!(RetryProfile::named("standard", Client::Other), None);
    }
}
