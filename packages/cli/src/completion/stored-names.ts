/** Names from the store, for completion: keys alone where they say it. */
import type { Store } from '@weir/datastore';
import { ObjectStore } from '@weir/datastore';
import { APP_LABEL, type Kind, keyPrefix, parseKey } from '@weir/resources';
import { namespacesInUse } from '../objects/implied-namespaces.ts';
import type { Names } from './candidates.ts';

export function storedNames(store: Store): Names {
  const ids = async (prefix: string) => {
    const { entries } = await store.list(prefix, { keysOnly: true });
    return entries.flatMap(({ key }) => parseKey(key) ?? []);
  };
  return {
    objects: async (kind, namespace) => (await ids(keyPrefix(kind as Kind, namespace))).map(({ name }) => name),
    namespaces: async () => [...(await namespacesInUse({ store })), ...(await ids(keyPrefix('Namespace'))).map(({ name }) => name)],
    ends: async () => {
      const objects = new ObjectStore(store);
      const [{ objects: endpoints }, hosts] = await Promise.all([objects.list('Endpoint'), ids(keyPrefix('Host'))]);
      const labels = endpoints.flatMap(({ object: { metadata } }) =>
        Object.entries(metadata.labels)
          .filter(([key]) => !key.startsWith('weir/'))
          .map(([key, value]) => `${metadata.namespace}/${key}=${value}`),
      );
      const apps = endpoints.flatMap(({ object: { metadata } }) => metadata.labels[APP_LABEL] ?? []);
      return ['outside', ...labels, ...apps, ...hosts.map(({ name }) => `host/${name}`)];
    },
  };
}
