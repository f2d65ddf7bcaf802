/**
 * Items that hold only at the moment of the reading: sessions that are connected just now, transactions that are open,
 * what lay in a Redis when a few of its keys were looked at by chance, what another session's lock or an address that did
 * not answer kept from being read. The next run may find none of them, and nothing was decided or changed in between. So
 * they are told and asked like all others, but no digest of a plan hangs on them, and an answer to one that is not there
 * today is no mistake in migration.yml.
 */
const PASSING: readonly RegExp[] = [
  // Whoever is connected; credentials and followers last.
  /^consumer\/(client|redis|app|provider|hidden)(\/|$)/,
  /^postgres\/(long-transaction|locked-tables|prepared-transaction|freeze|sequences-unread|not-read)$/,
  // Limits of what could be looked at in the time, and what was measured.
  /^postgres\/(connections|duplicate-rows|downtime-budget|runner-time)$/,
  /^postgres\/live\/connections-/,
  /^postgres\/sequence\//,
  /^(postgres|redis)\/(unread|maintenance|maintenance-window)\//,
  /^redis\/(not-read|size|memory|caches|growing|huge-keys|big-keys|sizes|streams|scripts|flush|pubsub|modules|module-commands|jobs-not-all-seen)$/,
  /^redis\/(jobs|type)\//,
  // What an address without a promise answered, or did not.
  /^app\/not-read\//,
  /^(schedule\/not-read|traffic\/automatic-deploys)$/,
  // States that somebody ends.
  /^app\/(parked|maintenance)$/,
];

/** Whether the item with this id may be gone in the next run without anybody having decided or changed a thing. */
export function isPassing(id: string): boolean {
  return PASSING.some((pattern) => pattern.test(id));
}
