import type { Category, Session } from '$lib/api/types';

class SessionState {
  current = $state<Session | null>(null);

  /** Zone of the organisation; every time on the screen is in it. */
  get zone(): string {
    return this.current?.organisation.time_zone ?? 'Asia/Almaty';
  }

  /** The organisation's own table of incident categories; any text is allowed when it is empty. */
  get categories(): Category[] {
    return this.current?.organisation.categories ?? [];
  }

  /** Whether the signed-in person holds the permission. The server decides in any case. */
  can(permission: string): boolean {
    return this.current?.permissions.includes(permission) ?? false;
  }
}

export const session = new SessionState();
