//! The items of a stream, as fast as the caller takes them.

use super::Call;
use crate::calls::Transport;
use crate::contract::{Codec, CodecError, Contract};
use crate::protocol::{Failure, Kind, code};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

/// Where the items of a stream go. All that a [`Call`] can, it can.
pub struct Items<'a, C: Contract> {
    call: Call<'a>,
    transport: &'a Arc<Transport>,
    contract: PhantomData<fn(C)>,
}

/// Why an item was not sent. As a [`Failure`] it ends the stream, so `?` does what is wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ItemError {
    /// Nobody waits for the rest: the caller has lost interest, or the parent is gone.
    #[error("nobody waits for the rest of the stream")]
    Cancelled,
    /// It is longer than a frame may be. The stream can go on without it.
    #[error("an item of {has} bytes is longer than the {most} that a frame may have")]
    TooLarge {
        /// How long it is.
        has: usize,
        /// How long it may be.
        most: usize,
    },
    /// It has no form. The stream can go on without it.
    #[error("an item has no form: {0}")]
    Form(CodecError),
}

impl<'a, C: Contract> Items<'a, C> {
    pub(super) fn new(call: Call<'a>, transport: &'a Arc<Transport>) -> Self {
        Self { call, transport, contract: PhantomData }
    }

    /// Sends one, once the caller has credit for it. Until then it waits.
    ///
    /// # Errors
    ///
    /// Nobody waits for it any more, or it cannot be sent.
    pub fn send(&mut self, item: &C::Item) -> Result<(), ItemError> {
        let mut body = Vec::new();
        <C::Codec as Codec<C::Item>>::encode(item, &mut body).map_err(ItemError::Form)?;
        let (has, most) = (body.len(), self.call.calls.most());
        if has > most {
            return Err(ItemError::TooLarge { has, most });
        }
        self.call.credit().map_err(|_| ItemError::Cancelled)?;
        self.transport.write(Kind::Item, self.call.number(), &body);
        Ok(())
    }
}

impl<'a, C: Contract> Deref for Items<'a, C> {
    type Target = Call<'a>;

    fn deref(&self) -> &Call<'a> {
        &self.call
    }
}

impl<C: Contract> fmt::Debug for Items<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("call", &self.call).finish_non_exhaustive()
    }
}

impl From<ItemError> for Failure {
    fn from(error: ItemError) -> Self {
        let code = match error {
            // Nobody hears it; the flight recorder notes it.
            ItemError::Cancelled => code::STOPPING,
            ItemError::TooLarge { .. } => code::TOO_LARGE,
            ItemError::Form(_) => code::MALFORMED,
        };
        Self::new(code, error.to_string())
    }
}
