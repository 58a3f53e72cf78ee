//! Reports over a period, from the same records as everything else. Every figure carries the cases
//! that it was counted from; on paper they stand in the appendix.

use std::collections::BTreeMap;

use anyhow::Context;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use saqshy_casework::{Actor, InvestigationWhole, Level};
use saqshy_dispatch::{
    Block, Case, Cell, Column, Document, Signature, Table, in_all, minute, moment, shown,
};
use saqshy_law::{ClockStatus, Text3};

use super::case::CaseView;
use super::values::name_of;
use crate::runtime::App;

/// The reports that the program makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The incident register (R90-9-a).
    Register,
    /// Summary of a quarter under order 52 (O52-17).
    O52Quarter,
    /// Summary of a quarter under order 199 (O199-13).
    O199Quarter,
    /// Incidents of a quarter under order 199 (O199-14).
    O199Incidents,
    /// Analysis of incidents and damage for the collegial body (R90-4-11).
    Analysis,
}

impl Kind {
    pub const ALL: [Kind; 5] = [
        Kind::Register,
        Kind::O52Quarter,
        Kind::O199Quarter,
        Kind::O199Incidents,
        Kind::Analysis,
    ];

    /// The word on the wire and in the journal.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Register => "register",
            Kind::O52Quarter => "o52-quarter",
            Kind::O199Quarter => "o199-quarter",
            Kind::O199Incidents => "o199-incidents",
            Kind::Analysis => "analysis",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Clauses that the report answers.
    pub fn clauses(self) -> &'static [&'static str] {
        match self {
            Kind::Register => &["R90-9-a"],
            Kind::O52Quarter => &["O52-17"],
            Kind::O199Quarter => &["O199-13"],
            Kind::O199Incidents => &["O199-14"],
            Kind::Analysis => &["R90-4-11"],
        }
    }

    /// What the law calls it.
    pub fn title(self) -> anyhow::Result<Text3> {
        Ok(in_all(&format!("report-{}", self.word()), &[])?)
    }
}

/// The passage that asks for the report, what the period holds, and the zone of its times.
fn basis(period: &Period, kind: Kind, zone: &TimeZone) -> anyhow::Result<Block> {
    let asked = in_all(&format!("basis-{}", kind.word()), &[])?;
    let (in_kk, in_ru, in_en) = (
        in_all("report-basis", &[("basis", &asked.kk)])?.kk,
        in_all("report-basis", &[("basis", &asked.ru)])?.ru,
        in_all("report-basis", &[("basis", &asked.en)])?.en,
    );
    let mut text = Text3::new(in_kk, in_ru, in_en);
    if period.one_offset {
        let offset = period.from.to_zoned(zone.clone()).strftime("%:z");
        let said = in_all("report-zone", &[("offset", &offset.to_string())])?;
        text = text.map(|lang, text| format!("{text} {}", said.get(lang)));
    }
    Ok(Block::Paragraph { text })
}

/// A period and everything that fell into it.
struct Period {
    from: Timestamp,
    to: Timestamp,
    /// The zone has kept its offset from the beginning of the period until now, so that it is said
    /// once and not with each time.
    one_offset: bool,
    cases: Vec<CaseView>,
    /// Concluded and open investigations that the maker of the report may see, by incident.
    investigations: BTreeMap<String, Vec<InvestigationWhole>>,
    /// Names of the people responsible, by login.
    names: BTreeMap<String, String>,
}

/// A report before it becomes a file, and the incidents behind it.
pub struct Made {
    pub document: Document,
    pub cases: Vec<String>,
}

/// Makes a report over the incidents detected from `from` until before `to`.
pub async fn make(
    app: &App,
    actor: &Actor,
    kind: Kind,
    number: &str,
    (from, to): (Timestamp, Timestamp),
) -> anyhow::Result<Made> {
    let period = Period::read(app, actor, from, to).await?;
    let mut blocks = match kind {
        Kind::Register => register(app, &period)?,
        Kind::O52Quarter => o52(app, &period).await?,
        Kind::O199Quarter => o199(app, &period).await?,
        Kind::O199Incidents => o199_incidents(app, &period)?,
        Kind::Analysis => analysis(app, actor, &period).await?,
    };
    let zone = app.config.organisation.zone.clone();
    blocks.insert(0, basis(&period, kind, &zone)?);
    let day = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%d.%m.%Y").to_string();
    let last = to.checked_sub(1.second()).unwrap_or(to);
    let organisation = &app.config.organisation;
    let document = Document {
        number: number.to_owned(),
        date: app.now(),
        zone: zone.clone(),
        organisation: organisation.name.clone(),
        organisation_details: organisation.details.clone(),
        addressee: Text3::default(),
        title: kind.title()?,
        subtitle: Text3::same(format!("{} – {}", day(from), day(last))),
        annex: appendix(&blocks)?,
        blocks,
        signatures: vec![Signature {
            position: organisation.signer.position.clone(),
            name: organisation.signer.name.clone(),
        }],
        contact: organisation.contact.clone(),
        landscape: matches!(kind, Kind::Register | Kind::O199Quarter | Kind::Analysis),
    };
    let cases = period
        .cases
        .iter()
        .map(|view| view.whole.incident.id.clone());
    Ok(Made {
        document,
        cases: cases.collect(),
    })
}

impl Period {
    async fn read(
        app: &App,
        actor: &Actor,
        from: Timestamp,
        to: Timestamp,
    ) -> anyhow::Result<Self> {
        let zone = &app.config.organisation.zone;
        let mut period = Period {
            from,
            to,
            one_offset: zone.to_offset(from) == zone.to_offset(app.now()),
            cases: Vec::new(),
            investigations: BTreeMap::new(),
            names: BTreeMap::new(),
        };
        for id in app.store.incidents_between(from, to).await? {
            let view = CaseView::of(app, &id, app.now()).await?;
            // A case that was merged into another is told of there.
            if view.whole.incident.merged_into.is_some() {
                continue;
            }
            if let Some(login) = view.whole.incident.assignee.clone() {
                let name = name_of(app, login.clone()).await?;
                period.names.insert(login, name);
            }
            for one in app.store.investigations(Some(&id), actor).await? {
                let whole = app.store.investigation(&one.id, actor).await?;
                let list = period.investigations.entry(id.clone()).or_default();
                list.push(whole);
            }
            period.cases.push(view);
        }
        Ok(period)
    }

    /// A moment as the tables of the report write it.
    fn moment(&self) -> fn(&TimeZone, Timestamp) -> String {
        match self.one_offset {
            true => minute,
            false => moment,
        }
    }

    fn matching(&self, test: impl Fn(&CaseView) -> bool) -> Vec<Case> {
        let found = self.cases.iter().filter(|view| test(view));
        found.map(CaseView::case).collect()
    }

    fn responsible(&self, view: &CaseView) -> String {
        let login = view.whole.incident.assignee.as_deref().unwrap_or_default();
        self.names.get(login).cloned().unwrap_or_default()
    }

    /// Corrective measures that were proposed: on the case and by its investigations.
    fn corrective(&self, view: &CaseView) -> String {
        let mut lines = vec![view.whole.incident.recommendations.clone()];
        let found = self.investigations.get(&view.whole.incident.id);
        for whole in found.into_iter().flatten() {
            lines.extend(whole.recommendations.iter().map(|item| item.text.clone()));
        }
        lines.retain(|line| !line.trim().is_empty());
        lines.join("\n")
    }

    fn cause(&self, view: &CaseView) -> String {
        let found = self.investigations.get(&view.whole.incident.id);
        let mut lines = vec![view.whole.incident.cause.clone()];
        lines.extend(
            found
                .into_iter()
                .flatten()
                .map(|w| w.investigation.causes.clone()),
        );
        lines.retain(|line| !line.trim().is_empty());
        lines.dedup();
        lines.join("\n")
    }
}

fn count(cases: Vec<Case>) -> Cell {
    Cell::figure(cases.len() as f64, cases)
}

fn head(columns: &[(&str, u8)]) -> anyhow::Result<Vec<Column>> {
    let made = columns.iter().map(|(key, weight)| {
        let title = in_all(&format!("column-{key}"), &[])?;
        Ok(Column::new(title, *weight))
    });
    made.collect()
}

fn table(id: &str, columns: &[(&str, u8)], rows: Vec<Vec<Cell>>) -> anyhow::Result<Block> {
    Ok(Block::Table(Table {
        id: id.to_owned(),
        title: in_all(&format!("table-{id}"), &[])?,
        columns: head(columns)?,
        rows,
        empty: in_all("table-empty", &[])?,
    }))
}

fn heading(key: &str) -> anyhow::Result<Block> {
    let text = in_all(key, &[])?;
    Ok(Block::Heading { text })
}

fn lines(parts: Vec<Text3>) -> Text3 {
    let mut parts = parts.into_iter().filter(|part| !part.kk.trim().is_empty());
    let first = parts.next().unwrap_or_default();
    parts.fold(first, |all, part| Text3 {
        kk: format!("{}\n{}", all.kk, part.kk),
        ru: format!("{}\n{}", all.ru, part.ru),
        en: format!("{}\n{}", all.en, part.en),
    })
}

fn labelled(key: &str, value: Text3) -> anyhow::Result<Text3> {
    if value.kk.trim().is_empty() {
        return Ok(Text3::default());
    }
    let label = in_all(&format!("column-{key}"), &[])?;
    Ok(Text3 {
        kk: format!("{}: {}", label.kk, value.kk),
        ru: format!("{}: {}", label.ru, value.ru),
        en: format!("{}: {}", label.en, value.en),
    })
}

/// R90-9-a: information on the incident, measures taken, corrective measures proposed.
fn register(app: &App, period: &Period) -> anyhow::Result<Vec<Block>> {
    let zone = &app.config.organisation.zone;
    let moment = period.moment();
    let mut rows = Vec::new();
    for (n, view) in (1..).zip(&period.cases) {
        let incident = &view.whole.incident;
        let about = lines(vec![
            view.title(),
            labelled("object", Text3::same(incident.object.as_str()))?,
            labelled("category", view.category(app))?,
            labelled("severity", view.severity()?)?,
            labelled("description", Text3::same(incident.description.as_str()))?,
            labelled("cause", Text3::same(period.cause(view)))?,
            labelled("damage", Text3::same(view.damage_text()))?,
        ]);
        let times = lines(vec![
            labelled(
                "occurred",
                Text3::same(opt(incident.occurred_at.map(|at| moment(zone, at)))),
            )?,
            labelled("detected", Text3::same(moment(zone, incident.detected_at)))?,
            labelled(
                "closed",
                Text3::same(opt(incident.closed_at.map(|at| moment(zone, at)))),
            )?,
        ]);
        let state = lines(vec![view.state()?, Text3::same(period.responsible(view))]);
        rows.push(vec![
            Cell::plain(n.to_string()),
            Cell {
                cases: vec![view.case()],
                ..Cell::plain(incident.number.as_str())
            },
            Cell::words(times),
            Cell::words(about),
            Cell::words(measures(app, period, view)?),
            Cell::plain(period.corrective(view)),
            Cell::words(state),
        ]);
    }
    let columns = [
        ("n", 1),
        ("number", 3),
        ("times", 4),
        ("information", 8),
        ("measures", 6),
        ("corrective", 5),
        ("state-who", 3),
    ];
    Ok(vec![table("register", &columns, rows)?])
}

fn opt(text: Option<String>) -> String {
    text.unwrap_or_default()
}

/// Incidents one by one, with the measures taken on them.
fn incidents(app: &App, period: &Period) -> anyhow::Result<Block> {
    let zone = &app.config.organisation.zone;
    let mut rows = Vec::new();
    for view in &period.cases {
        let incident = &view.whole.incident;
        rows.push(vec![
            Cell {
                cases: vec![view.case()],
                ..Cell::plain(incident.number.as_str())
            },
            Cell::plain(period.moment()(zone, incident.detected_at)),
            Cell::words(lines(vec![
                view.title(),
                Text3::same(incident.object.as_str()),
            ])),
            Cell::words(view.severity()?),
            Cell::words(measures(app, period, view)?),
            Cell::words(view.state()?),
        ]);
    }
    let columns = [
        ("number", 4),
        ("detected-at", 4),
        ("incident", 6),
        ("severity", 4),
        ("measures", 6),
        ("state", 4),
    ];
    table("incidents", &columns, rows)
}

/// What was done, by the organisation and, as their answers say, by the addressees.
fn measures(app: &App, period: &Period, view: &CaseView) -> anyhow::Result<Text3> {
    let (zone, moment) = (&app.config.organisation.zone, period.moment());
    let answered = view.whole.notices.iter();
    let answered = answered.filter_map(|n| Some((n.answered_at?, n.answer_note.as_deref()?)));
    let texts = answered.map(|(at, note)| format!("{}: {note}", moment(zone, at)));
    let texts = texts.collect::<Vec<_>>().join("\n");
    Ok(lines(vec![
        view.measures(app, moment)?,
        labelled("answer", Text3::same(texts))?,
    ]))
}

/// Incidents by severity and how far they are.
fn by_severity(period: &Period) -> anyhow::Result<Block> {
    let mut rows = Vec::new();
    for severity in ["critical", "high", "medium", "low"] {
        let of = |view: &CaseView| view.whole.incident.severity.as_str() == severity;
        rows.push(vec![
            Cell::words(in_all(&format!("severity-{severity}"), &[])?),
            count(period.matching(of)),
            count(period.matching(|view| of(view) && view.is_eliminated())),
            count(period.matching(|view| of(view) && !view.is_eliminated())),
        ]);
    }
    rows.push(vec![
        Cell::words(in_all("row-total", &[])?),
        count(period.matching(|_| true)),
        count(period.matching(CaseView::is_eliminated)),
        count(period.matching(|view| !view.is_eliminated())),
    ]);
    let columns = [
        ("severity", 3),
        ("count", 2),
        ("eliminated", 2),
        ("open", 2),
    ];
    table("by-severity", &columns, rows)
}

/// Incidents by one of their properties, most first.
fn by(
    id: &str,
    column: &str,
    period: &Period,
    key: impl Fn(&CaseView) -> Text3,
) -> anyhow::Result<Block> {
    let mut groups: BTreeMap<String, (Text3, Vec<Case>)> = BTreeMap::new();
    for view in &period.cases {
        let mut words = key(view);
        if words.kk.trim().is_empty() {
            words = in_all("value-absent", &[])?;
        }
        let group = groups.entry(words.ru.clone());
        let (_, cases) = group.or_insert_with(|| (words, Vec::new()));
        cases.push(view.case());
    }
    let mut groups: Vec<(Text3, Vec<Case>)> = groups.into_values().collect();
    groups.sort_by_key(|(_, cases)| std::cmp::Reverse(cases.len()));
    let rows = groups.into_iter();
    let rows = rows.map(|(words, cases)| vec![Cell::words(words), count(cases)]);
    table(id, &[(column, 5), ("count", 2)], rows.collect())
}

/// Incidents by the month of their detection, in its order.
fn by_month(app: &App, period: &Period) -> anyhow::Result<Block> {
    let mut months: BTreeMap<(i16, i8), Vec<Case>> = BTreeMap::new();
    for view in &period.cases {
        let zone = app.config.organisation.zone.clone();
        let at = view.whole.incident.detected_at.to_zoned(zone);
        let cases = months.entry((at.year(), at.month())).or_default();
        cases.push(view.case());
    }
    let rows = months.into_iter().map(|((year, month), cases)| {
        vec![Cell::plain(format!("{month:02}.{year}")), count(cases)]
    });
    table("by-month", &[("month", 5), ("count", 2)], rows.collect())
}

/// Events that rules found: alerts by level, and the incidents that came of them.
async fn events(app: &App, period: &Period) -> anyhow::Result<Block> {
    let mut rows = Vec::new();
    for level in Level::ALL.iter().rev() {
        let (alerts, hits): (i64, i64) = sqlx::query_as(
            "SELECT COUNT(*), COALESCE(SUM(hits_count), 0) FROM alert \
             WHERE level = $1 AND opened_at_us >= $2 AND opened_at_us < $3",
        )
        .bind(level.as_str())
        .bind(period.from.as_microsecond())
        .bind(period.to.as_microsecond())
        .fetch_one(app.store.pool())
        .await?;
        let led: Vec<Case> = sqlx::query_as::<_, (String, String)>(
            "SELECT DISTINCT i.number, i.id FROM alert a JOIN incident i ON i.id = a.incident_id \
             WHERE a.level = $1 AND a.opened_at_us >= $2 AND a.opened_at_us < $3 ORDER BY i.number",
        )
        .bind(level.as_str())
        .bind(period.from.as_microsecond())
        .bind(period.to.as_microsecond())
        .fetch_all(app.store.pool())
        .await?
        .into_iter()
        .map(|(number, id)| Case { number, id })
        .collect();
        let page = format!("/alerts?level={}", level.as_str());
        rows.push(vec![
            Cell::words(in_all(&format!("level-{}", level.as_str()), &[])?),
            Cell::figure_of(alerts as f64, page.as_str()),
            Cell::figure_of(hits as f64, page),
            count(led),
        ]);
    }
    let columns = [("level", 3), ("alerts", 2), ("hits", 2), ("led-to", 2)];
    table("events", &columns, rows)
}

/// Threats: what the rules that led to incidents name, most first.
fn threats(app: &App, period: &Period) -> anyhow::Result<Block> {
    by("threats", "category", period, |view| view.category(app))
}

/// O199-13: threats, events, incidents, and the measures that the state body took.
async fn o199(app: &App, period: &Period) -> anyhow::Result<Vec<Block>> {
    Ok(vec![
        threats(app, period)?,
        events(app, period).await?,
        by_severity(period)?,
        incidents(app, period)?,
        deadlines(app, period, Some("kz/o199"))?,
    ])
}

/// O199-14: incidents and the measures taken on them.
fn o199_incidents(app: &App, period: &Period) -> anyhow::Result<Vec<Block>> {
    Ok(vec![by_severity(period)?, incidents(app, period)?])
}

/// O52-17: six blocks. What the program keeps no records of is said to be so, not counted as none.
async fn o52(app: &App, period: &Period) -> anyhow::Result<Vec<Block>> {
    let mut blocks = vec![
        heading("o52-events")?,
        events(app, period).await?,
        heading("o52-incidents")?,
        by_severity(period)?,
        incidents(app, period)?,
    ];
    for block in ["o52-vulnerabilities", "o52-changes", "o52-documentation"] {
        blocks.push(heading(block)?);
        let text = in_all("records-elsewhere", &[])?;
        blocks.push(Block::Paragraph { text });
    }
    blocks.push(heading("o52-measures")?);
    let mut rows = Vec::new();
    for view in &period.cases {
        let text = measures(app, period, view)?;
        if text.kk.is_empty() {
            continue;
        }
        let number = Cell {
            cases: vec![view.case()],
            ..Cell::plain(view.whole.incident.number.as_str())
        };
        rows.push(vec![number, Cell::words(text)]);
    }
    blocks.push(table("measures", &[("number", 2), ("measures", 8)], rows)?);
    Ok(blocks)
}

/// The organisation's own duties, of one act or of all: kept, kept late, missed, to be done now,
/// running.
fn deadlines(app: &App, period: &Period, act: Option<&str>) -> anyhow::Result<Block> {
    type Five = [Vec<Case>; 5];
    let mut duties: BTreeMap<(String, String), (Vec<Cell>, Five)> = BTreeMap::new();
    for view in &period.cases {
        let clocks = view.whole.clocks.iter();
        for clock in clocks.filter(|c| c.own && c.started.is_some()) {
            if act.is_some_and(|act| act != clock.act) {
                continue;
            }
            let place = match clock.status {
                ClockStatus::Met => 0,
                ClockStatus::MetLate => 1,
                ClockStatus::Overdue => 2,
                ClockStatus::Fired => 3,
                ClockStatus::Running => 4,
                _ => continue,
            };
            let entry = duties.entry((clock.clause.clone(), clock.duty.clone()));
            let (_, five) = entry.or_insert_with(|| {
                let duty = app.law.duty_in(&clock.duty, &clock.edition);
                let clause = || Text3::same(clock.clause.as_str());
                let citation = duty.map_or_else(clause, |(_, duty)| duty.citation.clone());
                let named = vec![Cell::words(clock.title.clone()), Cell::words(citation)];
                (named, Five::default())
            });
            five[place].push(view.case());
        }
    }
    let rows = duties.into_values().map(|(mut row, five)| {
        row.extend(five.map(count));
        row
    });
    let columns = [
        ("duty", 9),
        ("clause", 5),
        ("met", 3),
        ("met-late", 3),
        ("overdue", 3),
        ("fired", 3),
        ("running", 3),
    ];
    table("deadlines", &columns, rows.collect())
}

/// R90-4-11: incidents and damage, so that the collegial body can assess risks, adjust methods and
/// tools of security, and change business processes.
async fn analysis(app: &App, actor: &Actor, period: &Period) -> anyhow::Result<Vec<Block>> {
    let span = period.to.duration_since(period.from);
    let before = period
        .from
        .checked_sub(span)
        .context("the period begins too early")?;
    let earlier = Period::read(app, actor, before, period.from).await?;
    let mut blocks = vec![
        heading("analysis-incidents")?,
        by_severity(period)?,
        by("by-category", "category", period, |view| view.category(app))?,
        by("by-object", "object", period, |view| {
            Text3::same(view.whole.incident.object.as_str())
        })?,
        by_month(app, period)?,
        by("by-cause", "cause", period, |view| {
            Text3::same(period.cause(view))
        })?,
        comparison(period, &earlier)?,
        heading("analysis-damage")?,
        damage(period)?,
        heading("analysis-response")?,
        deadlines(app, period, None)?,
        heading("analysis-risks")?,
    ];
    let mut rows = Vec::new();
    for view in &period.cases {
        let corrective = period.corrective(view);
        if !corrective.is_empty() {
            let number = Cell {
                cases: vec![view.case()],
                ..Cell::plain(view.whole.incident.number.as_str())
            };
            rows.push(vec![
                number,
                Cell::words(view.title()),
                Cell::plain(corrective),
            ]);
        }
    }
    let columns = [("number", 2), ("incident", 4), ("corrective", 6)];
    blocks.push(table("corrective", &columns, rows)?);
    for text in ["analysis-assess", "analysis-adjust", "analysis-change"] {
        let text = in_all(text, &[])?;
        blocks.push(Block::Paragraph { text });
    }
    Ok(blocks)
}

fn comparison(period: &Period, earlier: &Period) -> anyhow::Result<Block> {
    let mut rows = Vec::new();
    type Test = fn(&CaseView) -> bool;
    let tests: [(&str, Test); 3] = [
        ("count", |_| true),
        ("eliminated", CaseView::is_eliminated),
        ("with-damage", |view| !view.damage_text().is_empty()),
    ];
    for (key, test) in tests {
        rows.push(vec![
            Cell::words(in_all(&format!("column-{key}"), &[])?),
            count(earlier.matching(test)),
            count(period.matching(test)),
        ]);
    }
    let columns = [("figure", 4), ("period-before", 3), ("period-now", 3)];
    table("comparison", &columns, rows)
}

/// Damage by currency and by who suffered it.
fn damage(period: &Period) -> anyhow::Result<Block> {
    let mut sums: BTreeMap<(String, &str), (f64, Vec<Case>)> = BTreeMap::new();
    for view in &period.cases {
        for one in view.damage.iter().filter(|d| d.withdrawn_at.is_none()) {
            let key = (one.currency.clone(), one.to.as_str());
            let (sum, cases) = sums.entry(key).or_default();
            *sum += one.amount.unwrap_or(0) as f64;
            let case = view.case();
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
    }
    let mut rows = Vec::new();
    for ((currency, to), (sum, cases)) in sums {
        let amount = Cell {
            text: Text3::same(format!("{} {currency}", shown(sum))),
            ..Cell::figure(sum, cases.clone())
        };
        let to = in_all(&format!("damage-{to}"), &[])?;
        rows.push(vec![Cell::words(to), amount, count(cases)]);
    }
    let columns = [("to-whom", 3), ("amount", 3), ("count", 2)];
    table("damage", &columns, rows)
}

/// The cases behind the figures, for paper: where the figure stands, and their numbers.
fn appendix(blocks: &[Block]) -> anyhow::Result<Vec<Block>> {
    let mut rows = Vec::new();
    for block in blocks {
        let Block::Table(table) = block else { continue };
        for row in &table.rows {
            let named = row
                .first()
                .map(|cell| cell.text.clone())
                .unwrap_or_default();
            for (cell, column) in row.iter().zip(&table.columns) {
                if cell.number.is_none() || cell.cases.is_empty() {
                    continue;
                }
                let numbers: Vec<&str> = cell.cases.iter().map(|c| c.number.as_str()).collect();
                rows.push(vec![
                    Cell::words(table.title.clone()),
                    Cell::words(Text3 {
                        kk: format!("{}: {}", named.kk, column.title.kk),
                        ru: format!("{}: {}", named.ru, column.title.ru),
                        en: format!("{}: {}", named.en, column.title.en),
                    }),
                    Cell {
                        text: cell.text.clone(),
                        number: cell.number,
                        cases: cell.cases.clone(),
                        page: None,
                    },
                    Cell::plain(numbers.join(", ")),
                ]);
            }
        }
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let columns = [("table", 4), ("figure", 4), ("value", 2), ("cases", 6)];
    Ok(vec![
        heading("appendix")?,
        table("appendix", &columns, rows)?,
    ])
}
