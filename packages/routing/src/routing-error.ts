/**
 * - EEXIST: an interface of that name is there already, on the host or in the container
 * - EADDRINUSE: an address to attach is routed to another interface of this host
 * - EDEFAULTROUTE: the container has a default route, or one to the same destination, of another network already
 * - ENOIPV6: an IPv6 address is asked for where IPv6 is switched off
 * - ENOADDRESS: attach was given no address
 * - ETUNNEL: there can be no VXLAN link as it is wanted
 * - EFLANNEL: a flannel network cannot be joined as it is configured
 * - ENOTVETH: an interface's packets pass no interface of the host, so there is nothing to guard
 * - EMASTER: the host's end belongs to something whose packets nftables does not see
 * - ENOBRNETFILTER: the host does not show nftables what goes from port to port of a bridge
 *
 * Other failures pass through as the KernelError that they were.
 */
export type RoutingErrorCode =
  | 'ENOTVETH'
  | 'EMASTER'
  | 'ENOBRNETFILTER'
  | 'EEXIST'
  | 'EADDRINUSE'
  | 'EDEFAULTROUTE'
  | 'ENOIPV6'
  | 'ENOADDRESS'
  | 'ETUNNEL'
  | 'EFLANNEL';

export class RoutingError extends Error {
  override readonly name = 'RoutingError';
  readonly code: RoutingErrorCode;

  constructor(code: RoutingErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}
