import { escapeMarkdown } from '../report/escape.ts';

/** A form that is shorter would stand in texts that have nothing to do with the value. */
const SHORTEST_ENCODED = 12;

/**
 * The forms in which programs print a value that they quote: an API's error with a body in JSON, a URL with a password,
 * a header in Basic authentication, a summary of ours. Without the value itself, and without forms that are so short that
 * they could stand for anything.
 */
export function encodedForms(value: string): string[] {
  const uri = encodeURIComponent(value.toWellFormed());
  const json = JSON.stringify(value).slice(1, -1);
  const html = htmlOf(value);
  const written = [
    uri,
    new URLSearchParams([['', value]]).toString().slice(1),
    uri.replaceAll(/[!'()*]/g, percentEncoded),
    uri.replaceAll("'", '%27'),
    uri.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    // What `URL` leaves in a password.
    encodeURI(value.toWellFormed()),
    json,
    // A JSON text inside another one, and what programs write that keep to ASCII.
    JSON.stringify(json).slice(1, -1),
    json.replaceAll(/[\u0080-\uFFFF]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
    html,
    html.replaceAll('&gt;', '>'),
    html.replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
    escapeMarkdown(value),
    // Quoted in SQL, and in a shell.
    value.replaceAll("'", "''"),
    value.replaceAll('"', '""'),
    value.replaceAll("'", String.raw`'\''`),
  ];
  const bytes = Buffer.from(value);
  const packed = [
    ...[0, 1, 2].flatMap((shift) => {
      const inner = base64At(bytes, shift);
      return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
    }),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
  ].filter((form) => form.length >= SHORTEST_ENCODED);
  return [...new Set([...written, ...packed])].filter((form) => form !== value && form !== '');
}

/** Inside a longer base64 text only the groups that are wholly made of the value are the same each time. */
function base64At(bytes: Buffer, shift: number): string {
  const text = Buffer.concat([Buffer.alloc(shift), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  // Of the last group all but the final characters are the value's own; the first holds what stands before it.
  const whole = text.length - (text.length % 4);
  return text.slice(shift === 0 ? 0 : 4, whole);
}

function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function htmlOf(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
