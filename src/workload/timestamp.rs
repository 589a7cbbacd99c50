//! Timestamps as metric exports write them.

const SECOND: i64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;
/// Any two moments in these years are less than 2^63 nanoseconds apart.
const YEARS: std::ops::RangeInclusive<i64> = 1950..=2200;

/// Nanoseconds since 1970-01-01T00:00:00Z of `YYYY-MM-DD HH:MM:SS` (a `T` may stand for the space; the time,
/// its seconds and a fraction of them may be missing; a zone, `Z` or `+HH:MM`, may follow, else UTC is
/// meant), which includes RFC 3339, or of a number of seconds since 1970.
///
/// Errors: any other text, a day or time that does not exist, a year outside 1950 to 2200. Leap seconds do
/// not exist, as in Unix time.
pub fn parse(text: &str) -> Result<i64, String> {
    let moment = match text.as_bytes().get(4) {
        Some(b'-') => parse_civil(text),
        _ => parse_seconds(text),
    };
    moment.ok_or_else(|| {
        format!(
            "`{text}` is no timestamp; expected `2026-01-05 14:30:00`, `2026-01-05T14:30:00Z` \
             or seconds since 1970"
        )
    })
}

fn parse_seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = split_fraction(text)?;
    // The bound tells a wrong unit: milliseconds of any recent year are past it.
    let whole =
        digits(whole, 1..=11).filter(|seconds| *seconds < days(*YEARS.end(), 12, 31) * DAY_SECONDS)?;
    Some(whole * SECOND + fraction)
}

fn parse_civil(text: &str) -> Option<i64> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let [year, month, day] = fields(date, '-')?;
    let year = digits(year, 4..=4).filter(|year| YEARS.contains(year))?;
    let (month, day) = (digits(month, 2..=2)?, digits(day, 2..=2)?);
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    let midnight = days(year, month, day) * DAY_SECONDS * SECOND;
    if rest.is_empty() {
        return Some(midnight);
    }
    let (time, offset) = split_zone(rest.strip_prefix([' ', 'T', 't'])?)?;
    Some(midnight + parse_time(time)? - offset)
}

/// Nanoseconds since midnight of `HH:MM` or `HH:MM:SS` with or without a fraction.
fn parse_time(text: &str) -> Option<i64> {
    let (whole, fraction) = split_fraction(text)?;
    let [hour, minute, second] = match whole.len() {
        5 if !text.contains('.') => {
            let (hour, minute) = whole.split_once(':')?;
            [hour, minute, "00"]
        }
        _ => fields(whole, ':')?,
    };
    let part = |text: &str, end: i64| digits(text, 2..=2).filter(|value| *value < end);
    let seconds = part(hour, 24)? * 3_600 + part(minute, 60)? * 60 + part(second, 60)?;
    Some(seconds * SECOND + fraction)
}

/// Splits off the zone and gives its offset from UTC in nanoseconds.
fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(at) = text.find(['+', '-']) else {
        return Some((text, 0));
    };
    let (time, zone) = text.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    Some((time, sign * parse_time(&zone[1..])?))
}

/// Splits `12.5` into `12` and half a second in nanoseconds; digits past the ninth are cut off.
fn split_fraction(text: &str) -> Option<(&str, i64)> {
    let Some((whole, fraction)) = text.split_once('.') else {
        return Some((text, 0));
    };
    digits(fraction, 1..=18)?;
    let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some((whole, nanos.fold(0, |sum, digit| 10 * sum + i64::from(digit - b'0'))))
}

fn fields(text: &str, separator: char) -> Option<[&str; 3]> {
    let mut parts = text.split(separator);
    let fields = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(fields)
}

/// A number of this many decimal digits and nothing else.
fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let fits = length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let next = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
    next - days(year, month, 1)
}

/// Days since 1970-01-01: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013),
/// `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let march_year = year - i64::from(month <= 2);
    let (era, year_of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_are_read_in_every_form() {
        // Figures of GNU `date -u -d ... +%s`.
        for (text, seconds) in [
            ("1970-01-01 00:00:00", 0),
            ("2014-04-10 00:04:00", 1_397_088_240),
            ("2014-04-10T00:04:00Z", 1_397_088_240),
            ("2014-04-10T02:04:00+02:00", 1_397_088_240),
            ("2014-04-09 18:34-05:30", 1_397_088_240),
            ("1397088240", 1_397_088_240),
            ("2000-02-29", 951_782_400),
            ("1969-12-31T23:59:59Z", -1),
        ] {
            assert_eq!(parse(text), Ok(seconds * SECOND), "{text}");
        }
        assert_eq!(parse("1.5"), Ok(1_500_000_000));
        assert_eq!(parse("1970-01-01T00:00:00.25+00:00"), Ok(250_000_000));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "now",
            "-5",
            "1e9",
            "2014-02-29 00:00:00",
            "2014-13-01",
            "2014-04-10 24:00:00",
            "2014-04-10 10",
            "2014-04-10 00:04:00 UTC",
            "2014-04-1000:04:00",
            "2014-4-10",
            "1397088240000",
            "12.",
            "1949-12-31",
            "2014-04-10 00:04.5",
            "2014-04-10T00:04:00+2",
            "2014-04-10 0é:00:00",
            "201é-04-10",
            "2014-04-10 é0:00",
            "2014-04-10 00:00:00+é",
            "99999999999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(2014-04-10[ T])?[0-9é:. TZ+-]{0,12}") {
            let _ = parse(&text);
        }
    }
}
