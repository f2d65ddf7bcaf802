/** Reads inputs; every error is a ConfigurationError that names the input. Secrets were masked before the first read. */
export interface Inputs {
  required(name: string): string;
  optional(name: string): string | undefined;
  boolean(name: string): boolean;
  choice<const T extends string>(name: string, choices: readonly T[]): T;
  /** An http(s) address without a slash at its end. */
  url(name: string): string;
  /** A required secret, masked. */
  secret(name: string): string;
  optionalSecret(name: string): string | undefined;
}
