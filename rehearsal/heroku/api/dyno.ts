import { z } from 'zod';
import { findNamed } from '../catalogue.ts';
import { startDyno, stopDyno } from '../dyno.ts';
import { reconcile } from '../formation.ts';
import { currentRelease, type App, type Dyno, type Platform } from '../platform.ts';
import { appIdentity } from './app.ts';
import { bodyOf } from './body.ts';
import { invalid, notFound } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { times } from './view.ts';

/** Dynos: https://devcenter.heroku.com/articles/platform-api-reference#dyno */
export const dynoRoutes: Route[] = [
  list('/apps/:app/dynos', ({ app }) => app.dynos.map((dyno) => dynoView(app, dyno)), {
    ranges: ['id', 'name'],
  }),
  read('/apps/:app/dynos/:dyno', ({ app, params }) => dynoView(app, dynosOf(app, params['dyno'])[0])),
  change('POST', '/apps/:app/dynos', createDyno, { status: 201 }),
  change('DELETE', '/apps/:app/dynos', (call) => stopAndReplace(call, call.app.dynos), { status: 202 }),
  change(
    'DELETE',
    '/apps/:app/dynos/:dyno',
    (call) => stopAndReplace(call, dynosOf(call.app, call.params['dyno'])),
    {
      status: 202,
    },
  ),
  change('DELETE', '/apps/:app/formations/:type', (call) => stopAndReplace(call, ofType(call)), {
    status: 202,
  }),
  change(
    'POST',
    '/apps/:app/dynos/:dyno/actions/stop',
    (call) => stopAndReplace(call, dynosOf(call.app, call.params['dyno'])),
    {
      status: 202,
    },
  ),
  change('POST', '/apps/:app/formations/:type/actions/stop', (call) => stopAndReplace(call, ofType(call)), {
    status: 202,
  }),
];

function createDyno(call: Call): unknown {
  const { platform, app } = call;
  const body = bodyOf(
    call,
    z.object({
      command: z.string(),
      attach: z.boolean().nullish(),
      env: z.record(z.string(), z.string()).nullish(),
      size: z.string().nullish(),
      type: z.string().nullish(),
      time_to_live: z.number().int().min(1).max(86_400).nullish(),
      force_no_tty: z.boolean().nullish(),
    }),
  );
  const release = currentRelease(app);
  if (!release?.slug) throw invalid('Cannot run a command before the first deployment.');
  const size = body.size
    ? findNamed(platform.catalogue.dynoSizes, body.size)
    : (app.formation[0]?.size ?? findNamed(platform.catalogue.dynoSizes, 'Standard-1X'));
  if (!size) throw invalid(`No such size as ${body.size ?? ''}.`);
  const type = body.type ?? 'run';
  const dyno = startDyno(platform, app, {
    name: `${type}.${platform.ids.digits(4)}`,
    type,
    // A process type's name stands for its command.
    command: release.slug.processTypes[body.command] ?? body.command,
    size,
    release,
    oneOff: true,
    environment: body.env ?? {},
    attach: body.attach === true,
  });
  endInTime(platform, app, dyno, body.time_to_live ?? 86_400);
  return { ...dynoView(app, dyno), attach_url: dyno.session?.url ?? null };
}

function endInTime(platform: Platform, app: App, dyno: Dyno, seconds: number): void {
  setTimeout(() => {
    if (app.dynos.includes(dyno)) void stopDyno(platform, app, dyno);
  }, seconds * 1000).unref();
}

/** Restarting and stopping are the same to Heroku: the formation puts a new dyno in the place of a stopped one. */
function stopAndReplace({ platform, app }: Call, dynos: Dyno[]): unknown {
  for (const dyno of dynos) void stopDyno(platform, app, dyno);
  reconcile(platform, app);
  return {};
}

function ofType({ app, params }: Call): Dyno[] {
  const dynos = app.dynos.filter(({ type }) => type === params['type']);
  if (dynos.length === 0) throw notFound('process type');
  return dynos;
}

function dynosOf(app: App, idOrName = ''): [Dyno, ...Dyno[]] {
  const [first, ...others] = app.dynos
    .filter(({ id, name }) => id === idOrName || name === idOrName)
    .reverse();
  if (!first) throw notFound('dyno');
  return [first, ...others];
}

function dynoView(app: App, dyno: Dyno): Record<string, unknown> {
  return {
    attach_url: null,
    command: dyno.command,
    ...times(dyno),
    id: dyno.id,
    name: dyno.name,
    release: { id: dyno.release.id, version: dyno.release.version },
    app: appIdentity(app),
    size: dyno.size.name,
    state: dyno.state,
    type: dyno.type,
  };
}
