import type { AppVariable } from '../digitalocean/app-environment.ts';
import { componentName } from '../digitalocean/app-spec.ts';
import type { Item } from './item.ts';

/** The answer by which a variable that only dynos have gets its equivalent on the new side; the default where there is one. */
export const EQUIVALENT = 'equivalent';

/** What stands in for the metadata of dynos. */
export interface NewMetadata {
  herokuApp: string;
  /** `sha256:…` of the image that runs. */
  imageDigest: string;
  /** The commit that the image holds; `undefined` when nobody says. */
  commit: string | undefined;
}

interface Equivalent {
  /** What it is, for the reviewer. */
  note: string;
  /**
   * The value for the whole app; absent when each component has its own, `undefined` when it is not known. `${…}` is
   * filled in by App Platform.
   */
  value?: (known: NewMetadata) => string | undefined;
}

/**
 * What code that reads Heroku's names finds on App Platform (devcenter, "Dyno metadata" and "Dynos"; DigitalOcean's
 * "environment variables", bindable variables). A time is not among them: one from a setting would soon be wrong.
 */
const EQUIVALENTS: Readonly<Record<string, Equivalent | undefined>> = {
  DYNO: { note: "the component's name and `.1` (`web.1`), the same in each of its instances" },
  HEROKU_APP_NAME: {
    note: 'the name of the Heroku app, since code compares with it',
    value: ({ herokuApp }) => herokuApp,
  },
  HEROKU_APP_ID: { note: 'the id of the app on App Platform', value: () => '${APP_ID}' },
  HEROKU_APP_DEFAULT_DOMAIN_NAME: {
    note: 'the domain of the app on App Platform',
    value: () => '${APP_DOMAIN}',
  },
  HEROKU_RELEASE_VERSION: {
    note: "the first 12 digits of the image's digest, which names what runs as a release does",
    value: ({ imageDigest }) => imageDigest.replace('sha256:', '').slice(0, 12),
  },
  HEROKU_SLUG_COMMIT: {
    note: 'the commit that the image was built from',
    value: ({ commit }) => commit,
  },
};

/** A sentence about the equivalent of a dyno's variable; `undefined` when it has none. */
export function equivalentNote(name: string): string | undefined {
  return EQUIVALENTS[name]?.note;
}

const ID = /^repository\/variable\/(.+)$/;

/** The names that the code reads and that get an equivalent: what the items say, with `answers` laid over them. */
export function equivalentsIn(
  items: readonly Pick<Item, 'id' | 'options' | 'becomes'>[],
  answers: Readonly<Record<string, string>> = {},
): string[] {
  return items.flatMap(({ id, options, becomes }) => {
    const name = ID.exec(id)?.[1];
    if (name === undefined || !options.includes(EQUIVALENT)) return [];
    return (answers[id] ?? becomes) === EQUIVALENT ? [name] : [];
  });
}

/**
 * Values by name; `undefined` where each component has its own (see `componentMetadata`). What nobody knows is left out:
 * nothing is made up.
 */
export function equivalentsOf(
  names: readonly string[],
  known: NewMetadata,
): Record<string, { value: string | undefined; reason: string }> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const found = EQUIVALENTS[name];
      const value = found?.value?.(known);
      if (found === undefined || (found.value !== undefined && value === undefined)) return [];
      return [[name, { value, reason: `the code reads it: ${found.note}` }] as const];
    }),
  );
}

/** The variables of one component alone: `DYNO` with its name, when the code reads it. */
export function componentMetadata(names: readonly string[], process: string): AppVariable[] {
  return names.includes('DYNO') ? [{ key: 'DYNO', value: `${componentName(process)}.1`, secret: false }] : [];
}
