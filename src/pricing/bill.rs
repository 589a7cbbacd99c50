//! The bill: usage times prices, tier by tier, to the cent, with the cause of every cent.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::book::{Lookup, LookupError, PriceBook};
use super::commitment;
use super::date::Date;
use super::entry::{Asked, Confidence, Entry, Rate, Unpriced};
use super::exact;
use super::usage::{Cause, Usage, UsageError, UsageLine};

const CENTS: u32 = 2;

/// What a bill is made out for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Terms {
    /// Such as `us-east-1`.
    pub region: String,
    /// The day whose prices hold.
    pub at: Date,
    /// Hours of the month that the usage stands for; AWS's calculator takes 730. Quantities are those of the month
    /// already; only minimum commitments are computed from it.
    pub month_hours: u32,
    /// Whether the monthly free quantities are taken off.
    pub free_tier: bool,
    /// Whether estimates stand in for prices that are not known; such lines are marked.
    #[serde(default)]
    pub allow_estimates: bool,
}

impl Terms {
    fn asked(&self) -> Asked<'_> {
        Asked { region: &self.region, at: self.at, estimates: self.allow_estimates }
    }
}

/// One line: one price (or one tier, or one free band) and what was used of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// The price id with its tier (`fh.put.t2`); a free band ends in `.free`.
    pub id: String,
    /// The AWS service that bills it.
    pub service: String,
    /// What is bought, in human words.
    pub item: String,
    /// Single units.
    #[schemars(with = "String")]
    pub quantity: Decimal,
    /// What `unit_price` buys: `1M PUT payload units`.
    pub unit: String,
    /// The single units that `unit_price` buys: amount = quantity / per x unit_price.
    pub per: u64,
    /// USD, as printed; null if unknown.
    #[schemars(with = "Option<String>")]
    pub unit_price: Option<Decimal>,
    /// USD, rounded half-up to the cent; null if unknown.
    #[schemars(with = "Option<String>")]
    pub amount: Option<Decimal>,
    /// The amount by cause, in proportion to the quantities, adding up to it to the cent; empty if unknown.
    #[schemars(with = "BTreeMap<Cause, String>")]
    pub causes: BTreeMap<Cause, Decimal>,
    /// How sure the price is; null if there is none.
    pub confidence: Option<Confidence>,
    /// Why the price is unknown, or what the line is.
    pub note: Option<String>,
}

/// A month's bill in USD list prices, before tax, credits and discounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bill {
    /// Always `USD`.
    pub currency: String,
    /// What the bill is made out for.
    #[serde(flatten)]
    pub terms: Terms,
    /// The day on which the price book was compiled.
    pub prices_as_of: Date,
    /// SHA-256 of the price book.
    pub prices_digest: String,
    /// In the order of the price ids, lower tiers first; quantities of 0 have no line.
    pub lines: Vec<Line>,
    /// The sum of the lines; null if the amount of any is unknown.
    #[schemars(with = "Option<String>")]
    pub total: Option<Decimal>,
    /// The sum of the lines whose amount is known.
    #[schemars(with = "String")]
    pub known_subtotal: Decimal,
    /// The ids of the lines whose amount is unknown.
    pub unknown: Vec<String>,
}

/// Usage that no bill can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// A price id that the book does not have.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// Quantities that are wrong in themselves.
    #[error(transparent)]
    Usage(#[from] UsageError),
}

impl Bill {
    /// Adds a line for something that is used and whose price the book does not have even by name: its amount, and with it the
    /// total, is unknown.
    pub fn add_unpriced(&mut self, service: &str, id: &str, item: String, unit: &str, quantity: Decimal) {
        self.lines.push(Line {
            id: id.to_owned(),
            service: service.to_owned(),
            item,
            quantity,
            unit: unit.to_owned(),
            per: 1,
            unit_price: None,
            amount: None,
            causes: BTreeMap::new(),
            confidence: None,
            note: Some("no price of it is known".to_owned()),
        });
        self.total = None;
        self.unknown.push(id.to_owned());
    }

    /// Makes out the bill for a month's usage.
    ///
    /// Every line is rounded half-up to the cent and then added, as AWS's invoices do. Free quantities are
    /// taken off first and tiers count what is left; a free quantity shared by several prices goes to them in
    /// the order of ids. A Region that the book does not have leaves every line unknown.
    ///
    /// # Errors
    /// [`BillError`] if an id is unknown, a quantity is negative or too large, or causes do not add up.
    pub fn of(usage: &Usage, book: &PriceBook, terms: Terms) -> Result<Bill, BillError> {
        usage.check()?;
        let mut free_left = BTreeMap::new();
        let mut lines = Vec::new();
        for (id, used) in &usage.0 {
            let rows = book.rows(id, terms.asked())?;
            let bands = match book.price(id, terms.asked()) {
                Ok(lookup) => {
                    let free = if terms.free_tier {
                        take_free(&lookup, used.quantity, &mut free_left)
                    } else {
                        None
                    };
                    bands(&lookup, used.quantity, free)
                }
                // The id is in the book, so only the Region can be missing.
                Err(error) => vec![Band::unpriced(
                    rows[0],
                    id,
                    used.quantity,
                    Unpriced::NoSuchRegion(error.to_string()),
                )],
            };
            for band in bands.into_iter().filter(|band| !band.quantity.is_zero()) {
                let unseen = band.unseen(terms.at, book.as_of());
                let line = band.line(used).ok_or_else(|| UsageError::TooLarge { id: id.clone() })?;
                let committed = || commitment::note(id, used.causes.iter().map(|(cause, of)| (*cause, *of)));
                let notes: Vec<String> = line.note.or_else(committed).into_iter().chain(unseen).collect();
                let note = (!notes.is_empty()).then(|| notes.join("; "));
                lines.push(Line { note, ..line });
            }
        }
        Bill::sum(lines, book, terms)
    }

    fn sum(lines: Vec<Line>, book: &PriceBook, terms: Terms) -> Result<Bill, BillError> {
        let mut known_subtotal = Decimal::new(0, CENTS);
        for line in &lines {
            known_subtotal = known_subtotal
                .checked_add(line.amount.unwrap_or_default())
                .ok_or_else(|| UsageError::TooLarge { id: line.id.clone() })?;
        }
        let unknown: Vec<String> =
            lines.iter().filter(|line| line.amount.is_none()).map(|line| line.id.clone()).collect();
        Ok(Bill {
            currency: "USD".to_owned(),
            terms,
            prices_as_of: book.as_of(),
            prices_digest: book.digest().to_owned(),
            lines,
            total: unknown.is_empty().then_some(known_subtotal),
            known_subtotal,
            unknown,
        })
    }

    /// The known amounts by cause, in USD; they add up to [`Bill::known_subtotal`].
    pub fn by_cause(&self) -> BTreeMap<Cause, Decimal> {
        let mut sums = BTreeMap::new();
        for (cause, amount) in self.lines.iter().flat_map(|line| &line.causes) {
            *sums.entry(*cause).or_insert(Decimal::ZERO) += amount;
        }
        sums
    }
}

/// The part of a quantity that has one price.
struct Band<'a> {
    entry: &'a Entry,
    id: String,
    quantity: Decimal,
    price: Result<Rate, Unpriced>,
    note: Option<&'static str>,
}

/// Takes what the free quantity still gives to this price out of its pool.
fn take_free<'a>(
    lookup: &Lookup<'a>,
    used: Decimal,
    left: &mut BTreeMap<&'a str, Decimal>,
) -> Option<Decimal> {
    let (pool, free) = lookup.free()?;
    let left = left.entry(pool).or_insert(free);
    let taken = used.min(*left);
    *left -= taken;
    Some(taken)
}

/// Cuts a quantity into its free band, its tiers, and what lies above the last tier known.
fn bands<'a>(lookup: &Lookup<'a>, used: Decimal, free: Option<Decimal>) -> Vec<Band<'a>> {
    let mut bands = Vec::new();
    let billed = used - free.unwrap_or_default();
    if let (Some(quantity), Some(first)) = (free, lookup.tiers.first()) {
        let id = format!("{}.free", family(first.entry, lookup));
        let price = Ok(Rate { price: Decimal::ZERO, confidence: Confidence::Verified });
        bands.push(Band { entry: first.entry, id, quantity, price, note: Some("monthly free quantity") });
    }
    for tier in &lookup.tiers {
        let quantity = tier.to.map_or(billed, |to| billed.min(to)) - tier.from;
        let (id, price) = (tier.entry.id.clone(), tier.price.clone());
        bands.push(Band { entry: tier.entry, id, quantity: quantity.max(Decimal::ZERO), price, note: None });
    }
    if let Some((last, above)) = lookup.tiers.last().and_then(|tier| Some((tier.entry, tier.to?))) {
        let beyond = (billed - above).max(Decimal::ZERO);
        bands.push(Band::unpriced(last, &family(last, lookup), beyond, Unpriced::BeyondLastTier { above }));
    }
    bands
}

/// The id without its tier, if it was looked up so.
fn family(entry: &Entry, lookup: &Lookup<'_>) -> String {
    let tiered = lookup.tiers.iter().any(|tier| tier.to.is_some());
    let family = entry.id.rsplit_once(".t").filter(|_| tiered).map(|(family, _)| family);
    family.unwrap_or(&entry.id).to_owned()
}

impl<'a> Band<'a> {
    fn unpriced(entry: &'a Entry, id: &str, quantity: Decimal, reason: Unpriced) -> Band<'a> {
        Band { entry, id: id.to_owned(), quantity, price: Err(reason), note: None }
    }

    /// That the book does not know whether its price held on that day; nothing where the price says so itself or is the user's.
    fn unseen(&self, at: Date, as_of: Date) -> Option<String> {
        self.price.as_ref().ok().filter(|rate| rate.confidence != Confidence::Own)?;
        if at > as_of {
            return Some(format!(
                "the price of {as_of}, when the book was compiled; it may have changed by {at}"
            ));
        }
        let seen = self.entry.seen_from().filter(|seen| self.entry.valid_from.is_none() && at < *seen)?;
        Some(format!("seen from {seen} on; whether it was the price on {at} is not known"))
    }

    /// `None` if the amount does not fit.
    fn line(self, used: &UsageLine) -> Option<Line> {
        let Band { entry, id, quantity, price, note } = self;
        let (unit_price, confidence, note) = match price {
            Ok(Rate { price, confidence }) => {
                let estimate = (confidence == Confidence::Estimate)
                    .then_some("an estimate by a ratio to other Regions, not AWS's price");
                (Some(price), Some(confidence), note.or(estimate).map(str::to_owned))
            }
            Err(reason) => {
                let estimate = matches!(reason, Unpriced::Estimate { .. }).then_some(Confidence::Estimate);
                (None, estimate, Some(reason.to_string()))
            }
        };
        let (amount, causes) = match unit_price {
            Some(price) => {
                let amount = amount(quantity, price, entry.per)?;
                (Some(amount), causes(amount, used)?)
            }
            None => (None, BTreeMap::new()),
        };
        Some(Line {
            id,
            service: entry.service.clone(),
            item: entry.item.clone(),
            quantity: quantity.normalize(),
            unit: entry.unit.clone(),
            per: entry.per,
            unit_price,
            amount,
            causes,
            confidence,
            note,
        })
    }
}

fn amount(quantity: Decimal, price: Decimal, per: u64) -> Option<Decimal> {
    let exact = quantity.checked_mul(price)?.checked_div(Decimal::from(per))?;
    let mut amount = exact.round_dp_with_strategy(CENTS, RoundingStrategy::MidpointAwayFromZero);
    amount.rescale(CENTS);
    Some(amount)
}

/// Shares an amount out as the causes share the quantity; a quantity without causes is all [`Cause::Base`].
fn causes(amount: Decimal, used: &UsageLine) -> Option<BTreeMap<Cause, Decimal>> {
    if used.causes.is_empty() {
        return Some(BTreeMap::from([(Cause::Base, amount)]));
    }
    let weights: Vec<Decimal> = used.causes.values().copied().collect();
    let shares = exact::apportion(amount, &weights, CENTS)?;
    Some(used.causes.keys().copied().zip(shares).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(region: &str, free_tier: bool) -> Terms {
        Terms {
            region: region.to_owned(),
            at: "2026-01-05".parse().unwrap(),
            month_hours: 730,
            free_tier,
            allow_estimates: false,
        }
    }

    fn usage(lines: &[(&str, i64)]) -> Usage {
        Usage(lines.iter().map(|(id, quantity)| (id.to_string(), Decimal::from(*quantity).into())).collect())
    }

    fn bill(lines: &[(&str, i64)], free_tier: bool) -> Bill {
        Bill::of(&usage(lines), PriceBook::builtin(), terms("us-east-1", free_tier)).unwrap()
    }

    fn total(bill: &Bill) -> String {
        bill.total.unwrap().to_string()
    }

    #[test]
    fn aws_example_of_provisioned_kinesis() {
        // AWS's pricing page: 100 records/s of 35 KB for 31 days take 4 shards; 44.64 + 7.50 = 52.14 USD.
        let units =
            100 * 86_400 * 31 * i64::try_from(super::super::meter::put_payload_units(35 * 1024)).unwrap();
        let bill = bill(&[("kds.prov.shard_h", 4 * 24 * 31), ("kds.prov.put_unit", units)], false);
        let amounts: Vec<String> = bill.lines.iter().map(|line| line.amount.unwrap().to_string()).collect();
        assert_eq!(
            (amounts, total(&bill)),
            (vec!["7.50".to_owned(), "44.64".to_owned()], "52.14".to_owned())
        );
    }

    #[test]
    fn firehose_bills_three_kilobytes_as_five() {
        // 100 records/s for 30 days: 100 x 5 x 2,592,000 / 1,048,576 = 1,235.96 GB, and 0.029 USD each is
        // 35.84.
        let bytes = super::super::meter::firehose_billed_bytes(3 * 1024) * 100 * 30 * 86_400;
        let mut usage = Usage::default();
        usage.add("fh.put", Cause::Base, super::super::meter::gigabytes(bytes)).unwrap();
        let bill = Bill::of(&usage, PriceBook::builtin(), terms("us-east-1", false)).unwrap();
        assert_eq!(
            (bill.lines[0].quantity.round_dp(2).to_string(), total(&bill)),
            ("1235.96".into(), "35.84".into())
        );
    }

    #[test]
    fn lambda_gbs_takes_its_free_band_off_first_and_shares_it_between_architectures() {
        // 3 million requests of 120 ms at 1,536 MB are 540,000 GB-s: 140,000 x 0.0000166667 + 2 x 0.20 = 2.33
        // + 0.40.
        let gb_s = super::super::meter::lambda_gb_seconds(1536, 120_000_000) * Decimal::from(3_000_000);
        assert_eq!(gb_s, Decimal::from(540_000));
        assert_eq!(total(&bill(&[("lambda.gbs.x86", 540_000), ("lambda.req", 3_000_000)], true)), "2.73");
        // The 400,000 GB-s are shared: Arm takes 300,000 of them, x86 the last 100,000 of its 400,000.
        let shared = bill(&[("lambda.gbs.arm", 300_000), ("lambda.gbs.x86", 400_000)], true);
        let billed: Vec<_> = shared.lines.iter().map(|line| (line.id.as_str(), line.quantity)).collect();
        let expected = [
            ("lambda.gbs.arm.free", 300_000),
            ("lambda.gbs.x86.free", 100_000),
            ("lambda.gbs.x86.t1", 300_000),
        ];
        assert_eq!(billed, expected.map(|(id, quantity)| (id, Decimal::from(quantity))));
        assert_eq!(total(&shared), "5.00");
    }

    #[test]
    fn bills_done_by_hand() {
        for (lines, free_tier, expected) in [
            (&[("kds.prov.shard_h", 20 * 730)][..], false, "219.00"),
            (&[("ddb.prov.wcu_h", 25 * 744)], true, "0.00"),
            (&[("ddb.prov.wcu_h", 26 * 744)], true, "0.48"), // 744 x 0.00065 = 0.4836
            (&[("ddb.prov.wcu_h", 26 * 744)], false, "12.57"), // 19,344 x 0.00065 = 12.5736
            (&[("ddb.streams.rru", 3_000_000)], true, "0.10"), // 5 x 0.02
            (&[("ddb.cdc.kinesis", 5_000 * 2_628_000)], false, "1314.00"),
            (&[("s3.put", 1_000_000), ("athena.scan_tb", 3)], false, "20.00"),
            (&[("kms.req", 50_000)], true, "0.09"), // 3 x 0.03
        ] {
            assert_eq!(total(&bill(lines, free_tier)), expected, "{lines:?}");
        }
    }

    #[test]
    fn s3_std_has_a_line_for_each_tier_used_and_an_edge_belongs_to_the_lower_one() {
        let edge = bill(&[("s3.std", 51_200)], false);
        assert_eq!((edge.lines.len(), total(&edge)), (1, "1177.60".to_owned()));
        // 50 TB at 0.023, 450 TB at 0.022, 100 TB at 0.021.
        let all = bill(&[("s3.std", 600 * 1024)], false);
        let amounts: Vec<_> =
            all.lines.iter().map(|line| (line.id.as_str(), line.amount.unwrap().to_string())).collect();
        let expected = [("s3.std.t1", "1177.60"), ("s3.std.t2", "10137.60"), ("s3.std.t3", "2150.40")];
        assert_eq!(amounts, expected.map(|(id, amount)| (id, amount.to_owned())));
        assert_eq!(all.lines.iter().map(|line| line.quantity).sum::<Decimal>(), Decimal::from(600 * 1024));
    }

    #[test]
    fn s3_put_lines_are_rounded_half_up_before_they_are_added() {
        // Three lines of exactly half a cent each: 0.02 if added first, 0.03 on the invoice.
        let halves = bill(&[("s3.put", 1_000), ("fh.dp_objects", 1_000), ("sqs.std", 12_500)], false);
        assert_eq!(total(&halves), "0.03");
    }

    #[test]
    fn causes_add_up_to_each_line_and_to_the_bill() {
        let mut usage = Usage::default();
        for (cause, parts) in [(Cause::Base, 1), (Cause::Retries, 1), (Cause::Duplicates, 1)] {
            usage.add("fh.put", cause, Decimal::from(parts * 200_000)).unwrap();
            usage.add("kds.prov.put_unit", cause, Decimal::from(parts * 1_000_000)).unwrap();
        }
        let bill = Bill::of(&usage, PriceBook::builtin(), terms("us-east-1", false)).unwrap();
        for line in &bill.lines {
            assert_eq!(Some(line.causes.values().sum::<Decimal>()), line.amount, "{}", line.id);
        }
        // 512,000 x 0.029 + 88,000 x 0.025 + 3 x 0.014 = 14,848.00 + 2,200.00 + 0.04.
        assert_eq!(total(&bill), "17048.04");
        assert_eq!(Some(bill.by_cause().values().sum::<Decimal>()), bill.total);
    }

    #[test]
    fn an_unknown_price_leaves_the_bill_without_a_total() {
        let used = usage(&[("kds.od.in_gb", 100), ("lambda.req", 1_000_000)]);
        let bill = Bill::of(&used, PriceBook::builtin(), terms("eu-west-1", false)).unwrap();
        assert_eq!((bill.total, bill.known_subtotal.to_string()), (None, "0.20".to_owned()));
        assert_eq!(bill.unknown, ["kds.od.in_gb"]);
        assert_eq!((bill.lines[0].amount, bill.lines[0].confidence), (None, Some(Confidence::Estimate)));

        let nowhere = Bill::of(&used, PriceBook::builtin(), terms("eu-west-9", false)).unwrap();
        assert_eq!((nowhere.unknown.len(), nowhere.total), (2, None));

        // Only Firehose's first tier of vended logs is known: 500 TB of these 501.
        let beyond = self::bill(&[("fh.vended", 501 * 1024)], false);
        assert_eq!(
            (beyond.known_subtotal.to_string(), beyond.unknown),
            ("66560.00".into(), vec!["fh.vended".into()])
        );
    }

    #[test]
    fn wrong_usage_is_refused() {
        let of =
            |lines: &[(&str, i64)]| Bill::of(&usage(lines), PriceBook::builtin(), terms("us-east-1", false));
        assert!(matches!(of(&[("fh.putt", 1)]), Err(BillError::Lookup(LookupError::UnknownId { .. }))));
        assert!(matches!(of(&[("fh.put", -1)]), Err(BillError::Usage(UsageError::Negative { .. }))));
    }

    #[test]
    fn money_is_written_as_strings_and_reads_back() {
        let bill = bill(&[("kds.prov.shard_h", 14_600)], false);
        let json = serde_json::to_value(&bill).unwrap();
        assert_eq!((&json["total"], &json["lines"][0]["unit_price"]), (&"219.00".into(), &"0.015".into()));
        assert_eq!(serde_json::from_value::<Bill>(json).unwrap(), bill);
    }
}
