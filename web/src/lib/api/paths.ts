import type {
  Alert, AlertDetail, AlertState, EventMap, FieldSummary, Incident, IncidentRow, IncidentState, LawPacks, Leaf,
  Level, Notice, Overview, RefusedRule, Role, Rule, RuleDetail, Session, Source, SqlResult, Task, TaskState, TimeCount, User,
  Verdict, Verification
} from './types';

type Json<T> = { content: { 'application/json': T } };
type Path<T> = [T] extends [undefined] ? { path?: never } : { path: T };
type Body<T> = [T] extends [undefined] ? { requestBody?: never } : { requestBody: Json<T> };
type Op<In, Out, Query = undefined, P = undefined> = {
  parameters: { query?: Query; header?: never; cookie?: never } & Path<P>;
  responses: { 200: Json<Out> };
} & Body<In>;
type Id = { id: string };

/** The operations of /api/v1 as openapi-fetch wants them. */
export interface paths {
  '/session': {
    get: Op<undefined, Session>;
    post: Op<{ login: string; password: string }, Session>;
    delete: Op<undefined, unknown>;
  };
  '/session/password': { post: Op<{ old: string; new: string }, unknown> };
  '/overview': { get: Op<undefined, Overview, { from: string; to: string }> };
  '/search/{search_id}': { delete: Op<undefined, unknown, undefined, { search_id: string }> };
  '/search/histogram': {
    post: Op<{ query: string; from: string; to: string; buckets: number }, { buckets: TimeCount[]; total: number }>;
  };
  '/search/fields': { post: Op<{ query: string; from: string; to: string }, { fields: FieldSummary[] }> };
  '/events/{id}': { get: Op<undefined, EventMap, undefined, Id> };
  '/sql': { post: Op<{ sql: string; limit: number }, SqlResult> };
  '/alerts': {
    get: Op<undefined, { alerts: Alert[]; next?: string | null },
      { state?: string; level?: string; q?: string; limit?: number; cursor?: string }>;
  };
  '/alerts/{id}': { get: Op<undefined, AlertDetail, undefined, Id> };
  '/alerts/{id}/triage': {
    post: Op<{ state?: AlertState; verdict?: Verdict; assignee?: string; comment?: string; version: number },
      Alert, undefined, Id>;
  };
  '/incidents': {
    get: Op<undefined, { incidents: IncidentRow[] }, { state?: string; limit?: number }>;
    post: Op<{ title: string; severity: Level; category?: string; object?: string; alerts: string[];
      detected_at?: string; occurred_at?: string }, Incident>;
  };
  '/incidents/{id}': {
    get: Op<undefined, Incident, undefined, Id>;
    patch: Op<{ title?: string; severity?: Level; category?: string; object?: string; assignee?: string;
      version: number }, Incident, undefined, Id>;
  };
  '/incidents/{id}/state': {
    post: Op<{ state: IncidentState; reason: string; version: number }, Incident, undefined, Id>;
  };
  '/incidents/{id}/comments': { post: Op<{ text: string }, unknown, undefined, Id> };
  '/incidents/{id}/tasks': { post: Op<{ title: string; assignee?: string; due?: string }, unknown, undefined, Id> };
  '/incidents/{id}/tasks/{task}': {
    patch: Op<{ state: TaskState }, Task, undefined, { id: string; task: string }>;
  };
  '/incidents/{id}/alerts': { post: Op<{ alerts: string[] }, unknown, undefined, Id> };
  '/incidents/{id}/facts': { post: Op<{ kind: string; at: string; note: string }, unknown, undefined, Id> };
  '/incidents/{id}/notices': {
    post: Op<{ duty: string; addressee: string; text?: string }, Notice, undefined, Id>;
  };
  '/notices/{id}': { get: Op<undefined, Notice, undefined, Id> };
  '/notices/{id}/approve': { post: Op<undefined, Notice, undefined, Id> };
  '/notices/{id}/send': { post: Op<undefined, Notice, undefined, Id> };
  '/sources': {
    get: Op<undefined, { sources: Source[]; spool: { bytes: number; bytes_max: number } }>;
    post: Op<{ name: string }, { id: string; token: string }>;
  };
  '/sources/{id}': {
    patch: Op<{ enabled?: boolean; rotate?: boolean }, { id?: string; token?: string | null }, undefined, Id>;
  };
  '/journal': { get: Op<undefined, { size: number; leaves: Leaf[] }, { before?: number; limit?: number }> };
  '/journal/verify': { post: Op<undefined, Verification> };
  '/rules': { get: Op<undefined, { rules: Rule[]; refused: RefusedRule[] }> };
  '/rules/{id}': {
    get: Op<undefined, RuleDetail, undefined, Id>;
    patch: Op<{ enabled: boolean; reason: string }, unknown, undefined, Id>;
  };
  '/users': {
    get: Op<undefined, { users: User[] }>;
    post: Op<{ login: string; name: string; password: string; roles: string[]; language?: string }, { id: string }>;
  };
  '/users/{id}': {
    patch: Op<{ roles?: string[]; enabled?: boolean; password?: string; name?: string; language?: string },
      User, undefined, Id>;
  };
  '/roles': { get: Op<undefined, { roles: Role[] }> };
  '/law/packs': { get: Op<undefined, LawPacks> };
}
