/** An answer in Heroku's error form: `{id, message}` with a status (devcenter "Platform API reference", Errors). */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly id: string;

  constructor(status: number, id: string, message: string) {
    super(message);
    this.status = status;
    this.id = id;
  }
}

export function notFound(what: string): Refusal {
  return new Refusal(404, 'not_found', `Couldn't find that ${what}.`);
}

export function invalid(message: string): Refusal {
  return new Refusal(422, 'invalid_params', message);
}
