//! `saqshy law`: duties with their computation, the calendar, the clauses, the checker.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use saqshy_law::{
    Calendar, CaseFact, Clause, DutyRow, Flag, Lang, Pack, PackError, Profile, Reason, Week,
    duties, parse_trigger, periodic_duties,
};
use serde_json::json;

use crate::cli::{Format, Law, WorkingWeek};
use crate::exit::{Exit, Failure};
use crate::table::Table;

pub fn run(verb: Law) -> Result<Exit, Failure> {
    match verb {
        Law::Duties {
            act,
            bearer,
            trigger,
            periods,
            now,
            zone,
            week: days,
            set,
            packs: folders,
            lang,
            format,
        } => {
            let asked = Asked {
                acts: act,
                triggers: trigger,
                periods,
                now,
                folders,
                profile: Profile {
                    bearers: bearer,
                    zone,
                    week: week(days),
                    settings: settings(&set)?,
                },
                lang: language(&lang)?,
            };
            show_duties(&asked, format)
        }
        Law::Calendar {
            year,
            week: days,
            lang,
            format,
        } => show_calendar(year, week(days), &lang, format),
        Law::Clauses { act, lang, format } => {
            show_clauses(act.as_deref(), language(&lang)?, format)
        }
        Law::Check { dir, format } => check(&dir, format),
    }
}

fn language(code: &str) -> anyhow::Result<Lang> {
    let known = Lang::ALL.into_iter().find(|lang| lang.code() == code);
    known.with_context(|| format!("unknown language `{code}`; use kk, ru or en"))
}

fn week(days: WorkingWeek) -> Week {
    match days {
        WorkingWeek::Five => Week::Five,
        WorkingWeek::Six => Week::Six,
    }
}

fn settings(set: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
        None => bail!("`{text}` is not a setting; write SETTING=VALUE"),
    };
    set.iter().map(pair).collect()
}

/// Files of one pack by path inside its folder.
type Files = BTreeMap<String, String>;

fn packs(folders: &[PathBuf]) -> anyhow::Result<Vec<Pack>> {
    let mut files: BTreeMap<String, Files> = saqshy_server::embedded::packs();
    for folder in folders {
        files.extend(read_folders(folder)?);
    }
    files
        .iter()
        .filter(|(_, files)| files.contains_key("pack.toml"))
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

/// A question about duties.
struct Asked {
    acts: Vec<String>,
    triggers: Vec<String>,
    /// Also the duties of every period.
    periods: bool,
    now: Option<String>,
    folders: Vec<PathBuf>,
    profile: Profile,
    lang: Lang,
}

fn show_duties(asked: &Asked, format: Format) -> Result<Exit, Failure> {
    let packs = packs(&asked.folders)?;
    let known = packs.iter().map(|pack| pack.id.as_str());
    let known = known.collect::<Vec<_>>().join(", ");
    for act in &asked.acts {
        if !packs.iter().any(|pack| pack.id == *act) {
            return Err(anyhow::anyhow!("unknown act `{act}`; use one of: {known}").into());
        }
    }
    let profile = &asked.profile;
    let bound = |pack: &Pack| profile.bearers.iter().any(|b| pack.knows_bearer(b));
    let mut chosen: Vec<&Pack> = packs
        .iter()
        .filter(|pack| match asked.acts.is_empty() {
            true => bound(pack),
            false => asked.acts.contains(&pack.id),
        })
        .collect();
    if chosen.is_empty() {
        chosen = packs.iter().collect(); // the refusal below names every bearer
    }
    jiff::tz::TimeZoneDatabase::bundled()
        .get(&profile.zone)
        .with_context(|| format!("unknown time zone `{}`", profile.zone))?;
    let facts = asked
        .triggers
        .iter()
        .zip(1u64..)
        .map(|(text, seq)| parse_trigger(text, seq))
        .collect::<Result<Vec<_>, _>>()?;
    let now = moment(asked.now.as_deref(), &facts)?;
    let calendar = calendar()?;
    let mut rows = duties(&chosen, profile, &calendar, &facts, now, asked.lang)?;
    if asked.periods {
        let each = periodic_duties(&chosen, profile, &calendar, &facts, now, asked.lang);
        rows.retain(|row| row.due.is_some());
        rows.extend(each);
    }
    warn(&rows);
    let mut out = std::io::stdout().lock();
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?,
        Format::Ndjson => {
            for row in &rows {
                writeln!(out, "{}", serde_json::to_string(row)?)?;
            }
        }
        Format::Table => {
            for row in &rows {
                show_row(&mut out, row)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The moment to judge from: the one asked for, or the latest trigger, at most the present.
fn moment(asked: Option<&str>, facts: &[CaseFact]) -> anyhow::Result<Timestamp> {
    if let Some(text) = asked {
        return text.parse().with_context(|| {
            format!("`{text}` is not a moment; write 2026-03-20T18:10+05:00, with the offset")
        });
    }
    let present = Timestamp::now();
    let latest = facts.iter().map(|fact| fact.at).max();
    Ok(latest.unwrap_or(present).min(present))
}

/// What a reader must not overlook, once each, on standard error.
fn warn(rows: &[DutyRow]) {
    let warnings = [
        (
            Flag::TriggerInFuture,
            "a trigger lies in the future: the duty has not begun, its due time is a forecast",
        ),
        (
            Flag::DetectedBeforeOccurred,
            "the incident was detected before it occurred: check both times",
        ),
        (
            Flag::CalendarNotPublished,
            "the official calendar of a year involved is not published: due times may change",
        ),
        (
            Flag::NoEdition,
            "the act was not in force on the day of the trigger, or its wording of that day is not \
             known: the oldest known wording is used",
        ),
        (
            Flag::ExtensionIgnored,
            "an extension does not count: decided after the term had ended, or unreadable",
        ),
        (
            Flag::SettingUnreadable,
            "a setting is no number: the proposed value is used",
        ),
    ];
    for (flag, text) in warnings {
        let touched = rows.iter().filter(|row| row.flags.contains(&flag));
        let ids: Vec<_> = touched.map(|row| row.id.as_str()).collect();
        if !ids.is_empty() {
            eprintln!("warning: {text} ({})", ids.join(", "));
        }
    }
}

fn show_row(out: &mut impl Write, row: &DutyRow) -> std::io::Result<()> {
    let whose = if row.own { "own" } else { "watched" };
    let whose = format!("{whose}, owed by {}, {}", row.bearer, word(&row.status));
    let period = row.period.as_ref().map(|period| format!("  {period}"));
    let period = period.unwrap_or_default();
    writeln!(out, "{}  {}{period}  {whose}", row.clause, row.id)?;
    let internal = if row.internal {
        "  (internal term)"
    } else {
        ""
    };
    let due = row.due.as_deref().unwrap_or("not running yet");
    writeln!(out, "  due        {due}{internal}")?;
    writeln!(out, "  addressee  {}", row.addressee.join(", "))?;
    writeln!(out, "  edition    {}", row.edition)?;
    for step in &row.steps {
        writeln!(out, "  · {step}")?;
    }
    writeln!(out)
}

fn show_calendar(year: i16, week: Week, lang: &str, format: Format) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    let (calendar, lang) = (calendar()?, language(lang)?);
    let first = Date::new(year, 1, 1).with_context(|| format!("year {year}"))?;
    let days: Vec<_> = first
        .series(jiff::ToSpan::days(1))
        .take_while(|date| date.year() == year)
        .map(|date| (date, calendar.day(date, week)))
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
        table.write(&mut out)?;
        let provisional = if calendar.is_provisional(year) {
            ", provisional"
        } else {
            ""
        };
        let days = if week == Week::Five { "five" } else { "six" };
        writeln!(
            out,
            "\n{working} working days in a {days}-day week; edition {}{provisional}",
            calendar.edition(year)
        )?;
    } else {
        let special: Vec<_> = special
            .map(|(date, day)| json!({"date": date, "day": day}))
            .collect();
        writeln!(
            out,
            "{}",
            json!({
                "year": year, "edition": calendar.edition(year), "provisional": calendar.is_provisional(year),
                "working_days": working, "days": special,
            })
        )?;
    }
    Ok(Exit::Done)
}

fn reason(reason: &Reason, lang: Lang) -> String {
    let value = serde_json::to_value(reason).unwrap_or_default();
    let title = value["title"][lang.code()].as_str().unwrap_or_default();
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

fn show_clauses(act: Option<&str>, lang: Lang, format: Format) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    let packs = packs(&[])?;
    let chosen: Vec<_> = packs
        .iter()
        .filter(|pack| act.is_none_or(|act| pack.id == act))
        .collect();
    if chosen.is_empty() {
        let known = packs.iter().map(|pack| pack.id.as_str());
        let known = known.collect::<Vec<_>>().join(", ");
        let act = act.unwrap_or_default();
        return Err(anyhow::anyhow!("unknown act `{act}`; use one of: {known}").into());
    }
    let clauses = chosen
        .iter()
        .flat_map(|pack| pack.clauses.iter().map(move |clause| (*pack, clause)));
    match format {
        Format::Json => {
            let rows: Vec<_> = clauses.map(|(pack, clause)| row(pack, clause)).collect();
            writeln!(out, "{:#}", serde_json::Value::Array(rows))?;
        }
        Format::Ndjson => {
            for (pack, clause) in clauses {
                writeln!(out, "{}", row(pack, clause))?;
            }
        }
        Format::Table => {
            let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
            let mut table =
                Table::new(&["CLAUSE", "SERVED", "STATUS", "BY", "TESTS", "PAGE", "WHAT"]);
            for (pack, clause) in clauses {
                *counts
                    .entry((&pack.id, clause.served.word().to_owned()))
                    .or_default() += 1;
                table.row([
                    clause.id.clone(),
                    clause.served.word().to_owned(),
                    word(&clause.status),
                    clause.items().join(", "),
                    tests(clause),
                    clause.page.clone().unwrap_or_default(),
                    clause.title.get(lang).to_owned(),
                ]);
            }
            table.write(&mut out)?;
            writeln!(out)?;
            let mut table = Table::new(&["ACT", "SERVED", "CLAUSES"]);
            for ((act, served), count) in counts {
                table.row([act.to_owned(), served, count.to_string()]);
            }
            table.write(&mut out)?;
        }
    }
    Ok(Exit::Done)
}

/// The first test of a clause, and how many more there are.
fn tests(clause: &Clause) -> String {
    let first = clause.tests.first().map_or("", String::as_str);
    let name = first.rsplit_once("::").map_or(first, |(_, name)| name);
    match clause.tests.len() {
        0 | 1 => name.to_owned(),
        more => format!("{name} +{}", more - 1),
    }
}

fn row(pack: &Pack, clause: &Clause) -> serde_json::Value {
    let readings = pack.readings.iter();
    let readings: BTreeMap<_, _> = readings
        .filter(|reading| clause.readings.contains(&reading.id))
        .map(|reading| (&reading.id, &reading.text))
        .collect();
    json!({
        "act": pack.id, "clause": clause.id, "citation": clause.citation, "title": clause.title,
        "editions": clause.editions, "served": clause.served, "status": clause.status,
        "items": clause.items(), "duties": clause.duties, "tests": clause.tests,
        "page": clause.page, "reason": clause.reason, "readings": readings,
    })
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// What one folder holds.
enum Checked {
    Pack(Box<Pack>),
    Calendar(Calendar),
}

fn check(folders: &[PathBuf], format: Format) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    let mut found: BTreeMap<String, Files> = BTreeMap::new();
    if folders.is_empty() {
        found.extend(saqshy_server::embedded::packs());
    }
    for folder in folders {
        found.extend(read_folders(folder)?);
    }
    let mut good: Vec<(&str, Checked)> = Vec::new();
    let mut faults: Vec<(&str, PackError)> = Vec::new();
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for (folder, files) in &found {
        let checked = match files.contains_key("pack.toml") {
            true => Pack::parse(files).map(|pack| Checked::Pack(Box::new(pack))),
            false => Calendar::parse(files).map(Checked::Calendar),
        };
        match checked {
            Ok(checked) => {
                if let Checked::Pack(pack) = &checked {
                    faults.extend(
                        taken(pack, folder, &mut owners).map(|fault| (folder.as_str(), fault)),
                    );
                }
                good.push((folder, checked));
            }
            Err(fault) => faults.push((folder, fault)),
        }
    }
    let place = |folder: &str, fault: &PackError| Path::new(folder).join(&fault.file);
    if format == Format::Table {
        for (folder, checked) in &good {
            writeln!(out, "{folder}: {}", summary(checked))?;
        }
        for (folder, fault) in &faults {
            let key = if fault.key.is_empty() {
                String::new()
            } else {
                format!("{}: ", fault.key)
            };
            let at = place(folder, fault);
            writeln!(
                out,
                "{}:{}: {key}{}; {}",
                at.display(),
                fault.line,
                fault.what,
                fault.fix
            )?;
        }
    } else {
        let faults: Vec<_> = faults
            .iter()
            .map(|(folder, fault)| {
                json!({
                    "file": place(folder, fault), "line": fault.line, "key": fault.key,
                    "what": fault.what, "fix": fault.fix,
                })
            })
            .collect();
        let good: Vec<_> = good
            .iter()
            .map(|(folder, checked)| json!({"folder": folder, "summary": summary(checked)}))
            .collect();
        writeln!(out, "{}", json!({"checked": good, "faults": faults}))?;
    }
    Ok(match faults.is_empty() {
        true => Exit::Done,
        false => Exit::FoundWrong,
    })
}

/// A duty id that another pack has already, since facts name duties by id alone.
fn taken<'f>(
    pack: &Pack,
    folder: &'f str,
    owners: &mut BTreeMap<String, &'f str>,
) -> Option<PackError> {
    let mut fault = None;
    for duty in &pack.duties {
        match owners.get(&duty.id).filter(|owner| **owner != folder) {
            Some(owner) => {
                fault = Some(PackError {
                    file: "pack.toml".to_owned(),
                    line: 0,
                    key: "duty.id".to_owned(),
                    what: format!("the duty id `{}` is taken by `{owner}`", duty.id),
                    fix: "begin the ids of a pack with its own name".to_owned(),
                });
            }
            None => {
                owners.insert(duty.id.clone(), folder);
            }
        }
    }
    fault
}

fn summary(checked: &Checked) -> String {
    match checked {
        Checked::Pack(pack) => format!(
            "ok, {} version {}: {} editions, {} duties, {} registers, {} clauses",
            pack.id,
            pack.version,
            pack.editions.len(),
            pack.duties.len(),
            pack.registers.len(),
            pack.clauses.len(),
        ),
        Checked::Calendar(calendar) => {
            let provisional = calendar.years().filter(|year| year.provisional).count();
            format!(
                "ok, calendar {}: {} years, {provisional} provisional",
                calendar.id,
                calendar.years().count(),
            )
        }
    }
}

/// The pack and calendar folders at or below `root`: path of the folder → its files.
fn read_folders(root: &Path) -> anyhow::Result<BTreeMap<String, Files>> {
    let mut found = BTreeMap::new();
    let own = ["pack.toml", "calendar.toml"];
    if own.iter().any(|name| root.join(name).is_file()) {
        found.insert(root.display().to_string(), read_files(root)?);
        return Ok(found);
    }
    let entries =
        std::fs::read_dir(root).with_context(|| format!("packs in `{}`", root.display()))?;
    for entry in entries {
        let path = entry?.path();
        if own.iter().any(|name| path.join(name).is_file()) {
            found.insert(path.display().to_string(), read_files(&path)?);
        }
    }
    if found.is_empty() {
        bail!(
            "`{}` holds no pack: a pack folder has a pack.toml, a calendar folder a calendar.toml",
            root.display()
        );
    }
    Ok(found)
}

/// Text files of a folder and the folders in it.
fn read_files(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        let entries = std::fs::read_dir(&next).with_context(|| format!("`{}`", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let inside = path.strip_prefix(folder)?.to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("reading `{}`", path.display()))?;
            files.insert(inside, text);
        }
    }
    Ok(files)
}
