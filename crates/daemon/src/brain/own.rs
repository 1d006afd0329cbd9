//! Alerts about the program itself: what a person must see and no child can have.

use mainstay_wire::api::Alert;

/// The alerts that stand.
#[derive(Debug, Default)]
pub(super) struct Own(Vec<Alert>);

impl Own {
    /// Raises one; what stands already happens again.
    pub(super) fn raise(&mut self, kind: &str, text: &str, at: i64) {
        let standing = self.0.iter_mut().find(|alert| alert.kind == kind);
        match standing.filter(|alert| alert.seen_at.is_none()) {
            Some(alert) => {
                // The same trouble in other words is no other trouble.
                alert.again += u32::from(alert.over);
                alert.over = false;
                text.clone_into(&mut alert.text);
            }
            None => {
                self.0.retain(|alert| alert.kind != kind);
                self.0.push(Alert {
                    path: String::new(),
                    kind: kind.to_owned(),
                    text: text.to_owned(),
                    since_at: at,
                    again: 0,
                    over: false,
                    seen_by: None,
                    seen_why: None,
                    seen_at: None,
                });
            }
        }
    }

    /// What it was about is over. It stays until somebody has seen it.
    pub(super) fn end(&mut self, kind: &str) {
        self.0.iter_mut().filter(|alert| alert.kind == kind).for_each(|alert| alert.over = true);
        self.0.retain(|alert| !(alert.over && alert.seen_at.is_some()));
    }

    /// Somebody has seen them all.
    pub(super) fn acknowledge(&mut self, who: &str, why: &str, at: i64) {
        self.0.retain(|alert| !alert.over);
        for alert in self.0.iter_mut().filter(|alert| alert.seen_at.is_none()) {
            (alert.seen_by, alert.seen_why) = (Some(who.to_owned()), Some(why.to_owned()));
            alert.seen_at = Some(at);
        }
    }

    pub(super) fn all(&self) -> Vec<Alert> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_stays_until_it_is_over_and_somebody_has_seen_it() {
        let mut own = Own::default();
        own.raise("journal", "no space", 1);
        own.raise("journal", "no space at all", 2);
        own.end("journal");
        own.raise("journal", "no space", 3);
        let all = own.all();
        assert_eq!((all.len(), all[0].again, all[0].since_at), (1, 1, 1));
        own.acknowledge("ann", "making room", 4);
        assert_eq!(own.all()[0].seen_by.as_deref(), Some("ann"), "it is not over");
        own.end("journal");
        assert!(own.all().is_empty());
        own.raise("brain", "silent", 5);
        own.end("brain");
        assert_eq!(own.all().len(), 1, "nobody has seen it");
        own.acknowledge("ann", "seen", 6);
        assert!(own.all().is_empty());
    }
}
