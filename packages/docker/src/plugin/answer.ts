/** One request of Docker's to the plugin: path and body in, status and body out. */
import { explainError } from '@weir/cni';
import { z } from 'zod';
import { DockerError } from '../docker-error.ts';
import type { Driver } from './driver.ts';
import {
  createEndpointSchema,
  createNetworkSchema,
  endpointSchema,
  joinSchema,
  networkSchema,
  releaseAddressSchema,
  requestAddressSchema,
  requestPoolSchema,
} from './remote-api.ts';

/** Which of Docker's two drivers a socket is for: Docker finds it by the socket's name. */
export type Role = 'NetworkDriver' | 'IpamDriver';

export interface PluginAnswer {
  status: number;
  body: object;
  /** Of what could not be done. */
  error?: Error;
}

type Method = (driver: Driver, body: unknown) => Promise<object>;

function method<T>(schema: z.ZodType<T>, call: (driver: Driver, request: T) => Promise<object>): Method {
  return async (driver, body) => {
    const parsed = schema.safeParse(body);
    if (!parsed.success) throw new DockerError('EREQUEST', `a request that cannot be read: ${z.prettifyError(parsed.error)}`);
    return call(driver, parsed.data);
  };
}

/** Always the same. */
const says = (body: object): Method => method(z.unknown(), async () => body);

const METHODS: Record<string, Method> = {
  // Endpoints of one network reach each other from host to host, and each engine has the network for itself: there is no Swarm.
  'NetworkDriver.GetCapabilities': says({ Scope: 'local', ConnectivityScope: 'global' }),
  'NetworkDriver.CreateNetwork': method(createNetworkSchema, (driver, request) => driver.createNetwork(request)),
  'NetworkDriver.DeleteNetwork': method(networkSchema, (driver, request) => driver.deleteNetwork(request)),
  'NetworkDriver.CreateEndpoint': method(createEndpointSchema, (driver, request) => driver.createEndpoint(request)),
  'NetworkDriver.EndpointOperInfo': says({ Value: {} }),
  'NetworkDriver.Join': method(joinSchema, (driver, request) => driver.join(request)),
  'NetworkDriver.ProgramExternalConnectivity': method(endpointSchema, (driver, request) => driver.programExternalConnectivity(request)),
  'NetworkDriver.RevokeExternalConnectivity': method(endpointSchema, (driver, request) => driver.revokeExternalConnectivity(request)),
  // Docker takes its end out of the container after this, and has the endpoint deleted then.
  'NetworkDriver.Leave': says({}),
  'NetworkDriver.DeleteEndpoint': method(endpointSchema, (driver, request) => driver.deleteEndpoint(request)),
  'NetworkDriver.DiscoverNew': says({}),
  'NetworkDriver.DiscoverDelete': says({}),
  // The hardware address is what an address is known by until there is an endpoint.
  'IpamDriver.GetCapabilities': says({ RequiresMACAddress: true, RequiresRequestReplay: false }),
  'IpamDriver.GetDefaultAddressSpaces': says({ LocalDefaultAddressSpace: 'weir', GlobalDefaultAddressSpace: 'weir' }),
  'IpamDriver.RequestPool': method(requestPoolSchema, (driver, request) => driver.requestPool(request)),
  'IpamDriver.ReleasePool': says({}),
  'IpamDriver.RequestAddress': method(requestAddressSchema, (driver, request) => driver.requestAddress(request)),
  'IpamDriver.ReleaseAddress': method(releaseAddressSchema, (driver, request) => driver.releaseAddress(request)),
};

/** Never rejects for what Docker asks: what is wrong goes into the answer, where `docker` shows it. */
export async function answer(driver: Driver, role: Role, { path, body }: { path: string; body: string }): Promise<PluginAnswer> {
  const name = path.replace(/^\//, '');
  if (name === 'Plugin.Activate') return { status: 200, body: { Implements: [role] } };
  const known = name.startsWith(`${role}.`) ? METHODS[name] : undefined;
  if (known === undefined) return { status: 404, body: failure(`${name}: not known to Weir`) };
  try {
    return { status: 200, body: await known(driver, body === '' ? {} : JSON.parse(body)) };
  } catch (error) {
    return { status: 200, body: failure(textOf(error)), error: error as Error };
  }
}

/** The one driver's answers have it under this name, the other's under that (libnetwork, drivers/remote/api and ipams/remote/api). */
const failure = (text: string): object => ({ Err: text, Error: text });

function textOf(error: unknown): string {
  if (error instanceof DockerError) return error.message;
  const { message, details } = explainError(error);
  return details === '' ? message : `${message}; ${details}`;
}
