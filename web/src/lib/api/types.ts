// Names for the wire types of the server's OpenAPI document; `npm run generate` makes `schema.d.ts` from it.
import type { components } from './schema';

type Schemas = components['schemas'];

export type Text3 = Schemas['Text3'];
/** Of an alert or a rule. */
export type Level = Schemas['Level'];
/** Of an incident: a level without “informational”. */
export type Severity = Schemas['Severity'];
export type AlertState = Schemas['AlertState'];
export type Verdict = Schemas['Verdict'];
export type IncidentState = Schemas['IncidentState'];
export type TaskState = Schemas['TaskState'];
export type NoticeState = Schemas['NoticeState'];
export type ClockStatus = Schemas['ClockStatus'];

export type Session = Schemas['SessionInfo'];
export type Category = Schemas['Category'];
export type User = Schemas['User'];
export type Person = Schemas['Person'];
export type Role = Schemas['Role'];

export type TimeCount = Schemas['Bucket'];
export type Overview = Schemas['Overview'];
export type Clock = Schemas['Clock'];
export type ClockRow = Schemas['ClockRow'];

export type EventMap = Record<string, unknown>;
export type SearchProgress = Schemas['SearchProgress'];
export type SearchDone = Schemas['SearchDone'];
export type SearchRequest = Schemas['SearchRequest'];
export type FieldSummary = Schemas['FieldSummary'];
export type SqlResult = Schemas['SqlAnswer'];

export type Alert = Schemas['Alert'];
export type AlertDetail = Schemas['AlertDetail'];
export type Hit = Schemas['Hit'];
export type Comment = Schemas['Comment'];

export type Incident = Schemas['Incident'];
export type IncidentRow = Schemas['IncidentRow'];
export type TimelineEntry = Schemas['TimelineEntry'];
export type Task = Schemas['Task'];
export type Notice = Schemas['Notice'];
export type Addressee = Schemas['Addressee'];
export type LetterTemplate = Schemas['LetterTemplate'];
export type Report = Schemas['Report'];
export type ReportKind = Schemas['ReportKind'];
export type ReportView = Schemas['ReportView'];
export type ReportTable = Schemas['ReportTable'];
export type Proof = Schemas['Proof'];
export type GateItem = Schemas['GateItem'];
export type Related = Schemas['RelatedIncidents'];
export type Visit = Schemas['Visit'];
export type Evidence = Schemas['Evidence'];
export type EvidenceList = Schemas['EvidenceList'];
export type EvidenceWhole = Schemas['EvidenceWhole'];
export type DamageOfCase = Schemas['DamageOfCase'];
export type Investigation = Schemas['Investigation'];
export type InvestigationWhole = Schemas['InvestigationWhole'];
export type InvestigationItem = Schemas['InvestigationItem'];
export type ResponseOfCase = Schemas['ResponseOfCase'];
export type ResponseAction = Schemas['Action'];
export type Run = Schemas['Run'];
export type RunStep = Schemas['RunStep'];
export type Playbook = Schemas['Playbook'];
export type PlaybookHistory = Schemas['PlaybookHistory'];
export type IncidentTable = Schemas['IncidentTable'];
export type HandOver = Schemas['HandOver'];
export type Notification = Schemas['Notification'];
export type Contact = Schemas['Contact'];
export type ContactClock = Schemas['ContactClock'];

export type Source = Schemas['Source'];
export type Leaf = Schemas['JournalLeaf'];
export type Verification = Schemas['JournalVerdict'];
export type Rule = Schemas['Rule'];
export type RuleDetail = Schemas['RuleDetail'];
export type CorrelationInfo = Schemas['CorrelationInfo'];
export type RefusedRule = Schemas['RefusedRule'];
export type RuleMode = Schemas['RuleMode'];
export type RuleSetInfo = Schemas['RuleSetInfo'];
export type RuleSetImported = Schemas['RuleSetImported'];
export type RuleException = Schemas['RuleException'];
export type ExceptionDraft = Schemas['ExceptionDraft'];
export type SimulationResult = Schemas['SimulationResult'];
export type QuietHit = Schemas['QuietHit'];
export type Explanation = Schemas['Explanation'];
export type AttackTechnique = Schemas['AttackTechnique'];
export type BackTestInfo = Schemas['BackTestInfo'];
export type LawPack = Schemas['LawPack'];

/** The error envelope, and where in the query a search failed. */
export type ApiFault = { code: string; message: string; link?: string | null; column?: number | null };

export type LawWork = Schemas['LawWork'];
export type Done = Schemas['Done'];
export type LawRegister = Schemas['LawRegister'];
export type LawChecklist = Schemas['LawChecklist'];
