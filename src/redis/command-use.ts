/** How often kinds of commands were called since the server started, without those that failed. */
export interface CommandUse {
  /** EVAL, EVALSHA and their read-only forms; a practice copy counts too. */
  scripts: number;
  /** FCALL. */
  functions: number;
  publish: number;
  subscribe: number;
  /** XADD and everything on consumer groups. */
  streams: number;
  /** FLUSHDB and FLUSHALL. */
  flushes: number;
  /** Commands that only a module has, by what stands before the dot: `json`, `ft`, `bf`. */
  modules: Record<string, number>;
}

const SCRIPTS = ['eval', 'eval_ro', 'evalsha', 'evalsha_ro'];
const STREAMS = ['xadd', 'xreadgroup', 'xack', 'xgroup', 'xclaim', 'xautoclaim'];

/** @param info INFO commandstats: `cmdstat_client|list` → `calls=2,usec=…,failed_calls=0` */
export function commandUseIn(info: ReadonlyMap<string, string>): CommandUse {
  const calls = new Map<string, number>();
  const modules = new Map<string, number>();
  for (const [line, figures] of info) {
    const full = /^cmdstat_(.+)$/.exec(line)?.[1];
    if (full === undefined) continue;
    const made = numberOf(figures, 'calls') - numberOf(figures, 'failed_calls');
    const name = full.split('|')[0] ?? full;
    calls.set(name, (calls.get(name) ?? 0) + made);
    const [module, command] = name.split('.');
    if (module !== undefined && command !== undefined && made > 0)
      modules.set(module, (modules.get(module) ?? 0) + made);
  }
  const sum = (names: readonly string[]): number =>
    names.reduce((total, name) => total + (calls.get(name) ?? 0), 0);
  return {
    scripts: sum(SCRIPTS),
    functions: sum(['fcall', 'fcall_ro']),
    publish: sum(['publish', 'spublish']),
    subscribe: sum(['subscribe', 'psubscribe', 'ssubscribe']),
    streams: sum(STREAMS),
    flushes: sum(['flushdb', 'flushall']),
    modules: Object.fromEntries([...modules].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function numberOf(figures: string, name: string): number {
  return Number(new RegExp(`(?:^|,)${name}=(\\d+)`).exec(figures)?.[1] ?? 0);
}
