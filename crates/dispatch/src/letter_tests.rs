use std::io::Read;
use std::process::Command;

use typst::layout::{Frame, FrameItem};

use super::*;
use crate::document::{DocumentLang, File, Format, render};
use crate::pdf::layout;

macro_rules! template {
    ($name:literal) => {
        Text3::new(
            include_str!(concat!(
                "../../../packs/kz-o199/templates/",
                $name,
                ".kk.txt"
            )),
            include_str!(concat!(
                "../../../packs/kz-o199/templates/",
                $name,
                ".ru.txt"
            )),
            include_str!(concat!(
                "../../../packs/kz-o199/templates/",
                $name,
                ".en.txt"
            )),
        )
    };
}

const LETTERS: &str = "ӘәҒғҚқҢңӨөҰұҮүҺһІі";

fn sample() -> Letter {
    let description = format!(
        "08:41–08:58 аралығында svc_backup есептік жазбасына 214 сәтсіз кіру әрекеті, кейін сәтті \
         кіру тіркелді.\n{LETTERS}"
    );
    let values = [
        ("incident.number", Text3::same("INC-2026-0001")),
        (
            "incident.title",
            Text3::new(
                "Домен контроллеріне құпиясөзді іріктеу арқылы рұқсатсыз кіру",
                "Несанкционированный вход на контроллер домена путём подбора пароля",
                "Unauthorised logon to a domain controller after password guessing",
            ),
        ),
        (
            "incident.detected_at",
            Text3::same("16.03.2026 14:05:12 (UTC+05:00)"),
        ),
        (
            "incident.object",
            Text3::same("«Бюджет» ақпараттық жүйесі, DC-01 сервері"),
        ),
        ("incident.severity", Text3::new("жоғары", "высокий", "high")),
        ("incident.description", Text3::same(description)),
        (
            "incident.recommendations",
            Text3::same(
                "1. DC-01 серверін желіден ажыратыңыз.\n2. svc_backup жазбасын бұғаттаңыз.",
            ),
        ),
        (
            "clause.citation",
            Text3::new("10-тармақ, 3) тармақша", "пункт 10, подпункт 3)", "¶10(3)"),
        ),
        (
            "act.title",
            Text3::new("№ 199/НҚ бұйрық", "приказ № 199/НҚ", "Order No. 199/НҚ"),
        ),
        (
            "organisation.name",
            Text3::new("«МТҚ» АҚ", "АО «ГТС»", "State Technical Service JSC"),
        ),
    ];
    Letter {
        number: "INC-2026-0001/1".into(),
        date: "2026-03-16T09:12:00Z".parse().unwrap(),
        zone: TimeZone::get("Asia/Almaty").unwrap(),
        organisation: Text3::new(
            "«Мемлекеттік техникалық қызмет» АҚ",
            "АО «Государственная техническая служба»",
            "State Technical Service JSC",
        ),
        organisation_details: Text3::new(
            "010000, Астана қаласы\nтел. +7 7172 00 00 00",
            "010000, город Астана\nтел. +7 7172 00 00 00",
            "010000, Astana\ntel. +7 7172 00 00 00",
        ),
        addressee: Text3::new(
            "Қазақстан Республикасының Қаржы министрлігі",
            "Министерство финансов Республики Казахстан",
            "Ministry of Finance of the Republic of Kazakhstan",
        ),
        template: template!("notice-state-body"),
        values: values.map(|(name, text)| (name.to_owned(), text)).into(),
        added: String::new(),
        notes: vec![Field::new(
            "edition",
            in_all("label-edition", &[]).unwrap(),
            Text3::same("№ 399/НҚ, 27.10.2022"),
            Form::Line,
        )],
        ack_url: Some(
            "https://soc.example.kz/ack/AXpV3m0uR4n1bQz8kT5w2LxY7cJd9HfGsEoPiUaBvNqMtZrKyWlXhCgDjFeSbAoQwErTyUiOpLkJhGfDsAzXcVbNm"
                .into(),
        ),
        signer: Signature {
            position: Text3::new("Ауысым бастығы", "Начальник смены", "Head of the shift"),
            name: "Д. Әбілқасымов".into(),
        },
        contact: "soc@example.kz, +7 7172 00 00 01".into(),
    }
}

fn pdf(letter: &Letter, lang: DocumentLang) -> File {
    render(&letter_document(letter).unwrap(), lang, Format::Pdf).unwrap()
}

/// Every glyph that no font could draw.
fn missing(frame: &Frame, found: &mut Vec<String>) {
    for (_, item) in frame.items() {
        match item {
            FrameItem::Group(group) => missing(&group.frame, found),
            FrameItem::Text(text) if text.glyphs.iter().any(|glyph| glyph.id == 0) => {
                found.push(text.text.to_string());
            }
            _ => {}
        }
    }
}

fn check_glyphs(letter: &Letter, lang: DocumentLang) {
    let document = letter_document(letter).unwrap();
    let typeset = layout(&document, lang).unwrap();
    assert!(typeset.warnings.is_empty(), "{:?}", typeset.warnings);
    let mut found = Vec::new();
    for page in typeset.document.pages() {
        missing(&page.frame, &mut found);
    }
    assert!(found.is_empty(), "no glyph for {found:?}");
}

#[test]
fn no_glyph_is_missing_and_typst_has_nothing_to_warn_about() {
    for template in [
        template!("notice-state-body"),
        template!("notice-nsc"),
        template!("escalation"),
        template!("answer"),
    ] {
        let letter = Letter {
            template,
            ..sample()
        };
        for lang in [
            DocumentLang::KkRu,
            DocumentLang::Kk,
            DocumentLang::Ru,
            DocumentLang::En,
        ] {
            check_glyphs(&letter, lang);
        }
    }
    let mut strange = sample();
    let text = Text3::same("🔥 漢字 \u{202E}gnp.exe \u{7} ₸ №");
    strange.values.insert("incident.description".into(), text);
    check_glyphs(&strange, DocumentLang::KkRu);
}

/// O199-10-3-7a, O199-10-3-8: what the notice to the state body says follows from the template.
#[test]
fn the_form_follows_from_the_template() {
    let document = letter_document(&sample()).unwrap();
    insta::assert_snapshot!("notice-state-body", outline(&document, DocumentLang::KkRu));
    let mut longer = sample();
    let more = Text3::new(
        "Санаты: {incident.category}",
        "Категория: {incident.category}",
        "Category: {incident.category}",
    );
    longer.template = longer
        .template
        .map(|lang, text| text.replace("\n\n", &format!("\n\n{}\n\n", more.get(lang))));
    let document = letter_document(&longer).unwrap();
    let text = outline(&document, DocumentLang::En);
    assert!(text.contains("Category = not established"), "{text}");
}

/// What a reader sees, as plain text.
fn outline(document: &Document, lang: DocumentLang) -> String {
    let say = |text: &Text3| crate::document::spellings(text, lang.langs()).join(" | ");
    let mut out = vec![say(&document.addressee), say(&document.title)];
    for block in &document.blocks {
        match block {
            Block::Paragraph { text } | Block::Heading { text } => out.push(say(text)),
            Block::Fields { fields } => {
                let rows = fields
                    .iter()
                    .map(|f| format!("  {} = {}", say(&f.label), say(&f.value)));
                out.extend(rows);
            }
            Block::Link { ask, url, remark } => out.extend([say(ask), url.clone(), say(remark)]),
            Block::Table(_) => out.push("table".into()),
        }
    }
    out.join("\n")
}

#[test]
fn a_template_is_checked_before_it_is_used() {
    let known: Vec<String> = ["incident.title", "incident.object", "incident.category"]
        .map(str::to_owned)
        .into();
    let same = |text: &str| Text3::same(text);
    let good = "Title: {incident.title}\n\nObject: {incident.object}\n";
    assert_eq!(check_template(&same(good), &known), Ok(()));
    let unknown = check_template(&same("T\n\nX: {incident.objekt}"), &known).unwrap_err();
    assert!(
        unknown
            .to_string()
            .contains("line 3 in `kk`: unknown placeholder `{incident.objekt}`")
    );
    for brace in ["T\n{incident.title", "T\n}", "T\n{a{incident.title}"] {
        let error = check_template(&same(brace), &known).unwrap_err();
        assert_eq!(
            error,
            LetterError::Brace {
                line: 2,
                language: "kk"
            }
        );
    }
    assert_eq!(
        check_template(&same("\n\nx"), &known),
        Err(LetterError::Empty("kk"))
    );
    let mut uneven = same(good);
    uneven.ru.push_str("Категория: {incident.category}");
    let error = check_template(&uneven, &known).unwrap_err();
    assert!(
        matches!(error, LetterError::Rows { language: "ru", .. }),
        "{error}"
    );
    let letter = Letter {
        template: uneven,
        ..sample()
    };
    assert!(letter_document(&letter).is_err());
}

#[test]
fn values_never_become_rows_or_placeholders() {
    let mut letter = sample();
    let sly = Text3::same("{signer.name}\n\nЖаңа: {incident.object}\nA: {x}");
    letter
        .values
        .insert("incident.description".into(), sly.clone());
    let document = letter_document(&letter).unwrap();
    let rows = document.blocks.iter().filter_map(|block| match block {
        Block::Fields { fields } => Some(fields),
        _ => None,
    });
    let fields: Vec<&Field> = rows.flatten().collect();
    let described = fields.iter().find(|f| f.id == "incident.description");
    assert_eq!(described.unwrap().value, sly);
    assert!(!fields.iter().any(|f| f.label.kk == "Жаңа"));
}

#[test]
fn the_same_letter_gives_the_same_file_in_each_format() {
    let document = letter_document(&sample()).unwrap();
    for format in Format::ALL {
        let one = render(&document, DocumentLang::KkRu, format).unwrap();
        assert_eq!(one, render(&document, DocumentLang::KkRu, format).unwrap());
    }
    let mut other = sample();
    other
        .values
        .insert("incident.severity".into(), Text3::same("low"));
    let (one, two) = (
        pdf(&sample(), DocumentLang::KkRu),
        pdf(&other, DocumentLang::KkRu),
    );
    assert!(one.bytes.starts_with(b"%PDF-1.7"));
    assert_ne!(one.sha256, two.sha256);
    let pages = layout(&document, DocumentLang::KkRu).unwrap();
    assert_eq!(
        pages.document.pages().len(),
        1,
        "an ordinary notice fits one page"
    );
}

/// Text of the PDF as a reader's search would see it; `None` without poppler.
pub(crate) fn extract(pdf: &File, name: &str) -> Option<String> {
    if let Ok(dir) = std::env::var("SAQSHY_KEEP_PDF") {
        std::fs::write(format!("{dir}/{name}"), &pdf.bytes).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, &pdf.bytes).unwrap();
    let out = Command::new("pdftotext")
        .arg("-raw")
        .arg(&path)
        .arg("-")
        .output();
    match out {
        Ok(out) if out.status.success() => Some(String::from_utf8(out.stdout).unwrap()),
        _ => {
            eprintln!("SKIPPED: pdftotext (poppler-utils) is not installed");
            None
        }
    }
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_reader_can_search_and_copy_every_letter() {
    let letter = sample();
    let Some(text) = extract(&pdf(&letter, DocumentLang::KkRu), "notice-kk-ru.pdf") else {
        return;
    };
    let text = flat(&text);
    for part in [
        "INC-2026-0001 АҚ оқыс оқиғасы (оқиғасы) туралы хабарлама",
        "Уведомление об инциденте (событии) ИБ INC-2026-0001",
        LETTERS,
        "2026 жылғы 16 наурыз",
        "16 марта 2026 года",
        "16.03.2026 14:05:12 (UTC+05:00)",
        "Қазақстан Республикасының Қаржы министрлігі",
        "жоғары",
        "высокий",
        "1-бет, барлығы 1 / страница 1 из 1",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let url = letter.ack_url.clone().unwrap();
    assert!(
        text.replace(' ', "").contains(&url),
        "the link can be copied:\n{text}"
    );
    let Some(text) = extract(&pdf(&letter, DocumentLang::En), "notice-en.pdf") else {
        return;
    };
    let text = flat(&text);
    for part in [
        "16 March 2026",
        "Unauthorised logon",
        "State Technical Service JSC",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

/// The text of all XML members whose path begins so, tags taken out.
pub(crate) fn unzipped(file: &File, prefix: &str) -> String {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&file.bytes)).unwrap();
    let mut out = String::new();
    for i in 0..zip.len() {
        let mut member = zip.by_index(i).unwrap();
        if !member.name().starts_with(prefix) || !member.name().ends_with(".xml") {
            continue;
        }
        let mut xml = String::new();
        member.read_to_string(&mut xml).unwrap();
        let mut rest = xml.as_str();
        while let Some((text, tag)) = rest.split_once('<') {
            out.push_str(text);
            rest = tag.split_once('>').map_or("", |(_, after)| after);
        }
        out.push('\n');
    }
    out.replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[test]
fn office_files_hold_the_same_words() {
    let document = letter_document(&sample()).unwrap();
    let wanted = [
        "INC-2026-0001 АҚ оқыс оқиғасы (оқиғасы) туралы хабарлама",
        "Уведомление об инциденте (событии) ИБ INC-2026-0001",
        LETTERS,
        "2026 жылғы 16 наурыз",
        "Қазақстан Республикасының Қаржы министрлігі",
        "Министерство финансов Республики Казахстан",
        "«Бюджет» ақпараттық жүйесі, DC-01 сервері",
        "Д. Әбілқасымов",
    ];
    for (format, prefix) in [(Format::Docx, "word/"), (Format::Xlsx, "xl/")] {
        let file = render(&document, DocumentLang::KkRu, format).unwrap();
        if let Ok(dir) = std::env::var("SAQSHY_KEEP_PDF") {
            std::fs::write(format!("{dir}/notice.{}", format.extension()), &file.bytes).unwrap();
        }
        let text = unzipped(&file, prefix);
        for part in wanted {
            assert!(
                text.contains(part),
                "`{part}` is not in {format:?}:\n{text}"
            );
        }
    }
    let json = render(&document, DocumentLang::KkRu, Format::Json).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json.bytes).unwrap();
    assert_eq!(json["zone"], "Asia/Almaty");
    assert_eq!(
        json["addressee"]["ru"],
        "Министерство финансов Республики Казахстан"
    );
    assert_eq!(json["blocks"][1]["kind"], "fields");
}

#[test]
fn what_a_user_typed_is_text_and_not_markup() {
    let hostile = "#panic(\"x\") #read(\"/etc/passwd\") $ x^2 $ *b* _i_ `c` <label> @ref \\ // c /* */ #image(\"a\") [x] \"y\" '; {}";
    let mut letter = Letter {
        added: hostile.into(),
        contact: hostile.into(),
        ack_url: Some("https://example.kz/#a[b]\"c".into()),
        ..sample()
    };
    for name in ["title", "object", "description", "recommendations"] {
        letter
            .values
            .insert(format!("incident.{name}"), Text3::same(hostile));
    }
    check_glyphs(&letter, DocumentLang::En);
    let document = letter_document(&letter).unwrap();
    for (format, prefix) in [(Format::Docx, "word/document"), (Format::Xlsx, "xl/shared")] {
        let text = unzipped(
            &render(&document, DocumentLang::En, format).unwrap(),
            prefix,
        );
        assert!(text.contains(hostile), "{format:?}: {text}");
    }
    let formula = Letter {
        added: "=cmd|' /C calc'!A0".into(),
        ..sample()
    };
    let document = letter_document(&formula).unwrap();
    let file = render(&document, DocumentLang::En, Format::Xlsx).unwrap();
    assert!(
        unzipped(&file, "xl/shared").contains("=cmd|' /C calc'!A0"),
        "a text, no formula"
    );
    let Some(text) = extract(&pdf(&letter, DocumentLang::En), "hostile.pdf") else {
        return;
    };
    let text = flat(&text);
    assert!(
        text.matches("#panic(\"x\") #read(\"/etc/passwd\")").count() >= 5,
        "{text}"
    );
    assert!(text.contains("*b* _i_ `c` <label> @ref"), "{text}");
}

#[test]
fn a_long_letter_flows_over_pages_and_an_empty_one_still_stands() {
    let mut long = sample();
    let text = Text3::same("Сипаттама жолы. ".repeat(3000));
    long.values.insert("incident.description".into(), text);
    let document = letter_document(&long).unwrap();
    let pages = layout(&document, DocumentLang::KkRu)
        .unwrap()
        .document
        .pages()
        .len();
    assert!(pages >= 5, "{pages}");
    let file = render(&document, DocumentLang::KkRu, Format::Xlsx).unwrap();
    assert!(
        unzipped(&file, "xl/").contains("[…]"),
        "a cell holds 32,767 characters"
    );
    let bare = Letter {
        values: BTreeMap::new(),
        organisation_details: Text3::default(),
        notes: Vec::new(),
        ack_url: None,
        signer: Signature::default(),
        contact: String::new(),
        ..sample()
    };
    check_glyphs(&bare, DocumentLang::KkRu);
}
