import type { HerokuInventory } from '../heroku/inventory.ts';
import { addOnId, addOnKind } from './add-on-kinds.ts';
import { idPart, type Item } from './item.ts';

/** The id of the item that asks for this one, too; undefined when nobody else does. */
type AskedElsewhere = (item: Item, all: readonly Item[], inventory: Overlapped) => string | undefined;
type Overlapped = Pick<HerokuInventory, 'addOns' | 'autoscalers'>;

const OVERLAPS: readonly AskedElsewhere[] = [
  // An autoscaler must stand still, by whatever trace it was noticed; its add-on then ends with the app.
  ({ id }, _all, { addOns, autoscalers }) => {
    const addOn = addOns.find((one) => addOnId(one, addOns) === id);
    if (addOn === undefined) return undefined;
    const maker = autoscalers.find(({ evidence }) => evidence.includes(`the add-on ${addOn.name}`));
    return maker && `traffic/autoscaler/${idPart(maker.name)}`;
  },
  // Postgres names its receivers, and Heroku names the followers among them.
  ({ id }, all) =>
    id === 'consumer/followers'
      ? all.find((other) => other.id.startsWith('consumer/follower/'))?.id
      : undefined,
  // The code uses what an add-on brought: what becomes of the one becomes of the other.
  ({ id }, _all, { addOns }) => {
    const variable = /^repository\/egress-proxy\/(.+)$/.exec(id)?.[1];
    const addOn = addOns.find(({ configVars }) => variable !== undefined && configVars.includes(variable));
    return addOn && addOnId(addOn, addOns);
  },
  ({ id, verdict }, _all, { addOns }) => {
    if (verdict !== 'decide' || !id.startsWith('repository/queue/')) return undefined;
    const brokers = addOns.filter(({ service }) => addOnKind(service).kind === 'a message queue');
    return brokers.length === 1 && brokers[0] !== undefined ? addOnId(brokers[0], addOns) : undefined;
  },
  // What is open today and what the pools may open: both are too many for the new database.
  ({ id, verdict }, all) =>
    id === 'repository/connections' && verdict === 'decide'
      ? all.find((other) => other.id === 'postgres/connections' && other.verdict === 'decide')?.id
      : undefined,
  // The checkout names the packages that the buildpack installs.
  ({ id }, all) =>
    /^app\/buildpack\/.*\bapt$/.test(id)
      ? all.find((other) => other.id === 'repository/system-packages')?.id
      : undefined,
  // Each variable of a dyno that the code reads is asked about by its name.
  ({ id }, all) =>
    id === 'traffic/feature/runtime-dyno-metadata'
      ? all.find((other) => /^repository\/variable\/(HEROKU_|DYNO)/.test(other.id))?.id
      : undefined,
];

/**
 * Nobody is asked twice for one thing that several readers saw under ids of their own: one item asks, and each of the
 * others stays in the list and says where it is decided.
 */
export function withoutOverlaps(items: readonly Item[], inventory: Overlapped): Item[] {
  return items.map((item) => {
    const id = OVERLAPS.map((asked) => asked(item, items, inventory)).find((found) => found !== undefined);
    const asking = items.find((other) => other.id === id);
    if (asking === undefined || asking === item) return item;
    return {
      ...item,
      verdict: 'automatic',
      becomes: `decided with ${asking.id}`,
      question: null,
      options: [],
      remedy: null,
    };
  });
}
