import { refuseSecrets } from '../migration/no-secrets.ts';

/** Where something stands in the checkout. Of the line itself only the identifier is kept that was looked for. */
export interface Place {
  /** Relative to the checkout, with slashes. */
  path: string;
  /** Counted from 1; `null` when the file as a whole is meant. */
  line: number | null;
  /** The identifier, such as `HEROKU_APP_NAME`, `sslmode=require` or a host name. */
  match: string;
}

/** One thing found in many places: the first places, and how many there are. */
export interface Finding {
  kind: string;
  /** What was found, the same in every place: a variable's name, a host, a setting. */
  what: string;
  places: Place[];
  count: number;
}

/** Of each finding; the count tells the rest. */
export const PLACES_KEPT = 10;
const PLACES_TOLD = 3;
const LONGEST_PATH = 200;

/** A path as it may be shown and recorded: file names are written by anybody, and may be written to deceive. */
export function shownPath(path: string): string {
  const plain = path.toWellFormed().replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
  const cut = plain.length > LONGEST_PATH ? `${plain.slice(0, LONGEST_PATH)}…` : plain;
  try {
    refuseSecrets(cut, 'path');
    return cut;
  } catch {
    return '(a name that looks like a secret)';
  }
}

/** `app/models/user.rb:12`, the first few, and how many more there are. */
export function placesTold({ places, count }: Pick<Finding, 'places' | 'count'>): string {
  const told = places
    .slice(0, PLACES_TOLD)
    .map(({ path, line }) => (line === null ? path : `${path}:${line}`))
    .join(', ');
  return count > PLACES_TOLD ? `${told} and ${count - PLACES_TOLD} more` : told;
}
