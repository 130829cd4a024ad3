import { CNI_CODE, CniError } from './cni-error.ts';

/** What the lower packages' errors have in common: a stable `code`, and sometimes more. */
interface CodedError extends Error {
  code: string;
  /** KernelError: what was asked of the kernel. */
  operation?: string;
  /** Node's own file errors. */
  syscall?: string;
  path?: string;
}

interface Explanation {
  code: number;
  details: string;
}

/** By the stable `code` of StoreError, IpamError, RoutingError and AgentError. Their messages already name the offending value. */
const EXPLANATIONS: Record<string, Explanation> = {
  EUNAVAILABLE: {
    code: CNI_CODE.tryAgain,
    details: "the store does not answer; check its endpoints in the agent's configuration, then launch the task again",
  },
  EFULL: { code: CNI_CODE.tryAgain, details: "make room in etcd (its database's quota is used up), then launch the task again" },
  ECLOSED: { code: CNI_CODE.tryAgain, details: 'the agent is stopping or starting; launch the task again' },
  ECOMPACTED: { code: CNI_CODE.tryAgain, details: 'the agent is reading the store anew; launch the task again' },
  EHISTORY: { code: CNI_CODE.tryAgain, details: 'the agent is reading the store anew; launch the task again' },
  ECONFLICT: { code: CNI_CODE.tryAgain, details: 'many hosts wrote the same object at once; launch the task again' },
  ENOTREADY: { code: CNI_CODE.tryAgain, details: 'the agent is not ready yet; see its /readyz, then launch the task again' },
  EAUTH: {
    code: CNI_CODE.storeRefused,
    details: "the store refused the agent's user; check user and password in the agent's configuration",
  },
  ETLS: { code: CNI_CODE.storeRefused, details: "check the certificate files in the agent's configuration" },
  ECONFIG: { code: CNI_CODE.storeRefused, details: "correct the agent's configuration file" },
  EALREADY: { code: CNI_CODE.tryAgain, details: 'the agent is stopping or starting; launch the task again' },
  // It clears up when the other container ends: Mesos gives a port away again before it has taken the old task off its network.
  EHOSTPORT: {
    code: CNI_CODE.tryAgain,
    details: 'launch the task again when that container has ended, or give it another host port',
  },
  ENOLINK: { code: CNI_CODE.unknownContainer, details: 'the container ended before its network was ready' },
  EEXIST: { code: CNI_CODE.kernel, details: 'something of that name is there already: remove it, or call DEL for this container first' },
  EADDRINUSE: { code: CNI_CODE.kernel, details: 'launch the task again; if it stays so, see `ip route get` for that address on this host' },
  EDEFAULTROUTE: {
    code: CNI_CODE.kernel,
    details:
      'of two networks with weir-route in a task, one names in "routes" of its "ipam" what it leads to, and the other leads elsewhere',
  },
  ENOIPV6: { code: CNI_CODE.kernel, details: "switch IPv6 on, or ask for IPv4 alone with ipam.families in the network's configuration" },
  ENOTVETH: {
    code: CNI_CODE.invalidConfig,
    details: 'weir-policy guards interfaces of weir-route, ptp and bridge; it cannot guard macvlan, ipvlan, host-device or dhcp on them',
  },
  EMASTER: {
    code: CNI_CODE.invalidConfig,
    details: 'weir-policy guards interfaces that are routed, or ports of a Linux bridge that does not filter by VLAN',
  },
  ENOBRNETFILTER: {
    code: CNI_CODE.kernel,
    details: 'load it with `modprobe br_netfilter`, and name it in /etc/modules-load.d/weir.conf; then launch the task again',
  },
  ENOADDRESS: { code: CNI_CODE.invalidConfig, details: 'see `weir ipam show`' },
  EEXHAUSTED: {
    code: CNI_CODE.addressesExhausted,
    details: 'see `weir ipam show`, `weir describe pool`; pools are added and changed with `weir apply`',
  },
  EOUTSIDE: { code: CNI_CODE.addressRefused, details: 'ask for an address of a pool (`weir get pools`), or for none' },
  ETAKEN: { code: CNI_CODE.addressRefused, details: 'stop that container first, or ask for another address' },
  EREFUSED: { code: CNI_CODE.addressRefused, details: 'ask for another address, or for none' },
  ESPACE: {
    code: CNI_CODE.tryAgain,
    details:
      'the Network was changed a moment ago, or its network file has another interface plugin than weir-route; call DEL, correct that, launch the task again',
  },
  ENOCLAIM: { code: CNI_CODE.addressRefused, details: 'make the Claim with `weir apply`, or correct the network label weir/claim' },
  // IpamError's; the kernel's EINVAL is told apart by its operation.
  EINVAL: { code: CNI_CODE.invalidConfig, details: "correct the network's configuration" },
  ENOPOOL: { code: CNI_CODE.noPool, details: 'add a Pool with `weir apply`, or enable one; see `weir get pools`' },
};

/** KernelError's messages say themselves what to do about missing rights and limits. */
const KERNEL_ADVICE: Record<string, string> = {
  EINVAL: 'the kernel refused the request: is this Linux 5.10 or newer?',
  EOPNOTSUPP: 'this kernel lacks a feature that Weir needs',
  EEXIST: 'something of that name is there already: remove it, or call DEL for this container first',
  EBUSY: 'launch the task again',
  ENOBUFS: 'the kernel is short of memory for network objects; launch the task again when it has some',
  ENOMEM: 'the host is short of memory; launch the task again when it has some',
};

/**
 * @param error anything that was thrown
 * @returns the CNI error that tells its reader what to do; a CniError is returned as it is
 */
export function explainError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  if (!(error instanceof Error)) return internal(String(error), error);
  if (error.name === 'ValidationError' || error.name === 'SelectorError') {
    return new CniError(CNI_CODE.invalidConfig, error.message, {
      cause: error,
      details: "correct the network's configuration or the task's network labels",
    });
  }
  if (!isCoded(error)) return internal(`${error.name}: ${error.message}`, error);
  if (error.operation !== undefined) return explainKernelError(error);
  // Before the table: Node has codes of the same names.
  if (error.syscall !== undefined) {
    return new CniError(CNI_CODE.io, error.message, { cause: error, details: `check ${error.path ?? 'that file or address'}` });
  }
  const known = EXPLANATIONS[error.code];
  if (known !== undefined) return new CniError(known.code, error.message, { cause: error, details: known.details });
  return internal(`${error.code}: ${error.message}`, error);
}

function explainKernelError(error: CodedError): CniError {
  if (error.code === 'ENOENT' && /namespace/i.test(`${error.operation} ${error.message}`)) {
    return new CniError(CNI_CODE.unknownContainer, error.message, {
      cause: error,
      details: 'the network namespace is gone: the container ended before its network was ready',
    });
  }
  if (error.code === 'EINVAL' && /network namespace/.test(`${error.operation}`)) {
    return new CniError(CNI_CODE.invalidEnvironment, `CNI_NETNS: ${error.message}`, {
      cause: error,
      details: 'the runtime that calls this tool sets it',
    });
  }
  const details = KERNEL_ADVICE[error.code] ?? "see the agent's log";
  return new CniError(CNI_CODE.kernel, error.message, { cause: error, details });
}

function internal(message: string, cause: unknown): CniError {
  return new CniError(CNI_CODE.internal, message, { cause, details: "a fault in Weir; the agent's log has the whole story" });
}

function isCoded(error: Error): error is CodedError {
  return typeof (error as Partial<CodedError>).code === 'string';
}
