//! A ZIP archive with exactly one spelling.
//!
//! Any unzip program reads it, but where ZIP leaves room (times, comments, extra fields, gaps,
//! compression) there is none here: reading writes the archive again and compares the bytes, so a
//! changed bit anywhere is seen. Nothing is compressed, so nothing can inflate.

/// Largest archive that is looked at.
pub const ARCHIVE_BYTES_MAX: usize = 1 << 30;
/// Most members; more would need ZIP64.
pub const MEMBERS_MAX: usize = 65_534;
const NAME_BYTES_MAX: usize = 200;

/// Why an archive cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// Over one of the limits.
    #[error("the pack is too large: {0}")]
    TooLarge(&'static str),
    /// Not the bytes that this program would have written.
    #[error("the file is not an unaltered pack: {0}")]
    Altered(String),
}

fn good_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/._-".contains(c);
    name.len() <= NAME_BYTES_MAX
        && name.chars().all(plain)
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Writes members in the given order. Names are lower-case ASCII paths.
pub fn write(members: &[(String, Vec<u8>)]) -> Result<Vec<u8>, ArchiveError> {
    let borrowed: Vec<_> = members
        .iter()
        .map(|(n, b)| (n.as_str(), b.as_slice()))
        .collect();
    write_borrowed(&borrowed)
}

fn write_borrowed(members: &[(&str, &[u8])]) -> Result<Vec<u8>, ArchiveError> {
    if members.len() > MEMBERS_MAX {
        return Err(ArchiveError::TooLarge("more than 65,534 members"));
    }
    let bytes: usize = members
        .iter()
        .map(|(n, b)| 2 * n.len() + b.len() + 76)
        .sum();
    if bytes + 22 > ARCHIVE_BYTES_MAX {
        return Err(ArchiveError::TooLarge("more than 1 GiB"));
    }
    let mut out = Vec::with_capacity(bytes + 22);
    let mut directory = Vec::new();
    for (name, data) in members {
        debug_assert!(good_name(name), "{name}");
        let offset = out.len() as u32;
        let common = common_fields(name, data);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(*data);
        directory.extend(b"PK\x01\x02");
        directory.extend(0x0314u16.to_le_bytes()); // made by: Unix, version 2.0
        directory.extend(&common);
        directory.extend([0; 6]); // no comment, first disk, not text
        directory.extend((0o100_644u32 << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    let count = (members.len() as u16).to_le_bytes();
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count);
    out.extend(count);
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]); // no comment
    Ok(out)
}

/// The 26 bytes that the local header and the directory share.
fn common_fields(name: &str, data: &[u8]) -> Vec<u8> {
    let mut f = Vec::with_capacity(26);
    for word in [20u16, 0x0800, 0, 0, 0x0021] {
        f.extend(word.to_le_bytes()); // version, UTF-8 names, stored, midnight, 1 January 1980
    }
    let length = data.len() as u32;
    for word in [crc32fast::hash(data), length, length] {
        f.extend(word.to_le_bytes());
    }
    f.extend((name.len() as u16).to_le_bytes());
    f.extend([0, 0]); // no extra field
    f
}

/// Reads an archive that [`write`] has written, and nothing else.
pub fn read(bytes: &[u8]) -> Result<Vec<(&str, &[u8])>, ArchiveError> {
    if bytes.len() > ARCHIVE_BYTES_MAX {
        return Err(ArchiveError::TooLarge("more than 1 GiB"));
    }
    let altered = |what: &str| ArchiveError::Altered(what.to_owned());
    let mut members: Vec<(&str, &[u8])> = Vec::new();
    let mut rest = bytes;
    while let Some(header) = rest.strip_prefix(b"PK\x03\x04") {
        let cut = || altered("it ends within a member");
        let (fixed, tail) = header.split_first_chunk::<26>().ok_or_else(cut)?;
        let length = u32::from_le_bytes([fixed[14], fixed[15], fixed[16], fixed[17]]) as usize;
        let name_length = u16::from_le_bytes([fixed[22], fixed[23]]).into();
        let (name, tail) = tail.split_at_checked(name_length).ok_or_else(cut)?;
        let (data, tail) = tail.split_at_checked(length).ok_or_else(cut)?;
        let name = std::str::from_utf8(name)
            .ok()
            .filter(|n| good_name(n))
            .ok_or_else(|| altered("a member has a name that packs do not use"))?;
        if members.len() == MEMBERS_MAX {
            return Err(ArchiveError::TooLarge("more than 65,534 members"));
        }
        members.push((name, data));
        rest = tail;
    }
    if members.is_empty() {
        return Err(altered("it does not begin with a member"));
    }
    let written = write_borrowed(&members)?;
    if written != bytes {
        let at = written
            .iter()
            .zip(bytes)
            .position(|(a, b)| a != b)
            .unwrap_or(written.len().min(bytes.len()));
        return Err(ArchiveError::Altered(altered_at(&members, at)));
    }
    Ok(members)
}

/// Says in which member byte `at` lies. A changed content shows in the checksum before it.
fn altered_at(members: &[(&str, &[u8])], at: usize) -> String {
    let mut end = 0;
    for (name, data) in members {
        end += 30 + name.len() + data.len();
        if at < end {
            return format!("`{name}` is not what its checksum was made of (byte {at})");
        }
    }
    format!("the directory at its end is changed (byte {at})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<(String, Vec<u8>)> {
        vec![
            ("a/b.json".into(), b"{}".to_vec()),
            ("empty".into(), vec![]),
            ("c".into(), (0..=255).collect()),
        ]
    }

    #[test]
    fn reads_what_it_wrote() {
        let bytes = write(&sample()).unwrap();
        let back: Vec<_> = read(&bytes)
            .unwrap()
            .into_iter()
            .map(|(n, d)| (n.to_owned(), d.to_vec()))
            .collect();
        assert_eq!(back, sample());
    }

    #[test]
    fn the_changed_member_is_named() {
        let bytes = write(&sample()).unwrap();
        for (content, name) in [(&b"{}"[..], "`a/b.json`"), (&[7, 8, 9], "`c`")] {
            let at = bytes.windows(content.len()).position(|w| w == content);
            let mut bad = bytes.clone();
            bad[at.unwrap()] ^= 1;
            let said = read(&bad).unwrap_err().to_string();
            assert!(said.contains(name), "{said}");
        }
        let mut bad = bytes.clone();
        *bad.last_mut().unwrap() ^= 1;
        let said = read(&bad).unwrap_err().to_string();
        assert!(said.contains("the directory at its end"), "{said}");
    }

    #[test]
    fn every_flipped_bit_every_cut_and_every_addition_is_seen() {
        let bytes = write(&sample()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&bad).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "length {length}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(read(&longer).is_err());
    }
}
