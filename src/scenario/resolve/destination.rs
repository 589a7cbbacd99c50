//! What planned events do to the destinations of feeds.

use super::timeline::{Happening, needs_for};
use crate::engine::time::SECOND;
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::{Path, Segment, resource};
use crate::scenario::resolver::Resolver;
use crate::scenario::timeline::{Action, EventSettings};
use crate::systems::dynamodb::destination::Turn;
use crate::systems::dynamodb::replication_settings::{ENABLING, TAIL};
use crate::units::Duration;

/// How long a feed that is switched off still sends (KDC-11): the assumption [`TAIL`].
const TAIL_LENGTH: u64 = 30 * SECOND;
/// How long switching on takes (KDC-9): the assumption [`ENABLING`].
const ENABLING_LENGTH: u64 = 60 * SECOND;

/// One of these events as written: its key, the feed, what it does and in which words, and whether it passes.
pub(super) struct Written<'a> {
    key: &'static str,
    of: &'a str,
    turn: Turn,
    what: String,
    passes: bool,
}

/// The keys of these events, and which are there.
pub(super) fn kinds(settings: &EventSettings) -> [(&'static str, bool); 4] {
    [
        ("disable", settings.disable.is_some()),
        ("enable", settings.enable.is_some()),
        ("lost_permission", settings.lost_permission.is_some()),
        ("kms_throttling", settings.kms_throttling.is_some()),
    ]
}

/// Which of them is written.
pub(super) fn written(settings: &EventSettings) -> Option<Written<'_>> {
    let one = |key, of, turn, what: &str, passes| Written { key, of, turn, what: what.to_owned(), passes };
    if let Some(of) = &settings.disable {
        return Some(one("disable", &of.0, Turn::Disable(TAIL_LENGTH), "is switched off", false));
    }
    if let Some(of) = &settings.enable {
        return Some(one("enable", &of.0, Turn::Enable(ENABLING_LENGTH), "is switched on", false));
    }
    if let Some(of) = &settings.lost_permission {
        return Some(one(
            "lost_permission",
            &of.0,
            Turn::LosePermission,
            "may not write to its stream",
            true,
        ));
    }
    let it = settings.kms_throttling.as_ref()?;
    let what = format!("its stream's encryption key refuses {} of the puts", it.share);
    Some(one("kms_throttling", &it.of.0, Turn::ThrottleKey(it.share.fraction()), &what, true))
}

/// What it does; nothing after an error.
pub(super) fn happening(
    resolver: &mut Resolver,
    path: &Path,
    file: &ScenarioFile,
    written: Written,
    lasts: Option<Duration>,
) -> Option<Happening> {
    let Written { key, of, turn, what, passes } = written;
    let at = if matches!(turn, Turn::ThrottleKey(_)) { path.key(key).key("of") } else { path.key(key) };
    match (passes, lasts) {
        (true, None | Some(Duration::ZERO)) => {
            needs_for(resolver, path, key);
        }
        (false, Some(_)) => {
            let message = format!("`{key}` holds until the opposite; take `for` out");
            resolver.error(&path.key("for"), message);
        }
        _ => {}
    }
    let target = of.parse::<Path>().ok();
    let name = match target.as_ref().map(Path::segments) {
        Some([Segment::Key(section), Segment::Key(name), Segment::Key(feed)])
            if section == "tables" && feed == "kinesis" =>
        {
            name
        }
        _ => {
            resolver.error(&at, format!("expected a table's feed, such as `tables.x.kinesis`; found `{of}`"));
            return None;
        }
    };
    let number = resolver.named(&at, "tables", name, file.tables.keys())?;
    let (name, table) = file.tables.get_index(number)?;
    if table.kinesis.is_none() {
        resolver.error(&at, format!("the table `{name}` has no `kinesis` feed"));
        return None;
    }
    match turn {
        Turn::Disable(_) => resolver.assume(&TAIL),
        Turn::Enable(_) => resolver.assume(&ENABLING),
        Turn::LosePermission | Turn::ThrottleKey(_) => {}
    }
    let place = format!("{}.kinesis", resource("tables", name));
    Some(Happening { place, what, action: Action::Destination(number, turn) })
}
