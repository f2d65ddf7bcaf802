import { isDeepStrictEqual } from 'node:util';

type Plain = Record<string, unknown>;

/**
 * Lays a planned spec over the live one. A PUT replaces the whole spec: dedicated egress, VPC and every encrypted value
 * that is not sent back are lost for good, so whatever the plan does not speak of stays as it is read.
 *
 * Objects are merged key by key. In lists whose items have names (components, variables, domains) equal names are merged,
 * and items that only the live spec has are kept and told in `kept`. Other lists are replaced. What a component only
 * starts with (`STARTING_VALUES`) is not put back once the live spec says something else.
 */
export function mergeSpec(live: Plain, planned: Plain): { spec: Plain; changed: boolean; kept: string[] } {
  const kept: string[] = [];
  const spec = mergeObject(live, planned, '', kept);
  return { spec, changed: !isDeepStrictEqual(spec, live), kept };
}

/** A person tunes these in the control panel, so they are set where the live spec has none. */
const STARTING_VALUES = new Set([
  'alerts',
  'termination',
  'timeout',
  'port',
  'initial_delay_seconds',
  'period_seconds',
  'timeout_seconds',
  'failure_threshold',
]);

/**
 * Gives encrypted values back as they are read (`EV[1:…]`), so that DigitalOcean keeps what they hold: variables,
 * registry credentials and the credentials of log destinations. The caller knows, by a digest, that none of the planned secrets has changed.
 */
export function keepEncrypted(live: Plain, planned: Plain): Plain {
  const encrypted = new Map<string, unknown>();
  for (const variable of asObjects(live.envs)) {
    if (variable.type === 'SECRET' && typeof variable.key === 'string')
      encrypted.set(variable.key, variable.value);
  }
  const withEnvs = {
    ...planned,
    envs: asObjects(planned.envs).map((variable) =>
      variable.type === 'SECRET' && typeof variable.key === 'string' && encrypted.has(variable.key)
        ? { ...variable, value: encrypted.get(variable.key) }
        : variable,
    ),
  };
  return ['services', 'workers', 'jobs'].reduce<Plain>(
    (spec, kind) => ({
      ...spec,
      [kind]: asObjects(spec[kind]).map((one) => keepCredentials(asObjects(live[kind]), one)),
    }),
    withEnvs,
  );
}

function keepCredentials(live: Plain[], component: Plain): Plain {
  const twin = live.find(({ name }) => name === component.name);
  return twin === undefined ? component : keepRegistry(twin, keepLogs(twin, component));
}

function keepRegistry(twin: Plain, component: Plain): Plain {
  const image = component.image;
  if (!isPlain(image) || image.registry_credentials === undefined || !isPlain(twin.image)) return component;
  const { registry_credentials: kept } = twin.image;
  return kept === undefined ? component : { ...component, image: { ...image, registry_credentials: kept } };
}

/** Whether App Platform shows a log destination's key again is not documented: whatever it shows goes back. */
function keepLogs(twin: Plain, component: Plain): Plain {
  if (component.log_destinations === undefined) return component;
  const live = asObjects(twin.log_destinations);
  return {
    ...component,
    log_destinations: asObjects(component.log_destinations).map(
      (one) => live.find(({ name }) => name === one.name) ?? one,
    ),
  };
}

function mergeObject(live: Plain, planned: Plain, path: string, kept: string[]): Plain {
  const left = otherSources(planned);
  const merged: Plain = Object.fromEntries(Object.entries(live).filter(([key]) => !left.includes(key)));
  for (const [key, value] of Object.entries(planned)) {
    const at = path === '' ? key : `${path}.${key}`;
    merged[key] = STARTING_VALUES.has(key)
      ? startWith(value, live[key])
      : mergeValue(live[key], value, at, kept);
  }
  return merged;
}

/** A component has one source: with the planned one, what the live spec says of another would be refused. */
const SOURCES: Record<string, readonly string[]> = {
  image: [],
  github: ['dockerfile_path', 'source_dir'],
  gitlab: [],
  bitbucket: [],
  git: [],
};

function otherSources(planned: Plain): string[] {
  const chosen = Object.keys(SOURCES).find((source) => planned[source] !== undefined);
  if (chosen === undefined) return [];
  return Object.entries(SOURCES).flatMap(([source, with_]) => (source === chosen ? [] : [source, ...with_]));
}

function mergeValue(live: unknown, planned: unknown, path: string, kept: string[]): unknown {
  if (Array.isArray(planned)) {
    if (planned.length === 0 && (live === undefined || live === null)) return live;
    return mergeList(Array.isArray(live) ? live : [], planned, path, kept);
  }
  if (isPlain(planned) && isPlain(live)) return mergeObject(live, planned, path, kept);
  return planned;
}

/** The live value where there is one; the planned value fills the gaps. */
function startWith(planned: unknown, live: unknown): unknown {
  if (live === undefined || live === null) return planned;
  if (isPlain(planned) && isPlain(live)) {
    const filled: Plain = { ...live };
    for (const [key, value] of Object.entries(planned)) filled[key] = startWith(value, live[key]);
    return filled;
  }
  if (Array.isArray(planned) && Array.isArray(live)) {
    const known = new Set(live.map(nameOf));
    return [...(live as unknown[]), ...(planned as unknown[]).filter((item) => !known.has(nameOf(item)))];
  }
  return live;
}

function mergeList(live: unknown[], planned: unknown[], path: string, kept: string[]): unknown[] {
  const named = [...live, ...planned].every((item) => nameOf(item) !== undefined);
  if (!named) return isCovered(live, planned) ? live : planned;
  const wanted = new Map(planned.map((item) => [nameOf(item), item]));
  const merged = live.map((item) => {
    const name = nameOf(item);
    if (!wanted.has(name)) {
      kept.push(`${path}: ${name ?? ''}`);
      return item;
    }
    const over = wanted.get(name);
    wanted.delete(name);
    return mergeValue(item, over, path, kept);
  });
  return [...merged, ...wanted.values()];
}

/** Whether each planned item says nothing else than the live one in its place, which may carry defaults beside it. */
function isCovered(live: unknown[], planned: unknown[]): boolean {
  return (
    live.length === planned.length &&
    planned.every((item, index) => isDeepStrictEqual(mergeValue(live[index], item, '', []), live[index]))
  );
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
