//! What a terminal shows, as a picture: text with its colours becomes SVG.

use std::fmt::Write as _;

/// The width of one letter and the height of one line, in units of the picture.
const LETTER: f64 = 8.4;
const LINE: usize = 18;
/// The space around the text.
const MARGIN: usize = 16;

/// The sixteen colours: readable on the dark ground of the picture.
const COLOURS: [&str; 16] = [
    "#3b4252", "#ef6b73", "#8ccf7e", "#e5c76b", "#7aa7f7", "#c792ea", "#6cd0ca", "#d8dee9",
    "#6b7689", "#ff8b92", "#a6e39a", "#f2d98b", "#9dbffa", "#d9aef3", "#8fe3de", "#ffffff",
];

/// How letters look.
#[derive(Clone, Copy, Default, PartialEq)]
struct Look {
    colour: Option<usize>,
    is_bold: bool,
    is_dim: bool,
    is_underlined: bool,
}

/// Draws lines of text. Of the control sequences it knows those that change how letters look; others are left out.
pub(super) fn picture(text: &str) -> String {
    let lines: Vec<Vec<(Look, String)>> = spans(text);
    let widest = lines
        .iter()
        .map(|line| line.iter().map(|(_, text)| text.chars().count()).sum::<usize>())
        .max()
        .unwrap_or(0);
    let width = (widest as f64 * LETTER).ceil() as usize + 2 * MARGIN;
    let height = lines.len() * LINE + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\">\n<rect width=\"100%\" height=\"100%\" rx=\"10\" fill=\"#14171c\"/>\n\
         <g font-family=\"ui-monospace, 'DejaVu Sans Mono', monospace\" font-size=\"14\" fill=\"#d8dee9\" \
         xml:space=\"preserve\">\n"
    );
    for (row, line) in lines.iter().enumerate() {
        let y = MARGIN + row * LINE + 14;
        let mut column = 0;
        for (look, text) in line {
            let length = text.chars().count();
            if !text.trim().is_empty() {
                let x = MARGIN as f64 + column as f64 * LETTER;
                // The length is said, so that another font takes the same room.
                let room = length as f64 * LETTER;
                // Text can always be written to.
                let _ = writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{y}\" textLength=\"{room:.1}\"{}>{}</text>",
                    attributes(*look),
                    escaped(text)
                );
            }
            column += length;
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn attributes(look: Look) -> String {
    let mut text = String::new();
    if let Some(colour) = look.colour.and_then(|colour| COLOURS.get(colour)) {
        let _ = write!(text, " fill=\"{colour}\"");
    }
    if look.is_bold {
        text.push_str(" font-weight=\"bold\"");
    }
    if look.is_dim {
        text.push_str(" opacity=\"0.65\"");
    }
    if look.is_underlined {
        text.push_str(" text-decoration=\"underline\"");
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Cuts a text into lines, and each of them where the look changes.
fn spans(text: &str) -> Vec<Vec<(Look, String)>> {
    let mut look = Look::default();
    text.trim_end()
        .lines()
        .map(|line| {
            let mut parts: Vec<(Look, String)> = Vec::new();
            let mut letters = line.chars();
            while let Some(letter) = letters.next() {
                if letter == '\x1b' {
                    let sequence: String =
                        letters.by_ref().take_while(|end| !end.is_ascii_alphabetic()).collect();
                    // What ends in another letter than `m` has no numbers that mean a look.
                    look = changed(look, sequence.trim_start_matches('['));
                    continue;
                }
                match parts.last_mut() {
                    Some((last, text)) if *last == look => text.push(letter),
                    Some(_) | None => parts.push((look, letter.to_string())),
                }
            }
            parts
        })
        .collect()
}

fn changed(mut look: Look, numbers: &str) -> Look {
    for number in numbers.split(';') {
        let number: usize = number.parse().unwrap_or(0);
        match number {
            0 => look = Look::default(),
            1 => look.is_bold = true,
            2 => look.is_dim = true,
            4 => look.is_underlined = true,
            22 => (look.is_bold, look.is_dim) = (false, false),
            24 => look.is_underlined = false,
            30..=37 => look.colour = Some(number - 30),
            39 => look.colour = None,
            90..=97 => look.colour = Some(number - 90 + 8),
            _ => {}
        }
    }
    look
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_attributes() {
        let svg = picture("plain \x1b[1;32mgood\x1b[0m <b>\n\x1b[2mdim\x1b[22m & done");
        assert!(svg.contains(">plain </text>"), "{svg}");
        assert!(svg.contains("fill=\"#8ccf7e\" font-weight=\"bold\">good</text>"), "{svg}");
        assert!(svg.contains("&lt;b&gt;") && svg.contains("&amp; done"), "{svg}");
        assert!(svg.contains("opacity=\"0.65\">dim</text>"), "{svg}");
        assert!(!svg.contains('\x1b'), "{svg}");
    }
}
