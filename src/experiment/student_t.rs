//! The quantiles of Student's t distribution.

use crate::engine::math;

/// The value below which a t-distributed variable lies with this probability.
///
/// `None` for no degrees of freedom and for a probability outside (0, 1). Found by bisection to the last bit, in
/// some ten microseconds: plenty for one call per interval.
pub fn student_t_quantile(probability: f64, degrees_of_freedom: u64) -> Option<f64> {
    if degrees_of_freedom == 0 || !(probability > 0.0 && probability < 1.0) {
        return None;
    }
    // The distribution is symmetric; the upper tail keeps its precision where 1 - tail would lose it.
    let tail = probability.min(1.0 - probability);
    let freedom = degrees_of_freedom as f64;
    let mut high = 1.0;
    while upper_tail(high, freedom) > tail {
        high *= 2.0;
    }
    let mut low = 0.0;
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return Some(if probability < 0.5 { -high } else { high });
        }
        if upper_tail(middle, freedom) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// `P(T > t)` for `t >= 0`: half of `I_x(freedom / 2, 1 / 2)` at `x = freedom / (freedom + t^2)` (Abramowitz and
/// Stegun 1964, 26.7.1 and 26.5.27).
fn upper_tail(t: f64, freedom: f64) -> f64 {
    let (square, sum) = (t * t, freedom + t * t);
    0.5 * incomplete_beta(0.5 * freedom, 0.5, freedom / sum, square / sum)
}

/// The regularised incomplete beta function `I_x(a, b)`, with `y = 1 - x` given for its precision.
fn incomplete_beta(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 || y <= 0.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let ln_beta = math::ln_gamma(a) + math::ln_gamma(b) - math::ln_gamma(a + b);
    let front = math::exp(a * math::ln(x) + b * math::ln(y) - ln_beta);
    // The fraction converges fast below the mean; above it the symmetry I_x(a, b) = 1 - I_y(b, a) helps.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, y) / b
    }
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), evaluated by the modified method of Lentz
/// (Thompson and Barnett 1986, *J. Comput. Phys.* 64).
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    /// The fraction needs about `sqrt(max(a, b))` terms, so these suffice for 10^8 degrees of freedom.
    const TERMS_MAX: u32 = 10_000;
    const TINY: f64 = 1e-300;
    let guarded = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut numerator = 1.0;
    let mut denominator = 1.0 / guarded(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = denominator;
    for term in 1..TERMS_MAX {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        denominator = 1.0 / guarded(1.0 + even * denominator);
        numerator = guarded(1.0 + even / numerator);
        fraction *= numerator * denominator;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        denominator = 1.0 / guarded(1.0 + odd * denominator);
        numerator = guarded(1.0 + odd / numerator);
        let change = numerator * denominator;
        fraction *= change;
        if (change - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantile(probability: f64, freedom: u64) -> f64 {
        student_t_quantile(probability, freedom).unwrap()
    }

    /// The table printed in every textbook.
    #[test]
    fn quantiles_equal_the_published_table() {
        for (freedom, expected) in
            [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (19, 2.093), (30, 2.042), (100, 1.984)]
        {
            let found = quantile(0.975, freedom);
            assert!((found - expected).abs() <= 0.0005, "{freedom}: {found}");
        }
        assert!((quantile(0.995, 9) - 3.250).abs() <= 0.0005);
        // The normal distribution is the limit.
        assert!((quantile(0.975, 100_000_000) - 1.959_964).abs() < 1e-6);
    }

    /// One and two degrees of freedom have closed forms: tan(pi (p - 1/2)) and (2p - 1) / sqrt(2 p (1 - p)).
    #[test]
    fn quantiles_equal_the_closed_forms() {
        for probability in [0.001, 0.025, 0.3, 0.5, 0.6, 0.9, 0.9999] {
            let angle = std::f64::consts::PI * (probability - 0.5);
            let one = math::sin(angle) / math::cos(angle);
            let two = (2.0 * probability - 1.0) / (2.0 * probability * (1.0 - probability)).sqrt();
            for (freedom, expected) in [(1, one), (2, two)] {
                let found = quantile(probability, freedom);
                assert!(
                    (found - expected).abs() <= 1e-10 * (1.0 + expected.abs()),
                    "{found} is not {expected}"
                );
            }
        }
    }

    #[test]
    fn impossible_requests_have_no_quantile() {
        for (probability, freedom) in [(0.975, 0), (0.0, 5), (1.0, 5), (f64::NAN, 5)] {
            assert_eq!(student_t_quantile(probability, freedom), None);
        }
    }
}
