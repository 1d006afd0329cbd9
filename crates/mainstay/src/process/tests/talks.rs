//! Runs that the program talks with.

use super::fake::{soon, start};
use crate::process::{Command, Stdin, Streams};
use crate::{Standing, process, tree};
use mainstay_wire::keeper::{Order, Status};
use std::fs::File;
use std::io::{Read, Write};

#[tokio::test(start_paused = true)]
async fn each_run_gets_pipes_of_its_own_ahead_of_its_start() {
    let mut fake = start([process("cat", Command::new("cat").talks())]);
    for run in 1..=2 {
        let order = fake.next().await;
        let Order::Give { key, descriptors, .. } = order else { panic!("{order:?}") };
        assert_eq!((key.run, descriptors.numbers.as_slice()), (run, &[0, 1][..]));
        let started = fake.starts().await;
        assert_eq!(started, key);
        let talk = soon(fake.handle().talk()).await;
        assert_eq!((talk.path.as_str(), talk.run.0), ("cat", run));
        File::from(talk.input).write_all(b"READY\n").expect("written");
        let mut read = [0; 6];
        let copy = |number| descriptors.at(number).expect("given").try_clone().expect("a copy");
        File::from(copy(0)).read_exact(&mut read).expect("read");
        assert_eq!(&read, b"READY\n");
        drop(descriptors);
        assert_eq!(File::from(talk.output).read(&mut read).expect("its end"), 0);
        talk.teller.trouble(Some("it babbles"));
        let view = fake.is("cat", Standing::Ready).await;
        let mut watch = fake.handle().watch("cat").await.expect("it is there");
        let mut trouble = view.process.and_then(|process| process.trouble.clone());
        while trouble.is_none() {
            assert!(soon(watch.changed()).await);
            trouble = watch.now().and_then(|view| view.process?.trouble.clone());
        }
        assert_eq!(trouble.as_deref(), Some("it babbles"));
        fake.ends(&key, Status::Code(1));
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_is_held_until_the_next_run() {
    let mut fake = start([process("cat", Command::new("cat").talks())]);
    for _ in 1..=2 {
        assert!(matches!(fake.next().await, Order::Give { .. }));
        let key = fake.starts().await;
        fake.ends(&key, Status::Code(1));
    }
    assert!(matches!(fake.next().await, Order::Give { .. }));
    fake.starts().await;
    assert_eq!(soon(fake.handle().talk()).await.run.0, 3);
}

#[test]
fn what_has_no_effect_beside_it_is_told() {
    let table = [
        Command::new("x").talks().stdin(Stdin::Pipe),
        Command::new("x").talks().output(Streams::Apart),
        Command::new("x").talks().output(Streams::Terminal { rows: 1, columns: 1 }),
    ];
    for command in table {
        let wrong = tree().child(process("a", command)).check().expect_err("it has no effect");
        let texts: Vec<&str> = wrong.problems().iter().map(|problem| &*problem.text).collect();
        assert!(texts[0].contains("that this program talks with"), "{texts:?}");
    }
}
