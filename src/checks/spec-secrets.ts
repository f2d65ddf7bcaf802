import { looksSecret } from '../migration/no-secrets.ts';
import type { Check } from './result.ts';
import { judged } from './result.ts';
import { variablesOf } from './spec-variables.ts';

/** Shorter ones would be found everywhere by chance. */
const SHORTEST = 8;

/**
 * Whether a secret stands in clear in the app spec, which everybody who may read the app sees: as a variable that is not
 * encrypted, or anywhere else in it, a command for example. `secrets` by the name under which each is known; what is
 * found is named by place and never by value.
 */
export function specSecrets(live: unknown, secrets: Readonly<Record<string, string>>): Check {
  const what = 'No secret stands in clear in the app spec';
  const known = Object.entries(secrets).filter(([, value]) => value.length >= SHORTEST);
  const found: string[] = [];
  const encrypted = new Set(
    variablesOf(live)
      .filter(({ secret }) => secret)
      .map(({ value }) => value),
  );
  const walk = (here: unknown, place: string): void => {
    if (typeof here === 'string') {
      if (encrypted.has(here)) return;
      const held = known.filter(([, value]) => holds(here, value)).map(([name]) => name);
      if (held.length > 0) found.push(`${place} holds the value of ${held.join(', ')}`);
      else if (looksSecret(here)) found.push(`${place} has the shape of a secret`);
      return;
    }
    if (Array.isArray(here))
      here.forEach((item: unknown, index) => walk(item, `${place}[${labelOf(item, index)}]`));
    else if (here !== null && typeof here === 'object')
      for (const [key, item] of Object.entries(here)) walk(item, place === '' ? key : `${place}.${key}`);
  };
  walk(live, '');
  return judged('security/spec-secrets', 'security', what, {
    passed: found.length === 0,
    found:
      found.length === 0 ? `${known.length} secrets looked for, none found` : found.slice(0, 20).join('; '),
    remedy:
      'Make it an encrypted variable of the app, and change the secret: it stood where many could read it.',
  });
}

function holds(text: string, secret: string): boolean {
  return text.includes(secret) || text.includes(encodeURIComponent(secret));
}

/** A variable or a component by its name. */
function labelOf(item: unknown, index: number): string {
  const { key, name } = (item ?? {}) as { key?: unknown; name?: unknown };
  return typeof key === 'string' ? key : typeof name === 'string' ? name : String(index);
}
