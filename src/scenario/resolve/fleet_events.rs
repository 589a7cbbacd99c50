//! Planned events of fleets: crashes, deployments, workers that are cut off from their lease table.

use super::timeline::{Happening, needs_for};
use crate::engine::time::Nanos;
use crate::scenario::checked::Scenario;
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::{Path, resource};
use crate::scenario::resolver::Resolver;
use crate::scenario::timeline::{Action, EventSettings};
use crate::systems::fleet::{ControlPlan, FleetPlan};
use crate::units::Duration;

/// The kinds of events that concern fleets, and whether this one is of it.
pub(super) fn kinds(settings: &EventSettings) -> [(&'static str, bool); 3] {
    [
        ("crash", settings.crash.is_some()),
        ("deploy", settings.deploy.is_some()),
        ("cut_off", settings.cut_off.is_some()),
    ]
}

/// Whether an event is about a fleet.
pub(super) fn is_about(settings: &EventSettings) -> bool {
    kinds(settings).iter().any(|(_, there)| *there)
}

/// What an event about a fleet brings.
pub(super) fn happening(
    resolver: &mut Resolver,
    path: &Path,
    file: &ScenarioFile,
    scenario: &Scenario,
    settings: &EventSettings,
) -> Option<Happening> {
    let EventSettings { crash, deploy, cut_off, .. } = settings;
    let (key, of) = [("crash", crash), ("deploy", deploy), ("cut_off", cut_off)]
        .into_iter()
        .find_map(|(key, of)| Some((key, of.as_ref()?)))?;
    let number = resolver.reference(&path.key(key), "consumers", &of.0, file.consumers.keys())?;
    let (name, consumer) = file.consumers.get_index(number)?;
    if consumer.kcl.is_none() && (consumer.flink.is_none() || key == "cut_off") {
        let kind = if key == "cut_off" { "a KCL fleet" } else { "a KCL fleet or a Flink application" };
        resolver.error(&path.key(key), format!("`{}` is not {kind}", of.0));
        return None;
    }
    let away = settings.lasts.filter(|lasts| *lasts > Duration::ZERO);
    if away.is_none() && (key == "cut_off" || settings.lasts.is_some()) {
        needs_for(resolver, path, key);
    }
    let number = scenario.fleets.iter().position(|plan| plan.name == *name)?;
    let plan = &scenario.fleets[number];
    let worker = settings.worker.unwrap_or(0);
    let has_worker = matches!(plan.control, ControlPlan::Kcl(_)) && key != "deploy";
    if settings.worker.is_some() && !has_worker {
        resolver.error(
            &path.key("worker"),
            format!("`{key}` of `{}` is not about one worker; take `worker` out", of.0),
        );
    } else if worker >= plan.workers {
        resolver.within(&path.key("worker"), worker, 0..=plan.workers - 1, "");
    }
    if settings.at.nanos() < plan.reader.starts {
        let message =
            format!("`{}` begins only {} into the run", of.0, Duration::from_nanos(plan.reader.starts));
        resolver.error(&path.key("at"), message);
    }
    let (worker, away) = (worker.min(plan.workers - 1) as usize, away.map(Duration::nanos));
    let (what, action) = match (key, &plan.control) {
        ("crash", ControlPlan::Kcl(_)) => {
            (format!("worker {worker} dies"), Action::Crash(number, worker, away))
        }
        ("crash", ControlPlan::Flink(_)) => ("crashes".to_owned(), Action::Crash(number, 0, away)),
        ("deploy", ControlPlan::Kcl(_)) => {
            ("its workers are replaced one after the other".to_owned(), Action::Deploy(number, away))
        }
        ("deploy", ControlPlan::Flink(_)) => {
            ("restarts from a snapshot".to_owned(), Action::Deploy(number, away))
        }
        _ => (format!("worker {worker} does not reach the lease table"), Action::CutOff(number, worker)),
    };
    Some(Happening { place: resource("consumers", name), what, action })
}

/// How long a crash or a deployment lasts: until the worker, the last worker or the job is back; nothing of other events.
pub(super) fn lasts(fleets: &[FleetPlan], action: &Action) -> Option<Nanos> {
    let (number, away, is_deployment) = match action {
        Action::Crash(number, _, away) => (*number, *away, false),
        Action::Deploy(number, away) => (*number, *away, true),
        _ => return None,
    };
    let plan = &fleets[number];
    let (usual, workers) = match &plan.control {
        ControlPlan::Kcl(leases) => (leases.restart, if is_deployment { plan.workers } else { 1 }),
        ControlPlan::Flink(job) => (job.restart, 1),
    };
    Some(away.unwrap_or(usual) * Nanos::from(workers))
}
