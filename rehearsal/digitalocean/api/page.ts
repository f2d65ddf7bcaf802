import type { Answer, Call } from './route.ts';
import { ok } from './route.ts';

/** 20 items a page unless asked otherwise, 200 at most (API reference, "Links & Pagination"). */
const DEFAULT_PAGE = 20;
const LARGEST_PAGE = 200;

/** The page of a list that the query asks for, with `links.pages` and `meta.total`. */
export function page(call: Call, key: string, items: readonly unknown[], more: object = {}): Answer {
  const size = Math.min(whole(call.query.get('per_page'), DEFAULT_PAGE), LARGEST_PAGE);
  const number = whole(call.query.get('page'), 1);
  const last = Math.max(1, Math.ceil(items.length / size));
  const link = (to: number): string => {
    const query = new URLSearchParams(call.query);
    query.set('page', String(to));
    query.set('per_page', String(size));
    return `${call.url}?${query.toString()}`;
  };
  const backward = number > 1 ? { first: link(1), prev: link(number - 1) } : {};
  const forward = number < last ? { next: link(number + 1), last: link(last) } : {};
  const pages = { ...backward, ...forward };
  return ok({
    [key]: items.slice((number - 1) * size, number * size),
    ...more,
    links: Object.keys(pages).length > 0 ? { pages } : {},
    meta: { total: items.length },
  });
}

function whole(text: string | null, otherwise: number): number {
  const value = Number(text ?? '');
  return Number.isInteger(value) && value > 0 ? value : otherwise;
}
