//! What delivery streams do besides writing objects, in sentences of the summary.

use super::or_none;
use crate::report::result::objects::DeliveryRow;
use crate::report::table::escaped;
use crate::report::words;

/// Direct PUT, transformation, another destination, errors, refused requests: a paragraph for each that there is.
pub(super) fn stages(row: &DeliveryRow) -> String {
    let path = escaped(&row.path);
    let mut text = String::new();
    if let Some(kind) = &row.destination {
        text += &format!(
            "\n{path} delivers to {}: its objects are buffers that this destination took.\n",
            escaped(kind)
        );
    }
    if let Some(it) = &row.direct_put {
        text += &format!(
            "\n{path} takes Direct PUT: {} records/s, {} requests/s and {}/s at the start; {} refused whole, {} throttled in all.",
            words::count(it.records_per_s),
            words::count(it.requests_per_s),
            words::bytes(it.bytes_per_s as f64),
            words::plural(it.refused_requests, "request"),
            words::plural(it.throttled_records, "record"),
        );
        for scale in it.scales.iter().skip(1) {
            text += &format!(
                " From {} s on {}, each with a buffer of {}.",
                or_none(scale.from_s, words::number),
                words::plural(scale.scale.into(), "channel"),
                words::bytes(scale.buffer_bytes as f64),
            );
        }
        text += "\n";
    }
    if let Some(it) = &row.transform {
        text += &format!(
            "\n{path} transforms: {} ({} repeated, {} failed, {} timed out, {} too large, {} started cold), {} refused by Lambda, {} at a \
             time at most; {} went on, {} were dropped, {} failed.\n",
            words::plural(it.invocations, "invocation"),
            words::count(it.retried),
            words::count(it.errors),
            words::count(it.timeouts),
            words::count(it.too_large),
            words::count(it.cold_starts),
            words::plural(it.throttled, "try"),
            it.concurrency_max,
            words::plural(it.ok, "record"),
            words::count(it.dropped),
            words::count(it.failed),
        );
    }
    for error in &row.errors {
        let records = words::plural(error.records, "record");
        text +=
            &format!("\n{path}: {records} under {} ({}).\n", escaped(&error.prefix), escaped(&error.cause));
    }
    if row.slow_downs > 0 {
        text += &format!(
            "\n{path}: S3 answered {} with 503 Slow Down (S3-1).\n",
            words::plural(row.slow_downs, "request")
        );
    }
    text
}
