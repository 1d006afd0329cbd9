//! What hooks were told, as a table.

use super::story::table;
use super::table::{Cell, Column};
use super::text::tame;
use super::time::{moment, span};
use crate::screen::{Screen, Tint};
use mainstay_wire::api::{Delivery, DeliveryState};

/// Returns deliveries as a table, the latest first.
pub(crate) fn deliveries(deliveries: &[Delivery], now: i64, screen: &Screen) -> String {
    if deliveries.is_empty() {
        return screen.paint(Tint::Dim, "no hook was told anything");
    }
    const COLUMNS: &[Column] = &[
        Column::names("HOOK"),
        Column::text("WHEN"),
        Column::names("CHILD"),
        Column::text("WHAT"),
        Column::text("STATE"),
        Column::text("LAST TRY"),
    ];
    let row = |delivery: &Delivery| {
        let (state, tint) = state(delivery, now);
        vec![
            Cell::new(Tint::Bold, tame(&delivery.hook, false)),
            Cell::new(Tint::Dim, moment(delivery.happened_at, now)),
            Cell::new(Tint::Plain, about(delivery)),
            Cell::new(Tint::Plain, what(delivery)),
            Cell::new(tint, state),
            Cell::new(Tint::Dim, tame(delivery.last.as_deref().unwrap_or_default(), false)),
        ]
    };
    let gives = [(5, 24), (3, 32), (2, 12), (0, 10), (1, 0), (5, 0), (3, 12)];
    table(COLUMNS, deliveries.iter().map(row).collect(), &gives, screen)
}

fn about(delivery: &Delivery) -> String {
    match (&delivery.program, delivery.run) {
        (Some(part), _) => format!("the {}", tame(part, false)),
        (None, Some(run)) => format!("{}#{run}", tame(&delivery.path, false)),
        (None, None) if delivery.path.is_empty() => "-".into(),
        (None, None) => tame(&delivery.path, false),
    }
}

fn what(delivery: &Delivery) -> String {
    let fact = if delivery.test { "test" } else { delivery.fact.word() };
    format!("{fact}: {}", tame(&delivery.text, false))
}

fn state(delivery: &Delivery, now: i64) -> (String, Tint) {
    let tries = match delivery.tries {
        0 | 1 => String::new(),
        many => format!(", {many} tries"),
    };
    match delivery.state {
        DeliveryState::Delivered => (format!("delivered{tries}"), Tint::Good),
        DeliveryState::GivenUp => (format!("given up{tries}"), Tint::Bad),
        DeliveryState::Waiting => {
            let next = match delivery.next_at {
                None => "under way".to_owned(),
                Some(at) if at <= now => "waits".to_owned(),
                Some(at) => format!("again in {}", span(at - now)),
            };
            (format!("{next}{tries}"), Tint::Warn)
        }
    }
}
