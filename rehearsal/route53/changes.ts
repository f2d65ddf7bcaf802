import { compareSets, sameSet, type HostedZone, type RecordSet } from './record-set.ts';
import type { Change } from './xml.ts';

/** What is wrong with a batch, one sentence each; nothing of it is done then. */
export function applyChanges(zone: HostedZone, changes: readonly Change[]): string[] {
  const sets = zone.sets.map((set) => ({ ...set }));
  const problems: string[] = [];
  for (const { action, set } of changes) {
    const at = sets.findIndex((one) => sameSet(one, set));
    const existing = sets[at];
    const named = `[name='${set.name}', type='${set.type}']`;
    if (set.name !== zone.name && !set.name.endsWith(`.${zone.name}`)) {
      problems.push(`RRSet with DNS name ${set.name} is not permitted in zone ${zone.name}`);
    } else if (action === 'DELETE') {
      if (existing === undefined) {
        problems.push(`Tried to delete resource record set ${named} but it was not found`);
      } else if (!equal(existing, set)) {
        problems.push(
          `Tried to delete resource record set ${named} but the values provided do not match the current values`,
        );
      } else sets.splice(at, 1);
    } else if (action === 'CREATE' && existing !== undefined) {
      problems.push(`Tried to create resource record set ${named} but it already exists`);
    } else if (existing !== undefined) sets[at] = set;
    else sets.push(set);
  }
  problems.push(...aliasesWithNeighbours(sets, zone));
  if (problems.length === 0) zone.sets = sets.sort(compareSets);
  return problems;
}

function equal(one: RecordSet, other: RecordSet): boolean {
  const key = ({ ttl, values, alias, weight }: RecordSet): string =>
    JSON.stringify([ttl ?? null, [...values].sort(), alias ?? null, weight ?? null]);
  return key(one) === key(other);
}

/** A CNAME stands alone at its name, and never at the zone's own. */
function aliasesWithNeighbours(sets: readonly RecordSet[], zone: HostedZone): string[] {
  return sets
    .filter(({ type }) => type === 'CNAME')
    .flatMap((set) => {
      if (set.name === zone.name)
        return [
          `RRSet of type CNAME with DNS name ${set.name} is not permitted at apex in zone ${zone.name}`,
        ];
      const other = sets.some(({ name, type }) => name === set.name && type !== 'CNAME');
      return other
        ? [
            `RRSet of type CNAME with DNS name ${set.name} is not permitted as it conflicts with other records with the same DNS name in zone ${zone.name}`,
          ]
        : [];
    });
}
