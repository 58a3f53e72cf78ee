//! BinXML values as the text that Windows renders (MS-EVEN6 section 2.2.12).

use jiff::Timestamp;

use super::binxml::Unusual;

/// Type bytes of values.
pub(super) const NULL: u8 = 0x00;
pub(super) const STRING: u8 = 0x01;
pub(super) const BIN_XML: u8 = 0x21;
pub(super) const STRING_ARRAY: u8 = 0x81;
/// The bit that makes a type an array.
pub(super) const ARRAY: u8 = 0x80;

/// Beyond the year 9999 Windows renders what no reader takes for a time.
const TICKS_END: u64 = 2_650_467_744_000_000_000;

/// Appends the text of a value. Types that are rare, and sizes that do not fit the type, are
/// left to the slow reader.
pub(super) fn write(out: &mut String, kind: u8, bytes: &[u8]) -> Result<(), Unusual> {
    match kind {
        NULL => {}
        STRING => utf16(out, bytes),
        0x02 => ansi(out, bytes)?,
        0x03 => number(out, i64::from(i8::from_le_bytes(sized(bytes)?))),
        0x04 => unsigned(out, u64::from(u8::from_le_bytes(sized(bytes)?))),
        0x05 => number(out, i64::from(i16::from_le_bytes(sized(bytes)?))),
        0x06 => unsigned(out, u64::from(u16::from_le_bytes(sized(bytes)?))),
        0x07 => number(out, i64::from(i32::from_le_bytes(sized(bytes)?))),
        0x08 => unsigned(out, u64::from(u32::from_le_bytes(sized(bytes)?))),
        0x09 => number(out, i64::from_le_bytes(sized(bytes)?)),
        0x0a => unsigned(out, u64::from_le_bytes(sized(bytes)?)),
        // Windows writes other numbers into some of these.
        0x0d => match i32::from_le_bytes(sized(bytes)?) {
            0 => out.push_str("false"),
            1 => out.push_str("true"),
            other => number(out, i64::from(other)),
        },
        0x0e => bytes.iter().for_each(|&byte| hex_upper(out, byte)),
        0x0f => guid(out, &sized(bytes)?),
        0x11 => filetime(out, u64::from_le_bytes(sized(bytes)?))?,
        0x13 => sid(out, bytes)?,
        0x10 | 0x14 | 0x15 => {
            let long = kind == 0x15 || (kind == 0x10 && bytes.len() == 8);
            hexadecimal(
                out,
                match long {
                    true => u64::from_le_bytes(sized(bytes)?),
                    false => u64::from(u32::from_le_bytes(sized(bytes)?)),
                },
            );
        }
        _ => return Err(Unusual),
    }
    Ok(())
}

/// Whether [`write`] can write a value of this type.
pub(super) fn is_sound(kind: u8, bytes: &[u8]) -> bool {
    match kind {
        NULL | STRING | 0x0e => true,
        0x02 => bytes.is_ascii(),
        0x03 | 0x04 => bytes.len() == 1,
        0x05 | 0x06 => bytes.len() == 2,
        0x07 | 0x08 | 0x0d | 0x14 => bytes.len() == 4,
        0x09 | 0x0a | 0x15 => bytes.len() == 8,
        0x0f => bytes.len() == 16,
        0x10 => matches!(bytes.len(), 4 | 8),
        0x11 => sized(bytes).is_ok_and(|bytes| u64::from_le_bytes(bytes) < TICKS_END),
        0x13 => bytes.len() >= 8 && bytes.len() == 8 + 4 * usize::from(bytes[1]),
        _ => false,
    }
}

/// A time, in whole milliseconds; `None` if the value is none or out of reach.
pub(super) fn milliseconds(kind: u8, bytes: &[u8]) -> Option<Timestamp> {
    /// Milliseconds from 1601 to 1970.
    const TO_1970: i64 = 11_644_473_600_000;
    let ticks = u64::from_le_bytes(sized(bytes).ok().filter(|_| kind == 0x11)?);
    let since_1601 = i64::try_from(ticks / 10_000).ok()?;
    Timestamp::from_millisecond(since_1601 - TO_1970).ok()
}

fn sized<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Unusual> {
    bytes.try_into().map_err(|_| Unusual)
}

/// Whether a name in UTF-16LE has nothing in it that XML does not allow: [`utf16`] would change
/// it, the way over XML text does not.
pub(super) fn may_name(bytes: &[u8]) -> bool {
    let units = bytes.as_chunks::<2>().0.iter();
    let mut units = units.map(|unit| u16::from_le_bytes(*unit));
    units.all(|unit| matches!(unit, 0x20..0xd800 | 0xe000..0xfffe))
}

/// UTF-16LE up to the first NUL. What XML does not allow becomes `_`, as Windows writes it.
pub(super) fn utf16(out: &mut String, bytes: &[u8]) {
    out.reserve(bytes.len() / 2);
    // Nearly all text is ASCII: as much as is of it is taken in pieces.
    let mut rest = bytes;
    while let Some((piece, next)) = rest.split_first_chunk::<PIECE_BYTES>() {
        let Some(ascii) = ascii(piece) else { break };
        out.push_str(str::from_utf8(&ascii).unwrap_or_default());
        rest = next;
    }
    let mut units = rest
        .as_chunks::<2>()
        .0
        .iter()
        .map(|unit| u16::from_le_bytes(*unit));
    while let Some(unit) = units.next() {
        match unit {
            0 => break,
            0x20..0x80 | 0x09 | 0x0a | 0x0d => out.push(char::from(unit as u8)),
            0xd800..0xdc00 => {
                let mut ahead = units.clone();
                match ahead.next() {
                    Some(low @ 0xdc00..0xe000) => {
                        let pair =
                            (u32::from(unit - 0xd800) << 10 | u32::from(low - 0xdc00)) + 0x1_0000;
                        out.push(char::from_u32(pair).unwrap_or('_'));
                        units = ahead;
                    }
                    _ => out.push('_'),
                }
            }
            0xfffe | 0xffff | 0x01..0x20 => out.push('_'),
            other => out.push(char::from_u32(u32::from(other)).unwrap_or('_')),
        }
    }
}

/// Bytes of UTF-16LE that are taken at once.
const PIECE_BYTES: usize = 32;

/// ASCII without control characters but those that XML allows.
fn ascii(piece: &[u8; PIECE_BYTES]) -> Option<[u8; PIECE_BYTES / 2]> {
    let mut ascii = [0; PIECE_BYTES / 2];
    let mut plain = true;
    for (out, [low, high]) in ascii.iter_mut().zip(piece.as_chunks::<2>().0) {
        // Without early ends, so that all are looked at at once.
        let allowed = (0x20..0x80).contains(low) | matches!(low, b'\t' | b'\n' | b'\r');
        plain &= (*high == 0) & allowed;
        *out = *low;
    }
    plain.then_some(ascii)
}

fn ansi(out: &mut String, bytes: &[u8]) -> Result<(), Unusual> {
    for &byte in bytes {
        match byte {
            0 => {}
            0x80.. => return Err(Unusual),
            b'\t' | b'\n' | b'\r' | 0x20.. => out.push(char::from(byte)),
            _ => out.push('_'),
        }
    }
    Ok(())
}

fn number(out: &mut String, value: i64) {
    if value < 0 {
        out.push('-');
    }
    unsigned(out, value.unsigned_abs());
}

fn unsigned(out: &mut String, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    digits[at..]
        .iter()
        .for_each(|&digit| out.push(char::from(digit)));
}

/// `value` with leading zeros, `width` digits.
fn padded(out: &mut String, mut value: u64, width: usize) {
    let mut digits = [b'0'; 8];
    for digit in digits[..width].iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    digits[..width]
        .iter()
        .for_each(|&digit| out.push(char::from(digit)));
}

fn hex_digit(value: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(value & 15)])
}

fn hex_upper(out: &mut String, byte: u8) {
    out.push(hex_digit(byte >> 4).to_ascii_uppercase());
    out.push(hex_digit(byte).to_ascii_uppercase());
}

fn hexadecimal(out: &mut String, value: u64) {
    out.push_str("0x");
    let digits = (64 - value.leading_zeros()).div_ceil(4).max(1);
    for at in (0..digits).rev() {
        out.push(hex_digit((value >> (4 * at)) as u8));
    }
}

fn guid(out: &mut String, bytes: &[u8; 16]) {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    out.push('{');
    for (at, &from) in ORDER.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        out.push(hex_digit(bytes[from] >> 4));
        out.push(hex_digit(bytes[from]));
    }
    out.push('}');
}

/// Revision, number of sub-authorities, authority (48 bits, big endian), sub-authorities.
fn sid(out: &mut String, bytes: &[u8]) -> Result<(), Unusual> {
    let [revision, count, a0, a1, a2, a3, a4, a5, subs @ ..] = bytes else {
        return Err(Unusual);
    };
    if subs.len() != 4 * usize::from(*count) {
        return Err(Unusual);
    }
    out.push_str("S-");
    unsigned(out, u64::from(*revision));
    out.push('-');
    unsigned(
        out,
        u64::from_be_bytes([0, 0, *a0, *a1, *a2, *a3, *a4, *a5]),
    );
    for sub in subs.as_chunks::<4>().0 {
        out.push('-');
        unsigned(out, u64::from(u32::from_le_bytes(*sub)));
    }
    Ok(())
}

/// 100 ns since 1601 as `2026-03-20T13:02:11.1234567Z`.
fn filetime(out: &mut String, ticks: u64) -> Result<(), Unusual> {
    const SECOND: u64 = 10_000_000;
    if ticks >= TICKS_END {
        return Err(Unusual);
    }
    let seconds = ticks / SECOND;
    // Days to a date: Howard Hinnant, `civil_from_days`; 584,694 days from 0000-03-01 to 1601.
    let days = seconds / 86_400 + 584_694;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    padded(out, era * 400 + year + u64::from(month <= 2), 4);
    for (mark, value, width) in [
        ('-', month, 2),
        ('-', of_year - (153 * shifted + 2) / 5 + 1, 2),
        ('T', seconds / 3_600 % 24, 2),
        (':', seconds / 60 % 60, 2),
        (':', seconds % 60, 2),
        ('.', ticks % SECOND, 7),
    ] {
        out.push(mark);
        padded(out, value, width);
    }
    out.push('Z');
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::parse::stamp;
    use crate::windows::beat;

    fn text(kind: u8, bytes: &[u8]) -> String {
        let mut out = String::new();
        write(&mut out, kind, bytes).unwrap();
        out
    }

    proptest! {
        #[test]
        fn sound_values_are_those_that_can_be_written(
            kind in 0..0x24u8,
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..20),
                prop::collection::vec(0..4u8, 0..20),
                prop::collection::vec(0..0x80u8, 8),
            ],
        ) {
            let mut out = String::new();
            prop_assert_eq!(is_sound(kind, &bytes), write(&mut out, kind, &bytes).is_ok());
        }

        /// As the plain way reads them from their text.
        #[test]
        fn times_are_the_same_as_from_their_text(
            ticks in prop_oneof![0..TICKS_END, 0..20_000u64, TICKS_END - 2_000_000_000_000..TICKS_END],
        ) {
            let mut out = String::new();
            write(&mut out, 0x11, &ticks.to_le_bytes()).unwrap();
            let time = stamp::iso(&out, &TimeZone::UTC).map(beat::milliseconds);
            prop_assert_eq!(time, milliseconds(0x11, &ticks.to_le_bytes()));
        }

        #[test]
        fn text_is_the_same_in_pieces(text in "(\\PC|[a-z\t\r\n\u{0}\u{1}\u{7f}\u{fffe}]){0,60}") {
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let mut whole = String::new();
            utf16(&mut whole, &units);
            let mut single = String::new();
            let end = text.find('\0').unwrap_or(text.len());
            for character in text[..end].chars() {
                let mut units = [0; 2];
                let units = character.encode_utf16(&mut units);
                let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
                utf16(&mut single, &bytes);
            }
            prop_assert_eq!(whole, single);
        }
    }

    #[test]
    fn values_read_as_windows_renders_them() {
        let wide =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        assert_eq!(
            text(STRING, &wide("Ә\u{1}b😀\r\n\u{fffe}\0gone")),
            "Ә_b😀\r\n_"
        );
        assert_eq!(text(STRING, &[0x00, 0xd8, 0x41, 0x00]), "_A");
        assert!(may_name(&wide("Əмгек_1")));
        for name in ["a\u{1}", "a\u{ffff}", "a\0", "😀"] {
            assert!(!may_name(&wide(name)), "{name:?}");
        }
        assert_eq!(text(0x02, b"a\0b"), "ab");
        assert_eq!(text(0x07, &(-5i32).to_le_bytes()), "-5");
        assert_eq!(text(0x0a, &u64::MAX.to_le_bytes()), "18446744073709551615");
        assert_eq!(text(0x14, &0u32.to_le_bytes()), "0x0");
        assert_eq!(text(0x15, &0x3e7u64.to_le_bytes()), "0x3e7");
        assert_eq!(text(0x0e, &[0, 0xab]), "00AB");
        assert_eq!(
            text(
                0x0f,
                &[
                    0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0xde, 1, 2, 3, 4, 5, 6, 7, 8
                ]
            ),
            "{12345678-9abc-def0-0102-030405060708}"
        );
        assert_eq!(
            text(0x13, &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0]),
            "S-1-5-32-544"
        );
        assert_eq!(
            text(0x11, &0u64.to_le_bytes()),
            "1601-01-01T00:00:00.0000000Z"
        );
        assert_eq!(
            text(0x11, &133_485_408_001_234_567u64.to_le_bytes()),
            "2024-01-01T00:00:00.1234567Z"
        );
        assert!(write(&mut String::new(), 0x08, &[1, 2]).is_err());
        assert!(write(&mut String::new(), 0x0c, &[0; 8]).is_err());
    }
}
