//! Where one syslog message ends and the next begins in a stream of bytes.
//!
//! RFC 6587 knows two ways, and senders are configured for either, so each message says it itself:
//! octet counting (section 3.4.1, RFC 5425 section 4.3) begins `LENGTH SPACE`, non-transparent
//! framing (section 3.4.2) ends with LF; NUL and CR LF are seen too. A number at the beginning is
//! a length when a priority `<0…191>` follows, or when the message before had one as well.
//!
//! Invariant: what comes out depends on the bytes, not on how they were cut into reads.

/// One message, without its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub payload: Vec<u8>,
    /// Longer than the limit, or ended by the connection's end before its announced length.
    pub truncated: bool,
}

/// Longest announced length that is believed: 9 digits.
const LENGTH_DIGITS_MAX: usize = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At a beginning: `part` holds what is not yet enough to tell lengths from lines.
    Start,
    /// In a line.
    Line,
    /// In a message with this many octets to come.
    Octets(usize),
    /// Behind the cut of a line, up to its delimiter.
    SkipLine,
    /// Behind the cut of a counted message.
    SkipOctets(usize),
}

/// Cuts a stream into messages. Holds at most one message's `line_bytes_max` bytes.
#[derive(Debug)]
pub struct Decoder {
    line_bytes_max: usize,
    state: State,
    part: Vec<u8>,
    /// The message before was counted.
    counting: bool,
    /// A length was expected and is not there. Such a stream has no delimiters to wait for.
    lost_step: bool,
    skipped_bytes: u64,
}

/// What the first bytes of a message say.
enum Head {
    Unclear,
    Line,
    /// The message has `len` octets and begins at `at`.
    Counted {
        len: usize,
        at: usize,
    },
}

fn is_delimiter(byte: u8) -> bool {
    byte == b'\n' || byte == 0
}

impl Decoder {
    /// `line_bytes_max` is at least 64.
    pub fn new(line_bytes_max: usize) -> Self {
        let line_bytes_max = line_bytes_max.max(64);
        let part = Vec::new();
        Decoder {
            line_bytes_max,
            state: State::Start,
            part,
            counting: false,
            lost_step: false,
            skipped_bytes: 0,
        }
    }

    /// Bytes that were left out of truncated messages so far.
    pub fn skipped_bytes(&self) -> u64 {
        self.skipped_bytes
    }

    /// Whether a message has begun and not ended.
    pub fn is_inside(&self) -> bool {
        self.state != State::Start || !self.part.is_empty()
    }

    /// Takes the next bytes and hands out the messages that end in them.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut dyn FnMut(Frame)) {
        while !bytes.is_empty() {
            let used = match self.state {
                State::Start => self.start(bytes, out),
                State::Line => self.line(bytes, out),
                State::Octets(left) => self.octets(bytes, left, out),
                State::SkipLine => self.skip_line(bytes),
                State::SkipOctets(left) => self.skip_octets(bytes, left),
            };
            bytes = &bytes[used..];
        }
    }

    /// The stream has ended: hands out what had begun.
    pub fn finish(&mut self, out: &mut dyn FnMut(Frame)) {
        let cut = matches!(self.state, State::Octets(_));
        self.emit(cut, out);
        self.ready(false);
    }

    /// Stands before the next message, knowing how this one was framed.
    fn ready(&mut self, counting: bool) {
        (self.state, self.counting, self.lost_step) = (State::Start, counting, false);
    }

    fn emit(&mut self, truncated: bool, out: &mut dyn FnMut(Frame)) {
        let mut payload = std::mem::take(&mut self.part);
        if !truncated {
            while payload
                .last()
                .is_some_and(|last| matches!(last, b'\r' | b'\n' | 0))
            {
                payload.pop();
            }
        }
        if !payload.is_empty() {
            out(Frame { payload, truncated });
        }
    }

    fn start(&mut self, bytes: &[u8], out: &mut dyn FnMut(Frame)) -> usize {
        let byte = bytes[0];
        if self.part.is_empty() && (is_delimiter(byte) || byte == b'\r') {
            return 1;
        }
        if is_delimiter(byte) {
            self.ready(false);
            self.emit(false, out);
            return 1;
        }
        self.part.push(byte);
        match self.head() {
            Head::Unclear => {}
            Head::Line => {
                self.state = State::Line;
                self.lost_step |= std::mem::take(&mut self.counting);
            }
            Head::Counted { len, at } => {
                self.part.drain(..at);
                self.ready(true);
                match len - self.part.len() {
                    0 => self.emit(false, out),
                    left => self.state = State::Octets(left),
                }
            }
        }
        1
    }

    fn head(&self) -> Head {
        let part = &self.part[..];
        let digits = part.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || part[0] == b'0' || digits > LENGTH_DIGITS_MAX {
            return Head::Line;
        }
        let len = part[..digits]
            .iter()
            .fold(0, |len, digit| len * 10 + usize::from(digit - b'0'));
        let at = digits + 1;
        match part.get(digits) {
            None => return Head::Unclear,
            Some(b' ') if self.counting => return Head::Counted { len, at },
            Some(b' ') => {}
            Some(_) => return Head::Line,
        }
        match (part.get(at), &part[at..]) {
            (None, _) => Head::Unclear,
            (Some(b'<'), [_, priority @ ..]) => match priority {
                [digits @ .., b'>'] if is_priority(digits) && len >= digits.len() + 2 => {
                    Head::Counted { len, at }
                }
                digits if digits.is_empty() || is_priority(digits) => Head::Unclear,
                _ => Head::Line,
            },
            _ => Head::Line,
        }
    }

    fn line(&mut self, bytes: &[u8], out: &mut dyn FnMut(Frame)) -> usize {
        let end = memchr::memchr2(b'\n', 0, bytes);
        let piece = end.unwrap_or(bytes.len());
        let room = self.line_bytes_max - self.part.len();
        if piece > room {
            self.part.extend(&bytes[..room]);
            // Without a delimiter to wait for: cut and go on, so that nothing is lost.
            self.state = if self.lost_step {
                State::Start
            } else {
                State::SkipLine
            };
            self.emit(true, out);
            return room;
        }
        self.part.extend(&bytes[..piece]);
        if end.is_none() {
            return piece;
        }
        self.ready(false);
        self.emit(false, out);
        piece + 1
    }

    fn octets(&mut self, bytes: &[u8], left: usize, out: &mut dyn FnMut(Frame)) -> usize {
        let room = self.line_bytes_max - self.part.len();
        let used = left.min(bytes.len()).min(room);
        self.part.extend(&bytes[..used]);
        if used == left {
            self.state = State::Start;
            self.emit(false, out);
        } else if used == room {
            self.state = State::SkipOctets(left - used);
            self.emit(true, out);
        } else {
            self.state = State::Octets(left - used);
        }
        used
    }

    fn skip_line(&mut self, bytes: &[u8]) -> usize {
        let end = memchr::memchr2(b'\n', 0, bytes);
        let piece = end.unwrap_or(bytes.len());
        self.skipped_bytes += piece as u64;
        if end.is_none() {
            return piece;
        }
        self.state = State::Start;
        piece + 1
    }

    fn skip_octets(&mut self, bytes: &[u8], left: usize) -> usize {
        let used = left.min(bytes.len());
        self.skipped_bytes += used as u64;
        self.state = if used == left {
            State::Start
        } else {
            State::SkipOctets(left - used)
        };
        used
    }
}

/// RFC 5424 section 6.2.1: one to three digits, at most 191. (A prefix of one is one.)
fn is_priority(digits: &[u8]) -> bool {
    (1..=3).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
        && digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
            <= 191
}
