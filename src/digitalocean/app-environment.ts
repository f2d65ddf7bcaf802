/** What becomes of one config var. */
export interface VariableFate {
  name: string;
  fate: 'kept' | 'replaced' | 'dropped' | 'added';
  reason: string;
}

export interface AppVariable {
  key: string;
  value: string;
  /** Encrypted by App Platform and never shown again. */
  secret: boolean;
}

export interface AppEnvironmentInput {
  /** Every config var of the Heroku app. */
  configVars: Record<string, string>;
  /** Names whose values may be read by anybody (settings); everything else goes in as a secret. */
  plain: ReadonlySet<string>;
  /** Names provided by add-ons that move (their databases have new addresses). */
  movedAddOns: ReadonlyMap<string, string>;
  /** Decisions of migration.yml. */
  drop: readonly string[];
  set: Record<string, string>;
  /** New values that this migration makes: addresses, certificates. */
  replacements: Record<string, { value: string; secret: boolean; reason: string }>;
  /** What stands in for variables that only dynos have. Without a value each component has its own. */
  equivalents?: Record<string, { value: string | undefined; reason: string }>;
}

/** Made by Heroku for its dynos. */
const PLATFORM = /^(HEROKU_.*|DYNO|DYNO_RAM|PORT|STACK)$/;

/**
 * Accounts for every config var: none is dropped in silence and none is invented. The order of the rules is: what
 * migration.yml decides, what this migration replaces, what stands in for dyno metadata, what belongs to Heroku, and the
 * rest is kept as it is.
 */
export function appEnvironment(input: AppEnvironmentInput): {
  variables: AppVariable[];
  fates: VariableFate[];
} {
  const variables: AppVariable[] = [];
  const fates: VariableFate[] = [];
  const names = new Set([
    ...Object.keys(input.configVars),
    ...Object.keys(input.replacements),
    ...Object.keys(input.equivalents ?? {}),
    ...Object.keys(input.set),
  ]);

  for (const name of [...names].sort()) {
    const old = input.configVars[name];
    const decided = decide(name, old, input);
    fates.push({ name, fate: decided.fate, reason: decided.reason });
    if (decided.value !== undefined)
      variables.push({ key: name, value: decided.value, secret: decided.secret });
  }
  return { variables, fates };
}

interface Decision extends Omit<VariableFate, 'name'> {
  value?: string;
  secret: boolean;
}

function decide(name: string, old: string | undefined, input: AppEnvironmentInput): Decision {
  const changed = old === undefined ? 'added' : 'replaced';
  const decidedValue = input.set[name];
  if (decidedValue !== undefined) {
    return { fate: changed, reason: 'migration.yml sets it', value: decidedValue, secret: false };
  }
  if (input.drop.includes(name)) return { fate: 'dropped', reason: 'migration.yml drops it', secret: false };

  const replacement = input.replacements[name];
  if (replacement !== undefined) {
    return {
      fate: changed,
      reason: replacement.reason,
      value: replacement.value,
      secret: replacement.secret,
    };
  }
  // Several names for one database (DATABASE_URL and HEROKU_POSTGRESQL_…): code may read either.
  const twin = Object.entries(input.replacements).find(
    ([other]) => old !== undefined && old !== '' && input.configVars[other] === old,
  );
  if (twin !== undefined && !name.startsWith('HEROKU_')) {
    const [other, { value, secret }] = twin;
    return { fate: 'replaced', reason: `it has the same value as ${other}`, value, secret };
  }
  const equivalent = input.equivalents?.[name];
  if (equivalent !== undefined) {
    const { value, reason } = equivalent;
    return { fate: changed, reason, secret: false, ...(value === undefined ? {} : { value }) };
  }
  if (PLATFORM.test(name)) return { fate: 'dropped', reason: 'it belongs to Heroku', secret: false };
  const addOn = input.movedAddOns.get(name);
  if (addOn !== undefined) {
    return { fate: 'dropped', reason: `it leads to ${addOn}, which stays behind`, secret: false };
  }
  return { fate: 'kept', reason: 'as it is', value: old ?? '', secret: !input.plain.has(name) };
}
