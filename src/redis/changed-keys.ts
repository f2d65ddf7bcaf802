import type { Changes } from './changes.ts';
import { OUR_PREFIX } from './key-choice.ts';

/** Above one of these, everything is looked at: half a million names of 40 bytes take about 100 MB of memory. */
export interface MostChangedKeys {
  keys: number;
  /** Of their names. */
  bytes: number;
}

const MOST: MostChangedKeys = { keys: 500_000, bytes: 32 * 1024 * 1024 };

/** Names of keys that changed, each once, until they are taken; so many of them that memory stays bounded. */
export class ChangedKeys {
  // A character is a byte (latin1), so that names that are no text stay what they are.
  #names = new Set<string>();
  #bytes = 0;
  #everything = false;
  readonly #most: MostChangedKeys;

  constructor(most: MostChangedKeys = MOST) {
    this.#most = most;
  }

  /** How many are waiting; Infinity for everything. */
  get waiting(): number {
    return this.#everything ? Infinity : this.#names.size;
  }

  add(name: Buffer): void {
    if (this.#everything) return;
    const text = name.toString('latin1');
    if (text.startsWith(OUR_PREFIX) || this.#names.has(text)) return;
    this.#names.add(text);
    this.#bytes += text.length;
    if (this.#names.size > this.#most.keys || this.#bytes > this.#most.bytes) this.addEverything();
  }

  addEverything(): void {
    this.#forget();
    this.#everything = true;
  }

  take(): Changes {
    const changes = {
      everything: this.#everything,
      keys: Array.from(this.#names, (name) => Buffer.from(name, 'latin1')),
    };
    this.#forget();
    this.#everything = false;
    return changes;
  }

  #forget(): void {
    this.#names = new Set();
    this.#bytes = 0;
  }
}
