//! Transcendental functions that give the same bits on every platform.
//!
//! The standard library hands `ln`, `exp` and their kin to the platform, whose last bit may differ; every
//! simulated value must come out the same everywhere, so all of them go through the pure-Rust `libm`. Only
//! `f64::sqrt` is exempt: IEEE 754 requires it to be correctly rounded.

/// Natural logarithm; negative infinity at 0, NaN below.
#[inline]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// `ln(1 + x)` without losing a small `x`.
#[inline]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// e to the power of `x`.
#[inline]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// `base` to the power of `exponent`.
#[inline]
pub fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// Sine of an angle in radians.
#[inline]
pub fn sin(radians: f64) -> f64 {
    libm::sin(radians)
}

/// Cosine of an angle in radians.
#[inline]
pub fn cos(radians: f64) -> f64 {
    libm::cos(radians)
}

/// Natural logarithm of the absolute value of the gamma function.
#[inline]
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{E, FRAC_PI_6, LN_2, PI};

    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 4.0 * f64::EPSILON * expected.abs(), "{found} is not {expected}");
    }

    #[test]
    fn known_constants_come_out() {
        assert_close(exp(1.0), E);
        assert_close(ln(2.0), LN_2);
        assert_close(ln_1p(1e-20), 1e-20);
        assert_close(pow(2.0, 0.5), std::f64::consts::SQRT_2);
        assert_close(sin(FRAC_PI_6), 0.5);
        assert_close(cos(PI), -1.0);
    }

    #[test]
    fn gamma_is_the_factorial_and_the_root_of_pi() {
        assert_close(ln_gamma(11.0), ln(3_628_800.0));
        assert_close(ln_gamma(0.5), 0.5 * ln(PI));
    }
}
