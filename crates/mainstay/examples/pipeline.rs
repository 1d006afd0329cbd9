//! A pipeline of stages: orders come in at two places, are gathered, priced and booked.
//!
//! ```text
//! cargo run -p mainstay --example pipeline
//! ```
//!
//! The stage that prices loses its connection once and panics once; both times its child's policy runs it again, and
//! it goes on with the very order it had in hand. One order cannot be priced at all: it is marked, passes what
//! follows untouched and is put aside at the end. The counts prove it: every order is booked once or put aside once.
//! Then the same is drained in the middle of a day, and once more with a book that hangs.

mod tell;

use mainstay::stage::flow::{
    Edge, Join, Marked, Meter, Sink, Source, Transform, flow, join, sink, source, transform,
};
use mainstay::{BoxError, Context, Fault, Owner, Standing, Supervisor, tree};
use std::collections::BTreeSet;
use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tell::tell;
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    println!("1. A day: 100 orders from the web, 40 by phone\n");
    let book = Book::default();
    let (pipeline, meter) = pipeline(100, 40, &book)?;
    let owner = tree().seed(2).child(pipeline).start()?;
    let told = tell(&owner, 13);
    owner.handle().wait_for("orders/book", Standing::Down).await?;
    owner.drain("every order is booked").await;
    told.await?;
    counts(&meter);
    let (booked, aside) = (book.booked(), book.aside());
    let once: BTreeSet<&Priced> = booked.iter().collect();
    println!(
        "\nbooked {}, of them different {}; put aside {}:",
        booked.len(),
        once.len(),
        aside.len()
    );
    aside.iter().for_each(|line| println!("  {line}"));
    assert_eq!((booked.len(), once.len(), aside.len()), (139, 139, 1));

    println!("\n2. Another day is ended in the middle, in order\n");
    let book = Book::default();
    let (pipeline, meter) = self::pipeline(u32::MAX, u32::MAX, &book)?;
    let owner = tree().seed(2).child(pipeline).start()?;
    noon(owner, Duration::from_secs(1)).await?;
    verdict(&meter, &book);

    println!("\n3. The same, but the book hangs: what is cut is not called well\n");
    let book = Book { hangs: true, ..Book::default() };
    let (pipeline, meter) = self::pipeline(u32::MAX, u32::MAX, &book)?;
    let owner = tree().seed(2).child(pipeline).start()?;
    noon(owner, Duration::from_secs(1)).await?;
    verdict(&meter, &book);
    Ok(())
}

/// Declares the pipeline: `web` and `phone` to `gather` to `price` to `book`.
fn pipeline(web: u32, phone: u32, book: &Book) -> Result<(Supervisor, Meter), BoxError> {
    let (by_web, by_phone) = (Edge::new("by-web", 16), Edge::new("by-phone", 16));
    let (orders, priced) = (Edge::new("orders", 16), Edge::new("priced", 16));
    let (book, troubles) = (book.clone(), Arc::new(AtomicU32::new(0)));
    let (supervisor, meter) = flow("orders")
        .part(source("web", &by_web, move |cx| Orders::after("web", web, &cx)))
        .part(source("phone", &by_phone, move |cx| Orders::after("phone", phone, &cx)))
        .part(join("gather", &[&by_web, &by_phone], &orders, |_| Ok(Gather)))
        .part(transform("price", &orders, &priced, move |_| Ok(Price(Arc::clone(&troubles)))))
        .part(sink("book", &priced, move |_| Ok(book.clone())))
        .build()?;
    Ok((supervisor, meter))
}

/// An order, as somebody typed it.
#[derive(Debug)]
struct Order {
    from: &'static str,
    number: u32,
    cents: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Priced(&'static str, u32, u64);

/// Brings orders in, after the last one that a run before brought.
struct Orders {
    from: &'static str,
    number: u32,
    last: u32,
}

impl Orders {
    fn after(from: &'static str, last: u32, cx: &Context) -> Result<Self, BoxError> {
        let number = cx.position().map_or(Ok(0), |position| position.parse())?;
        Ok(Self { from, number, last })
    }
}

impl Source for Orders {
    type Item = Order;

    async fn next(&mut self) -> Result<Option<Order>, BoxError> {
        if self.number == self.last {
            return Ok(None);
        }
        self.number += 1;
        let (from, number) = (self.from, self.number);
        let is_odd = from == "phone" && number == 13;
        let cents = if is_odd { "a dozen".into() } else { (number * 100).to_string() };
        Ok(Some(Order { from, number, cents }))
    }

    fn position(&self) -> Option<String> {
        Some(self.number.to_string())
    }
}

/// Brings both ways together.
struct Gather;

impl Join for Gather {
    type In = Order;
    type Out = Order;

    async fn apply(
        &mut self,
        _: usize,
        order: &Order,
        out: &mut Vec<Order>,
    ) -> Result<(), BoxError> {
        let Order { from, number, ref cents } = *order;
        out.push(Order { from, number, cents: cents.clone() });
        Ok(())
    }
}

/// Prices an order, and has had its troubles: the first connection is lost, and there is a mistake in the code.
struct Price(Arc<AtomicU32>);

impl Transform for Price {
    type In = Order;
    type Out = Priced;

    async fn apply(&mut self, order: &Order, out: &mut Vec<Priced>) -> Result<(), BoxError> {
        if (order.from, order.number) == ("web", 30) && self.0.fetch_max(1, Ordering::Relaxed) < 1 {
            // About the stage, and not about the order: it says what it means for another try.
            return Err(Fault::transient("the exchange closed the connection").into());
        }
        if (order.from, order.number) == ("web", 60) && self.0.fetch_max(2, Ordering::Relaxed) < 2 {
            panic!("no price for sixty");
        }
        let cents = order.cents.parse::<u64>().map_err(|error| format!("no price: {error}"))?;
        out.push(Priced(order.from, order.number, cents * 119 / 100));
        Ok(())
    }
}

/// Books what is priced, and puts aside what is not.
#[derive(Clone, Default)]
struct Book {
    booked: Arc<Mutex<Vec<Priced>>>,
    aside: Arc<Mutex<Vec<String>>>,
    hangs: bool,
}

impl Book {
    fn booked(&self) -> Vec<Priced> {
        self.booked.lock().map(|booked| booked.clone()).unwrap_or_default()
    }

    fn aside(&self) -> Vec<String> {
        self.aside.lock().map(|aside| aside.clone()).unwrap_or_default()
    }
}

impl Sink for Book {
    type Item = Priced;

    async fn put(&mut self, order: &Priced) -> Result<(), BoxError> {
        if self.hangs && order.1 > 20 {
            pending::<()>().await;
        }
        sleep(Duration::from_millis(20)).await;
        self.booked.lock().map_err(|_| "the book is torn")?.push(order.clone());
        Ok(())
    }

    async fn marked(&mut self, item: &Marked) -> Result<(), BoxError> {
        let line = match item.value::<Order>() {
            Some(Order { from, number, cents }) => format!("{from} {number}, {cents:?}: {item}"),
            None => item.to_string(),
        };
        self.aside.lock().map_err(|_| "the book is torn")?.push(line);
        Ok(())
    }
}

/// Lets a tree run for a while, and drains it.
async fn noon(owner: Owner, after: Duration) -> Result<(), BoxError> {
    sleep(after).await;
    let report = owner.drain("noon").await;
    print!("{report}");
    Ok(())
}

fn counts(meter: &Meter) {
    println!("\nedge           put   done  again  marked  left");
    for edge in meter.counts() {
        let (name, counts) = (edge.edge, edge.counts);
        let left = counts.waiting + counts.lent;
        let (put, done, again, marked) = (counts.put, counts.done, counts.again, counts.marked);
        println!("{name:<12} {put:>5}  {done:>5}  {again:>5}  {marked:>6}  {left:>4}");
    }
}

fn verdict(meter: &Meter, book: &Book) {
    counts(meter);
    let (booked, aside) = (book.booked(), book.aside());
    let once: BTreeSet<&Priced> = booked.iter().collect();
    println!(
        "\nbooked {}, of them different {}; put aside {}",
        booked.len(),
        once.len(),
        aside.len()
    );
    match meter.settle() {
        Ok(_) => println!("nothing is left anywhere"),
        Err(lost) => println!("{lost}"),
    }
}
