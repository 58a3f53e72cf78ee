//! The calendar feed of a person: what is due next, for whoever holds the secret link. No
//! session, read only; the link stops with the account, with its permission, or when it is ended.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use saqshy_casework::{Actor, Due, DueKind, Reader};
use saqshy_dispatch::{FeedEntry, calendar_feed, text};
use saqshy_law::Lang;

use crate::App;
use crate::access::{AccountError, Permission};
use crate::texts;

/// Deadlines that a feed shows at most.
const ENTRIES_MAX: usize = 500;

/// `/calendar/{token}`, outside the API: calendar programs bring no session.
pub fn router() -> Router<App> {
    Router::new().route("/calendar/{token}", get(feed))
}

async fn feed(State(app): State<App>, Path(token): Path<String>) -> Response {
    match entries(&app, token.trim_end_matches(".ics")).await {
        Ok(Some(text)) => {
            let headers = [
                (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
                (header::CACHE_CONTROL, "private, no-store"),
                (HeaderName::from_static("x-robots-tag"), "noindex"),
            ];
            (headers, text).into_response()
        }
        // The same answer to a wrong token, an ended link and a disabled account.
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!("a calendar feed could not be made: {error:#}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn entries(app: &App, token: &str) -> anyhow::Result<Option<String>> {
    let access = app.access();
    let Some(owner) = access.feeds.owner(token).await? else {
        return Ok(None);
    };
    let account = match access.accounts.get(&owner).await {
        Ok(account) => account,
        Err(AccountError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let roles = account.roles.iter().map(String::as_str);
    let permissions = access.roles.permissions(roles);
    if !account.enabled || !permissions.contains(&Permission::IncidentsRead) {
        return Ok(None);
    }
    let known = Lang::ALL.into_iter();
    let mut known = known.filter(|lang| lang.code() == account.language);
    let lang = known.next().unwrap_or(Lang::Kk);
    let public = app.config.console.public_url.as_deref();
    let base = public.or_else(|| app.base_url.get().map(String::as_str));
    let clocks = app
        .store
        .clocks_next(&app.law, app.now(), ENTRIES_MAX)
        .await?;
    let mut found = Vec::new();
    for one in clocks {
        let clock = &one.clock;
        let Some(due) = clock.due else { continue };
        let (incident, duty) = (&one.incident_id, &clock.duty);
        if app
            .store
            .hides(&app.law, incident, duty, &account.login)
            .await?
        {
            continue;
        }
        let steps = clock.steps.iter().map(|step| step.get(lang));
        let mut lines: Vec<String> = vec![one.incident_title.clone()];
        lines.extend(steps.map(str::to_owned));
        if clock.provisional {
            lines.push(text(lang, "feed-provisional", &[])?);
        }
        let period = clock.period.as_deref().unwrap_or_default();
        found.push(FeedEntry {
            uid: format!("{}:{}{period}@saqshy", one.incident_id, clock.duty),
            due,
            changed: clock.started.unwrap_or(due),
            summary: text(
                lang,
                "feed-summary",
                &[
                    ("number", &one.incident_number),
                    ("title", clock.title.get(lang)),
                    ("clause", &clock.clause),
                ],
            )?,
            description: lines.join("\n"),
            url: base.map(|base| format!("{base}/incidents/{}", one.incident_id)),
            provisional: clock.provisional,
        });
    }
    let actor = Actor {
        id: account.login.clone(),
        name: account.name.clone(),
        roles: account.roles.clone(),
    };
    let reader = Reader {
        actor: &actor,
        investigations: permissions.contains(&Permission::InvestigationsRead),
    };
    let now = app.now();
    let due = app.store.due(&app.law, now, reader, usize::MAX).await?;
    let others = due.into_iter().filter(|one| one.kind != DueKind::Clock);
    for one in others.take(ENTRIES_MAX) {
        found.push(other(one, lang, base)?);
    }
    let name = text(lang, "feed-name", &[])?;
    Ok(Some(calendar_feed(&name, &found)))
}

/// What is due beside the clocks of cases: tasks, advice, changed contacts, what returns.
fn other(one: Due, lang: Lang, base: Option<&str>) -> anyhow::Result<FeedEntry> {
    let title = match one.kind {
        DueKind::Review => texts::text(lang, "due-table-review"),
        _ => one.title.get(lang).to_owned(),
    };
    let parts = [one.incident_number, Some(title), one.clause, one.person];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let page = match (&one.incident_id, one.kind) {
        (Some(incident), _) => format!("/incidents/{incident}"),
        (None, DueKind::Contact) => "/contacts".to_owned(),
        (None, DueKind::Review) => "/incident-table".to_owned(),
        (None, _) => "/law".to_owned(),
    };
    Ok(FeedEntry {
        uid: format!("{}@saqshy", one.uid),
        due: one.due,
        changed: one.due,
        summary: parts.join(" · "),
        description: String::new(),
        url: base.map(|base| format!("{base}{page}")),
        provisional: false,
    })
}
