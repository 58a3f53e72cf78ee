import type { Session } from '$lib/api/types';

class SessionState {
  current = $state<Session | null>(null);

  /** Zone of the organisation; every time on the screen is in it. */
  get zone(): string {
    return this.current?.organisation.time_zone ?? 'Asia/Almaty';
  }

  /** Whether the signed-in person holds the permission. The server decides in any case. */
  can(permission: string): boolean {
    return this.current?.permissions.includes(permission) ?? false;
  }
}

export const session = new SessionState();
