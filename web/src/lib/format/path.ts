/** A path of this console to go back to; anything that could lead elsewhere becomes `/`. */
export function localPath(path: string | null): string {
  return path && /^\/(?![/\\])/.test(path) && !path.startsWith('/sign-in') ? path : '/';
}
