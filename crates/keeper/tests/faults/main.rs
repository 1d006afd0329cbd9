//! Keepers and brains that die at any moment, and what must hold all the same: no child is lost, none is doubled,
//! every run that began has one end.

mod brains;
mod found;
mod links;
mod logs;
mod points;
mod program;
mod random;
mod scene;
mod seeds;
mod system;
