/** The last lines of output of each component of an app. */
export class LogBook {
  readonly #lines = new Map<string, string[]>();

  add(component: string, line: string): void {
    const lines = this.#lines.get(component) ?? [];
    lines.push(`${new Date().toISOString()} ${line}`);
    if (lines.length > 2000) lines.shift();
    this.#lines.set(component, lines);
  }

  /** One component's lines, or all, each with its component in front. */
  read(component?: string): string[] {
    const chosen = component === undefined ? [...this.#lines.keys()] : [component];
    return chosen.flatMap((name) => (this.#lines.get(name) ?? []).map((line) => `${name} ${line}`));
  }
}
