//! JSON Canonicalization Scheme, RFC 8785: one value, one spelling.

use serde_json::{Number, Value};

/// Why a value has no canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// RFC 8785 knows numbers as IEEE 754 doubles; a larger integer would silently change.
    #[error("the integer `{0}` does not fit a JSON number exactly; write it as text")]
    Integer(String),
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("the value is nested deeper than {DEPTH_MAX} levels")]
    Depth,
}

/// How deep a value may be nested.
pub const DEPTH_MAX: usize = 64;

/// Writes `value` as canonical JSON: members sorted by UTF-16 code units, numbers as ECMAScript
/// prints them, no white space.
pub fn canonical(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = String::new();
    write(value, &mut out, 0)?;
    Ok(out.into_bytes())
}

fn write(value: &Value, out: &mut String, depth: usize) -> Result<(), CanonicalError> {
    if depth > DEPTH_MAX {
        return Err(CanonicalError::Depth);
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => number(n, out)?,
        Value::String(s) => string(s, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out, depth + 1)?;
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            out.push('{');
            for (i, (key, member)) in members.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                string(key, out);
                out.push(':');
                write(member, out, depth + 1)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn number(n: &Number, out: &mut String) -> Result<(), CanonicalError> {
    const EXACT: u64 = 1 << 53;
    let whole = n.as_i64().map(i64::unsigned_abs).or_else(|| n.as_u64());
    match (whole, n.as_f64()) {
        (Some(magnitude), _) if magnitude <= EXACT => out.push_str(&n.to_string()),
        (None, Some(double)) if double.is_finite() => out.push_str(&ecmascript(double)),
        _ => return Err(CanonicalError::Integer(n.to_string())),
    }
    Ok(())
}

/// ECMA-262 Number::toString for radix 10; Rust's `{:e}` already gives the shortest digits.
fn ecmascript(double: f64) -> String {
    if double == 0.0 {
        return "0".into();
    }
    let scientific = format!("{double:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let count = digits.len() as i32;
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let body = if count <= point && point <= 21 {
        format!("{digits}{}", "0".repeat((point - count) as usize))
    } else if 0 < point && point <= 21 {
        let (left, right) = digits.split_at(point as usize);
        format!("{left}.{right}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", "0".repeat(-point as usize))
    } else {
        let power = point - 1;
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let plus = if power > 0 { "+" } else { "" };
        format!("{first}{dot}{rest}e{plus}{power}")
    };
    format!("{sign}{body}")
}

fn string(s: &str, out: &mut String) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn text(v: &Value) -> String {
        String::from_utf8(canonical(v).unwrap()).unwrap()
    }

    /// RFC 8785 appendix B.
    #[test]
    fn numbers_of_appendix_b() {
        for (bits, want) in [
            (0x0000000000000000u64, "0"),
            (0x8000000000000000, "0"),
            (0x0000000000000001, "5e-324"),
            (0x8000000000000001, "-5e-324"),
            (0x7fefffffffffffff, "1.7976931348623157e+308"),
            (0x4340000000000000, "9007199254740992"),
            (0xc340000000000000, "-9007199254740992"),
            (0x4430000000000000, "295147905179352830000"),
            (0x44b52d02c7e14af5, "9.999999999999997e+22"),
            (0x44b52d02c7e14af6, "1e+23"),
            (0x444b1ae4d6e2ef4e, "999999999999999700000"),
            (0x444b1ae4d6e2ef50, "1e+21"),
            (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
            (0x3eb0c6f7a0b5ed8d, "0.000001"),
            (0x41b3de4355555553, "333333333.3333332"),
            (0xbecbf647612f3696, "-0.0000033333333333333333"),
        ] {
            assert_eq!(ecmascript(f64::from_bits(bits)), want);
        }
    }

    #[test]
    fn members_are_sorted_by_utf16_and_strings_are_escaped_minimally() {
        let v = json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "ö": 7});
        assert_eq!(
            text(&v),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}"
        );
        assert_eq!(text(&json!("Қ\u{1}\"\\/\n")), "\"Қ\\u0001\\\"\\\\/\\n\"");
    }

    #[test]
    fn integers_that_would_change_are_refused() {
        assert_eq!(text(&json!(9007199254740992u64)), "9007199254740992");
        assert!(canonical(&json!(9007199254740993u64)).is_err());
        assert!(canonical(&json!(-9007199254740993i64)).is_err());
    }

    proptest! {
        #[test]
        fn a_canonical_text_is_canonical_again(keys in proptest::collection::btree_map(".{0,6}", any::<i32>(), 0..8), s in ".{0,20}") {
            let v = json!({"map": keys, "s": s, "a": [null, true, 1.5]});
            let once = canonical(&v).unwrap();
            let again = canonical(&serde_json::from_slice(&once).unwrap()).unwrap();
            prop_assert_eq!(once, again);
        }
    }
}
