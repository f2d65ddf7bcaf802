import { decide, idPart, told, type Item } from './item.ts';
import type { PlanFacts } from './plan.ts';

/** What could not be read: unknown is no pass, so each is a question until somebody accepts not to know. */
export function unknownItems({ inventory, unknown, catalogue }: PlanFacts): Item[] {
  const gaps = [...inventory.unknown, ...unknown].map(gapOf);
  return [
    ...gaps.map(({ what, why, permission, essential }) => {
      const item = {
        id: `app/not-read/${idPart(what)}`,
        area: 'app',
        what: `not read: ${what}`,
        why,
        remedy: permission,
      } as const;
      return essential
        ? decide({ ...item, question: 'May the app move without knowing it?', options: ['go-on-without'] })
        : told({ ...item, becomes: 'not in this report' });
    }),
    ...(catalogue === undefined && !gaps.some(({ what }) => what.includes('DigitalOcean'))
      ? [
          decide({
            id: 'app/not-read/digitalocean',
            area: 'app',
            what: "DigitalOcean's offers and prices are not known",
            question: 'Are the sizes of the dated list good enough to decide by?',
            options: ['go-on-without'],
            why: 'no input digitalocean-token was given',
            remedy: 'Give a token with app:read, sizes:read and database:read to see them.',
          }),
        ]
      : []),
  ];
}

interface Gap {
  what: string;
  why: string;
  permission: string;
  essential: boolean;
}

/** What assess reads as a whole, by the words under which it stands among the unknown. */
export const READ_WHOLE = { postgres: 'the database', redis: 'Redis' } as const;

/** Why the one database could not be read, of all that could not. */
export function whyNotRead(
  { inventory, unknown }: Pick<PlanFacts, 'inventory' | 'unknown'>,
  of: keyof typeof READ_WHOLE,
): string | undefined {
  const start = `${READ_WHOLE[of]}: `;
  if (inventory.configVars !== null)
    return unknown.find((line) => line.startsWith(start))?.slice(start.length);
  const gap = inventory.unknown.find(({ what }) => what === 'config vars');
  return `the config vars could not be read${gap === undefined ? '' : `: ${gap.why}`}`;
}

/** `what: why` comes from reads that only know their error. */
function gapOf(gap: string | Gap): Gap {
  if (typeof gap !== 'string') return gap;
  const colon = gap.indexOf(': ');
  return {
    what: colon === -1 ? gap : gap.slice(0, colon),
    why: colon === -1 ? 'the token or the network did not allow it' : gap.slice(colon + 2),
    permission: 'Give the scope or the access that is named, and run assess again.',
    essential: true,
  };
}
