//! A bill as a tree: services, what is bought of each, and why it arose. Each level adds up to the one above it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::pricing::{Bill, Cause, Line};

/// One service with its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Service<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its lines, in the order of the bill.
    pub lines: Vec<&'a Line>,
    /// The sum of those whose amount is known, USD.
    pub known: Decimal,
    /// Whether that is all of it.
    pub complete: bool,
}

impl Service<'_> {
    /// What it costs: where a price is unknown the least that it may be, and never nothing.
    pub fn amount(&self, known: impl Fn(Decimal) -> String) -> String {
        match (self.complete, self.known.is_zero()) {
            (true, _) => known(self.known),
            (false, true) => "unknown".to_owned(),
            (false, false) => format!("at least {}", known(self.known)),
        }
    }
}

/// The services of a bill, the dearest first.
pub fn services(bill: &Bill) -> Vec<Service<'_>> {
    let mut services: Vec<Service> = Vec::new();
    for line in &bill.lines {
        let at = services.iter().position(|service| service.name == line.service);
        let at = at.unwrap_or_else(|| {
            let (name, lines) = (line.service.as_str(), Vec::new());
            services.push(Service { name, lines, known: Decimal::ZERO, complete: true });
            services.len() - 1
        });
        let service = &mut services[at];
        service.known += line.amount.unwrap_or_default();
        service.complete &= line.amount.is_some();
        service.lines.push(line);
    }
    services.sort_by_key(|service| std::cmp::Reverse(service.known));
    services
}

/// The causes of a line that cost something, the dearest first; none if there is only one, which says nothing.
pub fn causes(line: &Line) -> Vec<(Cause, Decimal)> {
    let causes = dearest_first(&line.causes);
    if causes.len() == 1 && causes[0].0 == Cause::Base { Vec::new() } else { causes }
}

/// Causes that cost something, the dearest first.
pub fn dearest_first(causes: &BTreeMap<Cause, Decimal>) -> Vec<(Cause, Decimal)> {
    let mut causes: Vec<(Cause, Decimal)> = causes
        .iter()
        .filter(|(_, amount)| !amount.is_zero())
        .map(|(cause, amount)| (*cause, *amount))
        .collect();
    causes.sort_by_key(|(_, amount)| std::cmp::Reverse(*amount));
    causes
}

/// A part of the known total as a percentage; nothing where nothing is known.
pub fn share(bill: &Bill, part: Decimal) -> Option<Decimal> {
    (part * Decimal::ONE_HUNDRED).checked_div(bill.known_subtotal).map(|share| share.round_dp(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{example, terminal};

    #[test]
    fn every_level_adds_up_to_the_one_above_it() {
        let result = example::result(2);
        let bill = &result.cost.bill;
        let services = services(bill);
        assert!(services.len() >= 3 && services.windows(2).all(|pair| pair[0].known >= pair[1].known));
        assert_eq!(Some(services.iter().map(|service| service.known).sum::<Decimal>()), bill.total);
        for line in services.iter().flat_map(|service| &service.lines) {
            let causes = dearest_first(&line.causes);
            assert_eq!(Some(causes.iter().map(|(_, amount)| *amount).sum()), line.amount, "{}", line.id);
        }
        assert_eq!(share(bill, bill.known_subtotal), Some(Decimal::ONE_HUNDRED));
    }

    #[test]
    fn what_has_no_known_price_is_never_shown_as_nothing() {
        let mut result = example::result(1);
        let dearest = services(&result.cost.bill)[0].name.to_owned();
        let amount = |bill: &Bill| {
            let service = services(bill).into_iter().find(|service| service.name == dearest);
            service.map(|service| service.amount(|known| known.to_string()))
        };
        let lines = |bill: &Bill| bill.lines.iter().filter(|line| line.service == dearest).count();
        assert!(lines(&result.cost.bill) > 1, "a service with more than one line");
        let bill = &mut result.cost.bill;
        let first = bill.lines.iter_mut().find(|line| line.service == dearest).unwrap();
        let known = first.amount.take();
        assert!(known.is_some_and(|known| !known.is_zero()));
        assert!(amount(bill).is_some_and(|amount| amount.starts_with("at least ") || amount == "unknown"));
        bill.lines.iter_mut().filter(|line| line.service == dearest).for_each(|line| line.amount = None);
        assert_eq!(amount(bill).as_deref(), Some("unknown"));
        bill.total = None;
        let text = terminal::render(&result, None, terminal::Screen::PLAIN);
        assert!(text.contains(&format!("{dearest} unknown")), "{text}");
        assert!(!text.contains(&format!("{dearest} 0")), "{text}");
    }
}
