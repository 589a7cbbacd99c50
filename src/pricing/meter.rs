//! The metering rules: what is counted for one record, write, call or query. Integers in, integers out.
//!
//! Sizes are bytes and all of AWS's kilobytes are 1,024 bytes here (DDB-U3). The rules of the price book's
//! section "Metering rules" stand beside each function; [`gigabytes`], [`terabytes`] and [`gb_seconds`] turn
//! the sums into the units that prices are quoted in, once, at the end.

use std::num::NonZeroU64;

use rust_decimal::Decimal;

const KB: u64 = 1024;
const MB: u64 = 1024 * KB;

/// Bytes of one PUT payload unit. AWS says 25 KB and nowhere whether that is 25,600 or 25,000 bytes.
pub const PUT_PAYLOAD_UNIT_BYTES: NonZeroU64 = NonZeroU64::new(25 * KB).expect("25 KB is not zero");

/// PUT payload units of one record (`kds.prov.put_unit`): its 25 KB chunks, at least one. Batching calls
/// saves nothing.
pub fn put_payload_units(record_bytes: u64) -> u64 {
    put_payload_units_of(record_bytes, PUT_PAYLOAD_UNIT_BYTES)
}

/// [`put_payload_units`] with another reading of "25 KB".
pub fn put_payload_units_of(record_bytes: u64, unit_bytes: NonZeroU64) -> u64 {
    record_bytes.div_ceil(unit_bytes.get()).max(1)
}

/// Write units of one item write: the table's own rule (DDB-U1, DDB-U4, DDB-U5). A transactional write costs twice this
/// (DDB-U8).
pub use crate::systems::dynamodb::table::write_units;

/// Change data capture units of one delivery attempt of one item change (KDC-M1, `ddb.cdc.kinesis`):
/// counted as write units are, on the images and not on the JSON record; a throttled attempt counts again.
pub fn change_data_capture_units(before_bytes: u32, after_bytes: u32) -> u32 {
    write_units(before_bytes, after_bytes)
}

/// Bytes that Firehose bills for one record (`fh.put`). Format conversion is billed on these too (`fh.dfc_gb`).
pub use crate::systems::firehose::billed_bytes as firehose_billed_bytes;

/// Bytes that an on-demand stream bills for one record written (`kds.od.in_gb`): whole KB. Reads are not
/// rounded.
pub fn on_demand_ingest_bytes(record_bytes: u64) -> u64 {
    round_up(record_bytes, KB)
}

/// Megabyte-milliseconds of one Lambda invocation: whole milliseconds, rounded up, times the configured
/// memory. The integer to sum up; [`gb_seconds`] turns the sum into what is priced. Saturates.
pub fn lambda_megabyte_milliseconds(memory_mb: u32, duration_ns: u64) -> u64 {
    duration_ns.div_ceil(1_000_000).saturating_mul(u64::from(memory_mb))
}

/// GB-seconds of one Lambda invocation (`lambda.gbs.x86`, `lambda.gbs.arm`), exactly.
pub fn lambda_gb_seconds(memory_mb: u32, duration_ns: u64) -> Decimal {
    gb_seconds(lambda_megabyte_milliseconds(memory_mb, duration_ns))
}

/// GB-seconds of a sum of megabyte-milliseconds, exactly: 1 GB is 1,024 MB.
pub fn gb_seconds(megabyte_milliseconds: u64) -> Decimal {
    // 1 / 1,024,000 is 0.0000009765625: 13 decimals hold it.
    decimal(u128::from(megabyte_milliseconds) * 9_765_625, 13)
}

/// GB that On-demand Advantage bills at least for a month of so many hours, for writing and again for reading
/// (`kds.adv.in_gb`, `kds.adv.out_gb`): 25 MiB a second, averaged over all streams of the account and Region.
pub fn advantage_commitment_gb(month_hours: u32) -> Decimal {
    gigabytes((25 * MB * 3_600).saturating_mul(u64::from(month_hours)))
}

/// GB (2^30 bytes), rounded half-up to 12 decimals, which is a thousandth of a byte.
pub fn gigabytes(bytes: u64) -> Decimal {
    decimal(((u128::from(bytes) * 1_000_000_000_000) + (1 << 29)) >> 30, 12)
}

/// TB (2^40 bytes), rounded half-up to 12 decimals, which is about a byte.
pub fn terabytes(bytes: u64) -> Decimal {
    decimal(((u128::from(bytes) * 1_000_000_000_000) + (1 << 39)) >> 40, 12)
}

fn round_up(bytes: u64, step: u64) -> u64 {
    bytes.max(1).div_ceil(step).saturating_mul(step)
}

fn decimal(mantissa: u128, decimals: u32) -> Decimal {
    // 2^64 times 9,765,625, the largest factor after shifting, is below 2^88; a Decimal holds 96 bits.
    Decimal::try_from_i128_with_scale(mantissa as i128, decimals)
        .expect("the mantissa is below 2^96")
        .normalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kds_prov_put_unit_is_a_25_kb_chunk_of_one_record() {
        // AWS's pricing page: a 5 KB record is 1 unit, 45 KB 2 units; and a tiny record costs a whole unit.
        assert_eq!([1, 5 * KB, 25_600, 25_601, 45 * KB].map(put_payload_units), [1, 1, 1, 2, 2]);
        // "A 1 MB record is 40 units" holds only where KB and MB are both decimal.
        let decimal_kb = NonZeroU64::new(25_000).unwrap();
        assert_eq!((put_payload_units_of(1_000_000, decimal_kb), put_payload_units(MB)), (40, 41));
    }

    #[test]
    fn ddb_od_wru_is_the_larger_image_in_started_kb() {
        assert_eq!(write_units(0, 1024), 1);
        assert_eq!(write_units(0, 1025), 2);
        assert_eq!(write_units(3 * 1024, 1), 3, "an overwrite by a smaller item pays for the larger");
        assert_eq!(write_units(2 * 1024, 0), 2, "a delete pays for the deleted item");
        assert_eq!(write_units(0, 0), 1, "deleting an absent item costs 1 (DDB-U5)");
    }

    #[test]
    fn ddb_cdc_kinesis_counts_images_and_not_the_json_of_both() {
        // Both images of 3.5 KB make a record of over 7 KB, and 4 units.
        assert_eq!(change_data_capture_units(3584, 3584), 4);
        assert_eq!(change_data_capture_units(100, 0), 1);
    }

    #[test]
    fn fh_put_rounds_each_record_up_to_5_kb() {
        // AWS's pricing page: a 3 KB record is billed as 5 KB.
        assert_eq!([1, 3 * KB, 5120, 5121].map(firehose_billed_bytes), [5120, 5120, 5120, 10_240]);
    }

    #[test]
    fn kds_od_in_gb_rounds_each_record_up_to_1_kb() {
        assert_eq!([1, 1024, 1025].map(on_demand_ingest_bytes), [1024, 1024, 2048]);
    }

    #[test]
    fn lambda_gbs_rounds_up_to_the_millisecond_times_gigabytes() {
        assert_eq!(lambda_gb_seconds(1024, 1_000_000_000), Decimal::ONE);
        assert_eq!(lambda_gb_seconds(512, 1), Decimal::new(5, 4), "1 ns is billed as 1 ms of half a GB");
        assert_eq!(lambda_gb_seconds(128, 2_000_001), Decimal::new(375, 6), "3 ms of an eighth of a GB");
    }

    #[test]
    fn a_gb_is_two_to_the_thirty_bytes() {
        assert_eq!(gigabytes(3 << 29), Decimal::new(15, 1));
        assert_eq!(terabytes(1 << 40), Decimal::ONE);
        // 2^34 - 2^-30, and 2^-30 is 0.000000000931322...
        assert_eq!(gigabytes(u64::MAX).to_string(), "17179869183.999999999069");
    }

    #[test]
    fn kds_adv_in_gb_is_at_least_25_mib_a_second_for_the_month() {
        // 25 x 3,600 s x 730 h MiB are 64,160.15625 GB; the longest month takes 25 x 3,600 x 744 / 1,024.
        let least = [730, 744].map(|hours| advantage_commitment_gb(hours).to_string());
        assert_eq!(least, ["64160.15625", "65390.625"]);
    }
}
