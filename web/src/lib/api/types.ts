/** Wire types of /api/v1. Times are RFC 3339 strings. */
export type Text3 = { kk: string; ru: string; en: string };
export type Language = keyof Text3;

export type Level = 'critical' | 'high' | 'medium' | 'low' | 'informational';
export type AlertState = 'new' | 'acknowledged' | 'in_progress' | 'closed';
export type Verdict = 'true_positive' | 'false_positive' | 'benign';
export type IncidentState = 'open' | 'investigating' | 'contained' | 'eliminated' | 'closed';
export type NoticeState = 'draft' | 'approved' | 'sent' | 'delivered' | 'acknowledged' | 'failed';
export type ClockStatus =
  'not_started' | 'running' | 'met' | 'met_late' | 'overdue' | 'fired' | 'not_needed';
export type ClockKind = 'within' | 'after' | 'each' | 'before';

export interface ApiFault { code: string; message: string; link?: string | null; column?: number | null }

export interface User {
  id: string; login: string; name: string; roles: string[];
  language: string; enabled?: boolean; created_at?: string; last_sign_in?: string | null;
}
export interface Session {
  user: User;
  permissions: string[];
  organisation: { name: Text3; bearers: string[]; time_zone: string };
}

export interface Clock {
  id: string; duty: string; clause: string; act: string; own: boolean; bearer: string;
  addressees: Text3[]; addressee_ids: string[]; title: Text3; kind: ClockKind;
  started?: string | null; due?: string | null; status: ClockStatus; stopped?: string | null;
  steps: Text3[]; edition: string; calendar_edition?: string | null; provisional: boolean;
}
export interface ClockRow extends Clock {
  incident_id: string; incident_number: string; incident_title: string;
}

export interface TimeCount { time: string; count: number }
export interface Overview {
  event_rate: TimeCount[];
  events_total: number;
  alerts_by_level: Record<Level, number>;
  incidents_open: number;
  clocks_next: ClockRow[];
  sources: { active: number; silent: number };
  journal: { size: number; checkpoint_time?: string | null };
}

export type EventMap = Record<string, unknown>;
export interface SearchProgress { files_done: number; files_total: number; rows_scanned: number }
export interface SearchDone { matched: number; elapsed_ms: number; truncated: boolean }
export interface FieldSummary { name: string; present: number; top: { value: string; count: number }[] }
export interface SqlResult {
  columns: { name: string; type: string }[]; rows: unknown[][]; truncated: boolean; elapsed_ms: number;
}

export interface Alert {
  id: string; rule_id: string; rule_title: string; level: Level; tags: string[];
  entity_kind: string; entity: string; first_at: string; last_at: string; hits_count: number;
  state: AlertState; verdict?: Verdict | null; assignee?: string | null;
  incident_id?: string | null; version: number;
}
export interface Hit {
  id: string; event_id: string; at: string; host?: string | null; user?: string | null;
  source_ip?: string | null; dataset: string;
}
export interface Comment { at: string; actor: string; text: string }
export interface AlertDetail extends Alert { hits: Hit[]; comments: Comment[] }

export interface IncidentRow {
  id: string; number: string; title: string; state: IncidentState; severity: Level;
  category?: string | null; object?: string | null; assignee?: string | null;
  detected_at: string; created_at: string; alerts_count: number; version: number;
  next_clock?: Clock | null;
}
export interface TimelineEntry {
  at: string; actor: string; kind: string; text: string;
}
export type TaskState = 'open' | 'done' | 'cancelled';
export interface Task {
  id: string; title: string; state: TaskState; assignee?: string | null; due?: string | null; created_at: string;
}
export interface Notice {
  id: string; incident_id: string; duty: string; clause: string; addressee: string; address: string;
  state: NoticeState; created_at: string; approved_by?: string | null; sent_at?: string | null;
  acknowledged_at?: string | null; document_sha256?: string | null; error?: string | null;
}
export interface Proof { index: number; at: string; action: string; hash: string; sealed: boolean }
export interface Incident extends Omit<IncidentRow, 'alerts_count' | 'next_clock'> {
  occurred_at?: string | null; closed_at?: string | null;
  alerts: Alert[]; timeline: TimelineEntry[]; tasks: Task[]; clocks: Clock[];
  notices: Notice[]; proofs: Proof[];
}

export interface Source {
  id: string; name: string; kind: string; received: number; stored: number; dropped: number;
  unparsed: number; pending: number; last_seen?: string | null; enabled: boolean;
  drop_reasons: Record<string, number>;
}
export interface Leaf {
  index: number; at: string; actor: string; action: string; object: string; change: unknown; reason?: string | null; hash: string;
}
export interface Verification { ok: boolean; size: number; findings: { path: string; what: string }[] }

export interface Rule {
  id: string; title: string; level: Level; status: string; tags: string[]; author: string;
  logsource: { category?: string | null; product?: string | null; service?: string | null }; enabled: boolean; hits: number; last_hit?: string | null;
}
export interface RuleDetail extends Rule {
  description: string; references: string[]; falsepositives: string[]; license: string; source_yaml: string;
}
export interface RefusedRule { file: string; line?: number | null; reason: string }

export interface Role { id: string; title: Text3; permissions: string[] }

export interface Duty { id: string; clause: string; title: Text3; bearer: string; own: boolean }
export interface Edition { id: string; from: string }
export interface LawPack {
  id: string; title: Text3; editions: Edition[]; known_until?: string | null; duties: Duty[];
}
export interface LawPacks { packs: LawPack[]; calendar: { years: { year: number; provisional: boolean }[] } }
