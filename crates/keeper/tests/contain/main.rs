//! Real processes that try to get away.

mod cgroup;
mod descent;
mod help;
mod leftovers;
