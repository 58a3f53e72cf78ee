//! What intake writes to the spool and the pipeline reads back: the bytes that arrived and how.

use std::net::IpAddr;

use jiff::Timestamp;

/// How the payload of a [`Record`] is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Format {
    /// One syslog message, RFC 3164 or 5424, or a bare line from a syslog connection.
    Syslog = 1,
    /// One JSON object: ECS, Winlogbeat or flat, recognised by its fields.
    Json = 2,
    /// One Splunk HEC envelope `{"time":…,"host":…,"event":…}`.
    Hec = 3,
    /// One Windows event as XML, as Windows Event Forwarding or rsyslog carries it.
    WindowsXml = 4,
    /// One line of a log file without a syslog frame (auditd, auth, web server).
    Line = 5,
}

impl Format {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Format::Syslog,
            2 => Format::Json,
            3 => Format::Hec,
            4 => Format::WindowsXml,
            5 => Format::Line,
            _ => return None,
        })
    }
}

/// One record of the spool: what arrived, from whom, when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub received: Timestamp,
    /// Id of the source in the loss ledger.
    pub source: &'a str,
    pub format: Format,
    /// Address of the sender, where there was a connection.
    pub peer: Option<IpAddr>,
    /// Cut to the listener's limit: the rest of an over-long line is gone and this is flagged.
    pub truncated: bool,
    pub payload: &'a [u8],
}

/// Why the bytes of a spool record are no [`Record`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("record ends early: {need} bytes needed for {what}, {have} left")]
    Short {
        what: &'static str,
        need: usize,
        have: usize,
    },
    #[error("unknown record version {0}")]
    Version(u8),
    #[error("unknown payload format {0}")]
    Format(u8),
    #[error("source id is not UTF-8")]
    Source,
    #[error("receipt time {0} µs is out of range")]
    Received(i64),
}

const VERSION: u8 = 1;
const TRUNCATED: u8 = 1;

impl<'a> Record<'a> {
    /// Appends the record to `out`: version, format, flags, receipt time in µs (i64 LE), peer
    /// (length, bytes), source (length u16 LE, bytes), payload to the end.
    ///
    /// # Panics
    /// If the source id is longer than 65 535 bytes; listeners refuse such ids at start.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend([
            VERSION,
            self.format as u8,
            if self.truncated { TRUNCATED } else { 0 },
        ]);
        out.extend(self.received.as_microsecond().to_le_bytes());
        match self.peer {
            None => out.push(0),
            Some(IpAddr::V4(ip)) => {
                out.push(4);
                out.extend(ip.octets());
            }
            Some(IpAddr::V6(ip)) => {
                out.push(16);
                out.extend(ip.octets());
            }
        }
        let length = u16::try_from(self.source.len()).expect("source ids are short");
        out.extend(length.to_le_bytes());
        out.extend(self.source.as_bytes());
        out.extend(self.payload);
    }

    /// Reads what [`Record::encode`] wrote.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let mut rest = bytes;
        let [version, format, flags] = take(&mut rest, "header")?;
        if version != VERSION {
            return Err(RecordError::Version(version));
        }
        let format = Format::from_byte(format).ok_or(RecordError::Format(format))?;
        let micros = i64::from_le_bytes(take(&mut rest, "receipt time")?);
        let received =
            Timestamp::from_microsecond(micros).map_err(|_| RecordError::Received(micros))?;
        let peer = match take::<1>(&mut rest, "peer kind")? {
            [4] => Some(IpAddr::from(take::<4>(&mut rest, "peer")?)),
            [16] => Some(IpAddr::from(take::<16>(&mut rest, "peer")?)),
            _ => None,
        };
        let length = usize::from(u16::from_le_bytes(take(&mut rest, "source length")?));
        if rest.len() < length {
            return Err(RecordError::Short {
                what: "source",
                need: length,
                have: rest.len(),
            });
        }
        let (source, payload) = rest.split_at(length);
        let source = std::str::from_utf8(source).map_err(|_| RecordError::Source)?;
        let truncated = flags & TRUNCATED != 0;
        Ok(Record {
            received,
            source,
            format,
            peer,
            truncated,
            payload,
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8], what: &'static str) -> Result<[u8; N], RecordError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(RecordError::Short {
        what,
        need: N,
        have: rest.len(),
    })?;
    *rest = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_and_every_cut_is_an_error_or_a_shorter_payload() {
        let record = Record {
            received: Timestamp::from_microsecond(1_774_012_200_000_001).unwrap(),
            source: "portal-web",
            format: Format::Syslog,
            peer: Some("10.20.0.5".parse().unwrap()),
            truncated: true,
            payload: b"<34>1 - - - - - - \xff hello",
        };
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        assert_eq!(Record::decode(&bytes), Ok(record));
        let header = bytes.len() - record.payload.len();
        for cut in 0..bytes.len() {
            assert_eq!(
                Record::decode(&bytes[..cut]).is_ok(),
                cut >= header,
                "cut at {cut}"
            );
        }
    }
}
