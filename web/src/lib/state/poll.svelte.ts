import { invalidate } from '$app/navigation';

/** Loads `key` again every `ms` while the page is seen. For use while a component is set up. */
export function poll(key: string, ms: number | (() => number)): void {
  $effect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void invalidate(key).catch(() => {});
    }, typeof ms === 'number' ? ms : ms());
    return () => clearInterval(timer);
  });
}
