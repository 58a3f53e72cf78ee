import type { GateItem } from './api/types';
import { t, text3, tOr } from './i18n/index.svelte';
import { people } from './state/people.svelte';

/** The name of an action of the journal or timeline, or its code where we know none. */
export function actionName(action: string): string {
  return tOr(`action-${(action.split(':')[0] ?? action).replace(/\./g, '-')}`, action);
}

/** The name of a party of an act, or its id where we know none. */
export function partyName(id: string): string {
  return tOr(`party-${id}`, id);
}

/** A person's name, or “the program” for what rules and the server do. */
export function actorName(actor: string): string {
  return actor === 'system' ? t('actor-system') : people.name(actor);
}

/** A point of the closing gate: a duty or check by its title, one of the program's own by its name. */
export function gateName(item: GateItem): string {
  return text3(item.title) || tOr(`gate-${item.id}`, item.id);
}
