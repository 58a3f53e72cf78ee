## General

app-name = Saqshy
app-tagline = Events, incidents and the law’s clocks in one place
skip-to-content = Skip to the content
loading = Loading…
never = never
none = none
all = All
save = Save
cancel = Cancel
close = Close
create = Create
edit = Edit
open = Open
copy = Copy
copied = Copied
more = Load more
details = Details
optional = optional
actions = Actions
error-title = That did not work
error-code = Code: { $code }
error-not-found = There is nothing at this address
error-network = The server does not answer. Check the connection and try again.
error-read-more = What this error means
duration-days-hours = { $days } d { $hours } h
duration-hours-minutes = { $hours } h { NUMBER($minutes, minimumIntegerDigits: 2) } min
duration-minutes-seconds = { $minutes } min { NUMBER($seconds, minimumIntegerDigits: 2) } s
duration-seconds = { $seconds } s
ago-now = just now
ago-minutes = { $count } min ago
ago-hours = { $count } h ago
ago-days = { $count ->
    [one] { $count } day ago
   *[other] { $count } days ago
  }

## Frame

nav-main = Main
nav-overview = Overview
nav-search = Search
nav-alerts = Alerts
nav-incidents = Incidents
nav-sources = Sources
nav-rules = Rules
nav-journal = Journal
nav-law = Law
nav-users = Users
nav-group-watch = Watch
nav-group-respond = Respond
nav-group-prove = Prove
nav-group-manage = Manage
nav-collapse = Narrow the menu
nav-expand = Widen the menu
language = Language
theme = Theme
theme-system = As the system
theme-light = Light
theme-dark = Dark
account = Account
account-roles = Roles
sign-out = Sign out
change-password = Change password
password-old = Current password
password-new = New password
password-repeat = New password again
password-hint = At least 12 characters.
password-mismatch = The two new passwords differ.
password-changed = The password has been changed
time-zone-note = All times are in { $zone } ({ $offset })
shortcuts = Keyboard shortcuts
shortcuts-search = Go to the search field
shortcuts-go = Go to: { $page }
shortcuts-help = This list
shortcuts-close = Close what is open
shortcuts-run = Run the query
shortcuts-then = then

## Sign-in

sign-in-title = Sign in
sign-in-login = Login
sign-in-password = Password
sign-in-submit = Sign in
sign-in-busy = Signing in…
sign-in-ended = Your session has ended. Sign in again to go on.
sign-in-closed-network = Works on a closed network. Nothing leaves your organisation.

## Levels and states

level = Level
level-critical = Critical
level-high = High
level-medium = Medium
level-low = Low
level-informational = Informational
alert-state-new = New
alert-state-acknowledged = Acknowledged
alert-state-in_progress = In progress
alert-state-closed = Closed
verdict = Verdict
verdict-true_positive = True positive
verdict-false_positive = False positive
verdict-benign = Benign
verdict-none = No verdict
incident-state-open = Open
incident-state-investigating = Investigating
incident-state-contained = Contained
incident-state-eliminated = Eliminated
incident-state-closed = Closed
clock-status-not_started = Not started
clock-status-running = Running
clock-status-met = Met in time
clock-status-met_late = Met late
clock-status-overdue = Overdue
clock-status-fired = Escalation due
clock-status-not_needed = Not needed
notice-state-draft = Draft
notice-state-approved = Approved
notice-state-sent = Sent
notice-state-delivered = Delivered
notice-state-acknowledged = Acknowledged
notice-state-failed = Not delivered

## Overview

overview-title = Overview
overview-events = Events received
overview-rate = Events over time
overview-rate-summary = From { $from } to { $to }: { $total } in all, { $peak } in the busiest interval.
overview-alerts = Alerts by level
overview-alerts-none = No alerts in this range
overview-incidents-open = Open incidents
overview-incidents-all = To the incidents
overview-clocks = Due next
overview-clocks-none = No clock is running
overview-clocks-none-hint = Clocks start when an incident is registered.
overview-sources = Sources sending
overview-sources-silent = { $count } silent
overview-sources-all-well = All sources are sending
overview-journal = Journal leaves
overview-journal-checkpoint = Signed { $ago }
overview-journal-no-checkpoint = Not signed yet

## Time range

range = Time range
range-relative = Relative
range-absolute = Absolute
range-15m = Last 15 minutes
range-1h = Last hour
range-4h = Last 4 hours
range-24h = Last 24 hours
range-2d = Last 2 days
range-7d = Last 7 days
range-30d = Last 30 days
range-90d = Last 90 days
range-1y = Last year
range-from = From
range-to = To
range-apply = Apply
range-invalid = “From” has to be earlier than “to”.
range-zone = Times in { $zone }

## Search

search-title = Search
search-tab-events = Events
search-tab-sql = SQL
search-query = Query
search-placeholder = For example: source.ip:10.0.0.0/8 and process.name:powershell*
search-run = Search
search-cancel = Stop
search-running = Searching…
search-progress = { $done } of { $total } files, { $rows } rows read
search-cancelled = Stopped. What was found until then is shown.
search-matched = { $count ->
    [one] { $count } event
   *[other] { $count } events
  }
search-elapsed = in { $ms } ms
search-truncated = The newest { $shown } of { $count } are shown. Narrow the range or the query to see the rest, or export.
search-truncated-oldest = The oldest { $shown } of { $count } are shown. Narrow the range or the query to see the rest, or export.
search-none = No event matches
search-none-hint = Widen the time range or loosen the query.
search-widen = Show the last 30 days
search-error-at = The query cannot be read at column { $column }
search-error = The query cannot be read
search-syntax = Syntax
search-syntax-title = Query syntax
search-syntax-text = words anywhere in the event
search-syntax-phrase = exact phrase
search-syntax-field = field with a value
search-syntax-wildcard = wildcard
search-syntax-cidr = network
search-syntax-range = number or time range
search-syntax-exists = field is present
search-syntax-regex = regular expression
search-syntax-bool = and, or, not, brackets
search-histogram = Events over time
search-histogram-hint = Drag across to zoom in.
search-histogram-step = One bar: { $step }
search-fields = Fields
search-fields-filter = Find a field
search-fields-selected = Columns
search-fields-available = Available
search-fields-none = No fields
search-field-top = Most frequent values in { $count } events
search-field-toggle = Column { $field }
search-field-expand = Values of { $field }
search-filter-in = Only { $field }: { $value }
search-filter-out = Without { $field }: { $value }
search-filter-exists = Only events with { $field }
search-results = Results
search-column-time = Time
search-column-remove = Remove the column { $field }
search-order-newest = Newest first
search-order-oldest = Oldest first
search-export = Export
search-export-csv = CSV
search-export-ndjson = NDJSON
search-export-note = Everything that matches, not only what is shown. The export is entered in the journal.
search-permalink = Copy the link
search-permalink-copied = The link has been copied
search-event = Event
search-event-fields = Fields
search-event-raw = As it arrived
search-event-json = JSON
search-event-open = Open the event
search-event-previous = Previous event
search-event-next = Next event
search-event-filter = Find a field or value
search-event-untrusted = The time in the event was missing or absurd; the time of receipt is used.

## SQL

sql-title = SQL
sql-query = Statement
sql-hint = One read-only statement over the table “events”. Columns are field names in double quotes.
sql-run = Run
sql-limit = Rows at most
sql-result = { $rows ->
    [one] { $rows } row
   *[other] { $rows } rows
  } in { $ms } ms
sql-truncated = There are more rows than shown.
sql-empty = The result has no rows
sql-start = Run a statement to see its result

## Alerts

alerts-title = Alerts
alerts-filter-state = State
alerts-filter-text = Rule, host, user, address
alerts-none = No alerts here
alerts-none-hint = Alerts appear when a rule matches an event.
alerts-select = Select the alert { $title }
alerts-select-all = Select all shown
alerts-selected = { $count ->
    [one] { $count } alert selected
   *[other] { $count } alerts selected
  }
alerts-clear-selection = Clear the selection
alerts-create-incident = Create incident
alerts-acknowledge = Acknowledge
alerts-close-as = Close as
alerts-done-bulk = { $count ->
    [one] { $count } alert changed
   *[other] { $count } alerts changed
  }
alert-rule = Rule
alert-entity = Concerns
alert-first = First
alert-last = Last
alert-hits = Hits
alert-state = State
alert-assignee = Assignee
alert-unassigned = Nobody
alert-incident = Incident
alert-tags = Tags
alert-triage = Triage
alert-triage-comment = Comment
alert-triage-comment-hint = What was checked and what follows from it
alert-triage-saved = The triage has been saved
alert-triage-stale = Somebody changed this alert meanwhile. The page now shows the new state; check it and save again.
alert-time = Time
alert-host = Host
alert-user = User
alert-source-ip = Source address
alert-dataset = Kind of log
alert-comments = Comments
alert-comments-none = No comments yet
alert-show-events = Show in search
alert-to-incident = Open the incident
entity-kind-host = host
entity-kind-user = user
entity-kind-source_ip = address

## Incidents

incidents-title = Incidents
incidents-none = No incidents here
incidents-none-hint = Select alerts and create an incident from them, or register one by hand.
incidents-new = Register incident
incident-new-title = Register an incident
incident-number = No.
incident-name = What happened
incident-severity = Severity
incident-category = Category
incident-category-hint = From your organisation’s own table
incident-object = Affected object
incident-object-hint = Information system, server or service
incident-assignee = Assignee
incident-detected = Detected
incident-detected-hint = The moment from which the law’s terms are counted
incident-occurred = Occurred
incident-closed-at = Closed
incident-alerts-linked = { $count ->
    [one] { $count } alert will be attached
   *[other] { $count } alerts will be attached
  }
incident-created-done = Incident { $number } has been registered
incident-next-clock = Due next
incident-alerts-count = Alerts
incident-state-steps = Stages of the incident
incident-state-to = Change to “{ $state }”
incident-state-reason = Reason
incident-state-reason-hint = Goes into the journal and cannot be changed later
incident-state-changed = The state has been changed
incident-edit = Edit the incident
incident-saved = The changes have been saved
incident-timeline = Timeline
incident-alerts = Alerts
incident-tasks = Tasks
incident-notices = Notices
incident-proofs = Proofs
incident-clocks = The law’s clocks
incident-clocks-none = No duty of the law applies to this incident
incident-comment = Comment
incident-comment-add = Add a comment
incident-comment-added = The comment has been added
incident-task-new = New task
incident-task-due = Due
incident-task-add = Add the task
incident-task-added = The task has been added
incident-task-done = Mark as done: { $title }
incident-tasks-none = No tasks yet
incident-timeline-none = Nothing has happened yet
incident-proofs-none = No journal leaves yet
incident-proofs-hint = Each change of this incident is a leaf of the journal. A proof pack shows an outsider, without our server, that the leaf is unchanged.
incident-proof-index = Leaf
incident-proof-action = Change
incident-proof-hash = Hash of the leaf
incident-proof-sealed = Sealed
incident-proof-sealed-yes = Under a signed checkpoint
incident-proof-sealed-no = Waits for the next checkpoint
incident-proof-download = Download the proof pack
incident-attach-done = The alerts have been attached
incident-alerts-attach = Attach to an incident

## Clocks

clock-due = Due
clock-due-within = Not later than
clock-due-after = Not before
clock-left = { $time } left
clock-overdue-by = { $time } overdue
clock-fires-in = in { $time }
clock-stopped = Done { $time }
clock-started = Counted from { $time }
clock-no-start = Starts when its condition occurs
clock-own = Our duty
clock-owed = Owed to us
clock-owed-hint = Another organisation has to do this; we watch the term.
clock-steps = How it was computed
clock-clause = Clause
clock-act = Act
clock-edition = Edition
clock-calendar-edition = Calendar
clock-provisional = Provisional: the calendar of that year is not published yet
clock-addressees = Addressee
clock-write-notice = Write the notice
clock-record-answer = Record the answer

## Notices

notice-new = New notice
notice-duty = Duty
notice-addressee = Addressee
notice-text = Text
notice-text-hint = Empty: the program describes the incident itself.
notice-create = Make the draft
notice-drafted = The draft has been made
notice-approve = Approve
notice-approved = The notice has been approved
notice-approve-hint = Read the document first. After approval it cannot be changed; its hash goes into the journal.
notice-send = Send
notice-send-hint = The notice goes to { $address } at once.
notice-sent = The notice has been sent
notice-preview = View the document
notice-download = Download the PDF
notice-none = No notices yet
notice-approved-by = Approved by
notice-hash = SHA-256 of the document
notice-record-receipt = Record a paper receipt
notice-record-answer = Record the answer received
notice-fact-at = When
notice-fact-note = How it is known
notice-fact-note-hint = Number of the letter, who called, who took it over
notice-fact-saved = Recorded
notice-steps = Way of the notice

## Sources

sources-title = Sources
sources-ledger = Loss ledger
sources-ledger-hint = Everything that arrived is either stored, waiting, or counted as dropped.
sources-name = Source
sources-kind = Kind
sources-kind-token = by token
sources-kind-peer = by address
sources-received = Received
sources-stored = Stored
sources-pending = Waiting
sources-dropped = Dropped
sources-unparsed = Not understood
sources-last-seen = Last seen
sources-state = State
sources-enabled = On
sources-disabled = Off
sources-silent = Silent
sources-active = Sending
sources-none = No sources yet
sources-none-hint = Create a source and point a log shipper at it.
sources-new = Create source
sources-new-name = Name
sources-new-name-hint = For example: the host or the system that sends
sources-token = Token
sources-token-once = Copy the token now: it is shown only once. The server keeps only its hash.
sources-created = The source has been created
sources-rotate = New token
sources-rotate-confirm = The old token stops working at once. Give “{ $name }” a new one?
sources-enable = Switch on
sources-disable = Switch off
sources-changed = The source has been changed
sources-connect = How to send
sources-connect-hint = Put the token in place of TOKEN and this server’s name in place of SERVER.
sources-drop-reasons = Why dropped
sources-spool = Spool
sources-spool-usage = { $used } of { $max }
sources-totals = Total
sources-balance-ok = The ledger is balanced: every record is accounted for
sources-balance-off = { $count } records are not accounted for

## Journal

journal-title = Journal
journal-index = Leaf
journal-time = Time
journal-actor = Who
journal-action = What
journal-object = Object
journal-change = Change
journal-reason = Reason
journal-hash = Hash
journal-none = The journal is empty
journal-checkpoint = Signed checkpoint
journal-checkpoint-hint = Keep a copy elsewhere: with it anybody can show later that nothing before it was changed.
journal-verify = Verify
journal-verifying = Verifying…
journal-verify-ok = The journal is unchanged: { $size ->
    [one] { $size } leaf
   *[other] { $size } leaves
  } checked.
journal-verify-bad = The journal has been changed. { $count ->
    [one] { $count } finding
   *[other] { $count } findings
  }:
journal-verify-size = Checked { $size } leaves.
journal-export = Export all
journal-export-hint = A pack that saqshy-verify checks without network or server.
journal-older = Older leaves
journal-newest = To the newest
journal-proof = Proof pack of leaf { $index }

## Rules

rules-title = Rules
rules-filter = Title, author, id
rules-count = { $shown } of { $count }
rules-name = Rule
rules-status = Status
rules-logsource = Log source
rules-author = Author
rules-hits = Hits
rules-last-hit = Last hit
rules-state = State
rules-reason = Reason
rules-reason-hint = Goes into the journal
rules-changed = The rule has been changed
rules-none = No rule matches
rules-refused = Not loaded
rules-refused-hint = These files could not be taken into service.
rules-refused-file = File
rules-refused-line = Line
rules-refused-reason = Reason
rule-description = Description
rule-references = References
rule-falsepositives = Known false positives
rule-license = Licence
rule-source = Rule text
rule-id = Id
rule-alerts = Its alerts
rules-tab-list = Rules
rules-tab-attack = ATT&CK
rules-tab-sets = Sets
rules-tab-exceptions = Exceptions
rules-tab-backtests = Back-tests
rules-tab-refused = Not loaded
rules-set = Set
rules-tag = Tag
rules-quiet = Hits without alert
rules-cost = Share of time
rules-cost-of = Share of time: each rule timed alone on the latest { $events } events, { $time }.
rules-cost-none = The share of time has not been measured yet.
rules-measure = Measure now
rules-measured = Measured
rules-refused-none = Every rule is loaded
rules-warnings = Warnings
rules-warnings-hint = These rules work, but deserve a look.
rule-mode-enabled = On
rule-mode-test = In test
rule-mode-disabled = Off
rule-mode-test-hint = Hits of a rule in test are counted but raise no alert.
rule-to-enabled = Switch on
rule-to-test = Put in test
rule-to-disabled = Switch off
rule-kind-correlation = Correlation
rule-over = Over the rules
rule-since = In this form since
rule-decision = Decision
rule-samples = Samples
rule-samples-none = There is no samples file beside this rule.
rule-intervals = Time covered
rule-intervals-hint = In these intervals the rule looked at events; what lies between is a gap.
rule-intervals-none = This rule has not looked at events yet
rule-interval-from = From
rule-interval-to = To
rule-interval-now = until now
rule-interval-text = Hash of the text
quiet-why = Why
quiet-test = in test
quiet-hidden = hidden by an exception
quiet-hint = Hits in test and hits hidden by exceptions; the latest first.
explain-title = Why it matches or not
explain-hint = For one stored event
explain-event = Id of the event (event.id)
explain-ask = Explain
explain-held = holds
explain-failed = does not hold
explain-matches = The rule matches this event.
explain-matches-not = The rule does not match this event.
explain-part = Part of the rule
explain-verdict = Result
explain-found = In the event
explain-absent = absent
explain-met = met
explain-keywords = keywords
explain-line = line { $line }
exceptions-title = Exceptions
exceptions-none = No exceptions
exceptions-none-hint = When an alert has been called false, an exception can be proposed on its page.
exception-propose = Propose an exception
exception-proposed = The exception is proposed; a second person must approve it
exception-hint = An exception hides only hits for which everything named holds. The more fields, the narrower it is. Nothing is hidden until a second person approves.
exception-names = Conditions
exception-owner = Owner
exception-people = Proposed, decided
exception-expires = Ends
exception-hidden = Hidden
exception-days = For how many days
exception-decide = Actions
exception-decided = The decision has been recorded
exception-approve = Approve
exception-refuse = Refuse
exception-withdraw = Withdraw
exception-state-proposed = Proposed
exception-state-active = In force
exception-state-refused = Refused
exception-state-withdrawn = Withdrawn
exception-state-expired = Expired
exception-simulate = Try it out
exception-simulated = Would have hidden { $hidden } of { $hits } hits in the last { $days } days.
rulesets-title = Rule sets
ruleset-import = Import a set
ruleset-imported = “{ $name }”: { $rules } rules in service, { $refused } files not loaded.
ruleset-file = ZIP file
ruleset-file-hint = An archive of Sigma rules, or a bundle made by saqshy rules bundle
ruleset-name = Name
ruleset-version = Version
ruleset-mode = State of its rules
ruleset-origin = Origin
ruleset-hash = Hash
ruleset-signed = Signed by
ruleset-when = Imported
ruleset-remove = Remove
ruleset-changed = The set has been changed
ruleset-kind-own = Inside the program
ruleset-kind-folder = Folder
ruleset-kind-zip = ZIP file
ruleset-kind-git = Git checkout
attack-title = ATT&CK matrix
attack-count = { $techniques } techniques in { $rules } rules · ATT&CK { $version }
attack-hint = The matrix shows which techniques the rules speak of; it does not say that all of them are found.
attack-navigator = Layer for Navigator
attack-none = No rules
backtests-title = Back-tests
backtests-none = No back-test yet
backtests-none-hint = Results are kept until the server stops.
backtest-rule = Back-test
backtest-new = New back-test
backtest-rule-id = Id of the rule
backtest-days = Over the last days
backtest-yaml = or the text of a rule (YAML)
backtest-start = Start
backtest-pasted = Pasted text
backtest-cancelled = The back-test has been stopped
backtest-progress = Progress
backtest-truncated = Some moment had too many events; a part was not read.
backtest-found = { $hits } hits, { $alerts } alerts; { $read } of { $total } events read.
backtest-day = Day
backtest-share = Share
backtest-examples = Examples
backtest-state-running = Running
backtest-state-done = Done
backtest-state-cancelled = Stopped
backtest-state-failed = Failed

## Law

law-title = Law
law-edition-from = in force from { $date }
law-known-until = Editions known until { $date }
law-duties-count = { $count ->
    [one] { $count } duty
   *[other] { $count } duties
  }
law-duty = Duty
law-clause = Clause
law-bearer = Who
law-whose = Applies
law-own = to us
law-watched = to another
law-only-own = Only ours
law-calendar = Production calendar
law-calendar-hint = A year is provisional until the transfer of its days off has been published.
law-year-final = published
law-year-provisional = provisional
law-none = No act is loaded
law-bearers = This organisation is
law-amendments = Known amendments, not worked in
law-clauses = Clauses and what serves them: { $count }
law-clause-text = What it says
law-served = Served as
law-served-by = Served by
law-served-as-duty = duty with a clock
law-served-as-periodic = every period
law-served-as-record = record
law-served-as-check = check
law-served-as-access = access
law-served-as-scope = scope
law-served-as-outside = outside the program

## Users

users-title = Users
users-tab-users = Users
users-tab-roles = Roles
users-new = Create user
users-login = Login
users-name = Name
users-roles = Roles
users-language = Language
users-state = State
users-enabled = Active
users-disabled = Blocked
users-last-sign-in = Last sign-in
users-password = Password
users-password-new = New password
users-password-keep = Empty: stays as it is. A new one ends the user’s sessions.
users-created = The user has been created
users-saved = The user has been changed
users-you = you
users-edit = Edit { $name }
users-permission = Permission
users-role-has = { $role } may
users-role-has-not = { $role } may not

## Actions

actor-system = The program
action-incident-created = Incident registered
action-incident-detected = Incident detected
action-incident-occurred = Incident occurred
action-incident-updated = Incident changed
action-incident-state = State changed
action-incident-commented = Comment
action-incident-eliminated = Causes and consequences eliminated
action-alert-opened = Alert opened
action-alert-attached = Alert attached
action-alert-triaged = Alert triaged
action-task-added = Task added
action-task-changed = Task changed
action-notice-drafted = Notice drafted
action-notice-edited = Draft notice changed
action-notice-document = Notice document made
action-notice-approved = Notice approved
action-notice-queued = Notice given to be sent
action-notice-attempted = Attempt to send the notice
action-notice-sent = Notice sent
action-notice-delivered = Notice delivered
action-notice-bounced = Notice not delivered
action-notice-received = Notice received by the addressee
action-notice-acknowledged = Receipt confirmed
action-answer-received = Answer received
action-answer-sent = Answer sent
action-fact-recorded = Fact recorded
action-fact-withdrawn = Fact withdrawn
action-clock-computed = Term computed
action-source-created = Source created
action-source-changed = Source changed
action-rule-enabled = Rule switched on
action-rule-disabled = Rule switched off
action-user-created = User created
action-session-refused = Sign-in refused
action-incident-reopened = Incident reopened
action-session-begun = Signed in
action-session-ended = Signed out
action-user-changed = User changed
action-lake-file_added = Event file stored
action-lake-file_replaced = Event files joined
action-spool-gap = Gap in the spool
action-journal-export = Journal exported

## Parties of the acts

party-state_body = state body
party-authorised_person = authorised person
party-sts = State Technical Service
party-coordinator = security coordinator
party-nsc = National Security Committee
party-authorised_body = authorised body
