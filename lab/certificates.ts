// @peculiar/x509 resolves its parts through tsyringe, which needs this polyfill first.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A node's own certificate, signed by the cluster's authority, as files and as PEM text. */
export interface NodeCertificate {
  readonly key: string;
  readonly certificate: string;
  readonly certificateFile: string;
  /** SHA-256 of the certificate, upper-case hex with colons, as `GET /nodes` gives it. */
  readonly fingerprint: string;
}

/** The cluster's certificates. */
export interface Certificates {
  /** Authority (`/etc/pve/pve-root-ca.pem` of a real cluster). */
  readonly caFile: string;
  readonly nodes: ReadonlyMap<string, NodeCertificate>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const YEARS_MS = 10 * 365 * 24 * 3_600_000;

x509.cryptoProvider.set(webcrypto as never);

/** Certificates of the nodes in `<directory>/certificates`, made on first use and kept. */
export async function ensureCertificates(directory: string, nodes: readonly string[]): Promise<Certificates> {
  const folder = join(directory, 'certificates');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const caFile = join(folder, 'pve-root-ca.pem');
  if (!nodes.every((name) => isIssued(caFile, join(folder, `${name}.pem`)))) await makeAll(folder, caFile, nodes);
  return { caFile, nodes: new Map(nodes.map((name) => [name, read(folder, name)])) };
}

/** False when either is missing or the certificate is of an earlier authority. */
function isIssued(caFile: string, certificateFile: string): boolean {
  if (!existsSync(caFile) || !existsSync(certificateFile)) return false;
  const authority = new X509Certificate(readFileSync(caFile));
  return new X509Certificate(readFileSync(certificateFile)).verify(authority.publicKey);
}

function read(folder: string, name: string): NodeCertificate {
  const certificateFile = join(folder, `${name}.pem`);
  const certificate = readFileSync(certificateFile, 'utf8');
  return {
    key: readFileSync(join(folder, `${name}.key`), 'utf8'),
    certificate,
    certificateFile,
    fingerprint: new X509Certificate(certificate).fingerprint256,
  };
}

async function makeAll(folder: string, caFile: string, nodes: readonly string[]): Promise<void> {
  const validity = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + YEARS_MS) };
  const caKeys = await newKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=Proxmox Virtual Environment, OU=lab, O=PVE Cluster Manager CA',
    keys: caKeys,
    signingAlgorithm: ALGORITHM,
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  for (const [index, name] of nodes.entries()) {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: `0${index + 2}`,
      subject: `CN=${name}.lab, OU=PVE Cluster Node, O=Proxmox Virtual Environment`,
      issuer: authority.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: ALGORITHM,
      ...validity,
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1']),
        new x509.SubjectAlternativeNameExtension([
          { type: 'ip', value: '127.0.0.1' },
          { type: 'dns', value: 'localhost' },
          { type: 'dns', value: name },
        ]),
      ],
    });
    const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
    writeFileSync(join(folder, `${name}.key`), key, { mode: 0o600 });
    writeFileSync(join(folder, `${name}.pem`), certificate.toString('pem'));
  }
  writeFileSync(caFile, authority.toString('pem'));
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}
