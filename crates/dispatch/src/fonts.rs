//! The fonts inside the program. They hold every Kazakh and Russian letter; a character they lack
//! is written as its code point, so that nothing disappears from a document.

use std::sync::LazyLock;

use typst::foundations::Bytes;
use typst::text::{Font, FontBook, FontStyle, FontWeight};
use typst::utils::LazyHash;

/// Families used by the templates, in the order in which they are asked.
const FAMILIES: [&str; 3] = [
    "Libertinus Serif",
    "DejaVu Sans Mono",
    "New Computer Modern",
];

pub(crate) struct Fonts {
    pub book: LazyHash<FontBook>,
    pub fonts: Vec<Font>,
}

pub(crate) static FONTS: LazyLock<Fonts> = LazyLock::new(|| {
    let fonts: Vec<Font> = typst_assets::fonts()
        .flat_map(|data| Font::iter(Bytes::new(data)))
        .filter(|font| FAMILIES.contains(&font.info().family.as_str()) && !is_bold_italic(font))
        .collect();
    Fonts {
        book: LazyHash::new(FontBook::from_fonts(&fonts)),
        fonts,
    }
});

/// The bold italic of Libertinus lacks Kazakh letters; nothing uses it.
fn is_bold_italic(font: &Font) -> bool {
    let variant = font.info().variant;
    variant.style != FontStyle::Normal && variant.weight > FontWeight::REGULAR
}

/// `text` with every character that no font can draw replaced by `U+XXXX`.
pub(crate) fn drawable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\n' | '\t') || drawable_char(c) {
            out.push(c);
        } else {
            out.push_str(&format!("[U+{:04X}]", c as u32));
        }
    }
    out
}

/// `text` without what a file of an office program cannot hold or what would make it read otherwise
/// than it is: control characters and invisible marks are named as `U+XXXX`.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let refused = c.is_control() || is_invisible(c) || matches!(c, '\u{FFFE}' | '\u{FFFF}');
        match matches!(c, '\n' | '\t') || !refused {
            true => out.push(c),
            false => out.push_str(&format!("[U+{:04X}]", c as u32)),
        }
    }
    out
}

fn drawable_char(c: char) -> bool {
    c.is_ascii_graphic()
        || c == ' '
        || (!c.is_control()
            && !is_invisible(c)
            && FONTS
                .fonts
                .iter()
                .any(|font| font.info().coverage.contains(u32::from(c))))
}

/// Marks that change direction or hide: they could make a letter read otherwise than it is.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c), 0x00AD | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xFEFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTERS: &str = "АаӘәБбВвГгҒғДдЕеЁёЖжЗзИиЙйКкҚқЛлМмНнҢңОоӨөПпРрСсТтУуҰұҮүФфХхҺһЦцЧчШшЩщЪъЫыІіЬьЭэЮюЯя«»—–№₸…";

    #[test]
    fn every_kazakh_and_russian_letter_is_there_in_the_text_face() {
        let text_faces: Vec<&Font> = FONTS
            .fonts
            .iter()
            .filter(|font| font.info().family == "Libertinus Serif")
            .collect();
        assert_eq!(text_faces.len(), 4, "regular, semibold, bold, italic");
        for c in LETTERS.chars().filter(|c| c.is_alphabetic()) {
            for font in &text_faces {
                let covered = font.info().coverage.contains(u32::from(c));
                assert!(covered, "{c} is missing in {:?}", font.info().variant);
            }
        }
        assert_eq!(drawable(LETTERS), LETTERS);
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        assert_eq!(drawable("кіру 🔥 漢"), "кіру [U+1F525] [U+6F22]");
        assert_eq!(drawable("exe\u{202E}fdp"), "exe[U+202E]fdp");
        assert_eq!(drawable("a\u{0}\tb\n"), "a[U+0000]\tb\n");
    }
}
