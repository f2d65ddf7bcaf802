/** What the gate asked and what it was answered, for the record. */
export interface GateEvidence {
  mode: GateMode;
  approvedBy: string | null;
  checks: { what: string; found: string }[];
}
export type GateMode = 'environment' | 'second-dispatch' | 'none';
export interface GateRun {
  repository: string;
  runId: string;
  actor: string;
  triggeringActor: string;
  apiUrl: string;
}
export interface GateOptions {
  mode: GateMode;
  /** The reviewed GitHub environment, `production`. */
  environment: string;
  /** From migration.yml: a protected environment cannot go without a gate. */
  protected: boolean;
  /** What the record says. */
  recordedDigest: string;
  /** What the approval is for (input plan-digest). */
  enteredDigest: string | undefined;
  /** second-dispatch: the run that prepared. */
  prepareRunId: string | undefined;
  run: GateRun;
  token: string | undefined;
  signal: AbortSignal;
}
/** Fails closed: any doubt is a ConfigurationError with the setting to change. */
export function checkGate(_options: GateOptions): Promise<GateEvidence> {
  throw new Error('not written yet');
}
