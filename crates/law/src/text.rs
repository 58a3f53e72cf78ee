//! Texts in the three languages, and how times, amounts and days are written in each.

use crate::calendar::Week;
use crate::term::Unit;
use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// One text in Kazakh, Russian and English.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text3 {
    /// Kazakh.
    pub kk: String,
    /// Russian.
    pub ru: String,
    /// English.
    pub en: String,
}

/// A language that people read.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Kazakh.
    Kk,
    /// Russian.
    Ru,
    /// English.
    En,
}

impl Lang {
    /// All three, the state language first.
    pub const ALL: [Lang; 3] = [Lang::Kk, Lang::Ru, Lang::En];

    /// Two-letter code.
    pub fn code(self) -> &'static str {
        match self {
            Lang::Kk => "kk",
            Lang::Ru => "ru",
            Lang::En => "en",
        }
    }
}

impl Text3 {
    /// Builds a text from its three spellings.
    pub fn new(kk: impl Into<String>, ru: impl Into<String>, en: impl Into<String>) -> Text3 {
        Text3 {
            kk: kk.into(),
            ru: ru.into(),
            en: en.into(),
        }
    }

    /// The same characters in every language.
    pub fn same(text: impl Into<String>) -> Text3 {
        let text = text.into();
        Text3::new(text.clone(), text.clone(), text)
    }

    /// The text in one language.
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Kk => &self.kk,
            Lang::Ru => &self.ru,
            Lang::En => &self.en,
        }
    }

    /// The same change in every language.
    pub fn map(&self, mut f: impl FnMut(Lang, &str) -> String) -> Text3 {
        Text3 {
            kk: f(Lang::Kk, &self.kk),
            ru: f(Lang::Ru, &self.ru),
            en: f(Lang::En, &self.en),
        }
    }

    /// Puts texts in the place of `{0}`, `{1}`, … in each language.
    pub fn fill(&self, args: &[&Text3]) -> Text3 {
        self.map(|lang, text| {
            let mut out = text.to_owned();
            for (i, arg) in args.iter().enumerate() {
                out = out.replace(&format!("{{{i}}}"), arg.get(lang));
            }
            out
        })
    }
}

/// A moment as people write it here: `20.03.2026 18:10 (+05:00)`, with seconds only when there are.
pub fn moment(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    let format = match local.second() {
        0 => "%d.%m.%Y %H:%M (%:z)",
        _ => "%d.%m.%Y %H:%M:%S (%:z)",
    };
    local.strftime(format).to_string()
}

/// A day: `20.03.2026`.
pub fn day(date: Date) -> String {
    date.strftime("%d.%m.%Y").to_string()
}

/// An amount with its unit, such as `48 часов`.
pub fn amount(n: u32, unit: Unit) -> Text3 {
    let (kk, ru, en) = match unit {
        Unit::Minutes => (
            "минут",
            ["минута", "минуты", "минут"],
            ["minute", "minutes"],
        ),
        Unit::Hours => ("сағат", ["час", "часа", "часов"], ["hour", "hours"]),
        Unit::CalendarDays => (
            "күнтізбелік күн",
            ["календарный день", "календарных дня", "календарных дней"],
            ["calendar day", "calendar days"],
        ),
        Unit::Weeks => ("апта", ["неделя", "недели", "недель"], ["week", "weeks"]),
        Unit::WorkingDays => (
            "жұмыс күні",
            ["рабочий день", "рабочих дня", "рабочих дней"],
            ["working day", "working days"],
        ),
        Unit::Months => ("ай", ["месяц", "месяца", "месяцев"], ["month", "months"]),
        Unit::Quarters => (
            "тоқсан",
            ["квартал", "квартала", "кварталов"],
            ["quarter", "quarters"],
        ),
        Unit::Years => ("жыл", ["год", "года", "лет"], ["year", "years"]),
    };
    let russian = match (n % 10, n % 100) {
        (_, 11..=14) => ru[2],
        (1, _) => ru[0],
        (2..=4, _) => ru[1],
        _ => ru[2],
    };
    let english = if n == 1 { en[0] } else { en[1] };
    Text3::new(
        format!("{n} {kk}"),
        format!("{n} {russian}"),
        format!("{n} {english}"),
    )
}

/// The kind of working week.
pub fn week(week: Week) -> Text3 {
    match week {
        Week::Five => Text3::new("бес күндік апта", "пятидневная неделя", "five-day week"),
        Week::Six => Text3::new("алты күндік апта", "шестидневная неделя", "six-day week"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn russian_counts_decline() {
        let ru = |n| amount(n, Unit::Hours).ru;
        assert_eq!(ru(1), "1 час");
        assert_eq!(ru(3), "3 часа");
        assert_eq!(ru(48), "48 часов");
        assert_eq!(ru(11), "11 часов");
        assert_eq!(ru(21), "21 час");
        assert_eq!(amount(1, Unit::Quarters).en, "1 quarter");
    }
}
