//! Contestants in turn, and the best of each.

use super::Outcome;

/// One contestant: who it is, whom it is compared with (by place), and one round of it, which returns a figure that is
/// the better the smaller it is.
pub(crate) struct Contestant<'a> {
    pub(crate) who: String,
    pub(crate) beside: usize,
    pub(crate) round: Box<dyn FnMut() -> Outcome<f64> + 'a>,
}

impl<'a> Contestant<'a> {
    pub(crate) fn new(
        who: impl Into<String>,
        beside: usize,
        round: impl FnMut() -> Outcome<f64> + 'a,
    ) -> Self {
        Self { who: who.into(), beside, round: Box::new(round) }
    }
}

/// Lets each take its turn, and prints a line for each: the best round and its ratio.
pub(crate) fn compare(
    case: &str,
    unit: &str,
    rounds: usize,
    mut contestants: Vec<Contestant<'_>>,
) -> Outcome {
    let mut best = vec![f64::INFINITY; contestants.len()];
    for round in 0..rounds {
        // Who goes first has the colder machine: everybody does in turn.
        for place in 0..contestants.len() {
            let at = (place + round) % contestants.len();
            best[at] = best[at].min((contestants[at].round)()?);
        }
    }
    println!("\n{case}, best of {rounds} rounds\n");
    println!("| who | {unit} | ratio | beside |\n| --- | ---: | ---: | --- |");
    for (contestant, figure) in contestants.iter().zip(&best) {
        let beside = contestant.beside;
        let (ratio, whom) = (figure / best[beside], &contestants[beside].who);
        println!("| {} | {figure:.2} | {ratio:.2} | {whom} |", contestant.who);
    }
    Ok(())
}
