import type { Json } from '../migration/json.ts';

/** What stands at a JSON pointer (RFC 6901); undefined when nothing does. */
export function atPointer(value: Json, pointer: string): Json | undefined {
  let here: Json | undefined = value;
  for (const part of partsOf(pointer)) {
    if (Array.isArray(here))
      here = /^(0|[1-9]\d*)$/.test(part) ? (here as readonly Json[])[Number(part)] : undefined;
    else if (here !== null && typeof here === 'object')
      here = Object.hasOwn(here, part) ? (here as Record<string, Json>)[part] : undefined;
    else return undefined;
  }
  return here;
}

/** The parts of a pointer, unescaped. */
export function partsOf(pointer: string): string[] {
  return pointer === ''
    ? []
    : pointer
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** A body as JSON; undefined when it is none. */
export function readJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
