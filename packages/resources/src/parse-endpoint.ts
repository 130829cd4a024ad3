import { parseAddress } from './address/address.ts';
import { frozen } from './frozen.ts';
import { CONTAINER_ID, INTERFACE_NAME, parseMac } from './kinds/endpoint.ts';
import { NAMES } from './metadata.ts';
import { API_VERSION, type Endpoint, parseObject } from './object.ts';
import { serialize } from './serialize.ts';
import { parseText } from './validation/field.ts';
import { ValidationError } from './validation/validation-error.ts';

/** What an Endpoint is made of, unchecked. */
export interface EndpointParts {
  metadata: { name: string } & Record<string, unknown>;
  spec: { containerId: string; hostInterface: string; addresses: readonly string[]; mac?: string | undefined } & Record<string, unknown>;
}

/**
 * As `parseObject`. What containers of one app and network have in common is checked with the first of them: a schema's walk takes a tenth of
 * an ADD. What is in common is one value, and is not to be changed.
 *
 * @throws ValidationError
 */
export function parseEndpoint(parts: EndpointParts): Endpoint {
  const { metadata, spec } = parts;
  const { name, ...ofApp } = metadata;
  const { containerId, hostInterface, addresses, mac, ...ofNetwork } = spec;
  // Whether a port of the host leads anywhere is a question of the addresses.
  if (ofNetwork.hostPorts !== undefined) return whole(parts);
  const text = JSON.stringify([ofApp, ofNetwork, mac !== undefined]);
  const known = checked.get(text);
  const own = known && ownParts(parts);
  if (known !== undefined && own !== undefined) {
    return {
      apiVersion: API_VERSION,
      kind: 'Endpoint',
      metadata: { ...known.metadata, name: own.name },
      spec: { ...known.spec, containerId, hostInterface, addresses: own.addresses, ...(own.mac !== undefined && { mac: own.mac }) },
    };
  }
  const endpoint = whole(parts);
  // With the keys as `serialize` has them, which then has nothing to sort.
  const { metadata: metadataInCommon, spec: specInCommon } = JSON.parse(serialize(endpoint)) as Endpoint;
  if (checked.size === REMEMBERED) checked.delete(checked.keys().next().value!);
  checked.set(text, frozen({ metadata: metadataInCommon, spec: specInCommon }));
  return endpoint;
}

const whole = (parts: EndpointParts): Endpoint => parseObject({ apiVersion: API_VERSION, kind: 'Endpoint', ...parts }) as Endpoint;

/** A host has a few networks, and of each a few apps whose containers come and go. */
const REMEMBERED = 64;

/** The first ones first. */
const checked = new Map<string, Pick<Endpoint, 'metadata' | 'spec'>>();

/** Undefined when one of them is refused: the whole tells why. */
function ownParts({ metadata, spec: { containerId, hostInterface, addresses, mac } }: EndpointParts) {
  try {
    parseText(containerId, CONTAINER_ID);
    parseText(hostInterface, INTERFACE_NAME);
    return {
      name: parseText(metadata.name, NAMES.derived),
      addresses: addresses.map(parseAddress),
      mac: mac === undefined ? undefined : parseMac(mac),
    };
  } catch (error) {
    if (error instanceof ValidationError) return undefined;
    throw error;
  }
}
