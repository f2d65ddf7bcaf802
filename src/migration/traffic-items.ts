import { logServiceOf } from '../digitalocean/log-destination.ts';
import { automatic, blocked, decide, idPart, told, type Item } from './item.ts';
import type { PlanFacts } from './plan.ts';

/** What becomes of a log drain to somebody to whom App Platform sends logs by itself. */
export const LOG_DESTINATION = 'a log destination of every component';

/** How visitors and others reach the app, and what tells of it: domains, log drains, webhooks, features. */
export function trafficItems(facts: PlanFacts): Item[] {
  return [...domains(facts), ...drains(facts), ...webhooks(facts), ...features(facts)];
}

function domains({ inventory, environment, config }: PlanFacts): Item[] {
  const known = new Set(inventory.domains.map(({ hostname }) => hostname));
  const moving = environment.domains.map((domain) =>
    known.has(domain)
      ? automatic({
          id: `domain/${domain}`,
          area: 'domain',
          what: domain,
          becomes:
            config.traffic === 'cdn'
              ? 'a name that Cloudflare takes to the new app; its origin and its origin rule are changed at the cutover'
              : `a domain of the new app; its record in ${config.dns?.zone ?? 'the zone'} is changed at the cutover`,
          why: 'migration.yml names it, and it is a domain of the Heroku app',
        })
      : decide({
          id: `domain/${domain}`,
          area: 'domain',
          what: `the domain ${domain} is not a domain of the Heroku app`,
          question: 'Is it spelled right?',
          options: ['as-written'],
          why: 'migration.yml names it',
          remedy: 'Correct it in `domains`.',
        }),
  );
  const staying = inventory.domains
    .filter(({ hostname }) => !environment.domains.includes(hostname))
    .map(({ hostname, kind }) =>
      kind === 'custom'
        ? decide({
            id: `domain/${hostname}`,
            area: 'domain',
            what: `the domain ${hostname} does not move`,
            question:
              'Does it stay at Heroku on purpose? Whoever comes that way finds maintenance mode after the cutover.',
            options: ['leave-behind'],
            why: 'migration.yml does not name it',
            remedy: 'Add it to `domains` to move it.',
          })
        : automatic({
            id: 'domain/herokuapp.com',
            area: 'domain',
            what: hostname,
            becomes: 'left behind; App Platform gives the new app a name of its own',
            why: 'the name is Heroku’s and cannot lead anywhere else',
          }),
    );
  const nobodyServes =
    environment.domains.length > 0 && config.dns === undefined
      ? [
          blocked({
            id: 'domain/zone',
            area: 'domain',
            what: 'nobody serves the zone of the domains',
            why: 'the cutover must write their records',
            remedy:
              'Say in migration.yml who does: `dns: { provider: digitalocean, zone: … }`, or cloudflare, route53 or command (docs/dns.md).',
          }),
        ]
      : [];
  return [...moving, ...staying, ...nobodyServes];
}

function drains({ inventory }: PlanFacts): Item[] {
  return inventory.drains.map(({ host, addOn }) => {
    if (addOn !== null) {
      return automatic({
        id: `traffic/drain/${idPart(addOn)}`,
        area: 'traffic',
        what: `the log drain of the add-on ${addOn}`,
        becomes: 'left behind: it is decided with the add-on',
        why: 'the add-on made it, and it ends with it',
      });
    }
    const service = logServiceOf(host);
    if (service !== undefined) {
      return told({
        id: `traffic/drain/${idPart(host)}`,
        area: 'traffic',
        what: `the log drain to ${host}`,
        becomes: LOG_DESTINATION,
        why: `App Platform sends logs to ${service} by itself: every component gets a log destination with the same credential`,
        remedy: `The lines look different there (no router lines, other source names): look at saved searches and alerts in ${service}.`,
      });
    }
    return decide({
      id: `traffic/drain/${idPart(host)}`,
      area: 'traffic',
      what: `the log drain to ${host}`,
      question: 'Who gets the logs of the new side? Without an answer nobody does.',
      options: ['leave-behind', 'set-up-by-hand'],
      why: 'it is not carried over: its address may hold a credential',
      remedy: 'Add a log destination to the app on App Platform (Settings, Log Forwarding).',
    });
  });
}

function webhooks({ inventory }: PlanFacts): Item[] {
  return inventory.webhooks.map(({ host, include }) =>
    decide({
      id: `traffic/webhook/${idPart(host)}`,
      area: 'traffic',
      what: `the webhook to ${host} (${include.join(', ') || 'no events'})`,
      question: 'Who tells that receiver of deployments from now on?',
      options: ['leave-behind', 'set-up-by-hand'],
      why: "Heroku calls it when the app changes; App Platform has alerts instead, and does not know Heroku's events",
      remedy: 'Add an alert destination on App Platform, or let your workflow call it.',
    }),
  );
}

/** What Heroku's features do is part of App Platform, or means nothing there. */
const FEATURES: Readonly<Record<string, string>> = {
  preboot:
    'App Platform starts new instances before it ends the old ones; turn it off at Heroku for the cutover',
  'http-session-affinity': 'App Platform has no sticky sessions: sessions must not live in one process',
  'runtime-dyno-metadata':
    'HEROKU_* are not set on the new side; code that reads them needs its own variables',
  'log-runtime-metrics': 'App Platform shows metrics by itself',
  'runtime-heroku-metrics': 'App Platform shows metrics by itself',
  'spaces-dns-discovery': 'App Platform has private names of its own',
  'http-end-to-end-encryption': 'App Platform ends TLS at its edge',
};
const NEEDS_A_LOOK = new Set([
  'http-session-affinity',
  'runtime-dyno-metadata',
  'http-end-to-end-encryption',
]);

function features({ inventory }: PlanFacts): Item[] {
  return inventory.features.map((name) => {
    const why = FEATURES[name] ?? 'it is a feature of Heroku, and nothing here speaks of it';
    if (!NEEDS_A_LOOK.has(name)) {
      return automatic({
        id: `traffic/feature/${name}`,
        area: 'traffic',
        what: `Heroku's feature ${name}`,
        becomes: 'left behind',
        why,
      });
    }
    return decide({
      id: `traffic/feature/${name}`,
      area: 'traffic',
      what: `Heroku's feature ${name}`,
      question: 'Does the app do without it?',
      options: ['does-without'],
      why,
      remedy: 'Let staging show it.',
    });
  });
}
