//! The computers that workers run on.

use rust_decimal::Decimal;
use std::fmt;

use crate::units::Money;

/// What the price ids of hosts begin with whose price the scenario states.
pub const OWN_HOST: &str = "host.";

/// A worker's computer and what its hours are billed as.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// Processors; may be less than one.
    pub vcpu: f64,
    /// Price ids with the units of each that one hour of it takes; empty where nothing is known of its price.
    pub bill: Vec<(String, Decimal)>,
    own_price: Option<Money>,
}

/// EC2 instances of the price book, with their processors.
pub const INSTANCES: [(&str, f64); 4] =
    [("m5.large", 2.0), ("m7i.large", 2.0), ("c6g.large", 2.0), ("t3.medium", 2.0)];

/// What a Fargate task with so many vCPUs can have of memory: a whole number of steps from the least to the most, and the least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FargateSize {
    vcpu: f64,
    least_mib: u64,
    most_mib: u64,
    step_mib: u64,
}

const fn size(vcpu: f64, least_mib: u64, most_gib: u64, step_gib: u64) -> FargateSize {
    FargateSize { vcpu, least_mib, most_mib: most_gib << 10, step_mib: step_gib << 10 }
}

/// The sizes of tasks that AWS offers (ECS Developer Guide, "Invalid CPU or memory").
const FARGATE_SIZES: [FargateSize; 7] = [
    size(0.25, 512, 2, 1),
    size(0.5, 1 << 10, 4, 1),
    size(1.0, 2 << 10, 8, 1),
    size(2.0, 4 << 10, 16, 1),
    size(4.0, 8 << 10, 30, 1),
    size(8.0, 16 << 10, 60, 4),
    size(16.0, 32 << 10, 120, 8),
];

impl FargateSize {
    /// The memory of tasks with so many vCPUs; none if there are no such tasks.
    pub fn of(vcpu: f64) -> Option<Self> {
        FARGATE_SIZES.into_iter().find(|size| size.vcpu == vcpu)
    }

    /// Whether there is a task with so many bytes.
    pub fn has(&self, bytes: u64) -> bool {
        let [least, most, step] = [self.least_mib, self.most_mib, self.step_mib].map(|mib| mib << 20);
        bytes == least || ((least..=most).contains(&bytes) && bytes.is_multiple_of(step))
    }
}

impl fmt::Display for FargateSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [most, step] = [self.most_mib, self.step_mib].map(|mib| mib >> 10);
        match self.least_mib {
            512 => write!(f, "512 MiB, 1 GiB or {most} GiB"),
            least => write!(f, "{} to {most} GiB in steps of {step} GiB", least >> 10),
        }
    }
}

impl Host {
    /// A host that the price book does not have, billed by the hour at a price of the user's own.
    pub fn own(vcpu: f64, price_id: String, price_per_hour: Money) -> Self {
        Self { vcpu, bill: vec![(price_id, Decimal::ONE)], own_price: Some(price_per_hour) }
    }

    /// The user's own price of an hour of it in USD, with its price id, where the price book has none.
    pub fn own_price(&self) -> Option<(&str, Decimal)> {
        let (id, _) = self.bill.first()?;
        Some((id, self.own_price?.amount()))
    }

    /// A host of the user's own, whose price nobody knows.
    pub fn unpriced(vcpu: f64) -> Self {
        Self { vcpu, bill: Vec::new(), own_price: None }
    }

    /// An EC2 instance; none if the price book does not have it.
    pub fn ec2(kind: &str) -> Option<Self> {
        let (kind, vcpu) = INSTANCES.into_iter().find(|(name, _)| *name == kind)?;
        Some(Self { vcpu, bill: vec![(format!("ec2.{kind}_h"), Decimal::ONE)], own_price: None })
    }

    /// A Fargate task of so many vCPUs and MiB.
    pub fn fargate(vcpu: f64, memory_mib: u64, arm: bool) -> Self {
        let kind = if arm { "arm" } else { "x86" };
        // vCPUs are steps of a quarter.
        let quarters = Decimal::from((vcpu * 4.0 + 0.5) as u64);
        let bill = vec![
            (format!("fargate.{kind}.vcpu_h"), quarters / Decimal::from(4)),
            (format!("fargate.{kind}.gb_h"), Decimal::from(memory_mib) / Decimal::from(1_024)),
        ];
        Self { vcpu, bill, own_price: None }
    }
}
