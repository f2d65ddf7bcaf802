import { ConfigurationError } from '../errors.ts';

/** Refuses to touch something that has our name and not our mark: somebody else made it. */
export function requireOurs(kind: string, name: string, marks: readonly string[], tag: string): void {
  if (marks.includes(tag)) return;
  throw new ConfigurationError(
    `DigitalOcean already has ${/^[aeiou]/iu.test(kind) ? 'an' : 'a'} ${kind} named "${name}" that does not belong to this migration (it lacks "${tag}"). ` +
      `Rename or remove it, or give \`application\` another name in migration.yml. It was not touched.`,
  );
}
