import type { AppVariable, VariableFate } from '../../src/digitalocean/app-environment.ts';
import type { App } from '../../src/digitalocean/app.ts';
import { ConfigurationError, messageOf } from '../../src/errors.ts';
import { readDynoVariable } from '../../src/heroku/dyno-variable.ts';
import { readFromDyno } from '../../src/migration/buildpack-secrets.ts';
import { keyedDigest } from '../../src/migration/secrets.ts';
import { herokuOf } from '../parties.ts';
import { variableOf } from './app-mark.ts';
import type { Provisioning } from './provision.ts';

/** A secret that a dyno was asked for: its name, and a keyed digest of what it said. */
export interface SecretRead {
  name: string;
  digest: string;
}

export interface BuildpackSecrets {
  variables: AppVariable[];
  fates: VariableFate[];
  read: SecretRead[];
}

/**
 * The secrets that exist only inside dynos, as the plan names them. What the new side has already stays as it is there,
 * encrypted; only what is missing is read from a one-off dyno. A dry run asks no dyno.
 *
 * @param accounted names of variables that something else decides: config vars, and what migration.yml sets or drops
 */
export async function buildpackSecrets(
  p: Provisioning,
  live: App | undefined,
  accounted: ReadonlySet<string>,
): Promise<BuildpackSecrets> {
  const all: BuildpackSecrets = { variables: [], fates: [], read: [] };
  for (const name of readFromDyno(p.plan.items).filter((one) => !accounted.has(one))) {
    const there = live === undefined ? undefined : variableOf(live.spec, name);
    if (there !== undefined && there !== '') {
      // Set by hand as a plain variable it is shown as it is, and goes back as a secret.
      if (!there.startsWith('EV[')) p.edge.mask(there);
      all.variables.push({ key: name, value: there, secret: true });
      all.fates.push({
        name,
        fate: 'added',
        reason: 'the new side has it already, encrypted: not read again',
      });
    } else if (p.dryRun) {
      all.variables.push({ key: name, value: 'read-from-a-dyno', secret: true });
      all.fates.push({ name, fate: 'added', reason: 'will be read once from a one-off dyno' });
    } else {
      const value = await read(p, name);
      if (value === undefined) {
        all.fates.push({ name, fate: 'dropped', reason: 'no dyno has it' });
        continue;
      }
      all.variables.push({ key: name, value, secret: true });
      all.fates.push({ name, fate: 'added', reason: 'read once from a one-off dyno: the same as on Heroku' });
      all.read.push({ name, digest: keyedDigest(p.key, value) });
    }
  }
  return all;
}

async function read({ edge, plan }: Provisioning, name: string): Promise<string | undefined> {
  const app = plan.herokuApp;
  edge.log.info(`${name} exists only inside dynos: reading it over the attached session of a one-off dyno`);
  try {
    // The dyno is to be stopped in a cancelled run, too.
    return await readDynoVariable(herokuOf(edge, null), app, name, {
      mask: (value) => edge.mask(value),
      signal: edge.signal,
    });
  } catch (error) {
    edge.signal.throwIfAborted();
    throw new ConfigurationError(
      [
        messageOf(error),
        'Nothing was changed, and without it every session would end at the cutover. One of these helps:',
        `  set it as a config var yourself: heroku config:set -a ${app} ${name}="$(heroku run --no-tty -a ${app} -- printenv ${name})"`,
        '  give a token that may start a dyno: heroku authorizations:create --scope read-protected,write-protected',
        `  accept its loss in migration.yml: decisions: { variable/${name}: sessions-end }`,
      ].join('\n'),
      { cause: error },
    );
  }
}
