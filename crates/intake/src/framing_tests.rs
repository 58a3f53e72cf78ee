use proptest::prelude::*;

use super::framing::{Decoder, Frame};

fn decode(chunks: &[&[u8]], line_bytes_max: usize) -> Vec<Frame> {
    let mut decoder = Decoder::new(line_bytes_max);
    let mut frames = Vec::new();
    chunks
        .iter()
        .for_each(|chunk| decoder.feed(chunk, &mut |frame| frames.push(frame)));
    decoder.finish(&mut |frame| frames.push(frame));
    frames
}

/// Payloads as text, with `!` behind truncated ones.
fn texts(bytes: &[u8]) -> Vec<String> {
    let text = |frame: Frame| {
        let mark = if frame.truncated { "!" } else { "" };
        format!("{}{mark}", String::from_utf8_lossy(&frame.payload))
    };
    decode(&[bytes], 64).into_iter().map(text).collect()
}

#[test]
fn lines_end_with_lf_crlf_or_nul_and_empty_ones_are_none() {
    assert_eq!(
        texts(b"<34>a\n<34>b\r\n\n\0<34>c\0d e\nlast"),
        ["<34>a", "<34>b", "<34>c", "d e", "last"]
    );
    assert_eq!(
        texts(b"2026-03-20 x\n10.0.0.1 - - GET\n7 dwarfs\n0 <1>x\n42\n"),
        [
            "2026-03-20 x",
            "10.0.0.1 - - GET",
            "7 dwarfs",
            "0 <1>x",
            "42"
        ]
    );
}

#[test]
fn counted_messages_hold_newlines_and_may_have_one_behind_them() {
    assert_eq!(texts(b"8 <34>a\nbc6 <34>de"), ["<34>a\nbc", "<34>de"]);
    assert_eq!(
        texts(b"6 <34>ab\n7 <34>cd\n3 xyz"),
        ["<34>ab", "<34>cd", "xyz"]
    );
    // Announced longer than sent.
    assert_eq!(
        texts(b"6 <34>ab90 <34>cut short"),
        ["<34>ab", "<34>cut short!"]
    );
    // Not a length: larger than any, no priority behind it, shorter than the priority.
    assert_eq!(
        texts(b"1234567890 <34>a\n5 <999>b\n3 <34>c\n"),
        ["1234567890 <34>a", "5 <999>b", "3 <34>c"]
    );
}

#[test]
fn a_sender_may_change_its_mind() {
    assert_eq!(
        texts(b"<34>a\n6 <34>bc<34>d\n6 <34>ef<34>g\n"),
        ["<34>a", "<34>bc", "<34>d", "<34>ef", "<34>g"]
    );
}

#[test]
fn over_long_messages_are_cut_and_their_neighbours_are_whole() {
    let long = "x".repeat(100);
    let cut = format!("{}!", "x".repeat(64));
    assert_eq!(
        texts(format!("<1>a\n{long}\n<1>b\n").as_bytes()),
        ["<1>a", &cut, "<1>b"]
    );
    let counted = format!("100 <34>{}5 <34>b", "x".repeat(96));
    assert_eq!(
        texts(counted.as_bytes()),
        [format!("<34>{}!", "x".repeat(60)), "<34>b".into()]
    );
    // Exactly at the limit is whole.
    assert_eq!(
        texts(format!("{}\n<1>b", "x".repeat(64)).as_bytes()),
        ["x".repeat(64), "<1>b".into()]
    );
    let mut decoder = Decoder::new(64);
    decoder.feed(format!("{long}\n").as_bytes(), &mut |_| {});
    assert_eq!(decoder.skipped_bytes(), 36);
    assert!(!decoder.is_inside());
}

/// A wrong length leaves a counting stream, which has no delimiters, out of step: nothing may be
/// thrown away while looking for one that never comes.
#[test]
fn a_counting_sender_out_of_step_loses_nothing_to_the_limit() {
    let mut stream = b"6 <34>ab6 <34>WRONG".to_vec();
    stream.extend("9 <34>hello".repeat(50).as_bytes());
    let frames = decode(&[&stream], 64);
    let stored: usize = frames.iter().map(|frame| frame.payload.len()).sum();
    assert!(
        stored >= stream.len() - 2 * frames.len() - 4,
        "{stored} of {}",
        stream.len()
    );
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(any::<u8>(), 0..90);
    let piece = prop::sample::select(vec!["<34>1 - hi", "12 <34>", "\n", "\0", "\r\n", " "]);
    prop_oneof![
        body.clone(),
        piece.prop_map(|piece| piece.as_bytes().to_vec()),
        body.prop_map(|body| {
            let mut framed = format!("{} <34>", body.len() + 4).into_bytes();
            framed.extend(body);
            framed
        }),
        "[0-9]{1,3} <[0-9]{1,3}>[a-z]{0,80}\n?".prop_map(String::into_bytes),
    ]
}

proptest! {
    /// How the bytes were cut into reads makes no difference, and no bytes make it panic or keep
    /// more than the limit.
    #[test]
    fn chunks_do_not_matter(
        messages in prop::collection::vec(message(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let bytes = messages.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let whole = decode(&[&bytes], 64);
        prop_assert_eq!(&whole, &decode(&chunks, 64));
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&whole, &decode(&single, 64));
        prop_assert!(whole.iter().all(|frame| (1..=64).contains(&frame.payload.len())));
    }

    /// Well-formed messages come back one for one in either framing.
    #[test]
    fn messages_come_back(bodies in prop::collection::vec("[ -~]{0,50}", 1..20), counted in prop::collection::vec(any::<bool>(), 20)) {
        let messages: Vec<String> = bodies.iter().map(|body| format!("<34>{body}")).collect();
        let stream: String = messages
            .iter()
            .zip(&counted)
            .map(|(message, counted)| match counted {
                true => format!("{} {message}", message.len()),
                false => format!("{message}\n"),
            })
            .collect();
        let got: Vec<String> = texts(stream.as_bytes());
        prop_assert_eq!(got, messages);
    }
}
