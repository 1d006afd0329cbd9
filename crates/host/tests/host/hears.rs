//! Any bytes, in any pieces: the decoders neither fail otherwise than by a typed error nor keep more than was agreed.

use mainstay_host::fuzzing::{Form, Heard, NoFrame, check, hear};
use mainstay_host::protocol::{BODY_MOST, Head, Kind};
use proptest::collection::vec;
use proptest::prelude::*;

fn frame(kind: Kind, call: u64, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a short body");
    [&Head { length, kind, call }.to_bytes()[..], body].concat()
}

fn frames() -> impl Strategy<Value = Vec<(Vec<u8>, Heard)>> {
    let call = 1..u64::MAX;
    let body = vec(any::<u8>(), 0..200);
    let one = (call, body, any::<u32>(), 0..4_u8).prop_map(|(call, body, number, which)| {
        let length = u32::try_from(body.len()).expect("a short body");
        let counted = [&number.to_le_bytes()[..], &body].concat();
        match which {
            0 if length > 100 => {
                (frame(Kind::Request, call, &body), Heard::TooLong { call, length })
            }
            0 => {
                let bytes = frame(Kind::Request, call, &body);
                (bytes, Heard::Request { call, form: Form::Reply, body })
            }
            1 if length > 96 => {
                let length = length + 4;
                (frame(Kind::Stream, call, &counted), Heard::TooLong { call, length })
            }
            1 => {
                let bytes = frame(Kind::Stream, call, &counted);
                (bytes, Heard::Request { call, form: Form::Stream(number), body })
            }
            2 => (frame(Kind::Cancel, call, &[]), Heard::Cancel(call)),
            _ => (frame(Kind::Credit, call, &number.to_le_bytes()), Heard::Credit(call, number)),
        }
    });
    vec(one, 0..12)
}

proptest! {
    #[test]
    fn frames_are_heard_in_whatever_pieces_they_come(
        frames in frames(),
        pieces in vec(1..300_usize, 1..20),
    ) {
        let bytes = frames.iter().flat_map(|(bytes, _)| bytes.clone()).collect::<Vec<_>>();
        let expected = frames.into_iter().map(|(_, heard)| heard).collect::<Vec<_>>();
        prop_assert_eq!(hear(&bytes, 100, &pieces), (expected, None));
    }

    #[test]
    fn a_prefix_is_a_part_of_what_is_heard(frames in frames(), cut in any::<prop::sample::Index>()) {
        let bytes = frames.iter().flat_map(|(bytes, _)| bytes.clone()).collect::<Vec<_>>();
        let (whole, _) = hear(&bytes, 100, &[64]);
        let (part, error) = hear(&bytes[..cut.index(bytes.len() + 1)], 100, &[64]);
        prop_assert_eq!(error, None);
        prop_assert_eq!(&whole[..part.len()], &part[..]);
    }

    #[test]
    fn damage_is_survived(
        frames in frames(),
        at in any::<prop::sample::Index>(),
        damage in any::<u8>(),
    ) {
        let mut bytes = frames.iter().flat_map(|(bytes, _)| bytes.clone()).collect::<Vec<_>>();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = damage;
        }
        check(&bytes);
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..400)) {
        check(&bytes);
    }

    #[test]
    fn any_packet_of_a_known_kind_is_survived(
        kind in prop::sample::select(&b"HRBSYPELCwxslc"[..]),
        fields in vec(any::<u8>(), 0..80),
    ) {
        check(&[&[kind][..], &fields].concat());
    }
}

#[test]
fn what_no_parent_sends_is_named() {
    let wrong = |bytes: &[u8]| hear(bytes, 100, &[1]).1;
    let none = [0xff; Head::LENGTH];
    assert_eq!(wrong(&none), Some(NoFrame::Head(none)));
    assert_eq!(wrong(&frame(Kind::Reply, 1, b"a")), Some(NoFrame::Kind(Kind::Reply)));
    assert_eq!(wrong(&frame(Kind::Cancel, 1, b"a")), Some(NoFrame::Body(Kind::Cancel, 1)));
    assert_eq!(wrong(&frame(Kind::Credit, 1, b"abc")), Some(NoFrame::Body(Kind::Credit, 3)));
    assert_eq!(wrong(&frame(Kind::Stream, 1, b"abc")), Some(NoFrame::Body(Kind::Stream, 3)));
}

#[test]
fn a_length_is_not_believed_before_its_bytes_come() {
    let head = Head { length: BODY_MOST, kind: Kind::Request, call: 1 }.to_bytes();
    let bytes = [&head[..], &[b'x'; 1_000]].concat();
    // With room for all of it agreed on, a gigabyte would have to be there if the length were believed.
    assert_eq!(hear(&bytes, BODY_MOST, &[100]), (Vec::new(), None));
    assert_eq!(hear(&bytes, 100, &[100]), (Vec::new(), None));
}
