import type { IconName } from '../ui/icons';

export interface Page {
  id: string;
  href: string;
  icon: IconName;
  permission: string;
  /** The key pressed after `g`. */
  key: string;
}

export const groups: { id: string; pages: Page[] }[] = [
  {
    id: 'watch',
    pages: [
      { id: 'overview', href: '/', icon: 'overview', permission: 'overview.read', key: 'o' },
      { id: 'search', href: '/search', icon: 'search', permission: 'search.read', key: 's' },
      { id: 'sources', href: '/sources', icon: 'source', permission: 'sources.read', key: 'd' }
    ]
  },
  {
    id: 'respond',
    pages: [
      { id: 'alerts', href: '/alerts', icon: 'alert', permission: 'alerts.read', key: 'a' },
      { id: 'incidents', href: '/incidents', icon: 'incident', permission: 'incidents.read', key: 'i' },
      { id: 'desk', href: '/desk', icon: 'clock', permission: 'incidents.read', key: 't' },
      { id: 'playbooks', href: '/playbooks', icon: 'play', permission: 'playbooks.read', key: 'p' },
      { id: 'reports', href: '/reports', icon: 'file', permission: 'reports.read', key: 'e' }
    ]
  },
  {
    id: 'prove',
    pages: [
      { id: 'journal', href: '/journal', icon: 'journal', permission: 'journal.read', key: 'j' },
      { id: 'law', href: '/law', icon: 'law', permission: 'law.read', key: 'l' }
    ]
  },
  {
    id: 'manage',
    pages: [
      { id: 'table', href: '/incident-table', icon: 'table', permission: 'incidents.read', key: 'k' },
      { id: 'contacts', href: '/contacts', icon: 'person', permission: 'contacts.read', key: 'c' },
      { id: 'templates', href: '/templates', icon: 'file', permission: 'templates.write', key: 'm' },
      { id: 'rules', href: '/rules', icon: 'rule', permission: 'rules.read', key: 'r' },
      { id: 'users', href: '/users', icon: 'users', permission: 'users.read', key: 'u' }
    ]
  }
];

export const allPages: Page[] = groups.flatMap((group) => group.pages);

/** Whether `page` is the one at `path`. */
export function isCurrent(page: Page, path: string): boolean {
  return page.href === '/' ? path === '/' : path === page.href || path.startsWith(`${page.href}/`);
}
