/** The current time in milliseconds, moving once a second: for countdowns. */
class Now {
  value = $state(Date.now());

  constructor() {
    if (typeof window !== 'undefined') setInterval(() => (this.value = Date.now()), 1000);
  }
}

export const now = new Now();
