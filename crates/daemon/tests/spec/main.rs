//! Spec files: what they mean, and what is said about those that mean nothing.

#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod basics;
mod consoles;
mod hooks;
mod keys;
mod listeners;
mod outside;
mod pages;
mod runs;
mod supervisord;
mod support;
mod words;
mod wrong;
