import { randomBytes } from 'node:crypto';
import { badSpec } from './refusal.ts';
import { componentsOf, type AppSpec, type Variable } from './spec.ts';

/**
 * The secrets of one app. What is given once comes back as `EV[1:…]` only; submitting that again keeps the value, and
 * anything else is a new value. A spec that leaves a secret out loses it.
 */
export class Vault {
  readonly #values = new Map<string, string>();

  /** The same spec with every secret sealed. */
  seal(spec: AppSpec): AppSpec {
    const sealed = structuredClone(spec);
    for (const list of [sealed, ...componentsOf(sealed)]) {
      for (const variable of list.envs ?? []) this.#sealVariable(variable);
    }
    for (const { image } of componentsOf(sealed)) {
      if (image?.registry_credentials) image.registry_credentials = this.#seal(image.registry_credentials);
    }
    return sealed;
  }

  /** The clear value of something sealed here; anything else is clear already. */
  open(value: string): string {
    return this.#values.get(value) ?? value;
  }

  #sealVariable(variable: Variable): void {
    if (variable.type === 'SECRET') variable.value = this.#seal(variable.value);
  }

  #seal(value: string): string {
    if (this.#values.has(value)) return value;
    if (value.startsWith('EV[')) {
      throw badSpec('envs', 'the encrypted value was not made for this app, or is no longer valid');
    }
    const part = (): string => randomBytes(24).toString('base64').replaceAll('=', '');
    const sealed = `EV[1:${part()}:${part()}]`;
    this.#values.set(sealed, value);
    return sealed;
  }
}
