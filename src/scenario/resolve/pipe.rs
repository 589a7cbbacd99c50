//! EventBridge Pipes, to queues and to functions.

use super::lambda;
use super::reader::Reads;
use crate::scenario::path::{Path, Segment};
use crate::scenario::resolver::Resolver;
use crate::settings::one_or_map::OneOrMap;
use crate::systems::lambda::pipe_settings::{POLLS, PipeSettings};
use crate::systems::lambda::plan::{LambdaPlan, Role};
use crate::systems::sqs::requests::BATCH_MAX;

/// Sections that AWS's pipes can send to and that stand here for something else.
const OTHER_TARGETS: [&str; 2] = ["kinesis", "firehose"];

/// Resolves a pipe.
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &PipeSettings,
    from: &Reads,
) -> Option<LambdaPlan> {
    if from.of_table.is_none() {
        resolver.assume(&POLLS);
    }
    let to = path.key("to");
    let (role, batch_size) = match &settings.to {
        OneOrMap::One(queue) => {
            if is_other_target(&queue.0) {
                let message = format!(
                    "AWS lets a pipe put into `{}`, which is not simulated; pipes send to queues and functions here (EBP-3)",
                    queue.0
                );
                resolver.error_with_help(&to, message, "write `sqs.x` or `{ lambda: {} }`");
                return None;
            }
            let most = BATCH_MAX as u32;
            if let Some(size) = settings.batch_size {
                // A batch beyond what the target takes is refused by AWS.
                resolver.within(&path.key("batch_size"), size, 1..=most, "EBP-3");
            }
            (Role::PipeToQueue, Some(settings.batch_size.unwrap_or(most)))
        }
        OneOrMap::Map(_) => (Role::PipeToFunction, settings.batch_size),
    };
    let function_path = match role {
        Role::PipeToFunction => to.key("lambda"),
        _ => path.clone(),
    };
    let mapping = settings.as_mapping(batch_size);
    let plan = lambda::resolve(resolver, (path, &function_path), name, &mapping, from)?;
    Some(LambdaPlan { role, ..plan })
}

fn is_other_target(written: &str) -> bool {
    let path = written.parse::<Path>().ok();
    let first = path.as_ref().and_then(|path| path.segments().first());
    matches!(first, Some(Segment::Key(section)) if OTHER_TARGETS.contains(&section.as_str()))
}
