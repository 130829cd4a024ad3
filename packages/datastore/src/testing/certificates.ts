import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface CertificateFiles {
  certFile: string;
  keyFile: string;
}

/** A certificate authority in a temporary folder, made with `openssl`, for tests of TLS. */
export interface TestAuthority {
  caFile: string;
  /** A certificate for clients and servers. `addresses` are the names it is valid for: 'IP:127.0.0.1', 'DNS:etcd.example'. */
  issue(name: string, addresses?: string[]): Promise<CertificateFiles>;
  remove(): Promise<void>;
}

export async function createTestAuthority(): Promise<TestAuthority> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-ca-'));
  const caFile = join(folder, 'ca.pem');
  const caKeyFile = join(folder, 'ca-key.pem');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await run('openssl', ['req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=Weir test authority', '-keyout', caKeyFile, '-out', caFile]);
  return {
    caFile,
    issue: async (name, addresses = ['IP:127.0.0.1']) => {
      const [certFile, keyFile, requestFile, extensionsFile] = ['.pem', '-key.pem', '.csr', '.ext'].map((end) =>
        join(folder, name + end),
      ) as [string, string, string, string];
      await run('openssl', ['req', ...newKey, '-subj', `/CN=${name}`, '-keyout', keyFile, '-out', requestFile]);
      await writeFile(extensionsFile, `subjectAltName=${addresses.join(',')}\nextendedKeyUsage=serverAuth,clientAuth\n`);
      const authority = ['-CA', caFile, '-CAkey', caKeyFile, '-CAcreateserial'];
      await run('openssl', ['x509', '-req', '-in', requestFile, ...authority, '-days', '2', '-extfile', extensionsFile, '-out', certFile]);
      return { certFile, keyFile };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
