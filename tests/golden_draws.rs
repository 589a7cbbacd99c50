//! The first draws of every sampler, bit by bit: a change of any of them changes every result ever published. Each was
//! worked out again from the same random bits with the published algorithm, apart from this code, to 12 digits or more.

use std::sync::Arc;
use streamgauge::engine::alias::AliasTable;
use streamgauge::engine::math;
use streamgauge::engine::random::{Draws, Streams};
use streamgauge::engine::sampler::{Sampler, exponential, normal};
use streamgauge::engine::zipf::Zipf;

fn draws() -> Draws {
    Streams::new(7, 3).named("golden")
}

/// The first four values as hex bits, a line a sampler.
fn first(mut sample: impl FnMut(&mut Draws) -> f64) -> [u64; 4] {
    let mut draws = draws();
    [(); 4].map(|()| sample(&mut draws).to_bits())
}

#[test]
fn the_first_draws_are_frozen() {
    let named = |sampler: Sampler| first(|draws| sampler.sample(draws));
    let found = [
        first(exponential),
        first(normal),
        named(Sampler::Uniform { low: 10.0, high: 20.0 }),
        named(Sampler::LogNormal { log_median: math::ln(240.0), sigma: 0.55 }),
        named(Sampler::Pareto { scale: 2.0, shape: 3.5 }),
        named(Sampler::Empirical(Arc::from([1.0, 2.0, 3.0, 5.0, 8.0]))),
    ];
    assert_eq!(
        found,
        [
            [0x3ffd_fea6_4bd6_cb0f, 0x3fe6_b137_14b7_913f, 0x3fe7_5cdf_48be_6705, 0x3ff1_2f42_c8c9_3215],
            [0x3ff2_8e8d_4add_d94b, 0x3fdb_5394_afaf_2f8f, 0x3fec_7d90_7256_de8c, 0x3fc9_308f_715e_6803],
            [0x4032_20b8_9d86_e88a, 0x4030_d95b_82f0_21f7, 0x4033_ab11_5309_9865, 0x402f_2e3f_209b_6d63],
            [0x407c_6325_c814_28c2, 0x4072_f875_407b_9a68, 0x4078_7a17_158f_53c9, 0x4070_b6f5_042d_7b54],
            [0x4009_d2e5_cdc8_fe71, 0x4006_4136_97a0_4614, 0x4015_2b5f_9a2f_c26d, 0x4004_3791_9659_e0e5],
            [0x4020_0000_0000_0000, 0x4014_0000_0000_0000, 0x4020_0000_0000_0000, 0x4008_0000_0000_0000],
        ],
        "{found:x?}"
    );
}

#[test]
fn the_first_ranks_are_frozen() {
    // Drawn from a table, and by rejection where a table would be too large.
    let alias = AliasTable::new((1..=1_000).map(|rank| 1.0 / f64::from(rank)).collect());
    let mut one = draws();
    assert_eq!([(); 6].map(|()| alias.sample(&mut one)), [16, 6, 63, 559, 250, 4]);
    let zipf = Zipf::new(100_000_000, 0.99);
    let mut one = draws();
    assert_eq!([(); 6].map(|()| zipf.sample(&mut one)), [25, 328, 0, 3_783, 1_189_918, 1_128]);
}
