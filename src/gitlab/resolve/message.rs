//! DNS messages: questions for addresses, and what an answer says. Answers come from anybody: nothing here trusts a length.

use std::net::IpAddr;
use std::time::Duration;

const HEAD: usize = 12;
/// A name's bytes on the wire, with the length of each label and without the root's.
const LONGEST_NAME: usize = 254;
const LONGEST_LABEL: usize = 63;
const INTERNET: u16 = 1;
const CNAME: u16 = 5;

/// The type of record that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    A = 1,
    Aaaa = 28,
}

/// What a name server said to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// At least one, and how long that may be remembered.
    Found(Vec<IpAddr>, Duration),
    /// There is no such name, or it has no address of this kind.
    Nothing,
    /// The server cannot tell, or what it says cannot be read.
    Failed,
    /// The whole answer needs TCP.
    Truncated,
}

/// A question for the addresses of a name; `None` if the name cannot be asked for.
pub fn question(name: &str, kind: Kind, id: u16) -> Option<Vec<u8>> {
    let mut packet = id.to_be_bytes().to_vec();
    // Recursion is desired; one question, nothing else.
    packet.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok()?;
        if length == 0 || label.len() > LONGEST_LABEL {
            return None;
        }
        packet.push(length);
        packet.extend(label.bytes());
    }
    if packet.len() > HEAD + LONGEST_NAME {
        return None;
    }
    packet.extend([0, 0, kind as u8, 0, 1]);
    Some(packet)
}

/// What `packet` says to `question`; `None` if it is no answer to it.
pub fn reply(packet: &[u8], question: &[u8]) -> Option<Reply> {
    let flags = word(packet, 2)?;
    let code = flags & 15;
    // An answer, to the same id, to a standard query.
    if packet.get(..2) != question.get(..2) || flags & 0xf800 != 0x8000 {
        return None;
    }
    let asked = question.get(HEAD..)?;
    let same = packet
        .get(HEAD..question.len())
        .is_some_and(|said| said.eq_ignore_ascii_case(asked));
    // A server that did not understand may leave the question out.
    let silent = word(packet, 4) == Some(0) && !matches!(code, 0 | 3);
    if !(same && word(packet, 4) == Some(1) || silent) {
        return None;
    }
    Some(match code {
        _ if silent => Reply::Failed,
        0 if flags & 0x0200 != 0 => Reply::Truncated,
        0 => records(packet, question).unwrap_or(Reply::Failed),
        3 => Reply::Nothing,
        _ => Reply::Failed,
    })
}

/// The addresses at the end of the chain of aliases; `None` where the message is broken.
fn records(packet: &[u8], question: &[u8]) -> Option<Reply> {
    let kind = word(question, question.len().checked_sub(4)?)?;
    let (mut wanted, _) = name(packet, HEAD)?;
    let mut at = question.len();
    let mut found = Vec::new();
    let mut seconds = u32::MAX;
    for _ in 0..word(packet, 6)? {
        let (owner, end) = name(packet, at)?;
        let (record, class) = (word(packet, end)?, word(packet, end + 2)?);
        let life = u32::from_be_bytes(packet.get(end + 4..end + 8)?.try_into().ok()?);
        let start = end + 10;
        at = start + usize::from(word(packet, end + 8)?);
        let data = packet.get(start..at)?;
        if owner != wanted || class != INTERNET {
            continue;
        }
        if record == kind {
            found.push(address(kind, data)?);
        } else if record == CNAME {
            (wanted, _) = name(packet, start)?;
        } else {
            continue;
        }
        seconds = seconds.min(life);
    }
    Some(if found.is_empty() {
        Reply::Nothing
    } else {
        Reply::Found(found, Duration::from_secs(seconds.into()))
    })
}

fn address(kind: u16, data: &[u8]) -> Option<IpAddr> {
    if kind == Kind::A as u16 {
        Some(<[u8; 4]>::try_from(data).ok()?.into())
    } else {
        Some(<[u8; 16]>::try_from(data).ok()?.into())
    }
}

/// The name that starts at `start`, in lower case, and where what follows it starts.
fn name(packet: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let mut labels = Vec::new();
    let mut at = start;
    let mut end = None;
    // Each pointer leads further back than the one before, so there is an end.
    let mut floor = start;
    loop {
        let length = *packet.get(at)?;
        match length {
            0 => return Some((labels, end.unwrap_or(at + 1))),
            1..=63 => {
                let next = at + 1 + usize::from(length);
                labels.extend(packet.get(at..next)?.iter().map(u8::to_ascii_lowercase));
                if labels.len() > LONGEST_NAME {
                    return None;
                }
                at = next;
            }
            192.. => {
                let to = usize::from(word(packet, at)? & 0x3fff);
                end = end.or(Some(at + 2));
                if to >= floor {
                    return None;
                }
                (floor, at) = (to, to);
            }
            _ => return None,
        }
    }
}

fn word(packet: &[u8], at: usize) -> Option<u16> {
    let bytes = packet.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: u16 = 0x1234;

    fn ask(kind: Kind) -> Vec<u8> {
        question("gl.example", kind, ID).expect("a name")
    }

    /// An answer to `question` with these records: owner, type, life, data.
    fn answer(question: &[u8], flags: u16, records: &[(&[u8], u16, u32, &[u8])]) -> Vec<u8> {
        let mut packet = question.to_vec();
        packet[2..4].copy_from_slice(&flags.to_be_bytes());
        packet[7] = u8::try_from(records.len()).expect("few");
        for (owner, kind, life, data) in records {
            packet.extend(*owner);
            packet.extend(kind.to_be_bytes());
            packet.extend(INTERNET.to_be_bytes());
            packet.extend(life.to_be_bytes());
            packet.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
            packet.extend(*data);
        }
        packet
    }

    /// The pointer to the question's name.
    const ASKED: &[u8] = &[0xc0, 12];
    const OTHER: &[u8] = b"\x05other\0";
    const GOOD: u16 = 0x8180;

    fn found(addresses: &[&str], seconds: u64) -> Reply {
        let addresses = addresses
            .iter()
            .map(|text| text.parse().expect("an address"));
        Reply::Found(addresses.collect(), Duration::from_secs(seconds))
    }

    #[test]
    fn a_question_is_the_name_in_labels() {
        assert_eq!(
            ask(Kind::Aaaa),
            b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x02gl\x07example\0\0\x1c\0\x01"
        );
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(longest.len(), 253);
        for (name, valid) in [
            (longest.as_str(), true),
            (&format!("{longest}a"), false),
            (&label, true),
            (&format!("{label}a"), false),
            ("", false),
            (".", false),
            ("a..b", false),
            (".a", false),
            ("_a.b-c", true),
        ] {
            assert_eq!(question(name, Kind::A, ID).is_some(), valid, "{name}");
        }
    }

    #[test]
    fn answers_are_read() {
        let (a, aaaa) = (ask(Kind::A), ask(Kind::Aaaa));
        let one: &[u8] = &[10, 0, 0, 1];
        let six: &[u8] = &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let upper: &[u8] = b"\x02GL\x07eXample\0";
        for (packet, question, expected) in [
            (
                answer(&a, GOOD, &[(ASKED, 1, 60, one)]),
                &a,
                found(&["10.0.0.1"], 60),
            ),
            (
                answer(&a, GOOD, &[(upper, 1, 60, one)]),
                &a,
                found(&["10.0.0.1"], 60),
            ),
            (
                answer(&aaaa, GOOD, &[(ASKED, 28, 60, six)]),
                &aaaa,
                found(&["fd00::1"], 60),
            ),
            (
                answer(
                    &a,
                    GOOD,
                    &[(ASKED, 1, 60, one), (ASKED, 1, 7, &[10, 0, 0, 2])],
                ),
                &a,
                found(&["10.0.0.1", "10.0.0.2"], 7),
            ),
            // By way of an alias, whose life counts too.
            (
                answer(&a, GOOD, &[(ASKED, 5, 3, OTHER), (OTHER, 1, 60, one)]),
                &a,
                found(&["10.0.0.1"], 3),
            ),
            // An alias to nowhere, to another name, to itself.
            (
                answer(&a, GOOD, &[(ASKED, 5, 3, OTHER)]),
                &a,
                Reply::Nothing,
            ),
            (answer(&a, GOOD, &[(OTHER, 1, 60, one)]), &a, Reply::Nothing),
            (
                answer(&a, GOOD, &[(ASKED, 5, 3, ASKED)]),
                &a,
                Reply::Nothing,
            ),
            // No records; other types and signatures are passed over.
            (answer(&a, GOOD, &[]), &a, Reply::Nothing),
            (
                answer(&a, GOOD, &[(ASKED, 46, 1, b"sig"), (ASKED, 1, 60, one)]),
                &a,
                found(&["10.0.0.1"], 60),
            ),
            (answer(&a, GOOD | 3, &[]), &a, Reply::Nothing),
            (answer(&a, GOOD | 2, &[]), &a, Reply::Failed),
            (answer(&a, GOOD | 5, &[]), &a, Reply::Failed),
            (
                answer(&a, GOOD | 0x200, &[(ASKED, 1, 60, one)]),
                &a,
                Reply::Truncated,
            ),
            // Broken: lengths, pointers ahead, pointers to themselves, reserved labels, a cut.
            (
                answer(&a, GOOD, &[(ASKED, 1, 60, b"abc")]),
                &a,
                Reply::Failed,
            ),
            (
                answer(&a, GOOD, &[(&[0xc0, 28], 1, 60, one)]),
                &a,
                Reply::Failed,
            ),
            (
                answer(&a, GOOD, &[(&[0xc0, 200], 1, 60, one)]),
                &a,
                Reply::Failed,
            ),
            (
                answer(&a, GOOD, &[(&[0x40, 0], 1, 60, one)]),
                &a,
                Reply::Failed,
            ),
            (
                answer(&a, GOOD, &[(ASKED, 1, 60, one)])[..40].to_vec(),
                &a,
                Reply::Failed,
            ),
        ] {
            assert_eq!(reply(&packet, question), Some(expected), "{packet:?}");
        }
    }

    #[test]
    fn what_is_no_answer_to_the_question_is_passed_over() {
        let a = ask(Kind::A);
        let good = answer(&a, GOOD, &[(ASKED, 1, 60, &[10, 0, 0, 1])]);
        let mut wrong_id = good.clone();
        wrong_id[0] ^= 1;
        let mut none_asked = good.clone();
        none_asked[5] = 0;
        let other = question("gl.exampl3", Kind::A, ID).expect("a name");
        for packet in [
            Vec::new(),
            good[..11].to_vec(),
            good[..20].to_vec(),
            wrong_id,
            none_asked,
            a.clone(),
            answer(&a, GOOD | 0x0800, &[]),
            answer(&ask(Kind::Aaaa), GOOD, &[]),
            answer(&other, GOOD, &[]),
            answer(&other, GOOD | 3, &[]),
        ] {
            assert_eq!(reply(&packet, &a), None, "{packet:?}");
        }
        // Refused without repeating the question.
        let head = [0x12, 0x34, 0x81, 0x85, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(reply(&head, &a), Some(Reply::Failed));
    }

    #[test]
    fn a_name_of_pointers_ends() {
        // Each pointer leads to the one before it, the first to the zero byte at the question's end.
        let mut packet = ask(Kind::A);
        for at in (packet.len()..2000).step_by(2) {
            let to = u16::try_from(at - 2).expect("small") | 0xc000;
            packet.extend(to.to_be_bytes());
        }
        let end = packet.len();
        assert_eq!(name(&packet, end - 2), Some((Vec::new(), end)));
        packet.resize(packet.len() + 300, 1);
        assert_eq!(name(&packet, packet.len() - 300), None, "too long");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let a = ask(Kind::A);
            prop_assert!(reply(&bytes, &a).is_none_or(|reply| reply != Reply::Truncated || bytes.len() >= a.len()));
            // The same as an answer's body.
            let mut packet = answer(&a, GOOD, &[]);
            packet[6] = 0xff;
            packet.extend(bytes);
            prop_assert!(reply(&packet, &a).is_some());
        }

        #[test]
        fn a_damaged_answer_is_survived(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let a = ask(Kind::A);
            let whole = answer(&a, GOOD, &[(ASKED, 5, 3, OTHER), (OTHER, 1, 60, &[10, 0, 0, 1]), (OTHER, 1, 60, &[10, 0, 0, 2])]);
            let mut packet = whole.clone();
            for (place, byte) in &damage {
                *place.get_mut(&mut packet) = *byte;
            }
            packet.truncate(cut.index(whole.len() + 1));
            if let Some(Reply::Found(addresses, _)) = reply(&packet, &a) {
                prop_assert!(!addresses.is_empty() && addresses.len() <= packet.len());
            }
        }
    }
}
