import { z } from 'zod';
import { ConfigurationError, messageOf } from '../errors.ts';
import type { HerokuClient } from './client.ts';
import { ForbiddenError, UnknownTokenError } from './refusal.ts';

/** What a token is, and what its account may do to some apps, as far as reading tells. */
export interface HerokuAccess {
  /** False: Heroku does not know the token, and nothing else was asked. */
  known: boolean;
  /** Names of the scopes; undefined when Heroku does not name them. */
  scopes: string[] | undefined;
  /** Undefined when the token may not read it: that takes the scope `identity`. */
  account: HerokuAccount | undefined;
  apps: AppAccess[];
}

export interface HerokuAccount {
  email: string;
  suspended: boolean;
  /** With an unpaid bill. */
  delinquent: boolean;
}

export interface AppAccess {
  app: string;
  /** `absent`: there is none of that name, or the account is not admitted. */
  state: 'seen' | 'absent' | 'forbidden' | 'unread';
  /** Why it was not seen; empty otherwise. */
  why: string;
  team: string | null;
  /** E-mail of who owns it. */
  owner: string;
  /** Of the token's own account; undefined when that, or the list of collaborators, is not known. */
  own: { role: string; permissions: string[] } | undefined;
}

const accountSchema = z.object({
  email: z.string(),
  suspended_at: z.string().nullish(),
  delinquent_at: z.string().nullish(),
});
const appSchema = z.object({
  name: z.string(),
  owner: z.object({ email: z.string() }),
  team: z.object({ name: z.string() }).nullish(),
});
const collaboratorSchema = z.object({
  role: z.string().nullish(),
  permissions: z.array(z.object({ name: z.string() })).default([]),
  user: z.object({ email: z.string() }),
});

/**
 * Looks at the token, its account and its rights on `apps`, by GET only. Nothing that is refused is an error here.
 */
export async function readHerokuAccess(client: HerokuClient, apps: readonly string[]): Promise<HerokuAccess> {
  let scopes: string[] | undefined;
  try {
    scopes = await client.scopes();
  } catch (error) {
    if (!(error instanceof UnknownTokenError)) throw error;
    return { known: false, scopes: undefined, account: undefined, apps: [] };
  }
  const account = await readAccount(client);
  return {
    known: true,
    scopes,
    account,
    apps: await Promise.all(apps.map((app) => readAppAccess(client, app, account))),
  };
}

async function readAccount(client: HerokuClient): Promise<HerokuAccount | undefined> {
  const account = await orUndefined(client, () => client.get('/account', accountSchema));
  if (account === undefined) return undefined;
  const { email, suspended_at: suspended, delinquent_at: delinquent } = account;
  return { email, suspended: suspended != null, delinquent: delinquent != null };
}

async function readAppAccess(
  client: HerokuClient,
  name: string,
  account: HerokuAccount | undefined,
): Promise<AppAccess> {
  const path = `/apps/${encodeURIComponent(name)}`;
  const nothing = { app: name, why: '', team: null, owner: '', own: undefined };
  let app: z.infer<typeof appSchema> | undefined;
  try {
    app = await client.find(path, appSchema);
  } catch (error) {
    client.signal?.throwIfAborted();
    const state = error instanceof ForbiddenError ? 'forbidden' : 'unread';
    return { ...nothing, state, why: messageOf(error) };
  }
  if (app === undefined) return { ...nothing, state: 'absent' };
  const found = { ...nothing, state: 'seen' as const, team: app.team?.name ?? null, owner: app.owner.email };
  if (account === undefined) return found;
  if (app.owner.email === account.email) return { ...found, own: { role: 'owner', permissions: [] } };
  const collaborators = await orUndefined(client, () =>
    client.list(`${path}/collaborators`, collaboratorSchema),
  );
  const own = collaborators?.find(({ user }) => user.email === account.email);
  return own === undefined
    ? found
    : {
        ...found,
        own: { role: own.role ?? 'collaborator', permissions: own.permissions.map((one) => one.name) },
      };
}

/** What the token may not read, or Heroku does not answer, is not known. */
async function orUndefined<T>(client: HerokuClient, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    client.signal?.throwIfAborted();
    if (!(error instanceof ConfigurationError)) client.log.debug(messageOf(error));
    return undefined;
  }
}
