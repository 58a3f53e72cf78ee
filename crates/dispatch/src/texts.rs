//! The words of documents and messages, from `locales/<language>/documents.ftl`.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use saqshy_law::{Lang, Text3};
use unic_langid::{LanguageIdentifier, langid};

/// A text that is not there or does not fit its arguments: an error of the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("text `{key}` in `{language}`: {what}")]
pub struct TextError {
    pub key: String,
    pub language: &'static str,
    pub what: String,
}

const SOURCES: [&str; 3] = [
    include_str!("../../../locales/kk/documents.ftl"),
    include_str!("../../../locales/ru/documents.ftl"),
    include_str!("../../../locales/en/documents.ftl"),
];

type Bundle = Result<FluentBundle<FluentResource>, String>;

static BUNDLES: LazyLock<[Bundle; 3]> =
    LazyLock::new(|| Lang::ALL.map(|language| bundle(language, SOURCES[language as usize])));

fn bundle(language: Lang, source: &str) -> Bundle {
    let id: LanguageIdentifier = match language {
        Lang::Kk => langid!("kk"),
        Lang::Ru => langid!("ru"),
        Lang::En => langid!("en"),
    };
    let resource = FluentResource::try_new(source.to_owned())
        .map_err(|(_, errors)| format!("{:?}", errors.first()))?;
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // No invisible isolation marks: they would end up in the PDF and in subjects.
    bundle.set_use_isolating(false);
    bundle
        .add_resource(resource)
        .map_err(|errors| format!("{:?}", errors.first()))?;
    Ok(bundle)
}

/// The text `key` in a language with its places filled in. Values are inserted as they are.
pub fn text(language: Lang, key: &str, args: &[(&str, &str)]) -> Result<String, TextError> {
    let fail = |what: String| TextError {
        key: key.to_owned(),
        language: language.code(),
        what,
    };
    let bundle = BUNDLES[language as usize]
        .as_ref()
        .map_err(|error| fail(error.clone()))?;
    let pattern = bundle
        .get_message(key)
        .and_then(|message| message.value())
        .ok_or_else(|| fail("does not exist".into()))?;
    let args: FluentArgs = args
        .iter()
        .map(|(name, value)| (*name, FluentValue::from(*value)))
        .collect();
    let mut errors = Vec::new();
    let text = bundle
        .format_pattern(pattern, Some(&args), &mut errors)
        .into_owned();
    match errors.first() {
        Some(error) => Err(fail(error.to_string())),
        None => Ok(text),
    }
}

/// The text `key` in all three languages.
pub fn in_all(key: &str, args: &[(&str, &str)]) -> Result<Text3, TextError> {
    Ok(Text3::new(
        text(Lang::Kk, key, args)?,
        text(Lang::Ru, key, args)?,
        text(Lang::En, key, args)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Key → places, in the order of the file.
    fn keys(source: &str) -> BTreeMap<String, Vec<String>> {
        source
            .lines()
            .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
            .map(|line| {
                let (key, value) = line.split_once(" = ").expect("one message per line");
                let mut places: Vec<String> = value
                    .split("{ $")
                    .skip(1)
                    .filter_map(|rest| rest.split_once(" }"))
                    .map(|(name, _)| name.to_owned())
                    .collect();
                places.sort();
                (key.to_owned(), places)
            })
            .collect()
    }

    #[test]
    fn every_language_has_the_same_keys_and_places() {
        let kk = keys(SOURCES[0]);
        assert!(kk.len() > 150);
        assert_eq!(kk, keys(SOURCES[1]));
        assert_eq!(kk, keys(SOURCES[2]));
    }

    #[test]
    fn every_text_can_be_formatted() {
        for language in Lang::ALL {
            for (key, places) in keys(SOURCES[language as usize]) {
                let args: Vec<(&str, &str)> = places.iter().map(|p| (p.as_str(), "{x}")).collect();
                let text = text(language, &key, &args).unwrap();
                assert!(
                    !text.contains('\u{2068}') && !text.contains("{ $"),
                    "{text}"
                );
            }
        }
        assert!(text(Lang::Kk, "no-such-text", &[]).is_err());
        assert!(
            text(Lang::Kk, "mail-greeting", &[]).is_err(),
            "a missing place is an error"
        );
    }
}
