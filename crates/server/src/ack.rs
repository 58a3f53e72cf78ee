//! The page by which an addressee outside the organisation confirms the receipt of a notice: no
//! session, no script. Looking at it records nothing, so that a mail filter that follows links
//! confirms nothing; the button does.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use saqshy_casework::{Actor, Ctx, Error, Notice, Receipt};
use saqshy_dispatch::AckError;
use saqshy_law::{Lang, Text3};
use serde::Deserialize;

use crate::App;
use crate::http::Query;
use crate::notices::addressee_name;
use crate::texts::{asked, escape, page_head, page_policy, text};

/// `/ack/{token}`, outside the API: whoever holds the signed link may use it.
pub fn router() -> Router<App> {
    Router::new().route("/ack/{token}", get(show).post(confirm))
}

#[derive(Deserialize)]
struct AckQuery {
    lang: Option<String>,
}

async fn show(
    State(app): State<App>,
    Path(token): Path<String>,
    Query(query): Query<AckQuery>,
    headers: HeaderMap,
) -> Response {
    let lang = asked(query.lang.as_deref(), &headers);
    match letter(&app, &token).await {
        Ok(letter) => page(lang, StatusCode::OK, &letter_body(&app, lang, &letter)),
        Err(refusal) => refusal.page(lang),
    }
}

async fn confirm(
    State(app): State<App>,
    Path(token): Path<String>,
    Query(query): Query<AckQuery>,
    headers: HeaderMap,
) -> Response {
    let lang = asked(query.lang.as_deref(), &headers);
    let confirmed = async {
        let mut letter = letter(&app, &token).await?;
        letter.notice = acknowledge(&app, &letter).await?;
        Ok::<_, Refusal>(letter)
    };
    match confirmed.await {
        Ok(letter) => page(lang, StatusCode::OK, &letter_body(&app, lang, &letter)),
        Err(refusal) => refusal.page(lang),
    }
}

async fn acknowledge(app: &App, letter: &Letter) -> Result<Notice, Refusal> {
    let actor = Actor {
        id: format!("addressee:{}", letter.notice.addressee),
        name: letter.addressee.en.clone(),
        roles: Vec::new(),
    };
    let ctx = Ctx {
        actor: &actor,
        now: app.now(),
        law: &app.law,
    };
    let mut tx = app.store.begin().await?;
    let notice = tx
        .acknowledge_notice(&ctx, &letter.notice.id, &Receipt::Link)
        .await?;
    tx.commit().await?;
    Ok(notice)
}

/// What the page shows of a notice.
struct Letter {
    notice: Notice,
    addressee: Text3,
    title: Text3,
}

/// Why the page shows none.
enum Refusal {
    Unknown,
    Expired,
    Failed,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound { .. } => Refusal::Unknown,
            // Edited after it was approved: another letter, and another link, will come.
            Error::Invalid { .. } | Error::Conflict { .. } => Refusal::Expired,
            Error::Storage(_) => {
                let error = anyhow::Error::new(error);
                tracing::error!("a receipt could not be recorded: {error:#}");
                Refusal::Failed
            }
        }
    }
}

impl Refusal {
    fn page(self, lang: Lang) -> Response {
        let (status, key) = match self {
            Refusal::Unknown => (StatusCode::NOT_FOUND, "ack-unknown"),
            Refusal::Expired => (StatusCode::GONE, "ack-expired"),
            Refusal::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "ack-failed"),
        };
        let body = format!(
            "<h1>{}</h1><p>{}</p>",
            escape(&text(lang, key)),
            escape(&text(lang, &format!("{key}-do"))),
        );
        page(lang, status, &body)
    }
}

async fn letter(app: &App, token: &str) -> Result<Letter, Refusal> {
    let claim = app
        .ack
        .verify(token, app.now())
        .map_err(|error| match error {
            AckError::Invalid => Refusal::Unknown,
            AckError::Expired(_) => Refusal::Expired,
        })?;
    let notice = app.store.notice(&claim.notice_id).await?;
    if notice.addressee != claim.addressee {
        return Err(Refusal::Unknown);
    }
    if notice.approved_at.is_none() {
        return Err(Refusal::Expired);
    }
    let whole = app
        .store
        .incident(&notice.incident_id, &app.law, app.now())
        .await?;
    let title = whole.incident.title_text;
    Ok(Letter {
        title: title.unwrap_or_else(|| Text3::same(whole.incident.title)),
        addressee: {
            let pack = app
                .law
                .duty_in(&notice.duty, &notice.edition)
                .map(|(pack, _)| pack);
            addressee_name(app, pack, &notice)
        },
        notice,
    })
}

fn letter_body(app: &App, lang: Lang, letter: &Letter) -> String {
    let notice = &letter.notice;
    let mut rows = vec![
        (
            "ack-organisation",
            app.config.organisation.name.get(lang).to_owned(),
        ),
        ("ack-addressee", letter.addressee.get(lang).to_owned()),
        ("ack-number", notice.number.clone()),
        ("ack-subject", letter.title.get(lang).to_owned()),
    ];
    let moment = |at: Timestamp| {
        let local = at.to_zoned(app.config.organisation.zone.clone());
        local.strftime("%d.%m.%Y %H:%M:%S (UTC%:z)").to_string()
    };
    if let Some(sent) = notice.sent_at {
        rows.push(("ack-sent", moment(sent)));
    }
    let (heading, below) = match notice.acknowledged_at {
        Some(at) => {
            rows.push(("ack-received", moment(at)));
            (
                "ack-done",
                format!("<p>{}</p>", escape(&text(lang, "ack-done-text"))),
            )
        }
        None => (
            "ack-title",
            format!(
                "<p>{}</p><form method=\"post\"><button>{}</button></form>",
                escape(&text(lang, "ack-starts")),
                escape(&text(lang, "ack-confirm")),
            ),
        ),
    };
    let rows: String = rows
        .into_iter()
        .map(|(key, value)| {
            format!(
                "<dt>{}</dt><dd>{}</dd>",
                escape(&text(lang, key)),
                escape(&value)
            )
        })
        .collect();
    format!(
        "<h1>{}</h1><dl>{rows}</dl>{below}",
        escape(&text(lang, heading))
    )
}

fn page(lang: Lang, status: StatusCode, body: &str) -> Response {
    const NAMES: [(&str, &str); 3] = [("kk", "Қазақша"), ("ru", "Русский"), ("en", "English")];
    let languages: Vec<String> = NAMES
        .iter()
        .map(|(code, name)| format!("<a href=\"?lang={code}\" lang=\"{code}\">{name}</a>"))
        .collect();
    let html = format!(
        "{}<nav>{}</nav>{body}</main></body></html>",
        page_head(lang, &text(lang, "ack-title")),
        languages.join(" · "),
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, page_policy()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            HeaderName::from_static("x-robots-tag"),
            HeaderValue::from_static("noindex"),
        ),
    ];
    (status, headers, Html(html)).into_response()
}
