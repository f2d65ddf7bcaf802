/** A request that a played platform received, for tests that judge what was asked of it. Carries no credentials. */
export interface RecordedRequest {
  at: Date;
  method: string;
  /** With the query. */
  path: string;
  status: number;
  requestId: string;
  /** Parsed JSON, when there was one. */
  body?: unknown;
}
