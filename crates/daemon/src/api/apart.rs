//! Work that may wait for a disk.

use super::trouble::Trouble;

/// Does such work where it holds up nobody. Whoever asked waits for it, so it has an owner.
///
/// # Errors
///
/// It panicked, or the runtime ends.
#[expect(
    clippy::disallowed_methods,
    reason = "the request that asks for it waits until it is done"
)]
pub(crate) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Trouble> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Trouble::inside("cut-off", format!("the answer was cut off: {error}")))
}
