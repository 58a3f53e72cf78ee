//! The words of the pages that the server itself makes, from `locales/<language>/server.ftl`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, header};
use fluent_bundle::FluentResource;
use fluent_bundle::concurrent::FluentBundle;
use saqshy_law::{Lang, Text3};
use unic_langid::{LanguageIdentifier, langid};

static BUNDLES: LazyLock<[Option<FluentBundle<FluentResource>>; 3]> =
    LazyLock::new(|| Lang::ALL.map(bundle));

fn bundle(lang: Lang) -> Option<FluentBundle<FluentResource>> {
    let id: LanguageIdentifier = match lang {
        Lang::Kk => langid!("kk"),
        Lang::Ru => langid!("ru"),
        Lang::En => langid!("en"),
    };
    let source = crate::embedded::locale(&format!("{}/server.ftl", lang.code()))?;
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    bundle.set_use_isolating(false);
    bundle
        .add_resource(FluentResource::try_new(source).ok()?)
        .ok()?;
    Some(bundle)
}

/// The text `key`; the key itself where it is missing, which a test rules out.
pub fn text(lang: Lang, key: &str) -> String {
    let found = BUNDLES[lang as usize].as_ref().and_then(|bundle| {
        let pattern = bundle.get_message(key)?.value()?;
        let mut errors = Vec::new();
        Some(
            bundle
                .format_pattern(pattern, None, &mut errors)
                .into_owned(),
        )
    });
    found.unwrap_or_else(|| key.to_owned())
}

/// Names of the journal's actions, from the console's texts: action → name, per language.
static ACTIONS: LazyLock<[BTreeMap<String, String>; 3]> = LazyLock::new(|| {
    Lang::ALL.map(|lang| {
        let source = crate::embedded::locale(&format!("{}/console.ftl", lang.code()));
        let source = source.unwrap_or_default();
        let named = source.lines().filter_map(|line| {
            let (key, name) = line.strip_prefix("action-")?.split_once(" = ")?;
            Some((key.to_owned(), name.to_owned()))
        });
        named.collect()
    })
});

/// What an action of the journal is called; its code where it has no name.
pub fn action(action: &str) -> Text3 {
    let key = action.replace('.', "-");
    let [kk, ru, en] = Lang::ALL.map(|lang| {
        let name = ACTIONS[lang as usize].get(&key);
        name.cloned().unwrap_or_else(|| action.to_owned())
    });
    Text3 { kk, ru, en }
}

/// The language of a page: asked for by name, or the first known one of `Accept-Language`, or
/// Kazakh.
pub fn asked(name: Option<&str>, headers: &HeaderMap) -> Lang {
    let known = |code: &str| Lang::ALL.into_iter().find(|lang| lang.code() == code);
    let accepted = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let mut listed = accepted.unwrap_or_default().split(',').map(|part| {
        let tag = part.split(';').next().unwrap_or_default().trim();
        tag.split('-')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    });
    name.and_then(known)
        .or_else(|| listed.find_map(|code| known(&code)))
        .unwrap_or(Lang::Kk)
}

const STYLE: &str = "<style>body{margin:0;font:1rem/1.5 system-ui,sans-serif;color-scheme:light dark}\
main{max-width:40rem;margin:3rem auto;padding:0 1rem}pre{overflow:auto;padding:1rem;border:1px solid}\
button{font:inherit;padding:.6rem 1.2rem}</style>";

/// The beginning of a plain page, up to and with `<main>`.
pub fn page_head(lang: Lang, title: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{}</title>{STYLE}</head><body><main>",
        lang.code(),
        escape(title),
    )
}

/// Policy of a plain page: its own style, forms to ourselves, nothing else.
pub fn page_policy() -> HeaderValue {
    HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
    )
}

/// `text` with the characters that mean something in HTML written as entities.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(lang: Lang) -> Vec<String> {
        let source = crate::embedded::locale(&format!("{}/server.ftl", lang.code())).unwrap();
        let lines = source.lines().filter_map(|line| line.split_once(" = "));
        lines
            .map(|(key, _)| key.to_owned())
            .filter(|key| !key.starts_with('#'))
            .collect()
    }

    #[test]
    fn every_language_has_every_text() {
        for lang in Lang::ALL {
            assert_eq!(keys(lang), keys(Lang::En));
            for key in keys(lang) {
                assert_ne!(text(lang, &key), key);
            }
        }
        for code in crate::http::CODES {
            for part in ["", "-do"] {
                let key = format!("error-{code}{part}");
                assert_ne!(text(Lang::Kk, &key), key, "a text for {key}");
            }
        }
    }

    #[test]
    fn the_language_is_the_one_asked_for() {
        let mut headers = HeaderMap::new();
        assert_eq!(asked(None, &headers), Lang::Kk);
        headers.insert(
            header::ACCEPT_LANGUAGE,
            HeaderValue::from_static("de-DE, ru-KZ;q=0.8, en"),
        );
        assert_eq!(asked(None, &headers), Lang::Ru);
        assert_eq!(asked(Some("en"), &headers), Lang::En);
        assert_eq!(asked(Some("xx"), &headers), Lang::Ru);
    }

    #[test]
    fn nothing_gets_out_of_its_place() {
        assert_eq!(
            escape("<a href='x'>&\"</a>"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;&lt;/a&gt;"
        );
    }
}
