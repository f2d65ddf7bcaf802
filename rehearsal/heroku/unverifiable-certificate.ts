import { createAuthority, type Certificate } from '../servers/certificates.ts';

/**
 * A certificate as Heroku's data services show it: signed by nobody known and for another host than the one dialled,
 * so that no client can verify it (devcenter "Connecting to Heroku Postgres", Enhanced Certificates are opt-in).
 */
export async function unverifiableCertificate(): Promise<Certificate> {
  const authority = await createAuthority('localdomain');
  return authority.issue(['ec2-3-210-17-44.compute-1.amazonaws.com']);
}
