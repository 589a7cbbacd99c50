//! Swept values as numbers, so that one can say where between two of them something happens.

use crate::report::words;
use crate::units::{Bytes, Duration, Percent, Rate};

/// What an axis measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Bytes,
    Rate,
    Duration,
    Percent,
}

/// An axis whose values are all of one kind and rise.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    kind: Kind,
    /// The values, in bytes, events a second, nanoseconds, percent or as they are.
    pub values: Vec<f64>,
}

impl Scale {
    /// Reads values as written; nothing if one is no quantity, they are of several kinds, or they do not rise.
    pub fn of(written: &[String]) -> Option<Self> {
        let kinds = [Kind::Number, Kind::Bytes, Kind::Rate, Kind::Duration, Kind::Percent];
        let read = |kind: Kind| written.iter().map(|text| kind.read(text)).collect::<Option<Vec<f64>>>();
        let (kind, values) = kinds.into_iter().find_map(|kind| Some((kind, read(kind)?)))?;
        let rises = values.windows(2).all(|pair| pair[0] < pair[1]);
        (values.len() > 1 && rises).then_some(Self { kind, values })
    }

    /// Whether bills are straight lines between its values. They are over rates, save for chance: what is billed is counted by the
    /// record. They are not over sizes, which are rounded up to metering steps, nor over counts and times, which set batches.
    pub fn is_linear(&self) -> bool {
        self.kind == Kind::Rate
    }

    /// A value of the axis in words.
    pub fn words(&self, value: f64) -> String {
        match self.kind {
            Kind::Number => words::number(value),
            Kind::Bytes => words::bytes(value),
            Kind::Rate => format!("{}/s", words::number(value)),
            Kind::Duration => words::milliseconds(value / 1e6),
            Kind::Percent => words::percent(value),
        }
    }
}

impl Kind {
    fn read(self, text: &str) -> Option<f64> {
        match self {
            Self::Number => text.replace('_', "").parse().ok().filter(|value: &f64| value.is_finite()),
            Self::Bytes => text.parse::<Bytes>().ok().map(|bytes| bytes.get() as f64),
            Self::Rate => text.parse::<Rate>().ok().map(Rate::per_second),
            Self::Duration => text.parse::<Duration>().ok().map(|span| span.nanos() as f64),
            Self::Percent => text.parse::<Percent>().ok().map(Percent::fraction),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_kind_that_rise_make_a_scale() {
        let of =
            |values: &[&str]| Scale::of(&values.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let bytes = of(&["500 B", "2 KiB", "1 MiB"]).unwrap();
        assert_eq!(
            (bytes.values.as_slice(), bytes.words(1_536.0)),
            (&[500.0, 2_048.0, 1_048_576.0][..], "1.5 KiB".into())
        );
        let rates = of(&["30/min", "2/s"]).unwrap();
        assert_eq!((rates.values.as_slice(), rates.words(1.25)), (&[0.5, 2.0][..], "1.25/s".into()));
        assert_eq!(of(&["1_000", "2000"]).unwrap().values, [1_000.0, 2_000.0]);
        assert_eq!(of(&["500ms", "2s"]).unwrap().words(1e9), "1 s");
        for none in [&["2", "1"][..], &["1", "2 KiB"], &["a", "b"], &["7"]] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }
}
