/** Whose a link is, in its alias (`ip link set alias`): its name has no room for that. Where there is no policy nothing else says it. */
import { z } from 'zod';

export interface LinkOwner {
  network: string;
  containerId: string;
  interfaceName: string;
}

/** Before the rest, so that an operator sees whose doing it is, and others' aliases are none of ours. */
const MARK = 'weir ';

/** IFALIASZ of linux/if.h, less its NUL. */
const ALIAS_BYTES = 255;

const partsSchema = z.tuple([z.string(), z.string(), z.string()]);

/** Undefined when they have no room in an alias: ids of nested containers have no limit. */
export function aliasOf({ network, containerId, interfaceName }: LinkOwner): string | undefined {
  const alias = MARK + JSON.stringify([network, containerId, interfaceName]);
  return Buffer.byteLength(alias) > ALIAS_BYTES ? undefined : alias;
}

/** Undefined for an alias that is not ours. */
export function ownerIn(alias: string): LinkOwner | undefined {
  if (!alias.startsWith(MARK)) return undefined;
  try {
    const [network, containerId, interfaceName] = partsSchema.parse(JSON.parse(alias.slice(MARK.length)));
    return { network, containerId, interfaceName };
  } catch {
    return undefined;
  }
}
