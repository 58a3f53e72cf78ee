import { api, body } from '$lib/api/client';
import type { User } from '$lib/api/types';
import { session } from './session.svelte';

/** Names for user ids, as far as the signed-in person may read them. */
class People {
  list = $state.raw<User[]>([]);
  private asked = false;

  load(): void {
    if (this.asked || !session.can('users.read')) return;
    this.asked = true;
    body(api.GET('/users')).then(
      (reply) => (this.list = reply.users),
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
    return this.list.find((user) => user.id === id || user.login === id)?.name ?? id;
  }
}

export const people = new People();
