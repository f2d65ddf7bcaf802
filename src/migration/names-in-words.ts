const MOST = 5;

/** `orders, users and 3 more`; `count` when the names are only the first of them. */
export function namesOf(names: readonly string[], count = names.length): string {
  const shown = names.slice(0, MOST);
  const rest = count - shown.length;
  return `${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
