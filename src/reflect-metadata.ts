/**
 * The three functions of the Reflect metadata proposal that the container inside `@peculiar/x509` calls while it loads.
 * Import this file before that library; a real polyfill that is already there is left alone.
 */
const metadata = new WeakMap<object, Map<unknown, unknown>>();

function getOwnMetadata(key: unknown, target: object): unknown {
  return metadata.get(target)?.get(key);
}

function getMetadata(key: unknown, target: object): unknown {
  for (let link: object | null = target; link; link = Object.getPrototypeOf(link) as object | null) {
    if (metadata.get(link)?.has(key)) return getOwnMetadata(key, link);
  }
  return undefined;
}

function defineMetadata(key: unknown, value: unknown, target: object): void {
  const own = metadata.get(target) ?? new Map<unknown, unknown>();
  metadata.set(target, own.set(key, value));
}

if (!('getMetadata' in Reflect)) Object.assign(Reflect, { defineMetadata, getMetadata, getOwnMetadata });
