//! The computers that workers run on.

use rust_decimal::Decimal;

/// A worker's computer and what its hours are billed as.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// Processors; may be less than one.
    pub vcpu: f64,
    /// Price ids with the units of each that one hour of it takes; empty where nothing is known of its price.
    pub bill: Vec<(String, Decimal)>,
}

/// EC2 instances of the price book, with their processors.
pub const INSTANCES: [(&str, f64); 4] =
    [("m5.large", 2.0), ("m7i.large", 2.0), ("c6g.large", 2.0), ("t3.medium", 2.0)];

impl Host {
    /// A host of the user's own, whose price nobody knows.
    pub fn unpriced(vcpu: f64) -> Self {
        Self { vcpu, bill: Vec::new() }
    }

    /// An EC2 instance; none if the price book does not have it.
    pub fn ec2(kind: &str) -> Option<Self> {
        let (kind, vcpu) = INSTANCES.into_iter().find(|(name, _)| *name == kind)?;
        Some(Self { vcpu, bill: vec![(format!("ec2.{kind}_h"), Decimal::ONE)] })
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
        Self { vcpu, bill }
    }
}
