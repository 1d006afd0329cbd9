//! What the story of a tree says, of trees that really went that way.

mod chance;
mod chronicle;
mod explain;
mod golden;
mod guide;
mod page;
mod scene;
mod simulate;
