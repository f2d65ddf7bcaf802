import type { HerokuInventory } from '../heroku/inventory.ts';
import { addOnId, addOnKind, isMoved } from './add-on-kinds.ts';
import { automatic, blocked, decide, type Item } from './item.ts';
import type { PlanFacts } from './plan.ts';

/** Every add-on and every attachment: what becomes of it, and what ends with the Heroku app. */
export function addOnItems(facts: PlanFacts): Item[] {
  return [
    ...facts.inventory.addOns.map((addOn) => addOnItem(addOn, facts)),
    ...attachments(facts),
    ...several(facts),
  ];
}

function addOnItem(
  addOn: HerokuInventory['addOns'][number],
  { inventory, postgres, droplet }: PlanFacts,
): Item {
  const { service, name, plan, configVars, billedTo } = addOn;
  const id = addOnId(addOn, inventory.addOns);
  const what = `${plan} (${name})`;
  if (isMoved(addOn)) {
    const { cluster } = postgres;
    const why = {
      'heroku-postgresql': cluster.why,
      'heroku-redis': droplet?.why ?? 'no droplet was chosen',
      scheduler: 'its jobs move one by one, each an item of its own',
    };
    return automatic({
      id,
      area: 'add-on',
      what,
      becomes:
        service === 'heroku-postgresql'
          ? `PostgreSQL ${cluster.version} on DigitalOcean, ${cluster.size}`
          : service === 'heroku-redis'
            ? `Redis on a droplet, ${droplet?.size ?? 'no size'}`
            : 'scheduled jobs on App Platform',
      why: why[service as keyof typeof why],
    });
  }
  const { kind, dies, options } = addOnKind(service);
  const shared = billedTo === inventory.app.name ? '' : `; it belongs to ${billedTo}`;
  return decide({
    id,
    area: 'add-on',
    what: `${what}: ${kind}`,
    question: `What becomes of it? When the Heroku app is deleted it goes, and with it ${dies}.`,
    options: [...options],
    why: `it is not moved; its config vars (${configVars.join(', ') || 'none'}) ${
      options[0] === 'keep-by-config'
        ? 'are carried over and work only while it exists'
        : 'mean nothing on the new side'
    }${shared}`,
    remedy:
      options[0] === 'keep-by-config'
        ? 'Get an account with its maker, set the new values under `config.set` or as config vars, and do it before the Heroku app is deleted.'
        : 'Turn it off before the cutover.',
  });
}

function attachments({ inventory, config }: PlanFacts): Item[] {
  return inventory.attachments.map((attachment) => {
    const { name, namespace, addOn, shared } = attachment;
    const id = `add-on/attachment/${name}`;
    const what = `the attachment ${name} of ${addOn}${namespace === null ? '' : ` (${namespace})`}`;
    if (shared && name === 'DATABASE') {
      return blocked({
        id,
        area: 'add-on',
        what: `its database ${addOn} belongs to another app`,
        why: 'that app would keep writing to the old side',
        remedy: 'Move the app that owns the database, and this one together with it.',
      });
    }
    if (shared) {
      return decide({
        id,
        area: 'add-on',
        what: `${what}, which belongs to another app`,
        question: 'May this app go on using it from the new side, for as long as the other app has it?',
        options: ['keep-by-config', 'drop'],
        why: 'it does not move with this app, and its address may change at any hour without the new side noticing',
        remedy: 'Move its data, or let the two apps speak through an interface.',
      });
    }
    if (namespace?.startsWith('connection-pooling') === true) {
      const pooling = {
        id: 'postgres/pooling',
        area: 'postgres',
        what: `the app reaches ${addOn} through a pool of connections on Heroku's server (${name}_URL)`,
      } as const;
      const { pool } = config.postgres;
      if (pool !== undefined)
        return automatic({
          ...pooling,
          becomes: `a pool of the cluster in ${pool.mode} mode, ${pool.size} connections`,
          why: 'migration.yml sets `postgres.pool`',
        });
      return decide({
        ...pooling,
        question:
          'How does the new side connect? The pool is not carried over, and hundreds of clients that share a few connections there would each take one.',
        options: ['connect-directly'],
        why: `attachment in the namespace ${namespace}; its config var ends with the add-on`,
        remedy:
          'Set `postgres.pool` in migration.yml (transaction mode goes without prepared statements), or make the pools of web and workers fit.',
      });
    }
    return automatic({
      id,
      area: 'add-on',
      what,
      becomes: 'config vars of the new side, as told for each of them',
      why: 'App Platform has no attachments: an address is a config var there',
    });
  });
}

const PRIMARY = { 'heroku-postgresql': 'DATABASE_URL', 'heroku-redis': 'REDIS_URL' };
const NAMES = { 'heroku-postgresql': 'Postgres databases', 'heroku-redis': 'Redis stores' };

function several({ inventory }: PlanFacts): Item[] {
  return (['heroku-postgresql', 'heroku-redis'] as const).flatMap((service) => {
    const names = inventory.addOns
      .filter((addOn) => addOn.service === service)
      .map(({ name }) => name)
      .sort();
    if (names.length < 2) return [];
    return [
      blocked({
        id: service === 'heroku-redis' ? 'redis/several' : 'postgres/several',
        area: service === 'heroku-redis' ? 'redis' : 'postgres',
        what: `the app has ${names.length} ${NAMES[service]}`,
        why: `this version moves the one of ${PRIMARY[service]}, and the others would stay behind unseen`,
        remedy: `Detach what is no longer used (${names.join(', ')}).`,
      }),
    ];
  });
}
