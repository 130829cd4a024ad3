import type { PeerTable } from '../peers/peer-table.ts';
import type { Program } from '../program/program.ts';
import type { LocalEndpoint } from './local-endpoint.ts';

/** A program of an endpoint for one of its addresses, and the table that is shared by all that have an equal one. */
export interface Enforced {
  readonly program: Program;
  readonly table: PeerTable;
  readonly endpoint: LocalEndpoint;
}
