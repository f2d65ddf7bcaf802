import { bullmq, queueBehind } from './bullmq.ts';
import type { JobSystem, Place } from './job-system.ts';
import { resque } from './resque.ts';
import { sidekiq } from './sidekiq.ts';

export function systemAt(place: Place): JobSystem {
  switch (place.system) {
    case 'sidekiq':
      return sidekiq(place);
    case 'bullmq':
      return bullmq(place);
    case 'resque':
      return resque(place);
  }
}

/** The same place with all of its keys behind a further prefix, as where they wait to be put into their own. */
export function placeUnder(under: string, place: Place): Place {
  const prefix = `${under}${place.prefix}`;
  const all = (names: readonly string[]): string[] => names.map((name) => `${under}${name}`);
  switch (place.system) {
    case 'sidekiq':
      return { ...place, prefix, cronSets: all(place.cronSets), taken: all(place.taken) };
    case 'bullmq':
      return { ...place, prefix, queue: place.queue ?? queueBehind(place.prefix) };
    case 'resque':
      return { ...place, prefix };
  }
}
