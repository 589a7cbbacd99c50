//! Exact arithmetic that decimals of 28 digits cannot do alone: one ratio, and sharing out a total.

use rust_decimal::Decimal;

/// `floor(a * b / divisor)` and the remainder, however large the product is.
///
/// `None` if the quotient needs more than 128 bits or the divisor is 0 or above 2^127. Russian peasant
/// multiplication with the division kept up at every step, so at most 128 rounds.
pub(super) fn mul_div(a: u128, b: u128, divisor: u128) -> Option<(u128, u128)> {
    if divisor == 0 || divisor > 1 << 127 {
        return None;
    }
    let (b_quotient, b_remainder) = (b / divisor, b % divisor);
    let (mut quotient, mut remainder) = (0u128, 0u128);
    for bit in (0..128 - a.leading_zeros()).rev() {
        // Both remainders are below 2^127, so neither the doubling nor the sum can overflow.
        (quotient, remainder) = carry(quotient.checked_mul(2)?, remainder * 2, divisor)?;
        if a >> bit & 1 == 1 {
            (quotient, remainder) =
                carry(quotient.checked_add(b_quotient)?, remainder + b_remainder, divisor)?;
        }
    }
    Some((quotient, remainder))
}

fn carry(quotient: u128, remainder: u128, divisor: u128) -> Option<(u128, u128)> {
    if remainder < divisor {
        Some((quotient, remainder))
    } else {
        Some((quotient.checked_add(1)?, remainder - divisor))
    }
}

/// Shares `total` out in proportion to `weights`, so that the shares add up to `total` exactly.
///
/// Every share is the exact one rounded down to a multiple of 10^-`decimals`, and the units left over go one
/// each to the largest remainders, the first of equals winning (Hamilton's method). `total` must not have
/// more decimals. `None` if a number does not fit or is negative, or if all weights are 0.
pub(super) fn apportion(total: Decimal, weights: &[Decimal], decimals: u32) -> Option<Vec<Decimal>> {
    let scale = weights.iter().map(Decimal::scale).max()?;
    let weights = weights.iter().map(|weight| mantissa_at(*weight, scale)).collect::<Option<Vec<u128>>>()?;
    let weight_sum = weights.iter().try_fold(0u128, |sum, weight| sum.checked_add(*weight))?;
    let total = mantissa_at(total, decimals)?;

    let shares =
        weights.iter().map(|weight| mul_div(total, *weight, weight_sum)).collect::<Option<Vec<_>>>()?;
    let mut units: Vec<u128> = shares.iter().map(|(floor, _)| *floor).collect();
    let left_over = usize::try_from(total - units.iter().sum::<u128>()).ok()?;
    let mut by_remainder: Vec<usize> = (0..units.len()).collect();
    by_remainder.sort_by_key(|index| std::cmp::Reverse(shares[*index].1));
    for index in by_remainder.into_iter().take(left_over) {
        units[index] += 1;
    }
    units.into_iter().map(|unit| decimal_of(unit, decimals)).collect()
}

/// `value * numerator / denominator`, rounded half-up to `decimals` places; `None` if it does not fit.
pub(super) fn scale(value: Decimal, numerator: u128, denominator: u128, decimals: u32) -> Option<Decimal> {
    let (mut quotient, mut remainder) = mul_div(mantissa_at(value, value.scale())?, numerator, denominator)?;
    for _ in value.scale()..decimals {
        let (digit, rest) = mul_div(remainder, 10, denominator)?;
        (quotient, remainder) = (quotient.checked_mul(10)?.checked_add(digit)?, rest);
    }
    if remainder >= denominator - remainder {
        quotient = quotient.checked_add(1)?;
    }
    decimal_of(quotient, decimals.max(value.scale()))
}

fn mantissa_at(value: Decimal, scale: u32) -> Option<u128> {
    let value = if value.scale() > scale { value.normalize() } else { value };
    let missing = scale.checked_sub(value.scale())?;
    u128::try_from(value.mantissa()).ok()?.checked_mul(10u128.checked_pow(missing)?)
}

fn decimal_of(mantissa: u128, scale: u32) -> Option<Decimal> {
    Decimal::try_from_i128_with_scale(i128::try_from(mantissa).ok()?, scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn mul_div_agrees_with_plain_division_where_the_product_fits(a: u64, b: u64, divisor in 1u64..) {
            let (a, b, divisor) = (u128::from(a), u128::from(b), u128::from(divisor));
            prop_assert_eq!(mul_div(a, b, divisor), Some((a * b / divisor, a * b % divisor)));
        }

        #[test]
        fn shares_add_up_and_are_close(cents in 0u64.., weights in prop::collection::vec(0u32.., 1..9)) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let total = Decimal::new(i64::try_from(cents >> 1).unwrap(), 2);
            let weights: Vec<Decimal> = weights.into_iter().map(Decimal::from).collect();
            let shares = apportion(total, &weights, 2).unwrap();
            prop_assert_eq!(shares.iter().sum::<Decimal>(), total);
            for (share, weight) in shares.iter().zip(&weights) {
                let exact = total * (weight / weights.iter().sum::<Decimal>());
                prop_assert!((share - exact).abs() < Decimal::new(1, 2));
            }
        }
    }

    #[test]
    fn mul_div_survives_products_beyond_128_bits() {
        // (2^127 - 1) * 2^127 / 2^127 is 2^127 - 1.
        assert_eq!(mul_div((1 << 127) - 1, 1 << 127, 1 << 127), Some(((1 << 127) - 1, 0)));
        assert_eq!(mul_div(u128::MAX, u128::MAX, 1), None);
        assert_eq!(mul_div(1, 1, 0), None);
    }

    #[test]
    fn the_cent_left_over_goes_to_the_largest_remainder() {
        let thirds = apportion(Decimal::ONE, &[Decimal::ONE; 3], 2).unwrap();
        assert_eq!(thirds, [Decimal::new(34, 2), Decimal::new(33, 2), Decimal::new(33, 2)]);
    }
}
