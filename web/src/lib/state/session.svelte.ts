import type { Session, Text3 } from '$lib/api/types';

export interface Category {
  id: string;
  title: Text3;
}

class SessionState {
  current = $state<Session | null>(null);

  /** Zone of the organisation; every time on the screen is in it. */
  get zone(): string {
    return this.current?.organisation.time_zone ?? 'Asia/Almaty';
  }

  /** The organisation's own table of incident categories; any text is allowed when it is empty. */
  get categories(): Category[] {
    const organisation: (Session['organisation'] & { categories?: Category[] }) | undefined = this.current?.organisation;
    return organisation?.categories ?? [];
  }

  /** Whether the signed-in person holds the permission. The server decides in any case. */
  can(permission: string): boolean {
    return this.current?.permissions.includes(permission) ?? false;
  }
}

export const session = new SessionState();
