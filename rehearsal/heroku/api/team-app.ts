import { z } from 'zod';
import { createEmptyApp } from '../app.ts';
import { findNamed } from '../catalogue.ts';
import type { App, Platform } from '../platform.ts';
import { appView } from './app.ts';
import { bodyOf, reference } from './body.ts';
import { invalid, notFound } from './refusal.ts';
import { change, type Call, type Route } from './route.ts';

/** New apps, of the account itself and of a team. */
export const teamAppRoutes: Route[] = [
  change('POST', '/apps', (call) => appView(call.platform, createApp(call)), { status: 201 }),
  change('POST', '/teams/apps', (call) => teamAppView(call.platform, createTeamApp(call)), { status: 201 }),
];

const appName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{1,28}[a-z0-9]$/)
  .optional();
const fields = { name: appName, region: reference.optional(), stack: reference.optional() };

function createApp(call: Call): App {
  return make(call, bodyOf(call, z.object(fields)));
}

function createTeamApp(call: Call): App {
  const body = bodyOf(call, z.object({ ...fields, team: z.string(), locked: z.boolean().optional() }));
  if (!findNamed(call.platform.teams, body.team)) throw notFound('team');
  return make(call, body);
}

function make(
  { platform }: Call,
  wanted: {
    name?: string | undefined;
    region?: string | undefined;
    stack?: string | undefined;
    team?: string;
  },
): App {
  const { regions, stacks } = platform.catalogue;
  const region = findNamed(regions, wanted.region ?? 'us');
  const stack = findNamed(stacks, wanted.stack ?? 'heroku-24');
  if (!region) throw invalid('Invalid region');
  if (!stack) throw invalid('Invalid stack');
  const name = wanted.name ?? `quiet-brook-${platform.ids.digits(5)}`;
  if (findNamed(platform.apps, name)) throw invalid(`Name ${name} is already taken`);
  return createEmptyApp(platform, {
    ...{ name, region: region.name, stack: stack.name },
    ...(wanted.team === undefined ? {} : { team: wanted.team }),
  });
}

/** A team's app is described a little differently from an account's. */
function teamAppView(platform: Platform, app: App): Record<string, unknown> {
  const view = appView(platform, app);
  const left = ['acm', 'base_image_name', 'buildpacks', 'current_build_architecture', 'generation'];
  return {
    ...Object.fromEntries(Object.entries(view).filter(([name]) => !left.includes(name))),
    joined: true,
    locked: false,
  };
}
