//! Concurrent executions: the account's limit, a function's own reservation, and how fast it may grow (LAM-C6).

use super::cold_start::Environments;
use crate::engine::bucket::{Limit, TokenBucket};
use crate::engine::time::Nanos;

/// Environments that one function may add at once, and again every ten seconds (LAM-C6).
const NEW_ENVIRONMENTS: u64 = 1_000;
/// Those earned each second.
const NEW_ENVIRONMENTS_PER_SECOND: u64 = 100;
/// Synchronous requests a second for each unit of concurrency (LAM-C6).
const REQUESTS_PER_CONCURRENCY: u64 = 10;

/// Why an invocation was refused: `TooManyRequestsException`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttled {
    /// No execution is free, of the account's or of the function's reservation.
    Concurrency,
    /// The function may not add environments faster.
    Scaling,
    /// More than ten requests a second for each unit of concurrency.
    Requests,
}

/// The account's concurrency in one Region as the scenario describes it, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountPlan {
    /// Concurrent executions allowed (LAM-C6).
    pub concurrency: u32,
    /// Those that functions outside the scenario keep busy all the time.
    pub others: u32,
}

/// The account at work.
#[derive(Clone, Debug)]
pub struct Account {
    /// What functions without a reservation share.
    shared: u32,
    in_use: u32,
    limit: Limit,
    requests: TokenBucket,
}

/// One function's share of the account.
#[derive(Clone, Debug)]
pub struct Share {
    reserved: Option<u32>,
    in_use: u32,
    growth: TokenBucket,
    limit: Limit,
}

impl Share {
    /// A function that runs nowhere yet; `reserved` keeps so much for it alone and allows it no more.
    pub fn new(reserved: Option<u32>) -> Self {
        let limit = Limit::new(NEW_ENVIRONMENTS_PER_SECOND, NEW_ENVIRONMENTS);
        Self { reserved, in_use: 0, growth: limit.full(), limit }
    }

    /// Executions that run now.
    pub fn in_use(&self) -> u32 {
        self.in_use
    }
}

impl Account {
    /// An account in which only others are busy; `reserved` is what functions keep for themselves.
    pub fn new(plan: &AccountPlan, reserved: u32) -> Self {
        let limit = Limit::per_second(u64::from(plan.concurrency) * REQUESTS_PER_CONCURRENCY);
        Self {
            shared: plan.concurrency.saturating_sub(reserved).saturating_sub(plan.others),
            in_use: 0,
            requests: limit.full(),
            limit,
        }
    }

    /// Starts one execution; returns whether it starts cold.
    ///
    /// # Errors
    /// The limit that leaves no room.
    pub fn start(
        &mut self,
        now: Nanos,
        share: &mut Share,
        environments: &mut Environments,
    ) -> Result<bool, Throttled> {
        let room = match share.reserved {
            Some(reserved) => share.in_use < reserved,
            None => self.in_use < self.shared,
        };
        if !room {
            return Err(Throttled::Concurrency);
        }
        if !self.requests.has(&self.limit, now, 1) {
            return Err(Throttled::Requests);
        }
        let warm = environments.take_warm(now);
        if !warm && !share.growth.try_take(&share.limit, now, 1) {
            return Err(Throttled::Scaling);
        }
        self.requests.spend(1);
        share.in_use += 1;
        self.in_use += u32::from(share.reserved.is_none());
        Ok(!warm)
    }

    /// Ends one execution.
    pub fn end(&mut self, now: Nanos, share: &mut Share, environments: &mut Environments) {
        share.in_use -= 1;
        self.in_use -= u32::from(share.reserved.is_none());
        environments.give_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{MINUTE, SECOND};

    fn account(concurrency: u32, others: u32, reserved: u32) -> Account {
        Account::new(&AccountPlan { concurrency, others }, reserved)
    }

    #[test]
    fn lam_c6_one_function_takes_what_others_then_lack() {
        let mut account = account(1_000, 600, 0);
        let (mut first, mut second) = (Share::new(None), Share::new(None));
        let mut warm = Environments::new(10 * MINUTE);
        let mut started = 0;
        while account.start(0, &mut first, &mut warm).is_ok() {
            started += 1;
        }
        assert_eq!(started, 400);
        assert_eq!(account.start(0, &mut second, &mut warm), Err(Throttled::Concurrency));
        account.end(SECOND, &mut first, &mut warm);
        assert_eq!(account.start(SECOND, &mut second, &mut warm), Ok(false));
    }

    #[test]
    fn lam_c6_a_reservation_is_a_right_and_a_limit() {
        let mut account = account(1_000, 990, 10);
        let (mut own, mut other) = (Share::new(Some(10)), Share::new(None));
        let mut warm = Environments::new(MINUTE);
        assert_eq!(account.start(0, &mut other, &mut warm), Err(Throttled::Concurrency));
        (0..10).for_each(|_| assert!(account.start(0, &mut own, &mut warm).is_ok()));
        assert_eq!(account.start(0, &mut own, &mut warm), Err(Throttled::Concurrency));
    }

    #[test]
    fn lam_c6_a_function_adds_1000_environments_and_then_1000_each_ten_seconds() {
        let mut account = account(10_000, 0, 0);
        let (mut share, mut warm) = (Share::new(None), Environments::new(MINUTE));
        let mut start = |now, tries: u32| {
            (0..tries).filter(|_| account.start(now, &mut share, &mut warm).is_ok()).count()
        };
        assert_eq!(start(0, 3_000), 1_000);
        assert_eq!(start(5 * SECOND, 3_000), 500);
        assert_eq!(start(15 * SECOND, 3_000), 1_000);
    }

    #[test]
    fn lam_c6_ten_requests_a_second_for_each_unit_of_concurrency() {
        let mut account = account(10, 0, 0);
        let (mut share, mut warm) = (Share::new(None), Environments::new(MINUTE));
        let mut started = 0;
        for _ in 0..500 {
            if account.start(0, &mut share, &mut warm).is_ok() {
                account.end(0, &mut share, &mut warm);
                started += 1;
            }
        }
        assert_eq!(started, 100);
    }
}
