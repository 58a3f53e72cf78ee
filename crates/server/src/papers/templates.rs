//! Which text a letter is made from: the organisation's own, else the pack's.

use anyhow::Context;
use saqshy_casework::Notice;
use saqshy_dispatch::information_template;
use saqshy_law::{Lang, Pack, Text3};

use super::values::KNOWN;
use crate::runtime::App;

/// The pack id of templates that no act brought.
pub const OWN: &str = "own";
/// The template of a notice that no duty asks for.
pub const INFORMATION: &str = "information";

/// A template as the program knows it.
pub struct Known {
    pub pack: String,
    pub document: String,
    /// Title of the act; empty for our own.
    pub act: Text3,
    /// As the pack has it.
    pub text: Text3,
    /// Names that it may use.
    pub placeholders: Vec<String>,
}

/// Every template: ours, then each pack's.
pub fn all(app: &App) -> Vec<Known> {
    let mut all = vec![Known {
        pack: OWN.to_owned(),
        document: INFORMATION.to_owned(),
        act: Text3::default(),
        text: information_template(),
        placeholders: placeholders(None),
    }];
    for pack in &app.law.packs {
        for document in pack.documents() {
            let Some(text) = text_of(pack, document) else {
                continue;
            };
            all.push(Known {
                pack: pack.id.clone(),
                document: document.to_owned(),
                act: pack.title.clone(),
                text,
                placeholders: placeholders(Some(pack)),
            });
        }
    }
    all
}

fn placeholders(pack: Option<&Pack>) -> Vec<String> {
    let mut names: Vec<String> = KNOWN.iter().map(|name| (*name).to_owned()).collect();
    names.extend(pack.into_iter().flat_map(|pack| pack.placeholders.clone()));
    names.sort();
    names.dedup();
    names
}

fn text_of(pack: &Pack, document: &str) -> Option<Text3> {
    Some(Text3::new(
        pack.template(document, Lang::Kk)?,
        pack.template(document, Lang::Ru)?,
        pack.template(document, Lang::En)?,
    ))
}

/// `<pack>#<document>` of the template for a duty; ours when the duty names none.
pub fn key_for(app: &App, duty: &str, edition: &str) -> String {
    let found = app.law.duty_in(duty, edition);
    let named = found.and_then(|(pack, duty)| Some((pack.id.as_str(), duty.document.as_deref()?)));
    let (pack, document) = named.unwrap_or((OWN, INFORMATION));
    format!("{pack}#{document}")
}

/// The text that a notice is made from.
pub async fn template_of(app: &App, notice: &Notice) -> anyhow::Result<Text3> {
    // Notices drafted before templates were recorded have none of their own.
    let key = match notice.template.is_empty() {
        true => key_for(app, &notice.duty, &notice.edition),
        false => notice.template.clone(),
    };
    let (pack, document) = key.split_once('#').context("a template has two names")?;
    let own = app.store.template(pack, document).await?;
    if let Some(text) = own.and_then(|version| version.body) {
        return Ok(text);
    }
    let known = all(app).into_iter();
    let mut known = known.filter(|one| one.pack == pack && one.document == document);
    let found = known.next().map(|one| one.text);
    found.with_context(|| format!("no pack has the template `{key}`"))
}
