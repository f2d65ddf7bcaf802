/** How much of a checkout is read. What lies beyond is told, never taken for absent. */
export interface ReadLimits {
  files: number;
  /** Levels of directories. */
  depth: number;
  /** Of one file of code; larger ones are generated. */
  codeBytes: number;
  /** Of one manifest or lock file. */
  manifestBytes: number;
  milliseconds: number;
}

export const DEFAULT_LIMITS: ReadLimits = {
  files: 100_000,
  depth: 24,
  codeBytes: 512 * 1024,
  manifestBytes: 16 * 1024 * 1024,
  milliseconds: 30_000,
};
