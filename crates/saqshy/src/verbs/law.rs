//! `saqshy law`: duties with their computation, the calendar, the clauses.

use anyhow::{Context, bail};
use jiff::civil::Date;
use saqshy_law::{Calendar, Lang, Pack, Profile, Reason, Week, duties, parse_trigger};
use serde_json::json;

use crate::cli::{Format, Law};
use crate::exit::{Exit, Failure};
use crate::table::Table;

pub fn run(verb: Law) -> Result<Exit, Failure> {
    match verb {
        Law::Duties {
            act,
            bearer,
            trigger,
            now,
            zone,
            lang,
            format,
        } => {
            if now.is_some() && trigger.is_empty() {
                return Err(anyhow::anyhow!("--now needs a --trigger").into());
            }
            show_duties(&act, bearer, &trigger, &zone, &lang, format)
        }
        Law::Calendar { year, lang, format } => show_calendar(year, &lang, format),
        Law::Clauses { act, format } => show_clauses(act.as_deref(), format),
    }
}

fn language(code: &str) -> anyhow::Result<Lang> {
    Ok(match code {
        "kk" => Lang::Kk,
        "ru" => Lang::Ru,
        "en" => Lang::En,
        _ => bail!("unknown language `{code}`; use kk, ru or en"),
    })
}

fn packs() -> anyhow::Result<Vec<Pack>> {
    saqshy_server::embedded::packs()
        .iter()
        .filter(|(name, _)| !name.starts_with("calendar-"))
        .map(|(name, files)| Pack::parse(files).with_context(|| format!("pack `{name}`")))
        .collect()
}

fn calendar() -> anyhow::Result<Calendar> {
    let folders = saqshy_server::embedded::packs();
    let files = folders
        .get("calendar-kz")
        .context("no calendar inside the program")?;
    Calendar::parse(files).context("calendar `calendar-kz`")
}

fn show_duties(
    act: &str,
    bearers: Vec<String>,
    triggers: &[String],
    zone: &str,
    lang: &str,
    format: Format,
) -> Result<Exit, Failure> {
    let packs = packs()?;
    let known = || {
        packs
            .iter()
            .map(|pack| pack.id.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let pack = packs
        .iter()
        .find(|pack| pack.id == act)
        .with_context(|| format!("unknown act `{act}`; use one of: {}", known()))?;
    jiff::tz::TimeZoneDatabase::bundled()
        .get(zone)
        .with_context(|| format!("unknown time zone `{zone}`"))?;
    let profile = Profile {
        bearers,
        zone: zone.to_owned(),
        week: Week::Five,
        settings: Default::default(),
    };
    let facts = triggers
        .iter()
        .zip(1u64..)
        .map(|(text, seq)| parse_trigger(text, seq))
        .collect::<Result<Vec<_>, _>>()?;
    let rows = duties(pack, &profile, &calendar()?, &facts, language(lang)?)?;
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&rows)?),
        Format::Ndjson => {
            for row in &rows {
                println!("{}", serde_json::to_string(row)?);
            }
        }
        Format::Table => {
            for row in &rows {
                let whose = if row.own { "own" } else { "watched" };
                println!(
                    "{}  {}  {whose}, owed by {}",
                    row.clause, row.id, row.bearer
                );
                println!(
                    "  due        {}",
                    row.due.as_deref().unwrap_or("not running yet")
                );
                println!("  addressee  {}", row.addressee.join(", "));
                println!("  edition    {}", row.edition);
                for step in &row.steps {
                    println!("  · {step}");
                }
                println!();
            }
        }
    }
    Ok(Exit::Done)
}

fn show_calendar(year: i16, lang: &str, format: Format) -> Result<Exit, Failure> {
    let (calendar, lang) = (calendar()?, language(lang)?);
    let first = Date::new(year, 1, 1).with_context(|| format!("year {year}"))?;
    let days: Vec<_> = first
        .series(jiff::ToSpan::days(1))
        .take_while(|date| date.year() == year)
        .map(|date| (date, calendar.day(date, Week::Five)))
        .collect();
    let working = days.iter().filter(|(_, day)| day.working).count();
    let special = days
        .iter()
        .filter(|(_, day)| !matches!(day.reason, Reason::Working | Reason::WeeklyRest));
    if format == Format::Table {
        let mut table = Table::new(&["DATE", "DAY", "WORK", "WHY"]);
        for (date, day) in special {
            let work = if day.working { "yes" } else { "no" };
            let sure = if day.confirmed {
                ""
            } else {
                "  (not confirmed)"
            };
            let why = format!("{}{sure}", reason(&day.reason, lang));
            table.row([
                date.to_string(),
                format!("{:?}", date.weekday()),
                work.to_owned(),
                why,
            ]);
        }
        table.write(&mut std::io::stdout().lock())?;
        let provisional = if calendar.is_provisional(year) {
            ", provisional"
        } else {
            ""
        };
        println!(
            "\n{working} working days in a five-day week; edition {}{provisional}",
            calendar.edition(year)
        );
    } else {
        let special: Vec<_> = special
            .map(|(date, day)| json!({"date": date, "day": day}))
            .collect();
        println!(
            "{}",
            json!({
                "year": year, "edition": calendar.edition(year), "provisional": calendar.is_provisional(year),
                "working_days": working, "days": special,
            })
        );
    }
    Ok(Exit::Done)
}

fn reason(reason: &Reason, lang: Lang) -> String {
    let value = serde_json::to_value(reason).unwrap_or_default();
    let key = match lang {
        Lang::Kk => "kk",
        Lang::Ru => "ru",
        Lang::En => "en",
    };
    let title = value["title"][key].as_str().unwrap_or_default();
    let of = value["of"]
        .as_str()
        .map(|date| format!(" ({date})"))
        .unwrap_or_default();
    let kind = value["reason"]
        .as_str()
        .unwrap_or_default()
        .replace('_', " ");
    format!("{kind}{of} {title}").trim().to_owned()
}

fn show_clauses(act: Option<&str>, format: Format) -> Result<Exit, Failure> {
    let packs = packs()?;
    let chosen: Vec<_> = packs
        .iter()
        .filter(|pack| act.is_none_or(|act| pack.id == act))
        .collect();
    if chosen.is_empty() {
        return Err(anyhow::anyhow!("no pack `{}`", act.unwrap_or_default()).into());
    }
    let clauses = chosen
        .iter()
        .flat_map(|pack| pack.clauses.iter().map(move |clause| (pack, clause)));
    if format == Format::Table {
        let mut table = Table::new(&["CLAUSE", "SERVED", "STATUS", "DUTIES", "WHAT"]);
        for (_, clause) in clauses {
            table.row([
                clause.id.clone(),
                word(&clause.served),
                word(&clause.status),
                clause.duties.join(", "),
                clause.title.en.clone(),
            ]);
        }
        table.write(&mut std::io::stdout().lock())?;
    } else {
        let rows: Vec<_> = clauses
            .map(|(pack, clause)| json!({
                "act": pack.id, "clause": clause.id, "citation": clause.citation, "title": clause.title,
                "served": clause.served, "status": clause.status, "duties": clause.duties,
            }))
            .collect();
        println!("{:#}", serde_json::Value::Array(rows));
    }
    Ok(Exit::Done)
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
