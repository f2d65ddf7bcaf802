import type * as X509 from '@peculiar/x509';

/**
 * Loads `@peculiar/x509`. The container inside it calls, while it loads, three functions of the Reflect metadata
 * proposal, which no engine has; they are put there first. Hence a function: a static import would load it too early.
 */
export async function loadX509(): Promise<typeof X509> {
  if (!('getMetadata' in Reflect)) Object.assign(Reflect, reflectMetadata());
  // Eager keeps it inside a bundle's one file; it is still evaluated only here.
  return import(/* webpackMode: "eager" */ '@peculiar/x509');
}

function reflectMetadata(): Record<string, (key: unknown, ...rest: never[]) => unknown> {
  const metadata = new WeakMap<object, Map<unknown, unknown>>();
  const getOwnMetadata = (key: unknown, target: object): unknown => metadata.get(target)?.get(key);
  return {
    getOwnMetadata,
    getMetadata: (key: unknown, target: object): unknown => {
      for (let link: object | null = target; link; link = Object.getPrototypeOf(link) as object | null) {
        if (metadata.get(link)?.has(key)) return getOwnMetadata(key, link);
      }
      return undefined;
    },
    defineMetadata: (key: unknown, value: unknown, target: object): void => {
      const own = metadata.get(target) ?? new Map<unknown, unknown>();
      metadata.set(target, own.set(key, value));
    },
  };
}
