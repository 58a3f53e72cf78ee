use std::process::Command;

use typst::layout::{Frame, FrameItem};

use super::*;

pub(crate) fn sample() -> NoticeData {
    NoticeData {
        kind: NoticeKind::Incident,
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
        incident_number: "INC-2026-0001".into(),
        title: Text3::new(
            "Домен контроллеріне құпиясөзді іріктеу арқылы рұқсатсыз кіру",
            "Несанкционированный вход на контроллер домена путём подбора пароля",
            "Unauthorised logon to a domain controller after password guessing",
        ),
        detected: "2026-03-16T09:05:12Z".parse().unwrap(),
        occurred: Some("2026-03-16T08:41:00Z".parse().unwrap()),
        object: "«Бюджет» ақпараттық жүйесі, DC-01 сервері".into(),
        category: Text3::new("Рұқсатсыз қол жеткізу", "Несанкционированный доступ", "Unauthorised access"),
        severity: "high".into(),
        source_addresses: vec!["203.0.113.7".into(), "2001:db8::42".into()],
        description: "08:41–08:58 аралығында svc_backup есептік жазбасына 214 сәтсіз кіру әрекеті, \
             кейін сәтті кіру тіркелді.\nӘәҒғҚқҢңӨөҰұҮүҺһІі"
            .into(),
        recommendations: "1. DC-01 серверін желіден ажыратыңыз.\n2. svc_backup есептік жазбасын бұғаттаңыз.\n\
             3. 203.0.113.7 мекенжайынан келетін трафикті жабыңыз."
            .into(),
        text: String::new(),
        citation: Text3::new(
            "199/НҚ бұйрығымен бекітілген Қағидалар, 10-тармақ 3) тармақша",
            "Правила, утверждённые приказом № 199/НҚ, пункт 10, подпункт 3)",
            "Rules approved by Order No. 199/НҚ, clause 10(3)",
        ),
        clause: "O199-10-3-7a".into(),
        edition: "№ 399/НҚ, 27.10.2022".into(),
        due: Some("2026-03-16T09:35:12Z".parse().unwrap()),
        expected: Text3::new(
            "Хабарлама алынған сәттен бастап 48 сағат ішінде оқыс оқиғаны жою бойынша қабылданған шаралар туралы хабарлау.",
            "В течение 48 часов с момента получения уведомления сообщить о мерах, принятых по устранению инцидента.",
            "Within 48 hours of receiving this notice, report the measures taken to eliminate the incident.",
        ),
        ack_url: Some(
            "https://soc.example.kz/ack/AXpV3m0uR4n1bQz8kT5w2LxY7cJd9HfGsEoPiUaBvNqMtZrKyWlXhCgDjFeSbAoQwErTyUiOpLkJhGfDsAzXcVbNm"
                .into(),
        ),
        signer: "Д. Әбілқасымов".into(),
        signer_position: Text3::new("Ауысым бастығы", "Начальник смены", "Head of the shift"),
        contact: "soc@example.kz, +7 7172 00 00 01".into(),
    }
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

fn check_glyphs(data: &NoticeData, lang: DocumentLang) {
    let typeset = layout(data, lang).unwrap();
    assert!(typeset.warnings.is_empty(), "{:?}", typeset.warnings);
    let mut found = Vec::new();
    for page in typeset.document.pages() {
        missing(&page.frame, &mut found);
    }
    assert!(found.is_empty(), "no glyph for {found:?}");
}

#[test]
fn no_glyph_is_missing_and_typst_has_nothing_to_warn_about() {
    for lang in [DocumentLang::KkRu, DocumentLang::En] {
        for kind in [
            NoticeKind::Incident,
            NoticeKind::Event,
            NoticeKind::Escalation,
        ] {
            check_glyphs(&NoticeData { kind, ..sample() }, lang);
        }
    }
    let strange = NoticeData {
        description: "🔥 漢字 \u{202E}gnp.exe \u{7} ₸ №".into(),
        ..sample()
    };
    check_glyphs(&strange, DocumentLang::KkRu);
}

#[test]
fn the_same_data_gives_the_same_file() {
    let one = render_notice(&sample(), DocumentLang::KkRu).unwrap();
    let two = render_notice(&sample(), DocumentLang::KkRu).unwrap();
    assert_eq!(one, two);
    assert!(one.bytes.starts_with(b"%PDF-1.7"));
    assert_eq!(one.pages, 1, "an ordinary notice fits one page");
    let other = NoticeData {
        severity: "low".into(),
        ..sample()
    };
    assert_ne!(
        one.sha256,
        render_notice(&other, DocumentLang::KkRu).unwrap().sha256
    );
}

/// Text of the PDF as a reader's search would see it; `None` without poppler.
fn extract(pdf: &Pdf, name: &str) -> Option<String> {
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
    let data = sample();
    let pdf = render_notice(&data, DocumentLang::KkRu).unwrap();
    if let Ok(dir) = std::env::var("SAQSHY_KEEP_PDF") {
        std::fs::write(format!("{dir}/notice-kk-ru.pdf"), &pdf.bytes).unwrap();
    }
    let Some(text) = extract(&pdf, "notice.pdf") else {
        return;
    };
    let text = flat(&text);
    for part in [
        "Ақпараттық қауіпсіздіктің оқыс оқиғасы туралы хабарлама",
        "Уведомление об инциденте информационной безопасности",
        "ӘәҒғҚқҢңӨөҰұҮүҺһІі",
        "2026 жылғы 16 наурыз",
        "16 марта 2026 года",
        "16.03.2026 14:05:12 (UTC+05:00)",
        "16.03.2026 14:35:12 (UTC+05:00)",
        "203.0.113.7, 2001:db8::42",
        "Қазақстан Республикасының Қаржы министрлігі",
        "жоғары",
        "высокий",
        "1-бет, барлығы 1 / страница 1 из 1",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let url = data.ack_url.unwrap();
    assert!(
        text.replace(' ', "").contains(&url),
        "the link can be copied:\n{text}"
    );

    let pdf = render_notice(&sample(), DocumentLang::En).unwrap();
    if let Ok(dir) = std::env::var("SAQSHY_KEEP_PDF") {
        std::fs::write(format!("{dir}/notice-en.pdf"), &pdf.bytes).unwrap();
    }
    let Some(text) = extract(&pdf, "notice-en.pdf") else {
        return;
    };
    let text = flat(&text);
    for part in [
        "Notice of an information security incident",
        "16 March 2026",
        "Severity high",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn what_a_user_typed_is_text_and_not_markup() {
    let hostile = "#panic(\"x\") #read(\"/etc/passwd\") $ x^2 $ *b* _i_ `c` <label> @ref \\ // c /* */ #image(\"a\") [x] \"y\" '; {}";
    let data = NoticeData {
        title: Text3::same(hostile),
        object: hostile.into(),
        description: hostile.into(),
        recommendations: hostile.into(),
        contact: hostile.into(),
        source_addresses: vec![hostile.into()],
        ack_url: Some("https://example.kz/#a[b]\"c".into()),
        ..sample()
    };
    check_glyphs(&data, DocumentLang::En);
    let pdf = render_notice(&data, DocumentLang::En).unwrap();
    let Some(text) = extract(&pdf, "hostile.pdf") else {
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
    let long = NoticeData {
        description: "Сипаттама жолы. ".repeat(500),
        ..sample()
    };
    assert!(render_notice(&long, DocumentLang::KkRu).unwrap().pages >= 2);
    let empty = Text3::default();
    let bare = NoticeData {
        organisation_details: empty.clone(),
        category: empty.clone(),
        expected: empty.clone(),
        signer_position: empty,
        signer: String::new(),
        contact: String::new(),
        object: String::new(),
        description: String::new(),
        recommendations: String::new(),
        occurred: None,
        due: None,
        ack_url: None,
        source_addresses: Vec::new(),
        ..sample()
    };
    check_glyphs(&bare, DocumentLang::KkRu);
}
