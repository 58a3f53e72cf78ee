export type ThemeChoice = 'system' | 'light' | 'dark';
const storageKey = 'saqshy.theme';

class Theme {
  choice = $state<ThemeChoice>('system');
  /** What is painted now. */
  shown = $state<'light' | 'dark'>('light');

  start(): void {
    const stored = localStorage.getItem(storageKey);
    this.choice = stored === 'light' || stored === 'dark' ? stored : 'system';
    const query = matchMedia('(prefers-color-scheme: dark)');
    query.addEventListener('change', () => this.paint(query.matches));
    this.paint(query.matches);
  }

  choose(choice: ThemeChoice): void {
    this.choice = choice;
    if (choice === 'system') localStorage.removeItem(storageKey);
    else localStorage.setItem(storageKey, choice);
    this.paint(matchMedia('(prefers-color-scheme: dark)').matches);
  }

  private paint(systemDark: boolean): void {
    this.shown = this.choice === 'system' ? (systemDark ? 'dark' : 'light') : this.choice;
    document.documentElement.dataset.theme = this.shown;
  }
}

export const theme = new Theme();
