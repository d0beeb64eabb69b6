//! Changes of a database when the power or the disk fails: what was promised is there, and nothing
//! is there in part.
//!
//! Each workload is run once on a disk that records. Then the power fails behind every one of its
//! operations, in each way that the disk knows, and somebody opens what is left; and every one of
//! its operations fails, alone or with all behind it.

#![expect(clippy::panic, reason = "that is how a test fails")]
#![expect(clippy::print_stdout, reason = "how many states were tried is worth knowing")]

#[path = "../benches/support/cube.rs"]
mod cube;
#[path = "crash/explore.rs"]
mod explore;
mod oracle;
#[path = "store/reading.rs"]
mod reading;
#[path = "store/structures.rs"]
mod structures;
#[path = "crash/workloads.rs"]
mod workloads;

use crate::explore::{Run, STATES_MIN};
use crate::workloads::workload;

/// A test of crashes and one of failures for each workload.
macro_rules! workloads {
    ($($name:ident)*) => {
        mod crashes {
            $(#[test]
            fn $name() {
                crate::crash(stringify!($name));
            })*
        }

        mod failures {
            $(#[test]
            fn $name() {
                crate::fail(stringify!($name));
            })*
        }
    };
}

workloads! {
    first_loads
    revisions
    large_loads
    revised_files
    deletes
    deletes_and_loads
    several_flows
    structures_change
    sorts_on_disk
    a_checkpoint
    a_second_checkpoint
    forget_some
    forget_files
    forget_all
    forget_behind_checkpoints
    refused_loads
    loads_given_up
    the_same_again
    settings
    after_leftovers
    actions
    compactions
    full_compactions
    compacted_and_forgotten
    redactions
    redacted_files
    redacted_checkpoints
    reverts
    releases
    releases_of_large_messages
}

fn crash(name: &str) {
    let states = Run::new(workload(name)).crash_everywhere();
    println!("{name}: {states} states");
    assert!(states >= STATES_MIN, "{name}: {states} states");
}

fn fail(name: &str) {
    let (poisoned, usable) = Run::new(workload(name)).fail_everywhere();
    println!("{name}: {poisoned} times poisoned, {usable} times usable");
    assert!(poisoned > 0 && usable > 0, "{name}: {poisoned} poisoned, {usable} usable");
}
