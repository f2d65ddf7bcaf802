import { z } from 'zod';

/** The app's mark: an app has no tags. */
export const OWNER_VARIABLE = 'H2D_MIGRATION';

/** A keyed digest of all secrets: DigitalOcean never shows them again, so a change is seen by it. */
export const DIGEST_VARIABLE = 'H2D_SECRETS_DIGEST';

const variablesSchema = z.object({
  envs: z.array(z.object({ key: z.string(), value: z.string().nullish() })).nullish(),
});

/** The value of a variable of the whole app in its spec. */
export function variableOf(spec: Record<string, unknown>, name: string): string | undefined {
  const parsed = variablesSchema.safeParse(spec);
  return parsed.data?.envs?.find(({ key }) => key === name)?.value ?? undefined;
}

/** Whether the app belongs to the migration that `tag` names. */
export function isOwnApp(spec: Record<string, unknown>, tag: string): boolean {
  return variableOf(spec, OWNER_VARIABLE) === tag;
}
