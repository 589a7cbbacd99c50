//! What a month is billed by.

use std::sync::Arc;

use crate::engine::time::DAY;
use crate::pricing::{Confidence, EVERYWHERE, PriceBook, Rate, Row};
use crate::scenario::checked::{Billing, Scenario};
use crate::scenario::diagnostic::did_you_mean;
use crate::scenario::file::{ALLOW_ESTIMATES, FREE_TIER, MONTH, REGION, ScenarioFile};
use crate::scenario::inputs::Inputs;
use crate::scenario::path::Path;
use crate::scenario::price_file;
use crate::scenario::resolver::Resolver;
use crate::units::Duration;

/// Resolves the section `billing`; a price file joins the `files` that the scenario names.
pub(super) fn resolve(
    resolver: &mut Resolver,
    file: &ScenarioFile,
    inputs: &mut Inputs,
    files: &mut Vec<String>,
) -> Billing {
    let settings = file.billing.clone().unwrap_or_default();
    let path = Path::ROOT.key("billing");
    let month: Duration = resolver.take(settings.month, &MONTH);
    let nanos = Duration::from_nanos;
    resolver.within(&path.key("month"), month, nanos(28 * DAY)..=nanos(31 * DAY), "");
    let represents = settings.represents.unwrap_or(month);
    resolver.within(&path.key("represents"), represents, nanos(1)..=month, "the month at most");
    Billing {
        month: month.nanos(),
        represents: represents.nanos(),
        at: settings.at,
        free_tier: resolver.take(settings.free_tier, &FREE_TIER),
        allow_estimates: resolver.take(settings.allow_estimates, &ALLOW_ESTIMATES),
        prices: settings.prices.and_then(|name| {
            let source = resolver.check(&path.key("prices"), inputs.source(&name))?;
            files.push(name);
            let book = price_file::over(PriceBook::builtin(), &source);
            book.map_err(|errors| resolver.adopt(errors)).ok().map(Arc::new)
        }),
    }
}

/// The Region, which must be one that the book has. Of prices that could not be read nobody knows for which they are.
pub(super) fn region(resolver: &mut Resolver, file: &ScenarioFile, billing: &Billing) -> String {
    let region: String = resolver.take(file.region.clone(), &REGION);
    let known = billing.book().regions();
    let stated = file.billing.as_ref().is_some_and(|settings| settings.prices.is_some());
    if !known.contains(&region) && stated == billing.prices.is_some() {
        let near = did_you_mean(&region, known.iter().map(String::as_str));
        let help = format!("it has {}", known.join(", "));
        let message = format!("the price book has no Region `{region}`{near}");
        resolver.error_with_help(&Path::ROOT.key("region"), message, help);
    }
    region
}

/// Puts the hourly prices that a scenario states for hosts of its own over those of the book.
pub(super) fn add_hosts(resolver: &mut Resolver, scenario: &mut Scenario) {
    let mut rows = Vec::new();
    let mut text = String::new();
    for plan in &scenario.fleets {
        let Some((id, price)) = plan.host.own_price() else { continue };
        text.push_str(&format!("{id}: {price}\n"));
        rows.push(Row {
            id: id.to_owned(),
            service: Some("Own hosts".to_owned()),
            item: Some(format!("Workers of {}", plan.name)),
            unit: Some("host-hour".to_owned()),
            rates: [(EVERYWHERE.to_owned(), Rate { price, confidence: Confidence::Own })].into(),
            ..Row::default()
        });
    }
    if !rows.is_empty() {
        let book = scenario.billing.book().with_own(&rows, &text);
        scenario.billing.prices = resolver.check(&Path::ROOT.key("consumers"), book).map(Arc::new);
    }
}
