import type { AppVariable, VariableFate } from '../digitalocean/app-environment.ts';
import type { Check } from './result.ts';
import { judged } from './result.ts';
import type { SpecVariable } from './spec-variables.ts';

export interface ConfigurationInput {
  /** What must become of every config var, decided anew from what both sides hold now. */
  fates: readonly VariableFate[];
  /** The variables that the new side must have, with their values. */
  expected: readonly AppVariable[];
  /** Those that it has. */
  live: readonly SpecVariable[];
  /** Keyed digests of what provision sent last, by name: App Platform never shows a secret again. */
  sent: Readonly<Record<string, string>> | undefined;
  digest: (value: string) => string;
  /** Names that this migration adds for itself. */
  ours: (name: string) => boolean;
}

/** For the record: a name, what became of it, and a keyed digest of the value on the new side. */
export interface AccountedVariable {
  name: string;
  fate: VariableFate['fate'];
  reason: string;
  digest: string | null;
}

const WHAT: Record<VariableFate['fate'], string> = {
  kept: 'Config vars that are kept have the same value on both sides',
  replaced: 'Config vars that are replaced have their new value',
  dropped: 'Config vars that are dropped are gone',
  added: 'Variables that the new side needs are there',
};

/**
 * Accounts for every config var by name and keyed digest: kept equal, replaced, dropped with its reason, or added. A
 * plain one is compared by its value; a secret by the digest of what provision sent, since nobody is shown it again.
 */
export function configurationChecks(input: ConfigurationInput): {
  checks: Check[];
  variables: AccountedVariable[];
} {
  const { fates, expected, live, sent, digest, ours } = input;
  const values = new Map(expected.map(({ key, value }) => [key, value]));
  const problems: Record<VariableFate['fate'], string[]> = { kept: [], replaced: [], dropped: [], added: [] };
  for (const { name, fate } of fates) {
    const problem = problemOf(name, values.get(name), live, sent, digest);
    if (problem !== undefined) problems[fate].push(problem);
  }
  const checks = (['kept', 'replaced', 'dropped', 'added'] as const).flatMap((fate): Check[] => {
    const count = fates.filter((one) => one.fate === fate).length;
    if (count === 0) return [];
    const wrong = problems[fate];
    return [
      judged(`configuration/${fate}`, 'configuration', WHAT[fate], {
        passed: wrong.length === 0,
        found: wrong.length === 0 ? `${count} of ${count}` : wrong.join('; '),
        remedy:
          'Run provision with `stage: application` again, or set it right by hand and say so in migration.yml (`config`).',
      }),
    ];
  });
  const accounted = new Set(fates.map(({ name }) => name));
  const unplanned = [...new Set(live.map(({ name }) => name))].filter(
    (name) => !accounted.has(name) && !ours(name),
  );
  if (unplanned.length > 0) {
    checks.push({
      id: 'configuration/unplanned',
      area: 'configuration',
      what: 'Variables of the new side that no config var explains',
      found: unplanned.join(', '),
      state: 'told',
      remedy:
        'Set by somebody on App Platform: say so in migration.yml (`config.set`) where it is meant to stay.',
    });
  }
  return {
    checks,
    variables: fates.map(({ name, fate, reason }) => {
      const value = values.get(name);
      return { name, fate, reason, digest: value === undefined ? null : digest(value) };
    }),
  };
}

function problemOf(
  name: string,
  value: string | undefined,
  live: readonly SpecVariable[],
  sent: ConfigurationInput['sent'],
  digest: (value: string) => string,
): string | undefined {
  const there = live.filter((one) => one.name === name);
  const ofTheApp = there.find(({ component }) => component === undefined);
  if (value === undefined) {
    // Some have a value of their own in each component, and none for the app.
    return ofTheApp === undefined ? undefined : `${name} is still there`;
  }
  if (ofTheApp === undefined) return `${name} is missing`;
  const shadowed = there.filter((one) => one.component !== undefined).map(({ component }) => component ?? '');
  if (shadowed.length > 0) return `${name} has another value in ${shadowed.join(', ')}`;
  if (!ofTheApp.secret) return ofTheApp.value === value ? undefined : `${name} has another value`;
  const known = sent?.[name];
  if (known === undefined) return `${name} is not known to be the same: the record holds no digest of it`;
  return known === digest(value) ? undefined : `${name} has another value`;
}
