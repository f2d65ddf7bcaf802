import { isDeepStrictEqual } from 'node:util';

type Plain = Record<string, unknown>;

/**
 * Lays a planned spec over the live one. A PUT replaces the whole spec: dedicated egress, VPC and every encrypted value
 * that is not sent back are lost for good, so whatever the plan does not speak of stays as it is read.
 *
 * Objects are merged key by key. In lists whose items have names (components, variables, domains) equal names are merged,
 * and items that only the live spec has are kept and told in `kept`. Other lists are replaced.
 */
export function mergeSpec(live: Plain, planned: Plain): { spec: Plain; changed: boolean; kept: string[] } {
  const kept: string[] = [];
  const spec = mergeObject(live, planned, '', kept);
  return { spec, changed: !isDeepStrictEqual(spec, live), kept };
}

/**
 * Gives encrypted values back as they are read (`EV[1:…]`), so that DigitalOcean keeps what they hold: variables and
 * registry credentials. The caller knows, by a digest, that none of the planned secrets has changed.
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
  const image = component.image;
  if (!isPlain(image) || image.registry_credentials === undefined || !isPlain(twin?.image)) return component;
  const { registry_credentials: kept } = twin.image;
  return kept === undefined ? component : { ...component, image: { ...image, registry_credentials: kept } };
}

function mergeObject(live: Plain, planned: Plain, path: string, kept: string[]): Plain {
  const merged: Plain = { ...live };
  for (const [key, value] of Object.entries(planned)) {
    merged[key] = mergeValue(live[key], value, path === '' ? key : `${path}.${key}`, kept);
  }
  return merged;
}

function mergeValue(live: unknown, planned: unknown, path: string, kept: string[]): unknown {
  if (Array.isArray(planned)) {
    if (planned.length === 0 && (live === undefined || live === null)) return live;
    return mergeList(Array.isArray(live) ? live : [], planned, path, kept);
  }
  if (isPlain(planned) && isPlain(live)) return mergeObject(live, planned, path, kept);
  return planned;
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
