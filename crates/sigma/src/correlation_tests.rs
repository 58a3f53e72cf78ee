use super::*;
use crate::rule::{Document, parse_documents};

fn read(section: &str) -> Result<Correlation, String> {
    let yaml = format!("title: t\ncorrelation:\n{section}");
    match parse_documents(&yaml, "c.yml".as_ref()).remove(0) {
        Ok(Document::Correlation(found)) => Ok(*found),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

const COUNT: &str = "    type: event_count
    rules: [a]
    group-by: [User, Host]
    timespan: 90m
    condition: {gte: 10, lt: 20}
";

#[test]
fn a_count_with_two_bounds() {
    let found = read(COUNT).unwrap();
    assert_eq!(found.timespan, SignedDuration::from_mins(90));
    assert_eq!(found.group_by, ["User", "Host"]);
    assert!(!found.generate);
    let CorrelationCondition::Bounds { bounds, .. } = found.condition else {
        panic!("{:?}", found.condition);
    };
    let bound = |relation, number| Bound { relation, number };
    assert_eq!(
        bounds,
        [
            bound(Relation::GreaterOrEqual, 10.0),
            bound(Relation::Less, 20.0)
        ]
    );
}

#[test]
fn timespans_in_every_unit() {
    for (text, wanted) in [
        ("15s", 15),
        ("2m", 120),
        ("3h", 10_800),
        ("4d", 345_600),
        ("1w", 604_800),
        ("1M", 2_629_746),
        ("1y", 31_556_952),
    ] {
        assert_eq!(seconds(text), Some(wanted), "{text}");
    }
    for text in [
        "",
        "m",
        "0s",
        "-1s",
        "1.5h",
        "1x",
        "5",
        "99999999999999999999d",
    ] {
        assert_eq!(seconds(text), None, "{text}");
    }
    assert!(
        read(&COUNT.replace("90m", "2y"))
            .unwrap_err()
            .contains("longer than 366 days")
    );
}

#[test]
fn an_expression_names_its_rules() {
    let section = "    type: temporal
    timespan: 1m
    condition: (a or b) and not c
";
    let found = read(section).unwrap();
    assert_eq!(found.rules, ["a", "b", "c"]);
    assert!(matches!(
        found.condition,
        CorrelationCondition::Expression { .. }
    ));
    let unused = section.replace("    timespan", "    rules: [a, b, c, d]\n    timespan");
    assert!(
        read(&unused)
            .unwrap_err()
            .contains("does not mention the rule `d`")
    );
    let unknown = section.replace("    timespan", "    rules: [a, b]\n    timespan");
    assert!(read(&unknown).unwrap_err().contains("`c` is not defined"));
    let counted = section.replace("temporal", "event_count");
    assert!(read(&counted).unwrap_err().contains("take an expression"));
}

#[test]
fn temporal_without_a_condition_wants_every_rule() {
    let found = read("    type: temporal\n    rules: [a, b, c]\n    timespan: 1m\n").unwrap();
    let CorrelationCondition::Bounds { bounds, .. } = found.condition else {
        panic!("{:?}", found.condition);
    };
    assert_eq!(bounds[0].number, 3.0);
}

#[test]
fn errors_name_line_and_reason() {
    for (from, to, error) in [
        (
            "event_count",
            "event_sum",
            "c.yml:3: unknown correlation type `event_sum`",
        ),
        ("    rules: [a]\n", "", "`correlation.rules` is missing"),
        (
            "[a]",
            "[a, a]",
            "c.yml:4: `correlation.rules` must be a list without repetitions",
        ),
        (
            "90m",
            "90",
            "c.yml:6: timespan `90` is not a positive number",
        ),
        (
            "gte: 10",
            "ge: 10",
            "c.yml:7: unknown correlation condition `ge`",
        ),
        (
            "gte: 10",
            "gte: ten",
            "`correlation.condition.gte` must be a number",
        ),
        ("gte: 10, lt: 20", "", "compares with nothing"),
        ("gte: 10", "field: x, gte: 10", "takes no `condition.field`"),
        (
            "event_count",
            "value_sum",
            "`value_sum` needs `condition.field`",
        ),
        (
            "    timespan",
            "    timespam",
            "c.yml:6: unknown attribute of `correlation` `timespam`",
        ),
    ] {
        let found = read(&COUNT.replace(from, to)).unwrap_err();
        assert!(found.contains(error), "{found}");
    }
    let percentile = COUNT
        .replace("event_count", "value_percentile")
        .replace("gte: 10", "field: n, percentile: 101, gte: 10");
    assert!(read(&percentile).unwrap_err().contains("from 0 to 100"));
}
