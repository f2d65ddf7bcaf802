import { z } from 'zod';
import { born, type App, type Drain } from '../platform.ts';
import { appIdentity } from './app.ts';
import { bodyOf } from './body.ts';
import { notFound } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { identity, times } from './view.ts';

/** Log drains, and log sessions: an address from which the recent lines can be read without a token. */
export const logRoutes: Route[] = [
  list('/apps/:app/log-drains', ({ app }) => app.drains.map((drain) => drainView(app, drain))),
  list('/addons/:addon/log-drains', () => []),
  read('/apps/:app/log-drains/:drain', (call) => drainView(call.app, drainOf(call))),
  change(
    'POST',
    '/apps/:app/log-drains',
    (call) => {
      const { url } = bodyOf(call, z.object({ url: z.string() }));
      const drain: Drain = {
        ...born(call.platform),
        url,
        token: `d.${call.platform.ids.uuid()}`,
        addOn: undefined,
      };
      call.app.drains.push(drain);
      return drainView(call.app, drain);
    },
    { status: 201 },
  ),
  change('DELETE', '/apps/:app/log-drains/:drain', (call) => {
    const drain = drainOf(call);
    call.app.drains = call.app.drains.filter((one) => one !== drain);
    return drainView(call.app, drain);
  }),
  change('POST', '/apps/:app/log-sessions', createSession, { status: 201, need: 'read' }),
  read(
    '/log-streams/:app',
    ({ platform, params, query }) => {
      const app = platform.apps.find(({ id }) => id === params['app']);
      const lines = app?.logLines.slice(-Number(query.get('lines') ?? 100)) ?? [];
      return lines.map((line) => `${line}\n`).join('');
    },
    { dialect: 'open' },
  ),
];

function createSession(call: Call): unknown {
  const { platform, app } = call;
  const { lines } = bodyOf(call, z.object({ lines: z.number().int().positive().nullish() }));
  const session = born(platform);
  return {
    ...times(session),
    id: session.id,
    logplex_url: `${platform.baseUrl}/log-streams/${app.id}?lines=${lines ?? 100}&srv=${session.id}`,
  };
}

function drainOf({ app, params }: Call): Drain {
  const wanted = params['drain'] ?? '';
  const drain = app.drains.find(({ id, url, token }) => [id, url, token].includes(wanted));
  if (!drain) throw notFound('log drain');
  return drain;
}

function drainView(app: App, drain: Drain): unknown {
  return {
    addon: drain.addOn ? { ...identity(drain.addOn), app: appIdentity(drain.addOn.app) } : null,
    app: appIdentity(app),
    ...times(drain),
    id: drain.id,
    token: drain.token,
    url: drain.url,
  };
}
