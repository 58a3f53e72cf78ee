//! Case folding, the same on both sides of every comparison.
//!
//! One character always folds to one character: the lowercase of its uppercase where both are
//! single characters. That is Unicode simple case folding (CaseFolding.txt, statuses C and S) for
//! all letters that real logs hold: `Σ ς σ` are one letter, so are `K k K` and `S s ſ`. `İ` and `ı`
//! (Turkish) fold to themselves only, `ß` equals `ẞ` but not `ss`. No locale, no normalisation.

/// The folded form of one character.
pub fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    if matches!(c, 'ı' | 'İ') {
        return c;
    }
    let upper = single(c.to_uppercase()).unwrap_or(c);
    single(upper.to_lowercase()).unwrap_or(c)
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

/// The folded form of `text`.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

/// Replaces `out` by the folded form of `text`.
pub fn fold_into(text: &str, out: &mut String) {
    out.clear();
    fold_onto(text, out);
}

/// Appends the folded form of `text` to `out`.
pub fn fold_onto(text: &str, out: &mut String) {
    let start = out.len();
    push_to_fold(text, out);
    out[start..].make_ascii_lowercase();
}

/// Appends the folded form of `text` to `out`, save that ASCII letters may still be capitals:
/// after many texts, one [`str::make_ascii_lowercase`] folds those of all.
pub fn push_to_fold(text: &str, out: &mut String) {
    let mut rest = text;
    while !rest.is_empty() {
        let plain = ascii_bytes(rest);
        out.push_str(&rest[..plain]);
        rest = &rest[plain..];
        let foreign = rest.chars().take_while(|c| !c.is_ascii());
        let bytes = foreign.map(|c| {
            out.push(fold_char(c));
            c.len_utf8()
        });
        rest = &rest[bytes.sum::<usize>()..];
    }
}

/// Bytes of ASCII that `text` begins with. Most texts hold nothing else.
fn ascii_bytes(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let mut bytes = 0;
    for block in text.as_bytes().chunks(32) {
        if block.is_ascii() {
            bytes += block.len();
        } else {
            let plain = block.iter().take_while(|byte| byte.is_ascii());
            return bytes + plain.count();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_one_letter_fold_together() {
        for class in ["Kk\u{212a}", "Ssſ", "Σσς", "Әә", "Ққ", "ẞß", "Її"] {
            let folded: Vec<char> = class.chars().map(fold_char).collect();
            assert!(
                folded.windows(2).all(|pair| pair[0] == pair[1]),
                "{class}: {folded:?}"
            );
        }
        assert_ne!(fold_char('ı'), 'i');
        assert_eq!(fold_char('İ'), 'İ');
    }

    #[test]
    fn a_text_is_folded_character_by_character() {
        let plain = "Abc".repeat(40);
        let foreign = "ӘЯΣ\u{212a}İ".repeat(20);
        for text in [
            String::new(),
            plain.clone(),
            foreign.clone(),
            format!("{plain}{foreign}{plain}"),
            format!("{foreign}A{foreign}"),
            format!("{}Ң", "x".repeat(31)),
            format!("{}Ң{}", "X".repeat(32), "Y".repeat(33)),
        ] {
            assert_eq!(fold(&text), text.chars().map(fold_char).collect::<String>());
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            assert_eq!(fold_char(fold_char(c)), fold_char(c), "{c:?}");
        }
    }
}
