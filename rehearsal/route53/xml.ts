import type { HostedZone, RecordSet } from './record-set.ts';

const NAMESPACE = 'https://route53.amazonaws.com/doc/2013-04-01/';

export function documentOf(name: string, body: string): string {
  return `<?xml version="1.0"?>\n<${name} xmlns="${NAMESPACE}">${body}</${name}>`;
}

export function element(name: string, value: string | number | boolean | undefined): string {
  return value === undefined ? '' : `<${name}>${escape(String(value))}</${name}>`;
}

export function zoneXml({ id, name, private: isPrivate, sets }: HostedZone): string {
  return (
    '<HostedZone>' +
    element('Id', `/hostedzone/${id}`) +
    element('Name', name) +
    element('CallerReference', id) +
    `<Config>${element('PrivateZone', isPrivate)}</Config>` +
    element('ResourceRecordSetCount', sets.length) +
    '</HostedZone>'
  );
}

export function setXml({ name, type, ttl, values, alias, identifier, weight }: RecordSet): string {
  const records = values
    .map((value) => `<ResourceRecord>${element('Value', value)}</ResourceRecord>`)
    .join('');
  return (
    '<ResourceRecordSet>' +
    element('Name', name) +
    element('Type', type) +
    element('SetIdentifier', identifier) +
    element('Weight', weight) +
    element('TTL', ttl) +
    (records === '' ? '' : `<ResourceRecords>${records}</ResourceRecords>`) +
    (alias === undefined
      ? ''
      : `<AliasTarget>${element('HostedZoneId', alias.zone)}${element('DNSName', alias.target)}${element('EvaluateTargetHealth', alias.evaluateHealth)}</AliasTarget>`) +
    '</ResourceRecordSet>'
  );
}

export interface Change {
  action: string;
  set: RecordSet;
}

/** What ChangeResourceRecordSets is sent: nothing in it stands twice within its parent but what is looked for as such. */
export function readChanges(body: string): Change[] {
  return all(body, 'Change').map((change) => {
    const set = one(change, 'ResourceRecordSet') ?? '';
    const alias = one(set, 'AliasTarget');
    const [ttl, weight, identifier] = [one(set, 'TTL'), one(set, 'Weight'), one(set, 'SetIdentifier')];
    const name = plain(one(set, 'Name') ?? '').toLowerCase();
    return {
      action: one(change, 'Action') ?? '',
      set: {
        name: name.endsWith('.') ? name : `${name}.`,
        type: one(set, 'Type') ?? '',
        values: all(set, 'ResourceRecord').map((record) => plain(one(record, 'Value') ?? '')),
        ...(ttl === undefined ? {} : { ttl: Number(ttl) }),
        ...(weight === undefined ? {} : { weight: Number(weight) }),
        ...(identifier === undefined ? {} : { identifier: plain(identifier) }),
        ...(alias === undefined
          ? {}
          : {
              alias: {
                zone: plain(one(alias, 'HostedZoneId') ?? ''),
                target: dotted(plain(one(alias, 'DNSName') ?? '')),
                evaluateHealth: one(alias, 'EvaluateTargetHealth') === 'true',
              },
            }),
      },
    };
  });
}

function dotted(name: string): string {
  return name.endsWith('.') ? name : `${name}.`;
}

function all(text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, 'gs'))].map(([, inner = '']) => inner);
}

function one(text: string, name: string): string | undefined {
  return all(text, name)[0];
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function plain(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#x27;', "'")
    .replaceAll('&apos;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
