import { formatCount } from '../report/format.ts';
import type { JobSystemFacts, RedisAssessFacts } from '../redis/assess-facts.ts';
import { automatic, decide, idPart, told, type Item } from './item.ts';
import { namesOf } from './names-in-words.ts';

/** How each library is brought to a stop, as `docs/redis.md` says. */
const STOPS: Record<JobSystemFacts['system'], string> = {
  sidekiq:
    'told to fetch no more before the window, and waited for; queues and sets are counted on both sides',
  bullmq:
    'its queues are paused before the window, waited for, and resumed on the new side; counted on both sides',
  resque:
    'told to fetch no more before the window (pause-all-workers), and waited for; counted on both sides',
};

/** Job libraries that were found, and what waits in them. */
export function redisJobItems({ jobs, otherJobLibraries, sample }: RedisAssessFacts): Item[] {
  if (jobs === null) return [];
  const items = jobs.flatMap(systemItems);
  if (sample !== null && sample.walked < sample.keys)
    items.push(
      told({
        id: 'redis/jobs-not-all-seen',
        area: 'redis',
        what: `job libraries in a namespace, and queues of BullMQ, may be among names that were not walked over`,
        becomes: 'found all the same when workers are told to stop, which looks at all names',
        why: `${formatCount(sample.walked)} of ${formatCount(sample.keys)} names were seen in the time that assess takes`,
        remedy: 'See the jobs that the practice copy counts.',
      }),
    );
  items.push(...otherJobLibraries.map(otherItem));
  return items;
}

function systemItems(system: JobSystemFacts): Item[] {
  const { name, database, processes, busy, deaf, counts } = system;
  const id = `redis/jobs/${idPart(name)}${database === 0 ? '' : `/${database}`}`;
  const where = database === 0 ? '' : ` in logical database ${database}`;
  const waiting = counts
    .filter(({ size }) => size > 0)
    .map((count) => `${count.name} ${formatCount(count.size)}`);
  const items: Item[] = [
    automatic({
      id,
      area: 'redis',
      what: `jobs of ${name}${where}`,
      becomes: STOPS[system.system],
      why: `${formatCount(processes)} ${system.system === 'bullmq' ? 'queues' : 'processes'}, ${formatCount(busy)} busy; ${
        waiting.length === 0 ? 'nothing waits' : `waiting: ${namesOf(waiting)}`
      }`,
    }),
  ];
  if (deaf > 0)
    items.push(
      told({
        id: `${id}/deaf`,
        area: 'redis',
        what: `${formatCount(deaf)} of ${name}${where} cannot be told to stop through Redis`,
        becomes: 'they get SIGTERM when their dynos end, and move as they are',
        why:
          system.system === 'bullmq'
            ? 'Bull, or a version of BullMQ that was not read, which names no version in `meta`'
            : 'Sidekiq inside another server’s process',
        remedy: 'Let their jobs be harmless to run twice.',
      }),
    );
  return items;
}

function otherItem(library: string): Item {
  return decide({
    id: `redis/jobs/${idPart(library)}`,
    area: 'redis',
    what: `jobs of ${library}`,
    question:
      'Does a worker that is ended put unfinished work back? It is not told to stop before the window.',
    options: ['workers-put-work-back'],
    why: 'by the names of its keys; they move as plain keys, and stay on the old side as well',
    remedy:
      'Let jobs be acknowledged late and be harmless to run twice, or stop its workers before the window.',
  });
}
