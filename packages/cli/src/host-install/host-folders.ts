import { resolve } from 'node:path';
import { boolean, string } from '@oclif/core/flags';

/** Where things are on a Mesos agent's host. Absolute paths. */
export interface HostFolders {
  /** `--network_cni_plugins_dir` of the Mesos agent */
  pluginsDir: string;
  /** `--network_cni_config_dir` of the Mesos agent */
  configDir: string;
  /** Configuration of Weir's agent. */
  agentConfig: string;
  /** Of systemd's units; undefined: no unit. */
  unitDir: string | undefined;
  /** Where `weir` itself is found by shells. */
  binDir: string;
}

const GROUP = 'HOST';

export const hostFlags = {
  'plugins-dir': string({
    summary: "Folder of CNI plugins: the Mesos agent's --network_cni_plugins_dir.",
    default: '/opt/cni/bin',
    helpGroup: GROUP,
    helpValue: 'FOLDER',
  }),
  'config-dir': string({
    summary: "Folder of network files: the Mesos agent's --network_cni_config_dir.",
    default: '/etc/cni/net.d',
    helpGroup: GROUP,
    helpValue: 'FOLDER',
  }),
  config: string({
    summary: "Configuration of Weir's agent.",
    default: '/etc/weir/agent.yaml',
    helpGroup: GROUP,
    helpValue: 'FILE',
  }),
  'unit-dir': string({
    summary: "Folder of systemd's units.",
    default: '/etc/systemd/system',
    helpGroup: GROUP,
    helpValue: 'FOLDER',
  }),
  'no-unit': boolean({ summary: 'No systemd unit: something else starts the agent.', helpGroup: GROUP }),
  'bin-dir': string({
    summary: 'Folder in the PATH of users, for the command weir.',
    default: '/usr/local/bin',
    helpGroup: GROUP,
    helpValue: 'FOLDER',
  }),
};

interface HostFlagValues {
  'plugins-dir': string;
  'config-dir': string;
  config: string;
  'unit-dir': string;
  'no-unit': boolean;
  'bin-dir': string;
}

/** Mesos, systemd and the launcher run in folders of their own: what they are told is absolute. */
export function hostFolders(flags: HostFlagValues): HostFolders {
  return {
    pluginsDir: resolve(flags['plugins-dir']),
    configDir: resolve(flags['config-dir']),
    agentConfig: resolve(flags.config),
    unitDir: flags['no-unit'] ? undefined : resolve(flags['unit-dir']),
    binDir: resolve(flags['bin-dir']),
  };
}
