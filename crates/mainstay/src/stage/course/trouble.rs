//! What failed in a run.

use crate::caught::Panic;
use mainstay_core::Exit;
use std::sync::Arc;

/// Something of the user's failed.
#[derive(Clone, Debug)]
pub(in super::super) struct Trouble {
    pub(in super::super) text: Arc<str>,
    pub(in super::super) exit: Exit,
    pub(in super::super) panic: Option<Arc<Panic>>,
}

impl Trouble {
    pub(in super::super) fn said(text: &str) -> Self {
        Self { text: text.into(), exit: Exit::FAILED, panic: None }
    }

    pub(in super::super) fn panicked(panic: Panic) -> Self {
        let text = panic.to_string().into();
        Self { text, exit: Exit::Panicked, panic: Some(Arc::new(panic)) }
    }
}

/// A failure, with what failed.
#[derive(Clone, Debug)]
pub(in super::super) struct Failure {
    pub(in super::super) what: Arc<str>,
    pub(in super::super) trouble: Trouble,
}
