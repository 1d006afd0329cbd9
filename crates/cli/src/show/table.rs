//! Tables that fit: columns give way in a stated order.

use super::text::{cut_end, cut_middle, width};
use crate::screen::{Screen, Tint};

/// One column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// What stands above it.
    pub(crate) title: &'static str,
    /// Whether it is of numbers, which stand at its right edge.
    pub(crate) is_right: bool,
    /// Whether the middle is left out where it is too narrow, or else the end.
    pub(crate) keeps_ends: bool,
}

impl Column {
    /// Returns a column of text.
    pub(crate) const fn text(title: &'static str) -> Self {
        Self { title, is_right: false, keeps_ends: false }
    }

    /// Returns a column of names.
    pub(crate) const fn names(title: &'static str) -> Self {
        Self { title, is_right: false, keeps_ends: true }
    }

    /// Returns a column of numbers.
    pub(crate) const fn numbers(title: &'static str) -> Self {
        Self { title, is_right: true, keeps_ends: false }
    }
}

/// One field: what stands in it, and its colour. `lead` comes before the text and is never cut.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) lead: String,
    pub(crate) text: String,
    pub(crate) tint: Tint,
}

impl Cell {
    /// Returns a field without a lead.
    pub(crate) fn new(tint: Tint, text: impl Into<String>) -> Self {
        Self { lead: String::new(), text: text.into(), tint }
    }

    fn width(&self) -> usize {
        width(&self.lead) + width(&self.text)
    }
}

/// One row, and what stands below it over the whole width.
pub(crate) type Row = Vec<Cell>;

/// The widths that rows would take if there were room for all.
#[derive(Clone, Debug)]
pub(crate) struct Natural {
    columns: &'static [Column],
    widths: Vec<usize>,
}

impl Natural {
    /// Returns those of a table without rows.
    pub(crate) fn new(columns: &'static [Column]) -> Self {
        Self { columns, widths: vec![0; columns.len()] }
    }

    /// Returns the width of the whole table.
    pub(crate) fn total(&self) -> usize {
        total(&self.widths)
    }

    /// Makes room for a further row.
    pub(crate) fn add(&mut self, row: &[Cell]) {
        for ((cell, own), column) in row.iter().zip(&mut self.widths).zip(self.columns) {
            let cell = cell.width();
            if cell > 0 {
                *own = (*own).max(cell).max(width(column.title));
            }
        }
    }
}

/// The widths of a table's columns; 0: the column is left out.
#[derive(Debug)]
pub(crate) struct Layout {
    columns: &'static [Column],
    widths: Vec<usize>,
}

/// The space between two columns.
const GAP: usize = 2;

/// Returns the width of columns, those that are shown, with the gaps between them.
fn total(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|width| **width > 0);
    shown.map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
}

impl Layout {
    /// Makes room for `rows`. Where there is not enough, the columns give way as `gives` says: in this order,
    /// each to that width, or away where it is 0.
    pub(crate) fn new(
        columns: &'static [Column],
        rows: &[Row],
        width: Option<usize>,
        gives: &[(usize, usize)],
    ) -> Self {
        let mut natural = Natural::new(columns);
        for row in rows {
            natural.add(row);
        }
        Self::fit(&natural, width, gives)
    }

    /// The same for rows that have been measured.
    pub(crate) fn fit(natural: &Natural, width: Option<usize>, gives: &[(usize, usize)]) -> Self {
        let mut layout = Self { columns: natural.columns, widths: natural.widths.clone() };
        let Some(width) = width else { return layout };
        for (at, least) in gives {
            let over = layout.total().saturating_sub(width);
            let own = layout.widths[*at];
            if over > 0 && own > *least {
                let least = if *least == 0 { 0 } else { own.saturating_sub(over).max(*least) };
                layout.widths[*at] = least;
            }
        }
        // What a column has left free by going away, those that gave way before it get back.
        for (at, _) in gives.iter().rev() {
            let free = width.saturating_sub(layout.total());
            let own = layout.widths[*at];
            if own > 0 {
                layout.widths[*at] = natural.widths[*at].min(own + free);
            }
        }
        layout
    }

    fn total(&self) -> usize {
        total(&self.widths)
    }

    /// Returns the line of titles.
    pub(crate) fn head(&self, screen: &Screen) -> String {
        self.row(&self.titles(), screen)
    }

    /// Returns the titles as a row.
    pub(crate) fn titles(&self) -> Row {
        self.columns.iter().map(|column| Cell::new(Tint::Dim, column.title)).collect()
    }

    /// Returns the line of one row, without spaces at its end.
    pub(crate) fn row(&self, row: &[Cell], screen: &Screen) -> String {
        self.pieces(row).iter().map(|(tint, text)| screen.paint(*tint, text)).collect()
    }

    /// Returns the same in pieces, each with what its colour says.
    pub(crate) fn pieces(&self, row: &[Cell]) -> Vec<(Tint, String)> {
        let mut line = Vec::new();
        let mut owed = 0;
        for ((cell, column), own) in row.iter().zip(self.columns).zip(&self.widths) {
            if *own == 0 {
                continue;
            }
            let room = own.saturating_sub(width(&cell.lead));
            let cut = if column.keeps_ends { cut_middle } else { cut_end };
            let text = cut(&cell.text, room);
            let free = room.saturating_sub(width(&text));
            if column.is_right {
                owed += free;
            }
            if !text.is_empty() || !cell.lead.is_empty() {
                line.push((Tint::Plain, " ".repeat(owed)));
                line.push((Tint::Dim, cell.lead.clone()));
                line.push((cell.tint, text));
                owed = 0;
            }
            owed += GAP + if column.is_right { 0 } else { free };
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_give_way_in_order() {
        const COLUMNS: &[Column] =
            &[Column::names("NAME"), Column::text("STATE"), Column::numbers("PID")];
        let row = |name: &str, state: &str, pid: &str| -> Row {
            [name, state, pid].map(|text| Cell::new(Tint::Plain, text)).into()
        };
        let rows = [row("web", "waits for its next run", ""), row("long-name-here", "ready", "12")];
        let screen = Screen { has_colour: false, width: None, is_terminal: false };
        let show = |width| {
            let layout = Layout::new(COLUMNS, &rows, width, &[(1, 8), (2, 0), (0, 6)]);
            let lines = rows.iter().map(|row| layout.row(row, &screen));
            std::iter::once(layout.head(&screen)).chain(lines).collect::<Vec<_>>()
        };
        assert_eq!(
            show(None),
            [
                "NAME            STATE                   PID",
                "web             waits for its next run",
                "long-name-here  ready                    12",
            ]
        );
        assert_eq!(
            show(Some(30)),
            [
                "NAME            STATE      PID",
                "web             waits fo…",
                "long-name-here  ready       12",
            ]
        );
        assert_eq!(show(Some(18))[2], "long…ere  ready");
    }
}
