import { createAuthority, type Certificate } from '../servers/certificates.ts';

/**
 * A certificate as Heroku's data services show it: signed by nobody known and for another host than the one dialled,
 * so that no client can verify it (devcenter "Connecting to Heroku Postgres", Enhanced Certificates are opt-in).
 */
export async function unverifiableCertificate(): Promise<Certificate & { authority: string }> {
  const authority = await createAuthority('localdomain');
  return {
    ...(await authority.issue(['ec2-3-210-17-44.compute-1.amazonaws.com'])),
    // Which only Heroku's own servers know.
    authority: authority.pem,
  };
}
