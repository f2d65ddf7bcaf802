/** An answer of GitHub's API that is not a success. The message is GitHub's own where we know it. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
