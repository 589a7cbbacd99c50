//! When writes arrive.

use std::sync::Arc;

use super::client::CLIENTS_MAX;
use super::distribution;
use crate::engine::time::{DAY, END_OF_TIME, SECOND};
use crate::scenario::inputs::Inputs;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::units::{Duration, Rate, Timestamp};
use crate::workload::arrivals::ArrivalPlan;
use crate::workload::profile::{Missing, Profile, ProfileOptions, ProfileReport, Scale, ValueMeaning};
use crate::workload::rate_profile::RateProfile;
use crate::workload::rate_shapes::{Bursts, Diurnal, Stage, stages};
use crate::workload::settings::arrivals::{
    ArrivalSettings, BurstSettings, ClosedSettings, DiurnalSettings, MissingSettings, ProfileSettings,
    StageSettings, TraceSettings, ValueSettings,
};
use crate::workload::trace::{Trace, TraceOptions};

/// What the arrivals come from.
pub(super) enum Arrivals {
    /// A rate.
    Drawn(ArrivalPlan),
    /// A file, which has everything else too.
    Trace(Arc<Trace>),
}

/// What arrivals need from outside.
pub(super) struct Surroundings<'a> {
    pub inputs: &'a mut Inputs,
    /// Input files named so far.
    pub files: &'a mut Vec<String>,
    /// When the run starts, in seconds since 1970.
    pub start: i64,
}

/// Resolves arrivals.
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    settings: &ArrivalSettings,
    around: &mut Surroundings,
) -> Option<Arrivals> {
    let ArrivalSettings { constant, poisson, stages, diurnal, bursts, profile, trace, closed, regular } =
        settings;
    let kinds = [
        ("constant", constant.is_some()),
        ("poisson", poisson.is_some()),
        ("stages", stages.is_some()),
        ("diurnal", diurnal.is_some()),
        ("bursts", bursts.is_some()),
        ("profile", profile.is_some()),
        ("trace", trace.is_some()),
        ("closed", closed.is_some()),
    ];
    if !resolver.exactly_one(path, &kinds) {
        return None;
    }
    let spaced = constant.is_some() || poisson.is_some() || trace.is_some() || closed.is_some();
    if spaced && regular.is_some() {
        let message = "`regular` goes with `stages`, `diurnal`, `bursts` and `profile` only";
        resolver.error(&path.key("regular"), message);
    }
    if let Some(trace) = trace {
        return self::trace(resolver, &path.key("trace"), trace, around).map(Arrivals::Trace);
    }
    if let Some(closed) = closed {
        return self::closed(resolver, &path.key("closed"), closed).map(Arrivals::Drawn);
    }
    let rate = |rate: Rate| RateProfile::constant(rate.per_second()).map(Arc::new);
    let at = |kind: &str| path.key(kind);
    let profile = if let Some(it) = constant.as_ref().or(poisson.as_ref()) {
        resolver.check(&at(if constant.is_some() { "constant" } else { "poisson" }), rate(it.rate))
    } else if let Some(it) = stages {
        resolver.check(&at("stages"), self::staged(it))
    } else if let Some(it) = diurnal {
        self::diurnal(resolver, &at("diurnal"), it, around.start)
    } else if let Some(it) = bursts {
        resolver.check(&at("bursts"), self::bursts(it))
    } else {
        self::profile(resolver, &at("profile"), profile.as_ref()?, around)
    }?;
    let even = constant.is_some() || *regular == Some(true);
    Some(Arrivals::Drawn(if even { ArrivalPlan::Regular(profile) } else { ArrivalPlan::Poisson(profile) }))
}

/// The rate of a closed system whose clients get their answers at once; the writes themselves come when they do.
fn closed(resolver: &mut Resolver, path: &Path, settings: &ClosedSettings) -> Option<ArrivalPlan> {
    if !(1..=CLIENTS_MAX).contains(&settings.clients) {
        resolver.within(&path.key("clients"), settings.clients, 1..=CLIENTS_MAX, "");
        return None;
    }
    let think_time = distribution::time(resolver, &path.key("think_time"), &settings.think_time)?;
    let rate = f64::from(settings.clients) * SECOND as f64 / think_time.mean();
    if !rate.is_finite() {
        let message = "expected more than no time; clients that never wait would write without end";
        resolver.error(&path.key("think_time"), message);
        return None;
    }
    resolver.check(path, ArrivalPlan::poisson(rate))
}

fn staged(settings: &[StageSettings]) -> Result<Arc<RateProfile>, String> {
    let stage = |it: &StageSettings| Stage {
        rate: it.rate.per_second(),
        ramp_to: it.ramp_to.map(Rate::per_second),
        length: it.length.map(Duration::nanos),
    };
    stages(&settings.iter().map(stage).collect::<Vec<_>>()).map(Arc::new)
}

fn diurnal(
    resolver: &mut Resolver,
    path: &Path,
    settings: &DiurnalSettings,
    start: i64,
) -> Option<Arc<RateProfile>> {
    let DiurnalSettings { low, mean, high, peak_at } = settings;
    let high = high.per_second();
    let starts_at = start.rem_euclid((DAY / SECOND) as i64) as u64 * SECOND;
    let peak_at = u64::from(peak_at.seconds()) * SECOND;
    let wave = match (low, mean) {
        (Some(low), None) => Ok(Diurnal { low: low.per_second(), high, peak_at, starts_at }),
        (None, Some(mean)) => Diurnal::with_mean(mean.per_second(), high, peak_at, starts_at),
        _ => {
            resolver.exactly_one(path, &[("low", low.is_some()), ("mean", mean.is_some())]);
            return None;
        }
    };
    resolver.check(path, wave.and_then(|wave| wave.compile()).map(Arc::new))
}

fn bursts(settings: &BurstSettings) -> Result<Arc<RateProfile>, String> {
    let BurstSettings { base, burst, every, length, phase } = settings;
    let bursts = Bursts {
        base: base.per_second(),
        burst: burst.per_second(),
        every: every.nanos().min(END_OF_TIME),
        length: length.nanos().min(END_OF_TIME),
        phase: phase.map_or(0, Duration::nanos),
    };
    bursts.compile().map(Arc::new)
}

fn profile(
    resolver: &mut Resolver,
    path: &Path,
    settings: &ProfileSettings,
    around: &mut Surroundings,
) -> Option<Arc<RateProfile>> {
    if !sound(resolver, path, settings) {
        return None;
    }
    let since_1970 = |moment: Timestamp| moment.unix_seconds().saturating_mul(SECOND as i64);
    let options = ProfileOptions {
        value: match settings.value {
            ValueSettings::PerPeriod => ValueMeaning::PerPeriod,
            ValueSettings::PerSecond => ValueMeaning::PerSecond,
        },
        period: settings.period.map(Duration::nanos),
        missing: match settings.missing {
            MissingSettings::Zero => Missing::Zero,
            MissingSettings::Hold => Missing::Hold,
        },
        from: settings.from.map(since_1970),
        to: settings.to.map(since_1970),
        scale: match settings.peak {
            Some(peak) => Scale::Peak(peak.per_second()),
            None => Scale::Factor(settings.scale.unwrap_or(1.0)),
        },
        speed: settings.speed.unwrap_or(1.0),
        repeats: settings.repeat.unwrap_or(false),
        ..ProfileOptions::default()
    };
    let read = around.inputs.profile(&settings.file, &options);
    let Profile { bins, report } = resolver.check(&path.key("file"), read)?;
    note_file(around.files, &settings.file);
    note_profile(resolver, &settings.file, &report);
    Some(bins)
}

/// Whether what is said about a profile makes sense whatever is in its file.
fn sound(resolver: &mut Resolver, path: &Path, settings: &ProfileSettings) -> bool {
    let ProfileSettings { scale, peak, speed, period, from, to, .. } = settings;
    let mut sound = positive(resolver, &path.key("speed"), *speed);
    let mut refuse = |key: &str, message: String| {
        sound = false;
        resolver.error(&path.key(key), message);
    };
    if let Some(scale) = scale.filter(|scale| *scale < 0.0) {
        refuse("scale", format!("expected a number that is not negative; found `{scale}`"));
    }
    if scale.is_some() && peak.is_some() {
        refuse("peak", "`scale` and `peak` exclude each other; keep one".to_owned());
    }
    if *period == Some(Duration::ZERO) {
        refuse("period", "expected more than nothing; found `0s`".to_owned());
    }
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        refuse("to", format!("expected a moment after `from`, {from}; found `{to}`"));
    }
    sound
}

fn positive(resolver: &mut Resolver, path: &Path, number: Option<f64>) -> bool {
    let wrong = number.filter(|number| *number <= 0.0);
    if let Some(number) = wrong {
        resolver.error(path, format!("expected a number above 0; found `{number}`"));
    }
    wrong.is_none()
}

fn note_file(files: &mut Vec<String>, file: &str) {
    if !files.iter().any(|other| other == file) {
        files.push(file.to_owned());
    }
}

fn note_profile(resolver: &mut Resolver, file: &str, report: &ProfileReport) {
    let (period, missing) = (Duration::from_nanos(report.period_ns), Duration::from_nanos(report.missing_ns));
    if report.missing_stretches > 0 {
        let line = report.first_missing_line.unwrap_or(0);
        let count = report.missing_stretches;
        resolver.notes.push(format!(
            "{file} has no rows for {missing} in {count} stretches of its time (period {period}), the first after line {line}."
        ));
    }
    if report.repeated_rows > 0 {
        let count = report.repeated_rows;
        resolver
            .notes
            .push(format!("{file} has {count} rows whose time a later row repeats; the later ones hold."));
    }
    if report.irregular_steps > 0 {
        let count = report.irregular_steps;
        resolver.notes.push(format!("{file} has {count} steps that are no multiple of its period {period}."));
    }
}

fn trace(
    resolver: &mut Resolver,
    path: &Path,
    settings: &TraceSettings,
    around: &mut Surroundings,
) -> Option<Arc<Trace>> {
    let sound = positive(resolver, &path.key("speed"), settings.speed);
    if settings.repeat == Some(0) {
        resolver.error(&path.key("repeat"), "expected at least 1; found `0`");
    }
    if !sound || settings.repeat == Some(0) {
        return None;
    }
    let options = TraceOptions { speed: settings.speed.unwrap_or(1.0), repeat: settings.repeat.unwrap_or(1) };
    let trace = resolver.check(&path.key("file"), around.inputs.trace(&settings.file, &options))?;
    note_file(around.files, &settings.file);
    let report = trace.report();
    if report.oversized_rows > 0 {
        let (file, count, line) =
            (&settings.file, report.oversized_rows, report.first_oversized_line.unwrap_or(0));
        resolver.notes.push(format!(
            "{file} has {count} rows with items larger than 400 KiB (DDB-U10), which a table refuses; the first is in line {line}."
        ));
    }
    Some(trace)
}
