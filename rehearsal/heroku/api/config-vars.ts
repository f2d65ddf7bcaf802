import { z } from 'zod';
import { attachmentValues, effectiveConfig } from '../config.ts';
import { createRelease } from '../release.ts';
import { bodyOf } from './body.ts';
import { invalid } from './refusal.ts';
import { change, read, type Call, type Route } from './route.ts';
import { releaseOf } from './release.ts';

/** Config vars: protected by scopes of their own. Every change is a release, with release phase and restart. */
export const configVarRoutes: Route[] = [
  read('/apps/:app/config-vars', ({ platform, app }) => effectiveConfig(platform, app), {
    need: 'read-protected',
  }),
  read(
    '/apps/:app/releases/:release/config-vars',
    ({ platform, app, params }) => effectiveConfig(platform, app, releaseOf(app, params['release']).config),
    { need: 'read-protected' },
  ),
  change('PATCH', '/apps/:app/config-vars', updateConfigVars, { need: 'write-protected' }),
];

function updateConfigVars(call: Call): unknown {
  const { platform, app } = call;
  const changes = bodyOf(call, z.record(z.string(), z.string().nullable()));
  const attached = attachmentValues(platform, app);
  const refused = Object.keys(changes).filter((name) => name in attached);
  if (refused.length > 0) throw invalid(`Cannot overwrite attachment values ${refused.join(', ')}.`);

  const config = { ...app.config };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) Reflect.deleteProperty(config, name);
    else config[name] = value;
  }
  const names = [...new Set([...Object.keys(config), ...Object.keys(app.config)])];
  const set = names.filter((name) => config[name] !== undefined && config[name] !== app.config[name]);
  const unset = names.filter((name) => config[name] === undefined);
  // Setting what is set already makes no release.
  if (set.length + unset.length > 0) {
    app.config = config;
    createRelease(platform, app, { description: describe(set, unset) });
  }
  return effectiveConfig(platform, app);
}

function describe(set: string[], unset: string[]): string {
  return [
    ...(set.length > 0 ? [`Set ${set.join(', ')} config vars`] : []),
    ...(unset.length > 0 ? [`Remove ${unset.join(', ')} config vars`] : []),
  ].join(', ');
}
