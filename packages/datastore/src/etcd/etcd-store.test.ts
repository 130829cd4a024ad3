import test from 'ava';
import { Etcd3 } from 'etcd3';
import { openStore } from '../open-store.ts';
import type { EtcdOptions } from '../store-options.ts';
import { type EtcdServer, startEtcdServer } from '../testing/etcd-server.ts';
import { PATIENCE, testStoreBehaviour } from '../testing/store-behaviour.ts';

let server: EtcdServer;
test.before(async () => {
  server = await startEtcdServer();
});
test.after.always(() => server?.stop());

const options = (): EtcdOptions => ({ backend: 'etcd', endpoints: [server.endpoint], timeoutMilliseconds: PATIENCE });

testStoreBehaviour(test, {
  open: () => openStore(options()),
  options,
  revoke: async (lease) => {
    const client = new Etcd3({ hosts: server.endpoint });
    await client.leaseClient.leaseRevoke({ ID: lease });
    client.close();
  },
  remaining: async (lease) => {
    const client = new Etcd3({ hosts: server.endpoint });
    const { TTL } = await client.leaseClient.leaseTimeToLive({ ID: lease });
    client.close();
    return Number(TTL);
  },
});
