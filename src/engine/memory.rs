//! What the allocator does with memory that a replication has freed.

use std::hint::black_box;

/// Has it keep that for the next replication: to get memory from the system, page by page, takes longer than to write all records
/// that lie in it. glibc gives back what is free beyond twice the largest block that it had mapped and has freed, as long as that one
/// is below 32 MiB (mallopt(3), M_TRIM_THRESHOLD). Nothing is ever written to this block. A program says so once, at its start.
pub fn keep_freed() {
    drop(black_box(Vec::<u8>::with_capacity(31 << 20)));
}
