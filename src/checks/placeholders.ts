/** Values that a script knows: what it captured, and the secrets that it may use. */
export interface Known {
  captured: Map<string, string>;
  secrets: Readonly<Record<string, string>>;
}

/** A placeholder for which there is no value: the check fails and names it. */
export class UnknownPlaceholder extends Error {}

const PLACEHOLDER = /\{\{\s*(?:(secret)\.)?([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}/g;

/** The text with `{{name}}` and `{{secret.NAME}}` filled in. */
export function filled(text: string, { captured, secrets }: Known): string {
  return text.replaceAll(PLACEHOLDER, (_whole, secret: string | undefined, name: string) => {
    const value =
      secret === undefined ? captured.get(name) : Object.hasOwn(secrets, name) ? secrets[name] : undefined;
    if (value !== undefined) return value;
    throw new UnknownPlaceholder(
      secret === undefined ? `nothing was captured as {{${name}}}` : `check-secrets holds no ${name}`,
    );
  });
}
