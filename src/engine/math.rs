//! The few transcendental functions that simulated values depend on.
//!
//! The platform's own differ in the last digits from one system to the next, so everything goes
//! through the pure-Rust `libm`, whose results are the same everywhere.

/// Natural logarithm.
#[inline]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// `ln(1 + x)`, exact for small `x`.
#[inline]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// Base-10 logarithm.
#[inline]
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// `e` to the power `x`.
#[inline]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// `exp(x) - 1`, exact for small `x`.
#[inline]
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// `x` to the power `y`.
#[inline]
pub fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// Cosine of an angle in radians.
#[inline]
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// Sine of an angle in radians.
#[inline]
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// Logarithm of the gamma function.
#[inline]
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// Replaces every `x` by `e^x`, to within two units in the last place for |x| below 700.
///
/// Written without branches so that the compiler can do several at once: `x = k ln 2 + r` (Cody and Waite 1980), a
/// Taylor polynomial for |r| <= ln(2)/2, and `k` added to the exponent. Only `+ - *` on floats, so
/// the results are the same everywhere.
pub fn exp_all(values: &mut [f64]) {
    /// 1.5 * 2^52: adding it rounds to an integer, which then lies in the low bits.
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    for x in values {
        let clamped = x.clamp(-700.0, 700.0);
        let shifted = clamped * std::f64::consts::LOG2_E + ROUNDER;
        let k = shifted - ROUNDER;
        let r = (clamped - k * LN_2_HIGH) - k * LN_2_LOW;
        let [terms @ .., last] = RECIPROCAL_FACTORIALS;
        let tail = terms.iter().rev().fold(last, |sum, term| sum * r + term);
        let power = 1.0 + (r + r * r * tail);
        *x = f64::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 52));
    }
}

/// 1/2!, 1/3!, ... 1/13!.
const RECIPROCAL_FACTORIALS: [f64; 12] = [
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_of_many_agrees_with_exp_of_one() {
        let points: Vec<f64> = (-140_000..140_000).map(|i| f64::from(i) * 0.005).collect();
        let mut all = points.clone();
        exp_all(&mut all);
        for (x, found) in points.iter().zip(&all) {
            let expected = exp(*x);
            assert!((found - expected).abs() <= 2.0 * f64::EPSILON * expected, "{x}: {found} {expected}");
        }
    }
}
