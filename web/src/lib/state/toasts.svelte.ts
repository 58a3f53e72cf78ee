import { ApiError } from '$lib/api/client';

export interface Toast { id: number; tone: 'ok' | 'bad'; text: string; code?: string }

class Toasts {
  list = $state<Toast[]>([]);
  private next = 1;

  ok(text: string): void {
    this.push({ id: this.next++, tone: 'ok', text }, 5000);
  }

  /** Shows the message and code of the server's envelope. */
  fail(fault: unknown): void {
    const text = fault instanceof Error ? fault.message : String(fault);
    const code = fault instanceof ApiError ? fault.code : undefined;
    this.push({ id: this.next++, tone: 'bad', text, code }, 12_000);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  private push(toast: Toast, ms: number): void {
    this.list = [...this.list, toast];
    setTimeout(() => this.dismiss(toast.id), ms);
  }
}

export const toasts = new Toasts();

/** Runs an action of the user: says `done` on success, shows the fault otherwise. Answers whether it went well. */
export async function attempt(action: () => Promise<unknown>, done?: string): Promise<boolean> {
  try {
    await action();
    if (done) toasts.ok(done);
    return true;
  } catch (fault) {
    toasts.fail(fault);
    return false;
  }
}
