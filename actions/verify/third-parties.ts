import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { callbackChecks } from '../../src/checks/callbacks.ts';
import { oldHostsInCode } from '../../src/checks/old-hosts-in-code.ts';
import { oldHostsInRows } from '../../src/checks/old-hosts-in-rows.ts';
import { attachedHosts, oldHostsInConfig, oldHostsOf } from '../../src/checks/old-hosts.ts';
import { oldTraffic } from '../../src/checks/old-traffic.ts';
import type { Check } from '../../src/checks/result.ts';
import type { AppVariable } from '../../src/digitalocean/app-environment.ts';
import type { AddOn } from '../../src/heroku/add-ons.ts';
import { readDomains } from '../../src/heroku/domains.ts';
import { readRouterLog } from '../../src/heroku/router-log.ts';
import { appWebUrl } from '../../src/heroku/web-url.ts';
import { answersOf } from '../../src/migration/decisions.ts';
import type { Parties } from '../parties.ts';
import { recordedPlan } from './recorded-plan.ts';

/** What is left of the old side in other places, and who must be told of the new one. */
export async function thirdPartyChecks(
  parties: Parties,
  {
    configVars,
    addOns,
    expected,
    workspace,
    switchedAt,
  }: {
    configVars: Record<string, string>;
    addOns: readonly AddOn[];
    expected: readonly AppVariable[];
    workspace: string;
    switchedAt: Date | undefined;
  },
): Promise<Check[]> {
  const { subject, oldSide, newSide, signal } = parties;
  const { config, environment } = subject;
  const web = URL.parse((await appWebUrl(oldSide.heroku, oldSide.app)) ?? '')?.host;
  const hosts = oldHostsOf({
    app: oldSide.app,
    appHosts: web === undefined ? [] : [web],
    database: oldSide.database,
    redis: oldSide.redis,
    attached: attachedHosts(configVars, addOns),
    dnsTargets: (await readDomains(oldSide.heroku, oldSide.app, [])).flatMap(({ hostname, cname }) =>
      cname === null ? [] : [{ domain: hostname, host: cname }],
    ),
  });
  const answers = answersOf(config, environment);
  const accepted = Object.keys(configVars).filter((name) => answers[`variable/${name}/host`] === 'keep');
  const moved = switchedAt !== undefined;
  return [
    ...oldHostsInConfig(Object.fromEntries(expected.map(({ key, value }) => [key, value])), hosts, accepted),
    await oldHostsInCode(await checkoutAt(workspace), hosts),
    await oldHostsInRows(newSide.owner, hosts, signal),
    ...callbackChecks(
      recordedPlan(subject)?.items ?? [],
      Object.keys(configVars),
      config.thirdParties,
      switchedAt,
    ),
    ...(moved
      ? oldTraffic(
          await readRouterLog(oldSide.heroku, oldSide.app),
          switchedAt,
          config.traffic === 'front-door',
        )
      : []),
  ];
}

async function checkoutAt(workspace: string): Promise<string | undefined> {
  const there = await stat(join(workspace, '.git')).catch(() => undefined);
  return there === undefined ? undefined : workspace;
}
