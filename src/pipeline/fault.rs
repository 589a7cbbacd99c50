//! Planned faults of the parts downstream of the streams.

use super::Pipeline;
use crate::engine::time::Nanos;
use crate::scenario::timeline::{Fault, Part};
use crate::systems::lambda::function::Function;

impl<const FULL: bool> Pipeline<FULL> {
    /// Something goes wrong with a part before `until`. What a part cannot have was refused when the scenario was loaded.
    pub(super) fn disturb(&mut self, now: Nanos, part: Part, fault: Fault, until: Nanos) {
        match part {
            Part::Polling(number) => self.disturb_consumer(now, number, fault, until),
            Part::Function(number) => self.disturb_function(now, number, fault, until),
            Part::QueueFunction(number) => self.disturb_queue_function(now, number, fault, until),
            Part::Fleet(number) => self.disturb_fleet(now, number, fault, until),
            Part::Delivery(number) => self.disturb_delivery(now, number, fault, until),
            Part::Transform(number) => self.disturb_transform(number, fault, until),
        }
    }

    fn disturb_consumer(&mut self, now: Nanos, number: usize, fault: Fault, until: Nanos) {
        match fault {
            Fault::Outage | Fault::LostPermission => self.stop_consumer(now, number, until),
            Fault::SlowDown(factor) => self.consumers[number].polling.slow_down(factor, until),
            Fault::Removal => {
                let (stream, reader) = (self.consumers[number].stream, self.consumers[number].reader);
                self.streams[stream].stream.remove_reader(now, reader);
            }
            Fault::ErrorRate(_) | Fault::Poison => {}
        }
    }

    fn disturb_function(&mut self, now: Nanos, number: usize, fault: Fault, until: Nanos) {
        let consumer = &mut self.lambdas[number];
        match fault {
            Fault::LostPermission => {
                self.streams[consumer.stream].stream.pause_reader(now, consumer.reader, until);
            }
            Fault::Removal => self.remove_function(now, number),
            _ => disturb_invocations(&mut consumer.mapping.function, fault, until),
        }
    }

    fn disturb_queue_function(&mut self, now: Nanos, number: usize, fault: Fault, until: Nanos) {
        let place = &mut self.queues[number];
        let Some(consumer) = &mut place.consumer else { return };
        match fault {
            Fault::LostPermission => consumer.deny(now, &mut place.queue, until),
            Fault::Removal => consumer.remove(now, &mut place.queue),
            _ => disturb_invocations(&mut consumer.function, fault, until),
        }
    }

    fn disturb_fleet(&mut self, now: Nanos, number: usize, fault: Fault, until: Nanos) {
        let consumer = &mut self.fleets[number];
        match fault {
            Fault::Outage => consumer.fleet.stand_still(until),
            Fault::SlowDown(factor) => consumer.fleet.slow_down(factor, until),
            Fault::LostPermission => {
                self.streams[consumer.stream].stream.pause_reader(now, consumer.reader, until);
            }
            Fault::Removal => self.remove_fleet(now, number),
            Fault::ErrorRate(_) | Fault::Poison => {}
        }
    }

    fn disturb_delivery(&mut self, now: Nanos, number: usize, fault: Fault, until: Nanos) {
        let delivery = &mut self.deliveries[number];
        match fault {
            Fault::Outage => self.stop_destination(number, until),
            Fault::SlowDown(factor) => match &mut delivery.endpoint {
                Some(endpoint) => endpoint.slow_down(factor, until),
                None => delivery.bucket.slow_down(factor, until),
            },
            Fault::LostPermission => {
                self.streams[delivery.stream].stream.pause_reader(now, delivery.reader, until);
            }
            Fault::ErrorRate(_) | Fault::Poison | Fault::Removal => {}
        }
    }

    fn disturb_transform(&mut self, number: usize, fault: Fault, until: Nanos) {
        let Some(it) = &mut self.deliveries[number].transforming else { return };
        match fault {
            Fault::Outage => it.transform.fail_until(until),
            Fault::SlowDown(factor) => it.transform.slow_down(factor, until),
            Fault::ErrorRate(rate) => it.transform.set_error_rate(rate, until),
            Fault::Poison | Fault::LostPermission | Fault::Removal => {}
        }
    }
}

fn disturb_invocations(function: &mut Function, fault: Fault, until: Nanos) {
    match fault {
        Fault::Outage => function.fail_until(until),
        Fault::SlowDown(factor) => function.slow_down(factor, until),
        Fault::ErrorRate(rate) => function.set_error_rate(rate, until),
        Fault::Poison | Fault::LostPermission | Fault::Removal => {}
    }
}
