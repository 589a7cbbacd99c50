//! How a consumer in a private network reaches its stream: by interface endpoints (PrivateLink) or through NAT gateways.
//! It costs no time here, only money.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::parameter::Parameter;
use crate::units::Percent;

/// Availability Zones with an endpoint.
pub const AVAILABILITY_ZONES: Parameter = Parameter::assumed(
    "OWN-40",
    "availability_zones",
    "Availability Zones in which the network has an interface endpoint",
    "2",
    "AWS advises at least two; each is billed by the hour (`vpce.if_h`)",
);
/// NAT gateways.
pub const GATEWAYS: Parameter = Parameter::assumed(
    "OWN-40",
    "gateways",
    "NAT gateways of the network",
    "2",
    "AWS advises one in each of at least two Availability Zones; each is billed by the hour (`nat.h`)",
);
/// Traffic between zones.
pub const ACROSS_ZONES: Parameter = Parameter::assumed(
    "OWN-40",
    "across_zones",
    "share of what the consumer reads that goes from one Availability Zone to another",
    "0%",
    "with an endpoint or gateway in each zone nothing has to",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[AVAILABILITY_ZONES, GATEWAYS, ACROSS_ZONES];

/// How a consumer reaches its stream from a private network: exactly one way. Consumers with the same way share it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkSettings {
    /// By interface endpoints, billed by the hour in each Availability Zone and by the GB (`vpce.if_h`, `vpce.if_gb`).
    pub interface_endpoint: Option<EndpointSettings>,
    /// Through NAT gateways, billed by the hour each and by the GB (`nat.h`, `nat.gb`).
    pub nat_gateway: Option<NatSettings>,
    /// Share of what is read that crosses Availability Zones, billed on both sides (`dt.cross_az_gb`).
    #[schemars(extend("default" = ACROSS_ZONES.value))]
    pub across_zones: Option<Percent>,
}

/// Interface endpoints.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointSettings {
    /// Availability Zones that have one: 1 to 6.
    #[schemars(extend("default" = AVAILABILITY_ZONES.value), range(min = 1, max = 6))]
    pub availability_zones: Option<u32>,
}

/// NAT gateways.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NatSettings {
    /// How many: 1 to 6.
    #[schemars(extend("default" = GATEWAYS.value), range(min = 1, max = 6))]
    pub gateways: Option<u32>,
}

/// A way out of a private network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// Interface endpoints in so many Availability Zones.
    InterfaceEndpoint(u32),
    /// So many NAT gateways.
    NatGateway(u32),
}

impl Door {
    /// Price ids of its hours and of its GB.
    pub fn price_ids(self) -> [&'static str; 2] {
        match self {
            Self::InterfaceEndpoint(_) => ["vpce.if_h", "vpce.if_gb"],
            Self::NatGateway(_) => ["nat.h", "nat.gb"],
        }
    }

    /// How many of it are billed by the hour.
    pub fn count(self) -> u32 {
        match self {
            Self::InterfaceEndpoint(count) | Self::NatGateway(count) => count,
        }
    }
}

/// The network of one consumer, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// The way to its stream.
    pub door: Door,
    /// Share in [0, 1] of what it reads that crosses Availability Zones.
    pub across_zones: f64,
}
