//! What the verifier says, in three languages.

use saqshy_journal::pack::{Claim, ClaimState, Completeness, Verdict};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    En,
    Kk,
    Ru,
}

impl Lang {
    pub fn parse(code: &str) -> Option<Lang> {
        match code {
            "en" => Some(Lang::En),
            "kk" => Some(Lang::Kk),
            "ru" => Some(Lang::Ru),
            _ => None,
        }
    }
}

/// Picks one of three spellings.
fn pick<'a>(lang: Lang, en: &'a str, kk: &'a str, ru: &'a str) -> &'a str {
    match lang {
        Lang::En => en,
        Lang::Kk => kk,
        Lang::Ru => ru,
    }
}

/// Puts values in the place of `{}`.
fn fill(template: &str, values: &[&dyn std::fmt::Display]) -> String {
    let mut parts = template.split("{}");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for (part, value) in parts.zip(values) {
        out.push_str(&value.to_string());
        out.push_str(part);
    }
    out
}

/// The whole answer.
pub fn say(v: &Verdict, lang: Lang) -> String {
    let mut out = Vec::new();
    if !v.origin.is_empty() {
        let line = pick(
            lang,
            "Journal {}: {} leaves; the pack holds {} of them and {} documents",
            "Журнал {}: {} жазба; топтамада олардың {} жазбасы және {} құжат",
            "Журнал {}: записей {}; в пакете из них {} и документов {}",
        );
        out.push(fill(line, &[&v.origin, &v.size, &v.leaves, &v.documents]));
    }
    out.push(claim(lang, &v.unchanged, unchanged(lang, v)));
    out.push(claim(lang, &v.in_order, in_order(lang, v)));
    out.push(claim(lang, &v.complete_since, complete(lang, v)));
    for index in v.times_back.iter().take(10) {
        let line = pick(
            lang,
            "  note: leaf {} bears an earlier time than one before it (a clock was set back)",
            "  ескерту: {} жазбаның уақыты алдыңғысынан бұрын (сағат кейін қайтарылған)",
            "  замечание: время записи {} раньше, чем у предыдущей (часы переводились назад)",
        );
        out.push(fill(line, &[index]));
    }
    out.push(key(lang, v));
    for leaf in v.shown.iter().take(50) {
        out.push(format!(
            "  #{} {} {} {} {}",
            leaf.index,
            leaf.at,
            plain(&leaf.actor),
            plain(&leaf.action),
            plain(&leaf.object)
        ));
    }
    if v.leaves > 50 {
        let rest = v.leaves - 50;
        let line = pick(lang, "  … and {} more", "  … және тағы {}", "  … и ещё {}");
        out.push(fill(line, &[&rest]));
    }
    out.push(match v.ok {
        true => pick(lang, "VERIFIED", "РАСТАЛДЫ", "ПОДТВЕРЖДЕНО").to_owned(),
        false => pick(lang, "NOT VERIFIED", "РАСТАЛМАДЫ", "НЕ ПОДТВЕРЖДЕНО").to_owned(),
    });
    out.join("\n")
}

/// Text of a leaf without what could steer a terminal.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn claim(lang: Lang, claim: &Claim, proven: (String, String)) -> String {
    let (title, detail) = proven;
    match claim.state {
        ClaimState::Proven => format!("[ok] {title}: {detail}"),
        ClaimState::NotChecked => format!("[--] {title}: {detail}"),
        ClaimState::Failed => {
            let no = pick(lang, "no", "жоқ", "нет");
            let mut lines = vec![format!("[XX] {title}: {no}")];
            for f in claim.findings.iter().take(20) {
                lines.push(format!("     {}: {}", plain(&f.path), plain(&f.what)));
            }
            lines.join("\n")
        }
    }
}

fn cannot_tell(lang: Lang) -> String {
    pick(
        lang,
        "cannot be judged, because the pack is not intact",
        "топтама бүтін болмағандықтан бағалау мүмкін емес",
        "не оценивается, так как пакет не цел",
    )
    .to_owned()
}

fn unchanged(lang: Lang, v: &Verdict) -> (String, String) {
    let title = pick(lang, "Unchanged", "Өзгермеген", "Не изменено");
    let detail = match v.unchanged.state {
        ClaimState::NotChecked => cannot_tell(lang),
        _ => pick(
            lang,
            "every leaf and document is exactly what the journal recorded",
            "әрбір жазба мен құжат журналға енгізілгендей сақталған",
            "каждая запись и каждый документ точно такие, как внесены в журнал",
        )
        .to_owned(),
    };
    (title.to_owned(), detail)
}

fn in_order(lang: Lang, v: &Verdict) -> (String, String) {
    let title = pick(lang, "In order", "Реті сақталған", "Порядок сохранён");
    let detail = match v.in_order.state {
        ClaimState::NotChecked => cannot_tell(lang),
        _ => pick(
            lang,
            "every leaf stands at its proven place",
            "әрбір жазба дәлелденген орнында тұр",
            "каждая запись стоит на доказанном месте",
        )
        .to_owned(),
    };
    (title.to_owned(), detail)
}

fn complete(lang: Lang, v: &Verdict) -> (String, String) {
    let title = pick(
        lang,
        "Complete since",
        "Содан бері толық",
        "Полнота с тех пор",
    );
    let detail = match v.completeness {
        Completeness::NotAsked if !v.unchanged.findings.is_empty() => cannot_tell(lang),
        Completeness::NotAsked => pick(
            lang,
            "not checked; give an older checkpoint with --since FILE",
            "тексерілген жоқ; --since ФАЙЛ арқылы ертерек бақылау нүктесін беріңіз",
            "не проверялось; укажите более раннюю контрольную точку: --since ФАЙЛ",
        )
        .to_owned(),
        Completeness::All { from, count } => fill(
            pick(
                lang,
                "all {} leaves from leaf {} on are in the pack",
                "{} жазбаның бәрі, {} жазбадан бастап, топтамада бар",
                "все записи ({}), начиная с записи {}, есть в пакете",
            ),
            &[&count, &from],
        ),
        Completeness::History { from, count, shown } => fill(
            pick(
                lang,
                "the journal kept all of its first {} leaves; of the {} since, the pack shows {}",
                "журнал алғашқы {} жазбаның бәрін сақтаған; содан бері {} жазба қосылған, топтамада: {}",
                "журнал сохранил все первые записи ({}); с тех пор добавлено {}, из них в пакете {}",
            ),
            &[&from, &count, &shown],
        ),
        Completeness::Failed => cannot_tell(lang),
    };
    (title.to_owned(), detail)
}

fn key(lang: Lang, v: &Verdict) -> String {
    if v.key.is_empty() {
        return String::new();
    }
    let line = match v.key_given {
        true => pick(
            lang,
            "Signed by {}",
            "Қол қойған кілт: {}",
            "Подписано ключом {}",
        ),
        false => pick(
            lang,
            "Signed by {}\n  This key is from the pack itself: compare it with the one the owner \
             published, or give that one with --key",
            "Қол қойған кілт: {}\n  Бұл кілт топтаманың өзінен алынды: иесі жариялаған кілтпен \
             салыстырыңыз немесе оны --key арқылы беріңіз",
            "Подписано ключом {}\n  Этот ключ взят из самого пакета: сверьте его с опубликованным \
             владельцем или укажите тот через --key",
        ),
    };
    fill(line, &[&v.key])
}
