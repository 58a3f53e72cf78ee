//! What serves each clause that has no clock of its own: the register, check, access rule, retention
//! floor or category that the pack declares for it, and that this is more than a name.

mod common;
use common::pack;
use saqshy_law::{Pack, Served};

/// The clause is served as `kind` says, by exactly `items`.
fn shows(pack: &Pack, id: &str, kind: Served, items: &[&str]) {
    let clause = pack.clause(id).unwrap_or_else(|| panic!("{id}"));
    assert_eq!(clause.served, kind, "{id}");
    assert_eq!(clause.items(), items, "{id}");
    for item in items {
        let (kind, name) = item.split_once(':').unwrap();
        match kind {
            "register" => {
                let register = pack.register(name).unwrap();
                assert!(
                    register.fields.len() > 1 && !register.required.is_empty(),
                    "{name}"
                );
            }
            "check" => {
                let lists = pack.checklists.iter();
                let held = lists.filter(|list| list.items.iter().any(|i| i.id == name));
                assert_eq!(held.count(), 1, "{name}");
            }
            "access" => {
                let rule = pack.access.iter().find(|a| a.id == name).unwrap();
                assert_ne!(rule.from, rule.to, "{name}");
            }
            "duty" => assert!(pack.duty(name).is_some(), "{name}"),
            _ => {}
        }
    }
    // What is outside says why, in three languages.
    if let Some(reason) = &clause.reason {
        assert!(reason.kk != reason.ru && reason.en.len() > 30, "{id}");
    }
}

#[test]
fn clauses_of_r90_that_are_recorded() {
    let pack = pack("kz-r90");
    shows(&pack, "R90-3", Served::Record, &["register:r90.service"]);
    shows(&pack, "R90-4-1", Served::Record, &["register:r90.tools"]);
    shows(
        &pack,
        "R90-4-2",
        Served::Record,
        &["duty:r90.respond", "register:r90.event-list"],
    );
    shows(
        &pack,
        "R90-4-3",
        Served::Record,
        &["register:r90.classification"],
    );
    shows(
        &pack,
        "R90-4-4",
        Served::Record,
        &["register:r90.procedures", "register:r90.trainings"],
    );
    shows(
        &pack,
        "R90-4-5",
        Served::Record,
        &["duty:r90.inform", "register:r90.notification-matrix"],
    );
    shows(
        &pack,
        "R90-4-6",
        Served::Record,
        &[
            "register:r90.storage-order",
            "retention:r90.incident-information",
            "retention:r90.investigation-materials",
        ],
    );
    shows(&pack, "R90-4-7", Served::Record, &["register:r90.roles"]);
    shows(
        &pack,
        "R90-4-8",
        Served::Record,
        &["register:r90.response-order", "register:r90.procedures"],
    );
    shows(
        &pack,
        "R90-4-12",
        Served::Record,
        &["register:r90.evidence"],
    );
    shows(&pack, "R90-4-13", Served::Record, &["register:r90.shifts"]);
    shows(
        &pack,
        "R90-5",
        Served::Record,
        &[
            "register:r90.response-order",
            "category:r90.stage-detection",
            "category:r90.stage-response",
            "category:r90.stage-investigation",
        ],
    );
    shows(
        &pack,
        "R90-9-a",
        Served::Record,
        &[
            "register:r90.incident-register",
            "check:r90.register-complete",
        ],
    );
    shows(
        &pack,
        "R90-10",
        Served::Record,
        &[
            "register:r90.incident-register",
            "retention:r90.incident-information",
        ],
    );
    shows(
        &pack,
        "R90-13",
        Served::Record,
        &["register:r90.investigation-archive", "check:r90.archived"],
    );
    shows(
        &pack,
        "R90-14",
        Served::Record,
        &[
            "register:r90.investigation-archive",
            "retention:r90.investigation-materials",
        ],
    );
}

#[test]
fn clauses_of_r90_that_are_checked() {
    let pack = pack("kz-r90");
    shows(
        &pack,
        "R90-6",
        Served::Check,
        &[
            "register:r90.outsourcing",
            "check:r90.contract-norms",
            "check:r90.contract-retention",
            "check:r90.contract-notice",
        ],
    );
    shows(&pack, "R90-7-1", Served::Check, &["check:r90.monitored"]);
    shows(&pack, "R90-7-2", Served::Check, &["check:r90.attributed"]);
    shows(&pack, "R90-7-3", Served::Check, &["check:r90.classified"]);
    shows(
        &pack,
        "R90-8",
        Served::Check,
        &["check:r90.standard-applied"],
    );
    shows(&pack, "R90-8-1", Served::Check, &["check:r90.involved"]);
    shows(
        &pack,
        "R90-8-2",
        Served::Check,
        &["register:r90.process-stops", "check:r90.process-stopped"],
    );
    shows(
        &pack,
        "R90-8-3",
        Served::Check,
        &["register:r90.evidence", "check:r90.data-collected"],
    );
    shows(&pack, "R90-8-4", Served::Check, &["check:r90.restrained"]);
    shows(
        &pack,
        "R90-8-5",
        Served::Check,
        &["check:r90.retro", "retention:r90.monitoring-data"],
    );
    shows(
        &pack,
        "R90-8-6",
        Served::Check,
        &["register:r90.indicators", "check:r90.indicators"],
    );
    shows(
        &pack,
        "R90-11-1",
        Served::Check,
        &["register:r90.roles", "check:r90.team"],
    );
    shows(
        &pack,
        "R90-11-2",
        Served::Check,
        &["register:r90.investigation-archive", "check:r90.materials"],
    );
    shows(&pack, "R90-11-3", Served::Check, &["check:r90.causes"]);
    shows(
        &pack,
        "R90-11-4",
        Served::Check,
        &["register:r90.damages", "check:r90.impact"],
    );
    shows(
        &pack,
        "R90-11-5",
        Served::Check,
        &["check:r90.effectiveness"],
    );
}

#[test]
fn clauses_of_r90_that_are_granted() {
    let pack = pack("kz-r90");
    shows(
        &pack,
        "R90-4-9",
        Served::Access,
        &["register:r90.process-stops", "access:r90.stop-process"],
    );
}

#[test]
fn clauses_of_r90_that_set_the_scope() {
    let pack = pack("kz-r90");
    shows(&pack, "R90-OP-4", Served::Scope, &[]);
    shows(&pack, "R90-1", Served::Scope, &[]);
    shows(
        &pack,
        "R90-2",
        Served::Scope,
        &["retention:r90.monitoring-data"],
    );
}

#[test]
fn clauses_of_r90_that_are_outside() {
    let pack = pack("kz-r90");
    shows(&pack, "R90-OP-1", Served::Outside, &[]);
    shows(&pack, "R90-OP-2-1", Served::Outside, &[]);
    shows(&pack, "R90-OP-2-2", Served::Outside, &[]);
    shows(&pack, "R90-OP-3", Served::Outside, &[]);
}

#[test]
fn clauses_of_r90_that_have_clocks() {
    let pack = pack("kz-r90");
    shows(&pack, "R90-OP-2-3", Served::Duty, &["duty:r90.web-report"]);
    shows(
        &pack,
        "R90-4-14",
        Served::Duty,
        &[
            "duty:r90.open-investigation",
            "duty:r90.notify-start",
            "duty:r90.notify-terms",
            "duty:r90.notify-new-terms",
            "duty:r90.notify-results",
            "register:r90.damages",
            "check:r90.decided",
        ],
    );
    shows(&pack, "R90-7-4", Served::Duty, &["duty:r90.hand-over"]);
    shows(
        &pack,
        "R90-8-7",
        Served::Duty,
        &["duty:r90.decide-investigation", "check:r90.decided"],
    );
    shows(
        &pack,
        "R90-9-b",
        Served::Duty,
        &[
            "duty:r90.regulator-system",
            "register:r90.system-entries",
            "check:r90.system-entry",
        ],
    );
    shows(
        &pack,
        "R90-11-6",
        Served::Duty,
        &[
            "duty:r90.conclude",
            "register:r90.conclusion",
            "check:r90.conclusion",
        ],
    );
    shows(&pack, "R90-12", Served::Duty, &["duty:r90.inform-results"]);
}

#[test]
fn clauses_of_r90_that_return() {
    let pack = pack("kz-r90");
    shows(
        &pack,
        "R90-4-10",
        Served::Periodic,
        &["duty:r90.review-events", "register:r90.event-list"],
    );
    shows(
        &pack,
        "R90-4-11",
        Served::Periodic,
        &[
            "duty:r90.collegial-analysis",
            "register:r90.yearly-analysis",
        ],
    );
}

#[test]
fn clauses_of_o52_that_are_recorded() {
    let pack = pack("kz-o52");
    shows(
        &pack,
        "O52-3",
        Served::Record,
        &[
            "register:o52.objects",
            "category:o52.work-response",
            "category:o52.work-protection",
            "category:o52.work-functioning",
        ],
    );
    shows(&pack, "O52-7", Served::Record, &["register:o52.objects"]);
    shows(&pack, "O52-9", Served::Record, &["register:o52.schedule"]);
    shows(
        &pack,
        "O52-10-1-1",
        Served::Record,
        &["register:o52.log-sources"],
    );
    shows(
        &pack,
        "O52-10-1-2",
        Served::Record,
        &["register:o52.log-sources"],
    );
    shows(
        &pack,
        "O52-10-1-3",
        Served::Record,
        &["register:o52.log-sources"],
    );
    shows(
        &pack,
        "O52-10-1-7",
        Served::Record,
        &["register:o52.visits"],
    );
    shows(
        &pack,
        "O52-10-2-1",
        Served::Record,
        &["register:o52.examinations", "register:o52.schedule"],
    );
    shows(
        &pack,
        "O52-10-2-3",
        Served::Record,
        &["register:o52.consultations"],
    );
    shows(
        &pack,
        "O52-10-3-1",
        Served::Record,
        &["register:o52.documentation", "register:o52.schedule"],
    );
    shows(
        &pack,
        "O52-13-3",
        Served::Record,
        &[
            "register:o52.vulnerabilities",
            "category:o52.kept-necessity",
            "category:o52.kept-zero-day",
            "category:o52.kept-false-positive",
        ],
    );
    shows(
        &pack,
        "O52-15-1",
        Served::Record,
        &["register:o52.information-requests"],
    );
    shows(
        &pack,
        "O52-19",
        Served::Record,
        &["register:o52.connections", "register:o52.objects"],
    );
    shows(
        &pack,
        "O52-21",
        Served::Record,
        &["register:o52.connections"],
    );
}

#[test]
fn clauses_of_o52_that_are_checked() {
    let pack = pack("kz-o52");
    shows(&pack, "O52-10-1-4", Served::Check, &["check:o52.triage"]);
    shows(
        &pack,
        "O52-10-1-6",
        Served::Check,
        &["check:o52.first-advice"],
    );
    shows(
        &pack,
        "O52-12-1",
        Served::Check,
        &["register:o52.log-sources", "check:o52.logging"],
    );
    shows(&pack, "O52-12-2", Served::Check, &["check:o52.collection"]);
    shows(&pack, "O52-12-3", Served::Check, &["check:o52.transfer"]);
    shows(&pack, "O52-12-5", Served::Check, &["check:o52.agreed-link"]);
}

#[test]
fn clauses_of_o52_that_are_granted() {
    let pack = pack("kz-o52");
    shows(
        &pack,
        "O52-11-1",
        Served::Access,
        &["register:o52.visits", "access:o52.access-physical"],
    );
    shows(
        &pack,
        "O52-11-2",
        Served::Access,
        &["check:o52.workplaces", "access:o52.workplaces"],
    );
    shows(
        &pack,
        "O52-11-3",
        Served::Access,
        &["access:o52.access-logs"],
    );
    shows(
        &pack,
        "O52-11-4",
        Served::Access,
        &["access:o52.access-documents"],
    );
}

#[test]
fn clauses_of_o52_that_set_the_scope() {
    let pack = pack("kz-o52");
    shows(&pack, "O52-1", Served::Scope, &["register:o52.objects"]);
    shows(&pack, "O52-6", Served::Scope, &["register:o52.objects"]);
    shows(&pack, "O52-25", Served::Scope, &["register:o52.objects"]);
}

#[test]
fn clauses_of_o52_that_have_clocks() {
    let pack = pack("kz-o52");
    shows(
        &pack,
        "O52-8-1",
        Served::Duty,
        &["duty:o52.object-information", "register:o52.objects"],
    );
    shows(
        &pack,
        "O52-8-2",
        Served::Duty,
        &["duty:o52.operation-stopped", "register:o52.objects"],
    );
    shows(
        &pack,
        "O52-10-1-5",
        Served::Duty,
        &[
            "duty:o52.notify-object",
            "register:o52.incident-data",
            "check:o52.object-notified",
        ],
    );
    shows(
        &pack,
        "O52-10-1-8",
        Served::Duty,
        &["duty:o52.escalate", "check:o52.eliminated"],
    );
    shows(
        &pack,
        "O52-10-2-2",
        Served::Duty,
        &[
            "duty:o52.vulnerability-results",
            "register:o52.examinations",
        ],
    );
    shows(
        &pack,
        "O52-10-3-2",
        Served::Duty,
        &[
            "duty:o52.documentation-results",
            "register:o52.documentation",
        ],
    );
    shows(
        &pack,
        "O52-12-4",
        Served::Duty,
        &["duty:o52.logging-change", "register:o52.logging-changes"],
    );
    shows(&pack, "O52-12-6", Served::Duty, &["duty:o52.notify-sts"]);
    shows(
        &pack,
        "O52-12-7",
        Served::Duty,
        &[
            "duty:o52.data-list",
            "register:o52.incident-data",
            "check:o52.list-sent",
        ],
    );
    shows(
        &pack,
        "O52-13-1",
        Served::Duty,
        &[
            "duty:o52.vulnerability-measures",
            "register:o52.vulnerabilities",
        ],
    );
    shows(
        &pack,
        "O52-13-2",
        Served::Duty,
        &[
            "duty:o52.vulnerability-list",
            "register:o52.vulnerabilities",
        ],
    );
    shows(
        &pack,
        "O52-14",
        Served::Duty,
        &[
            "duty:o52.documentation-measures",
            "register:o52.documentation",
        ],
    );
    shows(
        &pack,
        "O52-15-2",
        Served::Duty,
        &["duty:o52.information-on-request", "register:o52.objects"],
    );
    shows(
        &pack,
        "O52-16",
        Served::Duty,
        &["duty:o52.contacts", "register:o52.objects"],
    );
    shows(
        &pack,
        "O52-24",
        Served::Duty,
        &["duty:o52.cii-data-list", "register:o52.incident-data"],
    );
}

#[test]
fn clauses_of_o52_that_return() {
    let pack = pack("kz-o52");
    shows(
        &pack,
        "O52-10-2-1a",
        Served::Periodic,
        &[
            "duty:o52.pentest-main",
            "duty:o52.pentest-control",
            "register:o52.examinations",
        ],
    );
    shows(
        &pack,
        "O52-10-2-1b",
        Served::Periodic,
        &[
            "duty:o52.configuration-main",
            "duty:o52.configuration-control",
            "register:o52.examinations",
        ],
    );
    shows(
        &pack,
        "O52-10-2-1c",
        Served::Periodic,
        &[
            "duty:o52.source-code-main",
            "duty:o52.source-code-control",
            "register:o52.examinations",
        ],
    );
    shows(
        &pack,
        "O52-10-2-1d",
        Served::Periodic,
        &[
            "duty:o52.manual-pentest-main",
            "duty:o52.manual-pentest-control",
            "register:o52.examinations",
        ],
    );
    shows(
        &pack,
        "O52-17",
        Served::Periodic,
        &["duty:o52.quarterly-summary"],
    );
}

#[test]
fn clauses_of_o199_that_are_recorded() {
    let pack = pack("kz-o199");
    shows(
        &pack,
        "O199-10-1-1",
        Served::Record,
        &["register:o199.surveys"],
    );
    shows(
        &pack,
        "O199-10-1-2",
        Served::Record,
        &["register:o199.tools"],
    );
    shows(
        &pack,
        "O199-10-1-3",
        Served::Record,
        &["register:o199.tools"],
    );
    shows(
        &pack,
        "O199-10-2-1",
        Served::Record,
        &["register:o199.tools"],
    );
    shows(
        &pack,
        "O199-10-2-2",
        Served::Record,
        &["register:o199.tools"],
    );
    shows(
        &pack,
        "O199-10-2-3",
        Served::Record,
        &["register:o199.requests"],
    );
    shows(
        &pack,
        "O199-10-3-1",
        Served::Record,
        &["register:o199.log-sources"],
    );
    shows(
        &pack,
        "O199-10-3-2",
        Served::Record,
        &["register:o199.log-sources"],
    );
    shows(
        &pack,
        "O199-10-3-3",
        Served::Record,
        &["register:o199.log-sources"],
    );
    shows(
        &pack,
        "O199-10-3-4",
        Served::Record,
        &["register:o199.log-sources"],
    );
    shows(
        &pack,
        "O199-10-3-5",
        Served::Record,
        &["register:o199.log-sources"],
    );
    shows(
        &pack,
        "O199-10-3-10",
        Served::Record,
        &["register:o199.visits"],
    );
    shows(
        &pack,
        "O199-11-1",
        Served::Record,
        &["register:o199.recommendations", "register:o199.surveys"],
    );
    shows(
        &pack,
        "O199-11-2",
        Served::Record,
        &["register:o199.recommendations"],
    );
    shows(
        &pack,
        "O199-11-5",
        Served::Record,
        &["register:o199.awareness"],
    );
}

#[test]
fn clauses_of_o199_that_are_checked() {
    let pack = pack("kz-o199");
    shows(&pack, "O199-10-3-6", Served::Check, &["check:o199.triage"]);
    shows(
        &pack,
        "O199-10-3-8",
        Served::Check,
        &["check:o199.first-advice"],
    );
    shows(&pack, "O199-10-3-9", Served::Check, &["check:o199.halted"]);
    shows(
        &pack,
        "O199-11-3",
        Served::Check,
        &["check:o199.coordinated"],
    );
    shows(&pack, "O199-11-4", Served::Check, &["check:o199.assisted"]);
}

#[test]
fn clauses_of_o199_that_are_granted() {
    let pack = pack("kz-o199");
    shows(
        &pack,
        "O199-12-1",
        Served::Access,
        &[
            "access:o199.access-physical",
            "access:o199.access-network",
            "access:o199.accounts",
        ],
    );
    shows(
        &pack,
        "O199-12-2",
        Served::Access,
        &["access:o199.addresses"],
    );
}

#[test]
fn clauses_of_o199_that_set_the_scope() {
    let pack = pack("kz-o199");
    shows(&pack, "O199-1", Served::Scope, &[]);
    shows(&pack, "O199-3", Served::Scope, &[]);
    shows(&pack, "O199-4", Served::Scope, &[]);
    shows(
        &pack,
        "O199-5",
        Served::Scope,
        &[
            "category:o199.excluded-secrets",
            "category:o199.excluded-protected",
            "category:o199.excluded-national-bank",
        ],
    );
    shows(&pack, "O199-6", Served::Scope, &["register:o199.tools"]);
    shows(
        &pack,
        "O199-7",
        Served::Scope,
        &[
            "category:o199.work-install",
            "category:o199.work-support",
            "category:o199.work-watch",
        ],
    );
    shows(
        &pack,
        "O199-8",
        Served::Scope,
        &[
            "category:o199.work-install",
            "category:o199.work-support",
            "category:o199.work-watch",
        ],
    );
    shows(&pack, "O199-9", Served::Scope, &[]);
}

#[test]
fn clauses_of_o199_that_are_outside() {
    let pack = pack("kz-o199");
    shows(
        &pack,
        "O199-12-4",
        Served::Outside,
        &["register:o199.object-information"],
    );
}

#[test]
fn clauses_of_o199_that_have_clocks() {
    let pack = pack("kz-o199");
    shows(
        &pack,
        "O199-10-3-7a",
        Served::Duty,
        &["duty:o199.notify-state-body", "check:o199.notified"],
    );
    shows(
        &pack,
        "O199-10-3-7b",
        Served::Duty,
        &["duty:o199.notify-nsc", "check:o199.nsc-notified"],
    );
    shows(
        &pack,
        "O199-10-3-11",
        Served::Duty,
        &["duty:o199.escalate", "check:o199.eliminated"],
    );
    shows(
        &pack,
        "O199-12-5",
        Served::Duty,
        &["duty:o199.state-body-answer", "check:o199.answered"],
    );
}

#[test]
fn clauses_of_o199_that_return() {
    let pack = pack("kz-o199");
    shows(
        &pack,
        "O199-12-3",
        Served::Periodic,
        &[
            "duty:o199.quarterly-data",
            "register:o199.object-information",
        ],
    );
    shows(
        &pack,
        "O199-13",
        Served::Periodic,
        &["duty:o199.quarterly-summary"],
    );
    shows(
        &pack,
        "O199-14",
        Served::Periodic,
        &["duty:o199.quarterly-incidents"],
    );
}
