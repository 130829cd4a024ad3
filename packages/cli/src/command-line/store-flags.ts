import { boolean, option, string } from '@oclif/core/flags';

const GROUP = 'STORE';

/** Where the objects are. Flags win over WEIR_… and ETCDCTL_… variables, those over the configuration file. */
export const storeFlags = {
  store: option({
    summary: 'Kind of store. Default: etcd where its endpoints are named, else embedded.',
    options: ['embedded', 'etcd'] as const,
    helpGroup: GROUP,
    helpValue: '(embedded|etcd)',
  })(),
  'store-path': string({
    summary: 'File of the embedded store. Default: /var/lib/weir/weir.db.',
    helpGroup: GROUP,
    helpValue: 'FILE',
  }),
  'store-timeout': string({ summary: 'How long one call to the store may take. Default: 5.', helpGroup: GROUP, helpValue: 'SECONDS' }),
  'etcd-endpoints': string({ summary: 'URLs of etcd, with commas between.', helpGroup: GROUP, helpValue: 'URL,…' }),
  'etcd-ca-file': string({ summary: "Certificates that etcd's own is checked against.", helpGroup: GROUP, helpValue: 'FILE' }),
  'etcd-cert-file': string({ summary: 'Client certificate.', helpGroup: GROUP, helpValue: 'FILE' }),
  'etcd-key-file': string({ summary: 'Key of the client certificate.', helpGroup: GROUP, helpValue: 'FILE' }),
  'etcd-user': string({ summary: 'User of etcd.', helpGroup: GROUP, helpValue: 'NAME' }),
  'etcd-password-file': string({ summary: "File with the user's password.", helpGroup: GROUP, helpValue: 'FILE' }),
  config: string({
    summary: 'YAML file with a section "store". Default: /etc/weir/weir.yaml, or /etc/weir/agent.yaml where that is absent.',
    env: 'WEIR_CONFIG',
    helpGroup: GROUP,
    helpValue: 'FILE',
  }),
};

const { config: _, ...placeFlags } = storeFlags;
/** Those that say where the store is: on a host they become the section `store` of the agent's configuration. */
export const storePlaceFlags = placeFlags;

/** Those of them that name files. */
export const STORE_FILE_FLAGS = ['store-path', 'etcd-ca-file', 'etcd-cert-file', 'etcd-key-file', 'etcd-password-file'] as const;

export const namespaceFlag = {
  namespace: string({ char: 'n', summary: 'Namespace of the objects.', default: 'default', helpValue: 'NAME' }),
};

/** For files, whose objects may name their namespace themselves. */
export const intoNamespaceFlag = {
  namespace: string({ char: 'n', summary: 'Namespace of objects that name none.', helpValue: 'NAME' }),
};

export const namespacesFlags = {
  ...namespaceFlag,
  'all-namespaces': boolean({ char: 'A', summary: 'Objects of all namespaces.' }),
};

export const selectorFlag = {
  selector: string({
    char: 'l',
    summary: 'Only objects whose labels match: "role == \'db\' && has(env)", or short: role=db,env.',
    helpValue: 'SELECTOR',
  }),
};

/** Of what changes objects. */
export const dryRunFlags = {
  'dry-run': boolean({ summary: 'Only say what would be done and show what would differ; the store checks it, and nothing is written.' }),
  'exit-code': boolean({ summary: 'With --dry-run: exit status 4 where something would change.', dependsOn: ['dry-run'] }),
};

export const fileFlags = {
  filename: string({
    char: 'f',
    summary: 'File, folder of .yaml, .yml and .json files, or - for standard input. May be given several times.',
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'FILE|FOLDER|-',
  }),
  recursive: boolean({ char: 'R', summary: 'Look in the folders below a folder too.' }),
};
