import type { HostEndpoint, Labels, ObjectId } from '@weir/resources';

/** What can be read of a HostEndpoint that cannot be read. */
export interface UnreadableHostEndpoint {
  /** Stands for it: of the host that it says or, where it says none, of the one that it is named for; of all interfaces where it says none. */
  readonly standIn: HostEndpoint;
  /** Whether its labels can be read, so that it is known which policies are for what passes through it. */
  readonly hasLabels: boolean;
}

/** @param value what the store has, parsed as JSON as far as it is JSON */
export function unreadableHostEndpoint({ name }: ObjectId, value: unknown): UnreadableHostEndpoint {
  const { metadata, spec } = record(value);
  const { labels } = record(metadata);
  const { host, interfaceName } = record(spec);
  const hasLabels = typeof labels === 'object' && labels !== null && Object.values(labels).every((label) => typeof label === 'string');
  return {
    standIn: {
      apiVersion: 'weir/v1',
      kind: 'HostEndpoint',
      metadata: { name, labels: hasLabels ? (labels as Labels) : {}, annotations: {} },
      spec: {
        host: isName(host) ? host : name,
        interfaceName: isName(interfaceName) && INTERFACE_NAME.test(interfaceName) ? interfaceName : '*',
        expectedIPs: [],
        ports: [],
        defaultAction: 'Deny',
      },
    },
    hasLabels,
  };
}

/** As the kernel takes them (dev_valid_name in net/core/dev.c). */
const INTERFACE_NAME = /^(?!\.{1,2}$)[^\s/:]{1,15}$/;

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
