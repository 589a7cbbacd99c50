//! A sample of items, for measures that are too dear to take of all of them.

/// One item in a power of two, evenly spread over the items' numbers: the same items in every replication and variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    bits: u32,
}

impl Sample {
    /// The densest sample of so many items that has at most `most` of them; all items where they are no more than that.
    pub fn of_at_most(most: usize, items: usize) -> Self {
        Self { bits: items.div_ceil(most.max(1)).next_power_of_two().trailing_zeros() }
    }

    /// It has one item in so many.
    pub fn one_in(self) -> u64 {
        1 << self.bits
    }

    /// The place of an item among those in the sample, counted from 0; `None` for any other item.
    ///
    /// Items of a zipfian plan are numbered by rank, and those of a hotspot likewise. A third of the way into each stretch an item
    /// has about the stretch's mean share of the writes, even where the share falls as fast as the rank rises.
    #[inline]
    pub fn place(self, item: u32) -> Option<usize> {
        let stretch = 1_u32 << self.bits;
        (item & (stretch - 1) == stretch / 3).then_some((item >> self.bits) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_as_dense_as_it_may_be_and_numbers_its_items() {
        assert_eq!(Sample::of_at_most(100, 100), Sample::default());
        for (items, one_in) in [(1, 1), (101, 2), (200, 2), (201, 4), (1_600, 16), (1_601, 32)] {
            let sample = Sample::of_at_most(100, items);
            assert_eq!(sample.one_in(), one_in);
            let places: Vec<usize> = (0..items as u32).filter_map(|item| sample.place(item)).collect();
            assert_eq!(places, (0..places.len()).collect::<Vec<_>>());
            assert!(places.len() <= 100 && places.len() + 1 >= items / one_in as usize);
        }
    }

    #[test]
    fn a_sample_of_zipfian_items_has_its_share_of_the_writes() {
        let sample = Sample::of_at_most(8_192, 100_000);
        let weight = |item: u32| 1.0 / f64::from(item + 1);
        let sampled: f64 = (0..100_000).filter(|item| sample.place(*item).is_some()).map(weight).sum::<f64>();
        let share = sampled * sample.one_in() as f64 / (0..100_000).map(weight).sum::<f64>();
        assert!((0.9..1.1).contains(&share), "{share}");
    }
}
