import { ConfigurationError } from '../../src/errors.ts';
import type { EnvironmentValues } from './options.ts';
import type { Triggers } from './workflow-file.ts';

/**
 * The secrets that a workflow may see. In a called workflow an environment's secret is empty unless the caller passes
 * that name (even if the caller itself has no value for it) or inherits:
 * https://docs.github.com/en/actions/how-tos/reuse-automations/reuse-workflows
 */
export interface SecretScope {
  values: Record<string, string>;
  /** Names that may be filled by a job's environment; `'all'` in a workflow that was not called. */
  open: 'all' | readonly string[];
}

/** A job's secrets: those of its environment win over those of the repository. */
export function secretsOfJob(
  scope: SecretScope,
  environment: EnvironmentValues | undefined,
): Record<string, string> {
  const released = Object.entries(environment?.secrets ?? {}).filter(
    ([name]) => scope.open === 'all' || scope.open.includes(name),
  );
  return { ...scope.values, ...Object.fromEntries(released) };
}

/** What a called workflow gets from `secrets:` of its caller's job. */
export function secretsOfCall(
  caller: SecretScope,
  passed: 'inherit' | Record<string, string>,
  declared: NonNullable<NonNullable<Triggers['workflow_call']>['secrets']>,
  where: string,
): SecretScope {
  if (passed === 'inherit') return caller;
  const names = Object.keys(passed);
  const unknown = names.find((name) => !(name in declared));
  if (unknown !== undefined) throw new ConfigurationError(`${where} declares no secret "${unknown}".`);
  for (const [name, secret] of Object.entries(declared)) {
    if (secret?.required === true && !names.includes(name)) {
      throw new ConfigurationError(`${where}: the secret "${name}" is required, but not passed.`);
    }
  }
  // A secret that only the environment has is passed on by name through each level.
  const open = caller.open === 'all' ? names : names.filter((name) => caller.open.includes(name));
  return { values: Object.fromEntries(Object.entries(passed).filter(([, value]) => value !== '')), open };
}
