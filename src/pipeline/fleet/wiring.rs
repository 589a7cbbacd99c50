//! From checked plans to fleets ready to run.

use super::control::Control;
use super::{Access, FleetConsumer};
use crate::engine::queue::EventQueue;
use crate::engine::random::Streams;
use crate::measure::latency::Latency;
use crate::measure::series::Series;
use crate::pipeline::event::Kind;
use crate::pipeline::source::StreamSource;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::fleet::{ControlPlan, Fleet, FleetPlan, Via};
use crate::systems::flink::job::Job;
use crate::systems::kcl::leases::Leases;
use crate::systems::kinesis::fan_out::FanOut;
use crate::systems::kinesis::poll_grid::{PollPhase, PollPlan};
use crate::systems::kinesis::reader::From;

/// The fleets of a scenario, as readers of their streams.
pub fn fleets(
    scenario: &Scenario,
    draws: &Streams,
    streams: &mut [StreamSource],
    queue: &mut EventQueue,
) -> Vec<FleetConsumer> {
    let others = scenario.consumers.len() + scenario.deliveries.len() + scenario.lambdas.len();
    let mut fleet = |(number, plan): (usize, &FleetPlan)| {
        let source = &mut streams[plan.stream];
        let shards = source.stream.shard_count();
        let path = format!("consumers.{}", plan.name);
        let handle = others + number;
        source.readers.push(handle as u32);
        // One that stands at the tip has nothing to pass over.
        let later = plan.reader.starts > 0;
        let stands = plan.reader.from == From::Latest && !later;
        let (access, reader) = match &plan.via {
            Via::Polling(cadence) => {
                // Each shard's clock goes on from its last call; where it begins is chance.
                let polls = PollPlan {
                    interval: cadence.idle_after_empty,
                    phase: PollPhase::Random,
                    refused_wait: cadence.refused_wait,
                };
                let grid = polls.grid(shards, draws, &path);
                let draws = draws.keyed(&format!("{path}.delivery"));
                let access = Access::Polling { cadence: *cadence, delivery: plan.delivery.clone(), draws };
                let reader = match stands {
                    true => source.stream.add_reader(grid),
                    false => source.stream.add_reader_as(grid, plan.reader),
                };
                (access, reader)
            }
            Via::FanOut(fan_out) => {
                let fan_out = FanOut::new(fan_out, draws, &path, if later { 0 } else { shards });
                let reader = match stands {
                    true => source.stream.register_stream_consumer(),
                    false => source.stream.register_stream_consumer_as(plan.reader),
                };
                (Access::FanOut(Box::new(fan_out)), reader)
            }
        };
        if !source.stream.has_started(reader) {
            queue.push(plan.reader.starts, Kind::Start as u8, handle as u32);
        }
        let control = match &plan.control {
            ControlPlan::Kcl(leases) => {
                let leases = Leases::new(leases, draws, &path, shards, plan.workers as usize);
                Control::Kcl(Box::new(if later { leases.not_yet() } else { leases }))
            }
            ControlPlan::Flink(job) => {
                let job = Job::new(job, shards);
                Control::Flink(Box::new(if later { job.not_yet() } else { job }))
            }
        };
        FleetConsumer {
            place: resource("consumers", &plan.name),
            fleet: Fleet::new(plan, draws, &path, shards),
            control,
            access,
            records_max: plan.records_max,
            stream: plan.stream,
            reader,
            handle,
            reads_history: !source.stream.has_started(reader),
            begun: (!later).then_some(0),
            starts: plan.reader.starts,
            removed: None,
            of_table: scenario.table_of_stream(plan.stream).is_some(),
            latency: Latency::default(),
            interruptions: Vec::new(),
            following: None,
            series: Series::new(scenario.duration),
        }
    };
    scenario.fleets.iter().enumerate().map(&mut fleet).collect()
}
