import { automatic, decide, idPart, told, type Item } from '../migration/item.ts';
import { placesTold, type Finding } from './evidence.ts';
import type { ItemContext } from './item-context.ts';
import { roleOf } from './known-libraries.ts';
import type { Library } from './manifests.ts';
import type { RepositoryFacts } from './read-repository.ts';

/** Background jobs, and everything that fires by the clock: it must fire on exactly one side. */
export function jobItems(context: ItemContext): Item[] {
  return [...queues(context), ...schedulers(context), ...loaders(context), ...jobsInWeb(context)];
}

export function ofKind({ findings }: RepositoryFacts, kind: string): Finding[] {
  return findings.filter((finding) => finding.kind === kind);
}

function where(library: Library): string {
  const version = library.version === null ? '' : ` ${library.version}`;
  return `${library.name}${version} (${library.path}:${library.line})`;
}

function title({ name, version, locked }: Library): string {
  return version === null ? name : locked ? `${name} ${version}` : `${name} (${version})`;
}

const STORES = {
  Redis: 'its jobs lie in Redis and move with it, waiting, retried and scheduled ones alike',
  Postgres: 'its jobs lie in Postgres and move with the database',
} as const;

function queues({ facts, app }: ItemContext): Item[] {
  return facts.libraries.flatMap((library): Item[] => {
    const role = roleOf(library.ecosystem, library.name);
    if (role?.role !== 'queue') return [];
    const id = `repository/queue/${idPart(library.name)}`;
    const what = `background jobs of ${title(library)}`;
    if (role.store !== 'broker') {
      return [automatic({ id, area: 'repository', what, becomes: STORES[role.store], why: where(library) })];
    }
    const brokers = (app.configVarNames ?? []).filter((name) =>
      /^(CLOUDAMQP_|RABBITMQ_|AMQP_)?URL$|^(CLOUDAMQP|RABBITMQ|AMQP|SQS|STACKHERO).*URL|BROKER_URL$/.test(
        name,
      ),
    );
    if (brokers.length === 0 && app.configVarNames?.includes('REDIS_URL') === true) {
      return [
        automatic({
          id,
          area: 'repository',
          what,
          becomes: STORES.Redis,
          why: `${where(library)}; the app has REDIS_URL and no other broker's address`,
        }),
      ];
    }
    return [
      decide({
        id,
        area: 'repository',
        what,
        question: 'Where is its broker, and does it stay there?',
        options: ['the-broker-stays-where-it-is', 'it-is-redis'],
        why: `${where(library)}; ${brokers.length > 0 ? `config vars ${brokers.join(', ')}` : 'no address of a broker was found'}`,
        remedy:
          'Jobs in another broker than Redis are not carried over: keep it reachable from the new side, or let the queues run empty before the cutover.',
      }),
    ];
  });
}

function schedulers({ facts, app }: ItemContext): Item[] {
  const processes = Object.keys(app.processTypes ?? {}).concat(
    app.processTypes === null ? (facts.procfile?.processes.map(({ name }) => name) ?? []) : [],
  );
  const others = processes.filter(
    (name) => name !== 'web' && name !== 'release' && !/^(rake|console)$/.test(name),
  );
  const used = ofKind(facts, 'scheduler-used');
  return facts.libraries.flatMap((library): Item[] => {
    const role = roleOf(library.ecosystem, library.name);
    if (role?.role !== 'scheduler') return [];
    const id = `repository/scheduler/${idPart(library.name)}`;
    const what = `${title(library)} starts work by the clock`;
    if (role.runs === 'with its queue') {
      return [
        automatic({
          id,
          area: 'schedule',
          what,
          becomes: 'the same, in a worker that waits for the switch',
          why: where(library),
        }),
      ];
    }
    if (role.runs === 'never here') {
      return [
        decide({
          id,
          area: 'schedule',
          what: `${title(library)} writes a crontab, and neither a dyno nor App Platform has a cron`,
          question: 'Does anything rely on it?',
          options: ['nothing-does', 'declared-under-schedule'],
          why: where(library),
          remedy: 'Declare what must run under `schedule` in migration.yml.',
        }),
      ];
    }
    const places = used.length === 0 ? '' : `; used in ${used.map(placesTold).join(', ')}`;
    return [
      decide({
        id,
        area: 'schedule',
        what,
        question: 'In which process does it run?',
        options:
          others.length === 0
            ? ['it-may-fire-on-both-sides', 'moved-to-a-worker']
            : ['in-a-worker', 'it-may-fire-on-both-sides'],
        why: `${where(library)}${places}; ${
          others.length === 0
            ? 'web is the only process: its new instances run warm before the switch, so that each would fire there too'
            : `in web it would fire on both sides, as the new web runs warm before the switch; in ${others.join(', ')} it waits`
        }`,
        remedy:
          'Start it in a process of its own (`clock: …` in the Procfile), or under `schedule` in migration.yml.',
      }),
    ];
  });
}

/** Schedules that are written to Redis while a process boots: behind a closed Redis such a process dies. */
function loaders({ facts }: ItemContext): Item[] {
  const cron = facts.libraries.find(({ name }) => name === 'sidekiq-cron');
  const [file] = facts.scheduleFiles.filter((path) => /schedule\.ya?ml$/.test(path));
  const items: Item[] = [];
  if (cron !== undefined && file !== undefined && loadsByItself(cron)) {
    items.push(
      automatic({
        id: 'repository/schedule-file/sidekiq-cron',
        area: 'schedule',
        what: `${file} is loaded by sidekiq-cron itself`,
        becomes: 'loaded when the worker starts, after the switch',
        why: `${where(cron)}: since 1.6.0 it loads config/schedule.yml when Sidekiq starts`,
      }),
    );
  }
  const outside = ofKind(facts, 'schedule-loaded').flatMap((finding) => ({
    ...finding,
    places: finding.places.filter(({ path }) =>
      /(^|\/)config\/(initializers|environments|application)/.test(path),
    ),
  }));
  for (const finding of outside.filter(({ places }) => places.length > 0)) {
    items.push(
      told({
        id: `repository/schedule-loaded/${idPart(finding.what)}`,
        area: 'schedule',
        what: `${finding.what} in an initializer`,
        becomes: 'loaded again when the worker starts after the switch',
        why: `${placesTold({ places: finding.places, count: finding.places.length })}: an initializer runs in web too unless it stands inside Sidekiq.configure_server`,
        remedy:
          'Let it stand inside `Sidekiq.configure_server { |config| config.on(:startup) { … } }`: web boots before the switch, behind a Redis that refuses writes, and would die of it.',
      }),
    );
  }
  return items;
}

/** 1.6.0 and later (its release notes). */
function loadsByItself({ version }: Library): boolean {
  const [major = 0, minor = 0] = (/\d+(\.\d+)*/.exec(version ?? '')?.[0] ?? '9').split('.').map(Number);
  return major > 1 || (major === 1 && minor >= 6);
}

function jobsInWeb({ facts }: ItemContext): Item[] {
  return ofKind(facts, 'jobs-in-web').map((finding) =>
    decide({
      id: `repository/jobs-in-web/${idPart(finding.what)}`,
      area: 'process',
      what: `jobs run inside the web process (${finding.what})`,
      question: 'May the new web run jobs before the switch?',
      options: ['moved-to-a-worker', 'it-may'],
      why: `${placesTold(finding)}: the new web runs warm before the switch; its database refuses writes until then, so jobs fail there instead of waiting`,
      remedy: 'Run the jobs in a worker process, which waits for the switch.',
    }),
  );
}
