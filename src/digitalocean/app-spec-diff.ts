import { isDeepStrictEqual } from 'node:util';

type Plain = Record<string, unknown>;

/** Values that tell something and can hold no secret; of anything else only the place is told. */
const SHOWN = new Set([
  'instance_size_slug',
  'instance_count',
  'http_port',
  'http_path',
  'initial_delay_seconds',
  'region',
  'kind',
  'cron',
  'time_zone',
  'timeout',
  'digest',
  'tag',
  'repository',
  'repo',
  'branch',
  'deploy_on_push',
  'dockerfile_path',
  'source_dir',
  'type',
  'scope',
]);

/** Parts that nobody has by default, so that a person set them: they cost, change what runs, or hide the app. */
const SET_BY_HAND = {
  app: [
    'maintenance',
    'egress',
    'databases',
    'functions',
    'static_sites',
    'disable_edge_cache',
    'disable_email_obfuscation',
    'enhanced_threat_control_enabled',
  ],
  component: [
    'autoscaling',
    'envs',
    'log_destinations',
    'liveness_health_check',
    'termination',
    'alerts',
    'build_command',
  ],
};

/**
 * Where two specs differ: `services.web.instance_count: 3 → 2`, `envs.PAYMENT_KEY: changed`. No value of a variable, no
 * command and no credential is in it.
 */
export function specDifferences(live: Plain, wanted: Plain): string[] {
  return differences(live, wanted, []);
}

function differences(live: unknown, wanted: unknown, path: readonly string[]): string[] {
  if (isDeepStrictEqual(live, wanted)) return [];
  if (isPlain(live) && isPlain(wanted)) {
    // A variable is one thing: its value is not to be told apart from its scope.
    if (typeof wanted.key === 'string') return [`${path.join('.')}: changed`];
    return Object.keys({ ...live, ...wanted }).flatMap((key) =>
      differences(live[key], wanted[key], [...path, key]),
    );
  }
  const named = namedLists(live, wanted);
  if (named !== undefined) {
    const names = [...new Set([...named.live.keys(), ...named.wanted.keys()])];
    return names.flatMap((name) => {
      const [before, after] = [named.live.get(name), named.wanted.get(name)];
      const at = [...path, name].join('.');
      if (before === undefined) return [`${at}: new`];
      return after === undefined ? [`${at}: gone`] : differences(before, after, [...path, name]);
    });
  }
  const key = path.at(-1) ?? '';
  return [
    SHOWN.has(key) && isScalar(live) && isScalar(wanted)
      ? `${path.join('.')}: ${show(live)} → ${show(wanted)}`
      : `${path.join('.') || 'spec'}: changed`,
  ];
}

/**
 * What the live spec holds beside the plan: components, domains and variables that the plan does not name, and settings
 * that somebody made by hand. All of it is kept when the spec is sent back.
 */
export function beyondThePlan(live: Plain, planned: Plain): string[] {
  const lists = ['services', 'workers', 'jobs', 'domains', 'envs'].flatMap((list) => {
    const known = new Set(asObjects(planned[list]).map(nameOf));
    return asObjects(live[list])
      .map(nameOf)
      .filter((name) => name !== undefined && !known.has(name))
      .map((name) => `${list}.${name ?? ''}`);
  });
  const components = ['services', 'workers', 'jobs'].flatMap((list) =>
    asObjects(planned[list]).flatMap((component) => {
      const twin = asObjects(live[list]).find((one) => nameOf(one) === nameOf(component));
      return SET_BY_HAND.component
        .filter((key) => isSet(twin?.[key]) && !isSet(component[key]))
        .map((key) => `${list}.${nameOf(component) ?? ''}.${key}`);
    }),
  );
  return [
    ...lists,
    ...SET_BY_HAND.app.filter((key) => isSet(live[key]) && !isSet(planned[key])),
    ...components,
  ];
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return !isPlain(value) || Object.values(value).some(isSet);
}

function namedLists(
  live: unknown,
  wanted: unknown,
): { live: Map<string, unknown>; wanted: Map<string, unknown> } | undefined {
  const before: unknown = live ?? [];
  const after: unknown = wanted ?? [];
  if (!isList(before) || !isList(after)) return undefined;
  if (![...before, ...after].every((item) => nameOf(item) !== undefined)) return undefined;
  const byName = (items: unknown[]): Map<string, unknown> =>
    new Map(items.map((item) => [nameOf(item) ?? '', item]));
  return { live: byName(before), wanted: byName(after) };
}

function nameOf(item: unknown): string | undefined {
  if (!isPlain(item)) return undefined;
  const name = item.name ?? item.key ?? item.domain ?? item.rule;
  return typeof name === 'string' ? name : undefined;
}

function asObjects(value: unknown): Plain[] {
  return Array.isArray(value) ? value.filter(isPlain) : [];
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}

function isScalar(value: unknown): value is string | number | boolean | undefined {
  return value === undefined || ['string', 'number', 'boolean'].includes(typeof value);
}

function show(value: string | number | boolean | undefined): string {
  return value === undefined ? 'none' : String(value);
}
