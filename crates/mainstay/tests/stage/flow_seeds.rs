//! Flows by seed: stages that fail at any item, in any way, and operators who restart and kill them meanwhile.

use crate::common::{MS, down, soon};
use crate::flow::{Kept, Numbers, Same, Slow, counts, patient, restless};
use mainstay::stage::flow::{Edge, Meter, flow, sink, source, transform};
use mainstay::{BoxError, Fault, Standing, Supervisor, tree};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tokio::time::sleep;

const ITEMS: u64 = 300;

/// Mixes numbers into one that looks like none of them.
fn mix(seed: u64, number: u64, tried: u32) -> u64 {
    let mut mixed =
        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03);
    mixed ^= u64::from(tried).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 29;
    mixed.wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33
}

/// Fails as the seed says: by an error, by one about the stage, by a panic, at times for good.
fn troubled(seed: u64) -> impl Fn(u64) -> Result<(), BoxError> + Send + Sync + 'static {
    let tries = Mutex::new(BTreeMap::<u64, u32>::new());
    move |number| {
        let tried = {
            let mut tries = tries.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let tried = tries.entry(number).or_default();
            *tried += 1;
            *tried
        };
        // One in forty fails however often it is tried.
        let is_poison = mix(seed, number, 0).is_multiple_of(40);
        match mix(seed, number, if is_poison { 0 } else { tried }) % 40 {
            0 | 1 => Err("it does not fit".into()),
            2 => Err(Fault::transient("the connection is lost").into()),
            3 => panic!("a mistake in the code"),
            _ => Ok(()),
        }
    }
}

fn declared(seed: u64, kept: &Kept) -> (Supervisor, Meter) {
    let room = 1 + (mix(seed, 1, 1) % 40) as usize;
    let (raw, one, other) =
        (Edge::new("raw", room), Edge::new("one", 1 + room / 2), Edge::new("other", room));
    let slow = kept.clone();
    let (supervisor, meter) = flow("flow")
        .part(restless(source("in", &raw, Numbers::make(ITEMS))))
        .part(restless(transform("first", &raw, &one, Same::make(troubled(seed)))))
        .part(restless(transform("second", &one, &other, Same::make(troubled(!seed)))))
        .part(restless(sink("out", &other, move |_| Ok(Slow(slow.clone(), Some(MS))))))
        .build()
        .expect("it is fit");
    (patient(supervisor), meter)
}

/// Every item is there once: as itself, or marked.
fn all_is_there(seed: u64, kept: &Kept) {
    let (numbers, marked) = (kept.numbers(), kept.marked());
    assert_eq!((numbers.len() + marked.len()) as u64, ITEMS, "seed {seed}");
    let all: BTreeSet<u64> =
        numbers.into_iter().chain(marked.into_iter().map(|(number, _)| number)).collect();
    assert_eq!(all.len() as u64, ITEMS, "seed {seed}");
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_every_item_is_passed_on_once() {
    let mut again = 0;
    for seed in 1..=40 {
        let kept = Kept::default();
        let (supervisor, meter) = declared(seed, &kept);
        let owner = tree().child(supervisor).start().expect("it is fit");
        let (handle, mut turn) = (owner.handle(), 0);
        let operator = handle.by("test");
        while counts(&meter)["other"].done < ITEMS {
            turn += 1;
            sleep(MS * (mix(seed, turn, 7) % 40) as u32).await;
            let stage = ["flow/in", "flow/first", "flow/second"][(mix(seed, turn, 8) % 3) as usize];
            let view = soon(handle.child(stage)).await.expect("it is there");
            // One that has come to its end would begin again.
            if view.standing == Standing::Ready {
                operator.restart(stage, "as the seed says").await.expect("it is there");
            }
        }
        down(&handle, "flow/out").await;
        soon(owner.drain("all has come through")).await;
        all_is_there(seed, &kept);
        meter.settle().expect("nothing is left");
        again += counts(&meter).values().map(|counts| counts.again).sum::<u64>();
    }
    assert!(again > 100, "items came back {again} times");
}

/// The same with real time and real threads: whoever waits for an item or for room is woken.
#[test]
fn nobody_is_left_waiting_among_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for seed in 100..=110 {
            let kept = Arc::new(Kept::default());
            let (raw, same) = (Edge::new("raw", 2), Edge::new("same", 1));
            let (supervisor, meter) = flow("flow")
                .part(restless(source("in", &raw, Numbers::make(ITEMS))))
                .part(restless(transform("first", &raw, &same, Same::make(troubled(seed)))))
                .part(restless(sink("out", &same, kept.make())))
                .build()
                .expect("it is fit");
            let owner = tree().child(patient(supervisor)).start().expect("it is fit");
            down(&owner.handle(), "flow/out").await;
            soon(owner.drain("all has come through")).await;
            all_is_there(seed, &kept);
            meter.settle().expect("nothing is left");
        }
    });
}
