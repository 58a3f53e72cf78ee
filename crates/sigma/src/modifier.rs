//! Value modifiers (Sigma Modifiers 2.1): from the values of a rule to [`Matcher`]s.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::glob::{Glob, Part};
use crate::matcher::{Flags, Matcher, Number, Op, Pattern, Side, TimePart};
use crate::yaml::{self, Kind};

/// Longest accepted value in bytes.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// Most plain strings that one value with dashes may become before it is encoded.
const DASH_FORMS_MAX: usize = 625;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modifier {
    All,
    Neq,
    Cased,
    Side(Side),
    Re,
    ReFlag(char),
    Cidr,
    Base64,
    Base64Offset,
    Utf16(Utf16),
    Windash,
    Compare(Op),
    Part(TimePart),
    Exists,
    FieldRef,
    Expand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Utf16 {
    Little,
    Big,
    /// Little endian after a byte order mark.
    Marked,
}

impl Modifier {
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "all" => Modifier::All,
            "neq" => Modifier::Neq,
            "cased" => Modifier::Cased,
            "contains" => Modifier::Side(Side::Contains),
            "startswith" => Modifier::Side(Side::StartsWith),
            "endswith" => Modifier::Side(Side::EndsWith),
            "re" => Modifier::Re,
            "i" | "ignorecase" => Modifier::ReFlag('i'),
            "m" | "multiline" => Modifier::ReFlag('m'),
            "s" | "dotall" => Modifier::ReFlag('s'),
            "cidr" => Modifier::Cidr,
            "base64" => Modifier::Base64,
            "base64offset" => Modifier::Base64Offset,
            "wide" | "utf16le" => Modifier::Utf16(Utf16::Little),
            "utf16be" => Modifier::Utf16(Utf16::Big),
            "utf16" => Modifier::Utf16(Utf16::Marked),
            "windash" => Modifier::Windash,
            "lt" => Modifier::Compare(Op::Less),
            "lte" => Modifier::Compare(Op::LessOrEqual),
            "gt" => Modifier::Compare(Op::Greater),
            "gte" => Modifier::Compare(Op::GreaterOrEqual),
            "minute" => Modifier::Part(TimePart::Minute),
            "hour" => Modifier::Part(TimePart::Hour),
            "day" => Modifier::Part(TimePart::Day),
            "week" => Modifier::Part(TimePart::Week),
            "month" => Modifier::Part(TimePart::Month),
            "year" => Modifier::Part(TimePart::Year),
            "exists" => Modifier::Exists,
            "fieldref" => Modifier::FieldRef,
            "expand" => Modifier::Expand,
            _ => return None,
        })
    }
}

/// The matchers of one value, any of which must hold. `keyword` is a value without a field: it
/// is searched inside the text. An error names the modifier by its place in the chain.
pub(crate) fn apply(
    node: &yaml::Node,
    chain: &[Modifier],
    keyword: bool,
) -> Result<Vec<Matcher>, (usize, String)> {
    let last = chain.len().saturating_sub(1);
    let mut values = vec![Operand::of(node).map_err(|problem| (last, problem))?];
    for (at, modifier) in chain.iter().enumerate() {
        let mut next = Vec::with_capacity(values.len());
        for value in values {
            value
                .modify(*modifier, &mut next)
                .map_err(|problem| (at, problem))?;
        }
        values = next;
    }
    let cased = chain.contains(&Modifier::Cased);
    let sided = chain
        .iter()
        .any(|modifier| matches!(modifier, Modifier::Side(_)));
    let mut matchers = Vec::with_capacity(values.len());
    for value in values {
        value
            .finish(cased, keyword && !sided, &mut matchers)
            .map_err(|problem| (last, problem))?;
    }
    Ok(matchers)
}

/// A value on its way through the chain.
enum Operand {
    Null,
    Bool(bool),
    Number(yaml::Number),
    /// `raw` is the text as written, until a modifier changes it.
    Text {
        glob: Glob,
        raw: Option<String>,
        utf16: Option<Utf16>,
    },
    Regex {
        source: String,
        flags: Flags,
    },
    Ready(Matcher),
    Compare {
        part: Option<TimePart>,
        op: Option<Op>,
        number: Number,
    },
    FieldRef {
        field: String,
        side: Side,
    },
}

impl Operand {
    fn of(node: &yaml::Node) -> Result<Self, String> {
        Ok(match &node.kind {
            Kind::Null => Operand::Null,
            Kind::Bool(yes) => Operand::Bool(*yes),
            Kind::Number(number) => Operand::Number(number.clone()),
            Kind::Text(text) if text.len() > VALUE_BYTES_MAX => {
                return Err(format!("a value is longer than {VALUE_BYTES_MAX} bytes"));
            }
            Kind::Text(text) => Operand::Text {
                glob: Glob::parse(text),
                raw: Some(text.clone()),
                utf16: None,
            },
            Kind::List(_) | Kind::Map(_) => return Err("a value must be a scalar".into()),
        })
    }

    fn modify(self, modifier: Modifier, out: &mut Vec<Operand>) -> Result<(), String> {
        match modifier {
            Modifier::All | Modifier::Neq | Modifier::Cased => out.push(self),
            Modifier::Side(side) => return self.side(side, out),
            Modifier::Re => out.push(Operand::Regex {
                source: self.raw()?,
                flags: Flags::default(),
            }),
            Modifier::ReFlag(flag) => out.push(self.flag(flag)?),
            Modifier::Cidr => {
                let raw = self.raw()?;
                out.push(Operand::Ready(Matcher::Cidr(network(&raw)?)));
            }
            Modifier::Base64 => {
                for bytes in self.bytes()? {
                    out.push(Operand::text(Glob::literal(STANDARD.encode(bytes))));
                }
            }
            Modifier::Base64Offset => {
                for bytes in self.bytes()? {
                    out.extend(
                        base64_offsets(&bytes).map(|text| Operand::text(Glob::literal(text))),
                    );
                }
            }
            Modifier::Utf16(kind) => {
                for value in self.texts()? {
                    match value {
                        Operand::Text {
                            glob, utf16: None, ..
                        } => {
                            out.push(Operand::Text {
                                glob,
                                raw: None,
                                utf16: Some(kind),
                            });
                        }
                        _ => return Err("the text is in UTF-16 already".into()),
                    }
                }
            }
            Modifier::Windash => {
                for value in self.texts()? {
                    out.push(value.map(|glob| Ok(glob.with_dashes()))?);
                }
            }
            Modifier::Expand => {
                for value in self.texts()? {
                    out.push(value.map(expand)?);
                }
            }
            Modifier::Compare(op) => out.push(match self {
                Operand::Compare {
                    part,
                    op: None,
                    number,
                } => Operand::Compare {
                    part,
                    op: Some(op),
                    number,
                },
                other => Operand::Compare {
                    part: None,
                    op: Some(op),
                    number: other.number()?,
                },
            }),
            Modifier::Part(part) => out.push(match self {
                Operand::Compare {
                    part: None,
                    op,
                    number,
                } => Operand::Compare {
                    part: Some(part),
                    op,
                    number,
                },
                other => Operand::Compare {
                    part: Some(part),
                    op: None,
                    number: other.number()?,
                },
            }),
            Modifier::Exists => match self {
                Operand::Bool(wanted) => out.push(Operand::Ready(Matcher::Exists(wanted))),
                _ => return Err("`true` or `false` expected".into()),
            },
            Modifier::FieldRef => {
                out.push(Operand::FieldRef {
                    field: self.raw()?,
                    side: Side::Equal,
                });
            }
        }
        Ok(())
    }

    fn text(glob: Glob) -> Self {
        Operand::Text {
            glob,
            raw: None,
            utf16: None,
        }
    }

    fn side(self, side: Side, out: &mut Vec<Operand>) -> Result<(), String> {
        match self {
            Operand::FieldRef {
                field,
                side: Side::Equal,
            } => {
                out.push(Operand::FieldRef { field, side });
            }
            Operand::Regex { source, flags } => out.push(Operand::Regex {
                source: match side {
                    Side::StartsWith => format!(r"\A(?:{source})"),
                    Side::EndsWith => format!(r"(?:{source})\z"),
                    Side::Contains | Side::Equal => source,
                },
                flags,
            }),
            other => {
                for value in other.texts()? {
                    out.push(value.map(|glob| {
                        Ok(match side {
                            Side::StartsWith => glob.any_after(),
                            Side::EndsWith => glob.any_before(),
                            Side::Contains => glob.any_before().any_after(),
                            Side::Equal => glob,
                        })
                    })?);
                }
            }
        }
        Ok(())
    }

    fn flag(self, flag: char) -> Result<Self, String> {
        let Operand::Regex { source, mut flags } = self else {
            return Err("only follows `re`".into());
        };
        match flag {
            'i' => flags.insensitive = true,
            'm' => flags.multi_line = true,
            _ => flags.dot_all = true,
        }
        Ok(Operand::Regex { source, flags })
    }

    /// The value as written, for modifiers that give it another meaning.
    fn raw(self) -> Result<String, String> {
        match self {
            Operand::Text { raw: Some(raw), .. } => Ok(raw),
            Operand::Number(number) => Ok(number.source),
            Operand::Bool(yes) => Ok(yes.to_string()),
            Operand::Null => Err("null has no text".into()),
            _ => Err("must come before the modifiers that change the value".into()),
        }
    }

    fn number(self) -> Result<Number, String> {
        match self {
            Operand::Number(yaml::Number { int: Some(int), .. }) => Ok(Number::Int(int)),
            Operand::Number(number) => Ok(Number::float(number.float)),
            Operand::Text { raw: Some(raw), .. } => {
                Number::parse(&raw).ok_or_else(|| format!("`{raw}` is not a number"))
            }
            _ => Err("a number expected".into()),
        }
    }

    /// The value as text operands. A number is searched as written and in plain decimal.
    fn texts(self) -> Result<Vec<Operand>, String> {
        Ok(match self {
            Operand::Text { .. } => vec![self],
            Operand::Bool(yes) => vec![Operand::text(Glob::literal(yes.to_string()))],
            Operand::Number(number) => {
                let plain = match number.int {
                    Some(int) => int.to_string(),
                    None => number.float.to_string(),
                };
                let mut forms = vec![plain];
                if forms[0] != number.source {
                    forms.push(number.source);
                }
                forms
                    .into_iter()
                    .map(|form| Operand::text(Glob::literal(form)))
                    .collect()
            }
            Operand::Null => return Err("null has no text".into()),
            _ => return Err("the value is no text any more".into()),
        })
    }

    fn map(self, change: impl FnOnce(Glob) -> Result<Glob, String>) -> Result<Operand, String> {
        match self {
            Operand::Text { glob, utf16, .. } => Ok(Operand::Text {
                glob: change(glob)?,
                raw: None,
                utf16,
            }),
            other => Ok(other),
        }
    }

    /// The bytes to be encoded in Base64, one for each form that dashes may take.
    fn bytes(self) -> Result<Vec<Vec<u8>>, String> {
        let mut all = Vec::new();
        for value in self.texts()? {
            let Operand::Text { glob, utf16, .. } = value else {
                continue;
            };
            let forms = glob
                .dash_literals(DASH_FORMS_MAX)
                .ok_or("a value with wildcards cannot be encoded")?;
            all.extend(forms.into_iter().map(|form| match utf16 {
                Some(kind) => utf16_bytes(&form, kind, true),
                None => form.into_bytes(),
            }));
        }
        Ok(all)
    }

    fn finish(self, cased: bool, inside: bool, out: &mut Vec<Matcher>) -> Result<(), String> {
        match self {
            Operand::Null if inside => return Err("null is not searched as a keyword".into()),
            Operand::Null => out.push(Matcher::Null),
            Operand::Ready(matcher) => out.push(matcher),
            Operand::Regex { source, flags } => {
                out.push(Matcher::Regex(Pattern::new(source, flags)?));
            }
            Operand::Compare { part, op, number } => {
                out.push(Matcher::Compare {
                    part,
                    op: op.unwrap_or(Op::Equal),
                    number,
                });
            }
            Operand::FieldRef { field, side } => {
                out.push(Matcher::FieldRef { field, side, cased });
            }
            text => {
                for value in text.texts()? {
                    let Operand::Text {
                        mut glob, utf16, ..
                    } = value
                    else {
                        continue;
                    };
                    if let Some(kind) = utf16 {
                        glob = glob.map_text(|text| utf16_text(text, kind))?;
                    }
                    if inside {
                        glob = glob.any_before().any_after();
                    }
                    out.push(Matcher::Text { glob, cased });
                }
            }
        }
        Ok(())
    }
}

fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let bare = || text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
    text.parse()
        .or_else(|_| bare())
        .map_err(|_| format!("`{text}` is not a network in CIDR notation"))
}

/// The three texts of which one is inside the Base64 form of any text that holds `bytes`.
fn base64_offsets(bytes: &[u8]) -> [String; 3] {
    [0usize, 1, 2].map(|offset| {
        let mut padded = vec![b' '; offset];
        padded.extend_from_slice(bytes);
        let encoded = STANDARD.encode(&padded);
        let start = [0, 2, 3][offset];
        let end = encoded.len() - [0, 3, 2][padded.len() % 3];
        encoded.get(start..end).unwrap_or_default().to_owned()
    })
}

fn utf16_bytes(text: &str, kind: Utf16, first: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() * 2 + 2);
    if kind == Utf16::Marked && first {
        bytes.extend([0xff, 0xfe]);
    }
    for unit in text.encode_utf16() {
        bytes.extend(if kind == Utf16::Big {
            unit.to_be_bytes()
        } else {
            unit.to_le_bytes()
        });
    }
    bytes
}

/// UTF-16 without Base64 after it: only what is text again can be found in text.
fn utf16_text(text: &str, kind: Utf16) -> Result<String, String> {
    String::from_utf8(utf16_bytes(text, kind, true))
        .map_err(|_| "its bytes are no text: `base64` or `base64offset` must follow".into())
}

/// Turns `%name%` into placeholders; `\%` is a plain percent sign.
fn expand(glob: Glob) -> Result<Glob, String> {
    let mut out = Glob::default();
    for part in glob.parts() {
        let Part::Text(text) = part else {
            out.push(part.clone());
            continue;
        };
        let mut rest = text.as_str();
        while let Some(at) = rest.find('%') {
            if let Some(before) = rest[..at].strip_suffix('\\') {
                out.push(Part::Text(format!("{before}%")));
                rest = &rest[at + 1..];
                continue;
            }
            let after = &rest[at + 1..];
            let Some(end) = after.find('%').filter(|&end| is_name(&after[..end])) else {
                out.push(Part::Text(rest[..=at].to_owned()));
                rest = after;
                continue;
            };
            out.push(Part::Text(rest[..at].to_owned()));
            out.push(Part::Placeholder(after[..end].to_owned()));
            rest = &after[end + 1..];
        }
        out.push(Part::Text(rest.to_owned()));
    }
    Ok(out)
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

#[cfg(test)]
#[path = "modifier_tests.rs"]
mod tests;
