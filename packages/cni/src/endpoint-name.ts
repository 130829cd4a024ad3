import { createHash } from 'node:crypto';

/**
 * Name of an interface's Endpoint object: `<container id>.<interface>`. Ids that an object's name cannot hold (`@`, `:`, too long) are cleaned and told apart by
 * a hash; so are interface names with a dot, which would make two pairs look the same.
 */
export function endpointName(containerId: string, interfaceName: string): string {
  const plain = `${containerId}.${interfaceName}`;
  if (/^[A-Za-z0-9._-]{1,253}$/.test(plain) && !interfaceName.includes('.')) return plain;
  const hash = createHash('sha256').update(`${containerId}\0${interfaceName}`).digest('hex').slice(0, 16);
  return `${plain.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 236)}-${hash}`;
}
