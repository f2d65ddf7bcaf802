const VOID = new Set(['meta', 'rect', 'line']);
/** All that the page is made of. */
const TAGS = new Set([
  ...[
    'html',
    'head',
    'meta',
    'title',
    'style',
    'body',
    'main',
    'h1',
    'h2',
    'div',
    'strong',
    'p',
    'dl',
    'dt',
    'dd',
  ],
  ...[
    'section',
    'ul',
    'li',
    'table',
    'thead',
    'tbody',
    'tr',
    'th',
    'td',
    'span',
    'code',
    'a',
    'details',
    'summary',
  ],
  ...['figure', 'figcaption', 'ol', 'svg', 'rect', 'line', 'text', 'footer'],
]);
const ATTRIBUTES = new Set([
  ...[
    'lang',
    'charset',
    'http-equiv',
    'content',
    'name',
    'class',
    'id',
    'scope',
    'data-title',
    'href',
    'rel',
  ],
  ...['aria-hidden', 'x', 'y', 'x1', 'x2', 'y1', 'y2', 'width', 'height', 'rx', 'text-anchor'],
]);

/** What is wrong with a page: tags that do not close, and everything that the page has no need of. */
export function faultsOf(html: string): string[] {
  const faults: string[] = [];
  const open: string[] = [];
  const [head = '', ...rest] = html.split('<!doctype html>');
  if (head !== '' || rest.length !== 1) faults.push('no doctype at the beginning');
  const text = (rest[0] ?? '').replace(/<style>[^<]*<\/style>/, '');
  let position = 0;
  for (const match of text.matchAll(/<(\/?)([^\s>/]+)([^>]*?)(\/?)>/g)) {
    const between = text.slice(position, match.index);
    if (/[<>]/.test(between)) faults.push(`a bare angle bracket in "${between.slice(0, 60)}"`);
    if (/&(?!amp;|lt;|gt;|quot;|#39;)/.test(between))
      faults.push(`a bare ampersand in "${between.slice(0, 60)}"`);
    position = match.index + match[0].length;
    const [, closes, name = '', attributes = '', alone] = match;
    if (!TAGS.has(name)) faults.push(`<${name}>`);
    if (closes === '/') {
      if (open.pop() !== name) faults.push(`</${name}> closes something else`);
      continue;
    }
    const left = attributes.replaceAll(/\s([\w-]+)="([^"<]*)"/g, (_, attribute: string, value: string) => {
      if (!ATTRIBUTES.has(attribute)) faults.push(`${attribute}="${value}"`);
      if (attribute === 'href' && !/^https?:\/\//.test(value)) faults.push(`href="${value}"`);
      return '';
    });
    if (left.trim() !== '') faults.push(`<${name}${left}>`);
    if (alone !== '/' && !VOID.has(name)) open.push(name);
  }
  if (/[<>]/.test(text.slice(position))) faults.push('a bare angle bracket at the end');
  if (open.length > 0) faults.push(`not closed: ${open.join(', ')}`);
  return faults;
}
