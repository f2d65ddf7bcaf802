import type { Json } from '../migration/json.ts';
import { readJson } from './json-pointer.ts';

/** What a body is made of, without its content: lines that two sides can be compared by. */
export interface BodyShape {
  kind: 'json' | 'html' | 'text';
  lines: Set<string>;
}

export function shapeOf(contentType: string, body: string): BodyShape {
  if (/\bjson\b/.test(contentType)) {
    const value = readJson(body);
    // Broken JSON has a shape of its own, so that it differs from sound JSON.
    return { kind: 'json', lines: value === undefined ? new Set([': no JSON']) : jsonShape(value) };
  }
  if (/\bhtml\b/.test(contentType)) return { kind: 'html', lines: htmlSkeleton(body) };
  return { kind: 'text', lines: new Set(body === '' ? [] : ['text']) };
}

/** Lines that only one of them has. Where a value is null or a list is empty, nothing below it is known, so all fits. */
export function shapeDifferences(
  oldSide: BodyShape,
  newSide: BodyShape,
  ignored: { json: readonly string[]; html: readonly string[] },
): { missing: string[]; added: string[] } {
  if (oldSide.kind !== newSide.kind)
    return { missing: [`a body of ${oldSide.kind}`], added: [`a body of ${newSide.kind}`] };
  const skipped = (line: string): boolean =>
    oldSide.kind === 'json'
      ? ignored.json.some((pointer) => isBelow(line, pointer))
      : ignored.html.some((element) => line.split('>').includes(element));
  const open = new Set(
    [...oldSide.lines, ...newSide.lines]
      .filter((line) => line.endsWith(UNKNOWN))
      .map((line) => line.slice(0, -UNKNOWN.length)),
  );
  const isOpen = (line: string): boolean =>
    oldSide.kind === 'json' &&
    [...open].some((place) => line.startsWith(`${place}: `) || line.startsWith(`${place}/`));
  const only = (one: BodyShape, other: BodyShape): string[] =>
    [...one.lines].filter((line) => !other.lines.has(line) && !skipped(line) && !isOpen(line)).sort();
  return { missing: only(oldSide, newSide), added: only(newSide, oldSide) };
}

const UNKNOWN = ': unknown';

/** `/items/{any}/id: number`, one line for each place and type. */
function jsonShape(value: Json): Set<string> {
  const lines = new Set<string>();
  const walk = (here: Json, place: string): void => {
    if (here === null) lines.add(`${place}${UNKNOWN}`);
    else if (Array.isArray(here)) {
      const list = here as readonly Json[];
      lines.add(`${place}: list`);
      if (list.length === 0) lines.add(`${place}/*${UNKNOWN}`);
      for (const item of list.slice(0, 200)) walk(item, `${place}/*`);
    } else if (typeof here === 'object') {
      lines.add(`${place}: object`);
      for (const [key, item] of Object.entries(here as Record<string, Json>))
        walk(item, `${place}/${escaped(key)}`);
    } else lines.add(`${place}: ${typeof here}`);
  };
  walk(value, '');
  return lines;
}

/** Ids as keys name records, not fields. */
function escaped(key: string): string {
  return /^\d+$|^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(key)
    ? '*'
    : key.replaceAll('~', '~0').replaceAll('/', '~1');
}

function isBelow(line: string, pointer: string): boolean {
  const place = line.slice(0, line.lastIndexOf(': ')).split('/');
  return pointer
    .split('/')
    .every((part, index) => part === '*' || place[index] === '*' || place[index] === part);
}

const VOID = new Set([
  'area',
  'base',
  'br',
  'col',
  'embed',
  'hr',
  'img',
  'input',
  'link',
  'meta',
  'source',
  'track',
  'wbr',
]);
/** Ends of these may be left out, or they are opened anew for each record. */
const LOOSE = new Set(['p', 'li', 'tr', 'td', 'th', 'dt', 'dd', 'option', 'tbody', 'thead', 'tfoot']);

/**
 * The elements of a page as paths such as `html>body>form#login>input[name=email]`, each once however often it stands
 * there: how many orders a page lists is its content, not its shape.
 */
function htmlSkeleton(body: string): Set<string> {
  const text = body
    .replaceAll(/<!--.*?-->/gs, '')
    .replaceAll(/(<(script|style|template|textarea|title)\b[^>]*>).*?(<\/\2\s*>)/gis, '$1$3');
  const lines = new Set<string>();
  const stack: { tag: string; name: string }[] = [];
  for (const [, end, rawTag = '', attributes = '', alone] of text.matchAll(
    /<(\/?)([a-zA-Z][a-zA-Z0-9-]*)((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>/g,
  )) {
    const tag = rawTag.toLowerCase();
    if (end === '/') {
      const at = stack.findLastIndex((one) => one.tag === tag);
      if (at >= 0) stack.length = at;
      continue;
    }
    if (LOOSE.has(tag) && stack.at(-1)?.tag === tag) stack.pop();
    const name = tag + idOf(attributes) + nameOf(tag, attributes);
    lines.add([...stack.map((one) => one.name), name].join('>'));
    if (!VOID.has(tag) && alone !== '/' && stack.length < 100) stack.push({ tag, name });
  }
  return lines;
}

function idOf(attributes: string): string {
  const id = attributeOf(attributes, 'id');
  return id === undefined || id === '' ? '' : `#${generic(id)}`;
}

function nameOf(tag: string, attributes: string): string {
  const key =
    tag === 'meta' || tag === 'input' || tag === 'select' || tag === 'textarea' ? 'name' : undefined;
  const name = key === undefined ? undefined : attributeOf(attributes, key);
  return name === undefined || name === '' ? '' : `[name=${generic(name)}]`;
}

function attributeOf(attributes: string, name: string): string | undefined {
  const found = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(
    attributes,
  );
  return found?.[1] ?? found?.[2] ?? found?.[3];
}

/** `order-17` and `order-18` are one kind of thing. */
function generic(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8,}|\d+/gi, '*')
    .replaceAll('>', ' ')
    .slice(0, 60);
}
