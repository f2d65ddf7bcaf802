import type { AddOn } from '../heroku/add-ons.ts';
import { isMoved } from '../migration/add-on-kinds.ts';
import type { Check } from './result.ts';
import { judged } from './result.ts';

/** A name or an address of the old side that must not be used any more. */
export interface OldHost {
  /** What it is: "the app's own name at Heroku". */
  what: string;
  host: string;
}

export interface OldHostsInput {
  app: string;
  /** Hosts of the app at Heroku, without its own domains. */
  appHosts: readonly string[];
  database: { host: string } | undefined;
  redis: { host: string } | undefined;
  /** Where else databases of Heroku stand: followers, and what was attached beside `DATABASE_URL` and `REDIS_URL`. */
  attached: readonly { name: string; host: string }[];
  /** Where Heroku has the app's own domains point (`….herokudns.com`). */
  dnsTargets: readonly { domain: string; host: string }[];
}

/** An address of this machine names nothing of Heroku's: it would be found everywhere. */
const LOCAL = /^(localhost|127\.|0\.0\.0\.0$|::1$)/;

export function oldHostsOf({
  app,
  appHosts,
  database,
  redis,
  attached,
  dnsTargets,
}: OldHostsInput): OldHost[] {
  const own = new Set([`${app}.herokuapp.com`, ...appHosts]);
  const hosts = [
    ...[...own].map((host) => ({ what: "the app's name at Heroku", host: host.toLowerCase() })),
    ...(database === undefined ? [] : [{ what: "Heroku's Postgres", host: database.host.toLowerCase() }]),
    ...(redis === undefined ? [] : [{ what: "Heroku's Redis", host: redis.host.toLowerCase() }]),
    ...attached.map(({ name, host }) => ({ what: `the host of Heroku's ${name}`, host: host.toLowerCase() })),
    ...dnsTargets.map(({ domain, host }) => ({
      what: `Heroku's DNS target of ${domain}`,
      host: host.toLowerCase(),
    })),
  ].filter(({ host }) => host.length > 3 && !LOCAL.test(host));
  return hosts.filter(({ host }, index) => hosts.findIndex((other) => other.host === host) === index);
}

/** The hosts of Heroku's databases, by the config vars that name them. What other companies run for it moves along. */
export function attachedHosts(
  configVars: Readonly<Record<string, string>>,
  addOns: readonly AddOn[],
): { name: string; host: string }[] {
  return addOns
    .filter(isMoved)
    .flatMap((addOn) => addOn.configVars)
    .flatMap((name) => {
      const url = URL.parse(configVars[name] ?? '');
      return url === null || !/^(postgres(ql)?|rediss?):$/.test(url.protocol)
        ? []
        : [{ name, host: url.hostname }];
    });
}

/** Which of them a text names. */
export function namedIn(text: string, hosts: readonly OldHost[]): OldHost[] {
  const lower = text.toLowerCase();
  return hosts.filter(({ host }) => {
    for (let at = lower.indexOf(host); at >= 0; at = lower.indexOf(host, at + 1)) {
      // `myshop.herokuapp.com` does not name `shop.herokuapp.com`.
      const before = lower[at - 1] ?? ' ';
      const after = lower[at + host.length] ?? ' ';
      if (!/[a-z0-9-]/.test(before) && !/[a-z0-9-]/.test(after)) return true;
    }
    return false;
  });
}

/**
 * Variables of the new side that lead to the old one. `accepted`: names whose value stays by a decision in
 * migration.yml.
 */
export function oldHostsInConfig(
  values: Readonly<Record<string, string>>,
  hosts: readonly OldHost[],
  accepted: readonly string[],
): Check[] {
  const what = 'No variable of the new side leads to the old side';
  if (Object.keys(values).length === 0) {
    const found = 'not looked at: without a plan in the record nobody knows what the new side has';
    return [{ id: 'third-parties/config', area: 'third-parties', what, found, state: 'told' }];
  }
  const naming = Object.entries(values).flatMap(([name, value]) => {
    const [first] = namedIn(value, hosts);
    return first === undefined ? [] : [{ name, what: first.what }];
  });
  const left = naming.filter(({ name }) => !accepted.includes(name));
  const stays = naming.filter(({ name }) => accepted.includes(name));
  return [
    judged('third-parties/config', 'third-parties', what, {
      passed: left.length === 0,
      found:
        left.length > 0
          ? left.map(({ name, what }) => `${name} names ${what}`).join('; ')
          : `${Object.keys(values).length} variables looked at${stays.length === 0 ? '' : `; by decision: ${stays.map(({ name }) => name).join(', ')}`}`,
      remedy:
        'Give the new value under `config.set` in migration.yml and run provision, or decide `variable/<name>/host: keep`.',
    }),
  ];
}
