import { goto } from '$app/navigation';
import { allPages } from '$lib/components/shell/pages';
import { session } from './session.svelte';

class Shortcuts {
  /** The list of shortcuts is open. */
  help = $state(false);
  private afterG = 0;

  /** For `keydown` on the window. Keys typed into a field or with a modifier are the field's and the browser's. */
  press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isField(event.target) || document.querySelector('dialog[open]')) return;
    if (event.key === '?') return this.take(event, () => (this.help = true));
    if (event.key === '/') return this.take(event, () => void focusSearch());
    if (event.code === 'KeyG' && !event.shiftKey) {
      this.afterG = event.timeStamp;
      return;
    }
    if (event.timeStamp - this.afterG > 1500) return;
    this.afterG = 0;
    // By the key's place on the keyboard, so that it works under a Kazakh or Russian layout too.
    const letter = event.code.replace('Key', '').toLowerCase();
    const page = allPages.find((p) => p.key === letter && session.can(p.permission));
    if (page) this.take(event, () => void goto(page.href));
  }

  private take(event: KeyboardEvent, action: () => void): void {
    event.preventDefault();
    action();
  }
}

export const shortcuts = new Shortcuts();

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

async function focusSearch(): Promise<void> {
  const here = document.querySelector<HTMLElement>('[data-search-field]');
  if (here) return here.focus();
  await goto('/search');
  document.querySelector<HTMLElement>('[data-search-field]')?.focus();
}
