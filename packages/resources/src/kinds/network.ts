import { z } from 'zod';
import { oneOf } from '../validation/field.ts';

/** What the cluster has to know of a CNI network. Its name is the one in the network file; a network without an object has the defaults. */
export interface NetworkSpec {
  /**
   * `Shared`: its containers have addresses of the pools that all networks take from, and reach the others as policy allows. `Own`: its pools
   * name it, may have any addresses, also such as another network has, and its containers reach each other alone. Default `Shared`.
   */
  addressSpace: 'Shared' | 'Own';
}

export const networkSpecSchema: z.ZodType<NetworkSpec> = z
  .strictObject({ addressSpace: oneOf('Shared', 'Own').prefault('Shared') })
  .prefault({});
