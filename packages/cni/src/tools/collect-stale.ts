import type { Call, GcCall } from '../protocol/request.ts';
import { type Attached, withoutAttachments } from '../protocol/valid-attachments.ts';
import type { Services } from '../services.ts';
import type { Tool } from '../tool.ts';

/**
 * GC of one of our own tools: its DEL, for everything of the network that the host has and the runtime does not know.
 * @throws CniError that joins what could not be removed, after all the rest was
 */
export async function collectStale(tool: Pick<Tool, 'del'>, call: GcCall, services: Services): Promise<void> {
  const valid = new Set(call.valid.map(textOf));
  await services.collect({
    network: call.config.name,
    isStale: (attached) => !valid.has(textOf(attached)),
    remove: (attached) => removeNow(tool, delCall(call, attached), services),
  });
}

/** The runtime is to hear of what fails, so nothing is left for later. */
async function removeNow(tool: Pick<Tool, 'del'>, call: Call, services: Services): Promise<void> {
  const works: Promise<void>[] = [];
  await tool.del(call, { ...services, later: (work) => works.push(work) });
  await Promise.all(works);
}

/** As the runtime would have made it. Where the container's namespace was, nobody knows any more. */
function delCall({ pluginPath, environment, config, cniVersion }: GcCall, { containerId, interfaceName }: Attached): Call {
  return {
    command: 'DEL',
    containerId,
    interfaceName,
    pluginPath,
    environment: { ...environment, CNI_COMMAND: 'DEL', CNI_CONTAINERID: containerId, CNI_IFNAME: interfaceName },
    config: withoutAttachments(config),
    cniVersion,
  };
}

function textOf({ containerId, interfaceName }: Attached): string {
  return `${containerId}\0${interfaceName}`;
}
