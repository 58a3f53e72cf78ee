//! Tokens in the `Authorization` header, in the ways the shippers can send them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// The schemes are case-insensitive (RFC 9110 section 11.1).
pub(super) fn scheme(headers: &HeaderMap) -> Option<(String, &str)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, rest) = value.split_once(' ')?;
    Some((scheme.to_ascii_lowercase(), rest.trim()))
}

/// What may be the token, best guess first: `Bearer T`, `Splunk T`, `ApiKey T`, `ApiKey
/// base64(id:T)` as Elastic's clients send it, `Basic base64(user:T)`.
pub(super) fn tokens(headers: &HeaderMap) -> Vec<String> {
    let Some((scheme, value)) = scheme(headers) else {
        return Vec::new();
    };
    match &*scheme {
        "bearer" | "splunk" => vec![value.to_owned()],
        "apikey" => [Some(value.to_owned()), second_half(value)]
            .into_iter()
            .flatten()
            .collect(),
        "basic" => second_half(value).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn second_half(value: &str) -> Option<String> {
    let bytes = STANDARD
        .decode(value)
        .or_else(|_| STANDARD_NO_PAD.decode(value))
        .ok()?;
    let pair = String::from_utf8(bytes).ok()?;
    Some(pair.split_once(':')?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        tokens(&headers)
    }

    #[test]
    fn every_scheme_that_shippers_use_is_understood() {
        assert_eq!(of("Bearer abc"), ["abc"]);
        assert_eq!(of("splunk  abc "), ["abc"]);
        assert_eq!(of("Basic dXNlcjphYmM="), ["abc"]);
        assert_eq!(of("Basic dXNlcjphYmM"), ["abc"]);
        assert_eq!(of("ApiKey aWQ6YWJj"), ["aWQ6YWJj", "abc"]);
        assert_eq!(of("ApiKey abc"), ["abc"]);
        assert!(of("Digest abc").is_empty() && of("Basic !!").is_empty() && of("abc").is_empty());
    }
}
