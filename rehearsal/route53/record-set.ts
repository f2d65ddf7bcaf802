/** A record set as Route 53 keeps it: all records of one name and type together. Names end with a dot. */
export interface RecordSet {
  name: string;
  type: string;
  ttl?: number;
  values: string[];
  alias?: { zone: string; target: string; evaluateHealth: boolean };
  /** Of a routing policy: several sets of the name and type, told apart by it. */
  identifier?: string;
  weight?: number;
}

export interface HostedZone {
  id: string;
  /** With the dot. */
  name: string;
  private: boolean;
  sets: RecordSet[];
}

/** Zones and names are ordered by their labels from the end, so that those of one zone stand together. */
export function inOrder(one: string, other: string): number {
  const key = (name: string): string => name.split('.').reverse().join('.');
  return key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : 0;
}

export function compareSets(one: RecordSet, other: RecordSet): number {
  const byName = inOrder(one.name, other.name);
  if (byName !== 0) return byName;
  if (one.type !== other.type) return one.type < other.type ? -1 : 1;
  return (one.identifier ?? '') < (other.identifier ?? '') ? -1 : 1;
}

export function sameSet(one: RecordSet, other: RecordSet): boolean {
  return one.name === other.name && one.type === other.type && one.identifier === other.identifier;
}
