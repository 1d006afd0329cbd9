//! Carrying out a try: secrets are read, the receiver is told, and what came of it is put in words without them.

use super::exec::Asides;
use super::queue::Outcome;
use super::{Hook, Receiver, apart, exec, post};
use crate::outbound::Outbound;
use mainstay_wire::hook::CloudEvent;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The most letters of what a receiver says that are kept.
const MOST: usize = 400;

/// Tells receivers.
#[derive(Clone, Debug)]
pub(crate) struct Carrier {
    asides: Arc<Asides>,
    /// By their authorities: each reads them once.
    outbounds: Arc<Mutex<BTreeMap<Option<PathBuf>, Outbound>>>,
}

impl Carrier {
    pub(crate) fn new(asides: Arc<Asides>) -> Self {
        Self { asides, outbounds: Arc::default() }
    }

    /// Tells a hook, once.
    pub(super) async fn carry(&self, hook: &Hook, event: &CloudEvent) -> Outcome {
        let body = match serde_json::to_vec(event) {
            Ok(body) => body,
            Err(error) => return Outcome::Refused(format!("it cannot be written down: {error}")),
        };
        let secrets = match read(hook).await {
            Ok(secrets) => secrets,
            Err(why) => return Outcome::Failed(why, None),
        };
        let outcome = match &hook.to {
            Receiver::Run { command, folder, environment } => {
                let process = exec::process(hook, (command, folder, environment), &secrets, event);
                self.asides.run(process, body, hook.timeout).await
            }
            Receiver::Post { headers, authorities, .. } => {
                let outbound = self.outbound(authorities.as_ref());
                post::post(&outbound, hook, (headers, &secrets), body).await
            }
        };
        let hidden = |text| hide(text, &secrets);
        match outcome {
            Outcome::Taken(text) => Outcome::Taken(hidden(text)),
            Outcome::Failed(text, wish) => Outcome::Failed(hidden(text), wish),
            Outcome::Refused(text) => Outcome::Refused(hidden(text)),
        }
    }

    fn outbound(&self, authorities: Option<&PathBuf>) -> Outbound {
        let mut outbounds = self.outbounds.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || Outbound::new(authorities.cloned());
        outbounds.entry(authorities.cloned()).or_insert_with(made).clone()
    }
}

/// The secrets of a hook by the names they go by; the address is the one without a name.
pub(super) type Secrets = BTreeMap<String, String>;

/// Reads them anew for each try: a value that was changed holds from then on. It may run a command, so it waits apart.
async fn read(hook: &Hook) -> Result<Secrets, String> {
    let mut all: Vec<_> = hook.secrets.clone();
    if let Receiver::Post { url: super::Address::Secret(secret), .. } = &hook.to {
        all.push((String::new(), secret.clone()));
    }
    if all.is_empty() {
        return Ok(Secrets::new());
    }
    let read = move || {
        let one = |(name, secret): (String, crate::spec::Secret)| {
            let named = if name.is_empty() { "url" } else { &name };
            let value = secret
                .read()
                .map_err(|why| format!("the secret `{named}` cannot be read: {why}"))?;
            Ok((name, value))
        };
        all.into_iter().map(one).collect()
    };
    match apart(read).await {
        Ok(read) => read,
        Err(error) => Err(format!("its secrets cannot be read: {error}")),
    }
}

/// Returns a text without the secrets in it, on one line.
fn hide(text: String, secrets: &Secrets) -> String {
    let mut text = text;
    for value in secrets.values().filter(|value| !value.is_empty()) {
        text = text.replace(value.as_str(), "***");
        // A header has one word before the secret most often: `Bearer`.
        for word in value.split_whitespace().filter(|word| word.len() >= 8) {
            text = text.replace(word, "***");
        }
    }
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(plain).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_says_has_no_secret_in_it() {
        let secrets = Secrets::from([
            ("Authorization".to_owned(), "Bearer much-too-secret".to_owned()),
            ("EMPTY".to_owned(), String::new()),
        ]);
        let said = "403: token much-too-secret is wrong\nsent: Bearer much-too-secret\n".to_owned();
        assert_eq!(hide(said, &secrets), "403: token *** is wrong sent: ***");
        assert_eq!(hide("x".repeat(9_999), &secrets).len(), MOST);
    }
}
