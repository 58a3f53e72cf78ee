import { api, body } from '$lib/api/client';
import type { Person } from '$lib/api/types';
import { session } from './session.svelte';

/** People by login, as far as the signed-in person may read their names. */
class People {
  list = $state.raw<Person[]>([]);
  private asked = false;

  load(): void {
    if (this.asked || !session.can('people.read')) return;
    this.asked = true;
    body(api.GET('/people')).then(
      (reply) => (this.list = reply.people),
      () => (this.asked = false)
    );
  }

  /** For the next person at this browser. */
  forget(): void {
    this.list = [];
    this.asked = false;
  }

  name(id: string | null | undefined): string {
    if (!id) return '';
    const me = session.current?.user;
    if (me && (me.id === id || me.login === id)) return me.name;
    return this.list.find((person) => person.id === id)?.name ?? id;
  }
}

export const people = new People();
