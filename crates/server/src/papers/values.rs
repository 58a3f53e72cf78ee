//! What stands for the placeholders of a letter: the one list of names that templates may use.

use std::collections::BTreeMap;

use jiff::Timestamp;
use saqshy_casework::{Notice, TaskState};
use saqshy_dispatch::moment;
use saqshy_law::{Duty, Pack, Text3};

use super::case::CaseView;
use crate::runtime::App;

/// Names that templates of the organisation may use beside those that a pack lists.
pub const KNOWN: &[&str] = &[
    "act.title",
    "addressee.name",
    "clause.citation",
    "due.at",
    "incident.category",
    "incident.cause",
    "incident.closed_at",
    "incident.damage",
    "incident.description",
    "incident.detected_at",
    "incident.eliminated_at",
    "incident.evidence",
    "incident.measures",
    "incident.number",
    "incident.object",
    "incident.occurred_at",
    "incident.priority",
    "incident.recommendations",
    "incident.registered_at",
    "incident.reporter",
    "incident.responsible",
    "incident.severity",
    "incident.source_addresses",
    "incident.hosts",
    "incident.state",
    "incident.title",
    "investigation.causes",
    "investigation.conclusion",
    "investigation.effectiveness",
    "investigation.number",
    "investigation.planned_end",
    "investigation.realisation",
    "investigation.recommendations",
    "investigation.scale",
    "investigation.started_at",
    "notice.date",
    "notice.number",
    "notice.text",
    "organisation.contact",
    "organisation.details",
    "organisation.name",
    "received.at",
    "signer.name",
    "signer.position",
    "state_body.name",
];

/// The values for a notice of a case.
pub async fn values(
    app: &App,
    view: &CaseView,
    notice: &Notice,
    law: Option<(&Pack, &Duty)>,
    addressee: &Text3,
    date: Timestamp,
) -> anyhow::Result<BTreeMap<String, Text3>> {
    let zone = &app.config.organisation.zone;
    let at = |at: Timestamp| Text3::same(moment(zone, at));
    let maybe = |time: Option<Timestamp>| time.map(at).unwrap_or_default();
    let incident = &view.whole.incident;
    let same = |text: &str| Text3::same(text);
    let clock = view.whole.clocks.iter().find(|c| c.duty == notice.duty);
    let received = view.whole.notices.iter().find_map(|n| n.acknowledged_at);
    let organisation = &app.config.organisation;
    let evidence: Vec<String> = view
        .evidence
        .iter()
        .filter(|one| one.investigation_id.is_none())
        .map(|one| format!("{}. {} (SHA-256 {})", one.seq, one.title, one.sha256))
        .collect();
    let mut values = BTreeMap::new();
    let mut put = |name: &str, value: Text3| values.insert(name.to_owned(), value);
    if let Some((pack, duty)) = law {
        put("act.title", pack.title.clone());
        put("clause.citation", duty.citation.clone());
        put("state_body.name", party(app, pack, "state_body"));
    }
    put("addressee.name", addressee.clone());
    put("due.at", maybe(clock.and_then(|clock| clock.due)));
    put("received.at", maybe(received));
    put("incident.category", view.category(app));
    put("incident.cause", same(&incident.cause));
    put("incident.closed_at", maybe(incident.closed_at));
    put("incident.damage", same(&view.damage_text()));
    put("incident.description", same(&incident.description));
    put("incident.detected_at", at(incident.detected_at));
    put("incident.eliminated_at", maybe(incident.eliminated_at));
    put("incident.evidence", same(&evidence.join("\n")));
    put("incident.measures", view.measures(app, moment)?);
    put("incident.number", same(&incident.number));
    put("incident.object", same(&incident.object));
    put("incident.occurred_at", maybe(incident.occurred_at));
    put("incident.priority", same(&incident.priority.to_string()));
    put("incident.recommendations", same(&incident.recommendations));
    put("incident.registered_at", at(incident.created_at));
    put("incident.reporter", same(&incident.reporter));
    let responsible = incident.assignee.clone().unwrap_or_default();
    put(
        "incident.responsible",
        same(&name_of(app, responsible).await?),
    );
    put("incident.severity", view.severity()?);
    put(
        "incident.source_addresses",
        same(&view.addresses(app).await?.join(", ")),
    );
    put("incident.hosts", same(&view.hosts(app).await?.join(", ")));
    put("incident.state", view.state()?);
    put("incident.title", view.title());
    // Only the letters of an investigation's own duties tell of it.
    let own = app.law.is_of_investigation(&notice.duty);
    let told = match own {
        true => app.store.investigation_told(&incident.id).await?,
        false => None,
    };
    if let Some(told) = told {
        let (one, mut advice) = (told.investigation, told.recommendations);
        advice.retain(|item| item.state != TaskState::Cancelled);
        let advice = advice.iter().map(|item| match item.due {
            Some(due) => format!("{} ({}, {})", item.text, item.owner, moment(zone, due)),
            None => format!("{} ({})", item.text, item.owner),
        });
        let advice: Vec<String> = advice.collect();
        put("investigation.causes", same(&one.causes));
        put("investigation.conclusion", same(&one.conclusion));
        put("investigation.effectiveness", same(&one.effectiveness));
        put("investigation.number", same(&one.number));
        put("investigation.planned_end", maybe(one.planned_end));
        put("investigation.realisation", same(&one.realisation));
        put("investigation.recommendations", same(&advice.join("\n")));
        put("investigation.scale", same(&one.scale));
        put("investigation.started_at", at(one.opened_at));
    }
    put("notice.date", at(date));
    put("notice.number", same(&notice.number));
    put("notice.text", same(&notice.text));
    put("organisation.contact", same(&organisation.contact));
    put("organisation.details", organisation.details.clone());
    put("organisation.name", organisation.name.clone());
    put("signer.name", same(&organisation.signer.name));
    put("signer.position", organisation.signer.position.clone());
    Ok(values)
}

/// The name of the contact of a party, else what the pack calls it.
fn party(app: &App, pack: &Pack, id: &str) -> Text3 {
    let contact = app.config.contacts_of(id).next();
    contact.map_or_else(|| pack.party_title(id), |contact| contact.name.clone())
}

/// The name of who has this login, else the login.
pub async fn name_of(app: &App, login: String) -> anyhow::Result<String> {
    let name = sqlx::query_scalar("SELECT name FROM account WHERE login = $1")
        .bind(&login)
        .fetch_optional(app.store.pool())
        .await?;
    Ok(name.unwrap_or(login))
}
