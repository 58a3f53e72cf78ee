//! A case as a STIX 2.1 bundle: who says it, the incident, what was observed, the report that holds
//! them together.
//!
//! Ids are functions of their content (UUID version 5), so the same case gives the same bundle and a
//! receiver recognises what it has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use uuid::Uuid;

/// Namespace of the ids of observables (STIX 2.1 section 2.9).
const OBSERVABLES: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);
/// Namespace of our own ids: any constant, never changed.
const OURS: Uuid = Uuid::from_u128(0x6d3c_5b1e_84f2_4c0f_9d6a_2e71_b0c8_3f55);

/// What a bundle tells of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StixCase {
    /// Id of the incident here; the ids in the bundle follow from it.
    pub id: String,
    /// Name of the organisation that says it.
    pub organisation: String,
    /// `INC-2026-0001: …`
    pub name: String,
    pub description: String,
    pub created: Timestamp,
    /// Of the newest change; not before `created`.
    pub modified: Timestamp,
    pub first_observed: Timestamp,
    pub last_observed: Timestamp,
    /// How many hits; at least 1 is written.
    pub count: u64,
    /// Internet addresses; what is none is left out.
    pub addresses: Vec<String>,
    /// Names of the machines concerned.
    pub hosts: Vec<String>,
    pub labels: Vec<String>,
}

/// The bundle.
pub fn stix_bundle(case: &StixCase) -> Value {
    let modified = case.modified.max(case.created);
    let author = id("identity", &case.organisation);
    let common = |kind: &str, id: &str| {
        json!({
            "type": kind, "spec_version": "2.1", "id": id, "created_by_ref": author,
            "created": moment(case.created), "modified": moment(modified),
        })
    };
    let mut identity = common("identity", &author);
    identity["name"] = case.organisation.as_str().into();
    identity["identity_class"] = "organization".into();
    // The organisation has no history here: the same object in every bundle.
    identity["created"] = moment(Timestamp::UNIX_EPOCH).into();
    identity["modified"] = moment(Timestamp::UNIX_EPOCH).into();

    let incident_id = id("incident", &case.id);
    let mut incident = common("incident", &incident_id);
    incident["name"] = case.name.as_str().into();
    if !case.description.is_empty() {
        incident["description"] = case.description.as_str().into();
    }
    if !case.labels.is_empty() {
        incident["labels"] = json!(case.labels);
    }
    let observables = observables(case);
    let mut objects = vec![identity, incident];
    let mut refs = vec![incident_id.clone()];
    if !observables.is_empty() {
        let seen_id = id("observed-data", &case.id);
        let mut seen = common("observed-data", &seen_id);
        let (first, last) = (case.first_observed, case.last_observed);
        seen["first_observed"] = moment(first.min(last)).into();
        seen["last_observed"] = moment(last.max(first)).into();
        seen["number_observed"] = case.count.clamp(1, 999_999_999).into();
        let seen_refs: Vec<&String> = observables.keys().collect();
        seen["object_refs"] = json!(seen_refs);
        refs.push(seen_id);
        refs.extend(observables.keys().cloned());
        objects.push(seen);
        objects.extend(observables.into_values());
    }
    let report_id = id("report", &case.id);
    let mut report = common("report", &report_id);
    report["name"] = case.name.as_str().into();
    report["report_types"] = json!(["incident"]);
    report["published"] = moment(modified).into();
    report["object_refs"] = json!(refs);
    objects.push(report);
    json!({"type": "bundle", "id": id("bundle", &format!("{}/{modified}", case.id)), "objects": objects})
}

fn observables(case: &StixCase) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for text in &case.addresses {
        let Ok(address) = text.parse::<IpAddr>() else {
            continue;
        };
        let kind = if address.is_ipv4() {
            "ipv4-addr"
        } else {
            "ipv6-addr"
        };
        let id = observable_id(kind, &json!({"value": address.to_string()}));
        let object = json!({
            "type": kind, "spec_version": "2.1", "id": id, "value": address.to_string(),
        });
        found.insert(id, object);
    }
    for host in case.hosts.iter().filter(|host| is_domain(host)) {
        let id = observable_id("domain-name", &json!({"value": host}));
        let object = json!({
            "type": "domain-name", "spec_version": "2.1", "id": id, "value": host,
        });
        found.insert(id, object);
    }
    found
}

fn is_domain(name: &str) -> bool {
    let label = |part: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&part.len()) && part.bytes().all(plain)
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(label)
}

fn id(kind: &str, of: &str) -> String {
    let uuid = Uuid::new_v5(&OURS, format!("{kind}\n{of}").as_bytes());
    format!("{kind}--{uuid}")
}

/// Section 2.9: UUID version 5 over the canonical JSON of the properties that make the object.
fn observable_id(kind: &str, properties: &Value) -> String {
    let uuid = Uuid::new_v5(&OBSERVABLES, properties.to_string().as_bytes());
    format!("{kind}--{uuid}")
}

/// Section 3.2: UTC with `Z`, milliseconds.
fn moment(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// What is wrong with a bundle of the object types that we write; empty when nothing is.
pub fn check_bundle(bundle: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    check_id(&mut wrong, "bundle", &bundle["id"], "bundle");
    let empty = Vec::new();
    let objects = bundle["objects"].as_array().unwrap_or(&empty);
    if bundle["type"] != "bundle" || objects.is_empty() {
        wrong.push("bundle: needs type `bundle` and objects".into());
    }
    let ids: BTreeSet<&str> = objects.iter().filter_map(|o| o["id"].as_str()).collect();
    if ids.len() != objects.len() {
        wrong.push("bundle: an id stands twice or is missing".into());
    }
    for object in objects {
        check_object(&mut wrong, object, &ids);
    }
    wrong
}

fn check_object(wrong: &mut Vec<String>, object: &Value, ids: &BTreeSet<&str>) {
    let kind = object["type"].as_str().unwrap_or_default();
    check_id(wrong, kind, &object["id"], kind);
    let required: &[&str] = match kind {
        "identity" | "incident" => &["name"],
        "observed-data" => &[
            "first_observed",
            "last_observed",
            "number_observed",
            "object_refs",
        ],
        "report" => &["name", "published", "object_refs"],
        "ipv4-addr" | "ipv6-addr" | "domain-name" => &["value"],
        _ => &[],
    };
    let observable = matches!(kind, "ipv4-addr" | "ipv6-addr" | "domain-name");
    if required.is_empty() {
        wrong.push(format!("`{kind}` is no type that we write"));
    }
    let more: &[&str] = if observable {
        &[]
    } else {
        &["created", "modified"]
    };
    for name in required.iter().chain(more) {
        if object[*name].is_null() || object[*name] == "" {
            wrong.push(format!("{kind}: `{name}` is missing"));
        }
    }
    if object["spec_version"] != "2.1" {
        wrong.push(format!("{kind}: spec_version is not 2.1"));
    }
    let mut times = BTreeMap::new();
    for name in [
        "created",
        "modified",
        "published",
        "first_observed",
        "last_observed",
    ] {
        let Some(text) = object[name].as_str() else {
            continue;
        };
        match text.parse::<Timestamp>() {
            Ok(at) if text.ends_with('Z') => times.insert(name, at),
            _ => {
                wrong.push(format!("{kind}: `{name}` is no time in UTC"));
                None
            }
        };
    }
    for (before, after) in [("created", "modified"), ("first_observed", "last_observed")] {
        if times.get(before) > times.get(after) {
            wrong.push(format!("{kind}: `{after}` lies before `{before}`"));
        }
    }
    if let Some(refs) = object["object_refs"].as_array()
        && refs.is_empty()
    {
        wrong.push(format!("{kind}: object_refs is empty"));
    }
    let refs = object["object_refs"].as_array().into_iter().flatten();
    for reference in refs.chain(object.get("created_by_ref")) {
        if !reference.as_str().is_some_and(|id| ids.contains(id)) {
            wrong.push(format!("{kind}: {reference} is not in the bundle"));
        }
    }
    if kind == "observed-data"
        && !matches!(object["number_observed"].as_u64(), Some(1..=999_999_999))
    {
        wrong.push("observed-data: number_observed is not 1 to 999,999,999".into());
    }
    if observable && object["id"] != observable_id(kind, &json!({"value": object["value"]})) {
        wrong.push(format!("{kind}: its id is not that of its value"));
    }
}

fn check_id(wrong: &mut Vec<String>, what: &str, id: &Value, kind: &str) {
    let uuid = id
        .as_str()
        .and_then(|id| id.strip_prefix(kind)?.strip_prefix("--"));
    if kind.is_empty() || uuid.is_none_or(|uuid| Uuid::parse_str(uuid).is_err()) {
        wrong.push(format!("{what}: {id} is no id of `{kind}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> StixCase {
        let at = |text: &str| text.parse().unwrap();
        StixCase {
            id: "5f2a".into(),
            organisation: "State Technical Service JSC".into(),
            name: "INC-2026-0001: Құпиясөзді іріктеу".into(),
            description: "214 сәтсіз кіру әрекеті".into(),
            created: at("2026-03-16T09:05:12Z"),
            modified: at("2026-03-16T10:00:00.123Z"),
            first_observed: at("2026-03-16T08:41:00Z"),
            last_observed: at("2026-03-16T08:58:00Z"),
            count: 214,
            addresses: ["203.0.113.7", "2001:db8::42", "203.0.113.7", "nowhere"]
                .map(str::to_owned)
                .into(),
            hosts: vec!["dc-01.budget.example".into(), "DC-01".into()],
            labels: vec!["bruteforce".into()],
        }
    }

    #[test]
    fn a_bundle_keeps_the_rules_of_the_specification() {
        let bundle = stix_bundle(&case());
        assert_eq!(check_bundle(&bundle), [""; 0]);
        assert_eq!(bundle, stix_bundle(&case()));
        let kinds: Vec<&str> = bundle["objects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|object| object["type"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            [
                "identity",
                "incident",
                "observed-data",
                "domain-name",
                "ipv4-addr",
                "ipv6-addr",
                "report"
            ]
        );
        assert_eq!(bundle["objects"][1]["modified"], "2026-03-16T10:00:00.123Z");
        let bare = StixCase {
            addresses: vec![],
            hosts: vec![],
            count: 0,
            ..case()
        };
        let bare = stix_bundle(&bare);
        assert_eq!(check_bundle(&bare), [""; 0]);
        assert_eq!(
            bare["objects"].as_array().unwrap().len(),
            3,
            "nothing observed"
        );
    }

    #[test]
    fn ids_of_observables_are_those_of_the_specification() {
        // The id that every producer gives to this address (section 2.9, namespace of the text).
        let id = observable_id("ipv4-addr", &json!({"value": "198.51.100.3"}));
        assert_eq!(id, "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4");
    }

    #[test]
    fn whatever_is_broken_is_named() {
        let broken = |change: &dyn Fn(&mut Value)| {
            let mut bundle = stix_bundle(&case());
            change(&mut bundle);
            check_bundle(&bundle)
        };
        type Change<'a> = &'a dyn Fn(&mut Value);
        let cases: [(Change<'_>, &str); 9] = [
            (&|b| b["id"] = "bundle--1".into(), "is no id of `bundle`"),
            (&|b| b["objects"] = json!([]), "needs type"),
            (
                &|b| b["objects"][1]["name"] = Value::Null,
                "`name` is missing",
            ),
            (
                &|b| b["objects"][1]["spec_version"] = "2.0".into(),
                "spec_version",
            ),
            (
                &|b| b["objects"][1]["created"] = "2027-01-01T00:00:00.000Z".into(),
                "lies before",
            ),
            (
                &|b| b["objects"][1]["created"] = "2026-01-01T00:00:00+05:00".into(),
                "no time in UTC",
            ),
            (
                &|b| b["objects"][2]["number_observed"] = 0.into(),
                "number_observed",
            ),
            (
                &|b| b["objects"][4]["value"] = "203.0.113.8".into(),
                "not that of its value",
            ),
            (
                &|b| b["objects"][6]["object_refs"][0] = "incident--x".into(),
                "is not in the bundle",
            ),
        ];
        for (change, what) in cases {
            let wrong = broken(change);
            assert!(
                wrong.iter().any(|line| line.contains(what)),
                "{what}: {wrong:?}"
            );
        }
    }
}
