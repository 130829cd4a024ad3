import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Document, isSeq, parseDocument } from 'yaml';
import { CliError } from '../cli-error.ts';
import { type Access, hashOf, newToken, readTokens } from './token-file.ts';

/**
 * Adds a token to the file, whose comments stay: all of it or, when cut, nothing.
 *
 * @returns the token
 * @throws CliError EUSAGE for a file that is not valid, EEXISTS for a name that is taken
 */
export function addToken(path: string, access: Access): string {
  const isThere = existsSync(path);
  const taken = isThere ? [...readTokens(path).values()].some(({ name }) => name === access.name) : false;
  if (taken) throw new CliError('EEXISTS', `${path} has a token named ${access.name} already: choose another name, or remove that one`);
  const document = isThere ? parseDocument(readFileSync(path, 'utf8')) : new Document({ tokens: [] });
  const token = newToken();
  const { name, rights, namespaces } = access;
  document.addIn(['tokens'], document.createNode({ name, hash: hashOf(token), rights, ...(namespaces && { namespaces }) }));
  const tokens = document.get('tokens');
  if (isSeq(tokens)) tokens.flow = false;
  writeFileSync(`${path}.new`, document.toString({ lineWidth: 0 }), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return token;
}
