import { string } from '@oclif/core/flags';
import type { Endpoint, RemoteEndpoint } from '@weir/resources';
import { outputFlag } from '../../command-line/output-flag.ts';
import { StoreCommand } from '../../command-line/store-command.ts';
import { namespacesFlags, selectorFlag } from '../../command-line/store-flags.ts';

export default class EndpointList extends StoreCommand {
  static override summary = 'List the interfaces of containers: labels, host, address, network, container.';
  static override usage = 'endpoint list [-n NAME | -A] [-l SELECTOR] [--cluster NAME] [-o table|wide|yaml|json|name] [STORE FLAGS]';
  static override examples = [
    '<%= config.bin %> endpoint list -A',
    '<%= config.bin %> endpoint list -n shop -l run=web',
    '<%= config.bin %> endpoint list -A --cluster east',
  ];
  static override flags = {
    ...namespacesFlags,
    ...selectorFlag,
    cluster: string({ summary: 'Those of another cluster, as far as they are peers here.', helpValue: 'NAME' }),
    output: outputFlag(['table', 'wide', 'yaml', 'json', 'name']),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(EndpointList);
    const { listObjects } = await import('../../objects/list-objects.ts');
    const namespace = flags['all-namespaces'] ? undefined : flags.namespace;
    const { cluster, selector } = flags;
    const endpoints = await this.withObjects(flags, async (stores): Promise<(Endpoint | RemoteEndpoint)[]> => {
      if (cluster === undefined) return listObjects(stores, 'Endpoint', { namespace, selector });
      return (await listObjects(stores, 'RemoteEndpoint', { namespace, selector })).filter(({ spec }) => spec.cluster === cluster);
    });
    if (endpoints.length === 0 && (flags.output === 'table' || flags.output === 'wide')) {
      const place = namespace === undefined ? '' : ` in namespace ${namespace}; -A shows those of all`;
      this.logToStderr(`no endpoints${flags.selector === undefined ? '' : ' that match'}${place}`);
      return;
    }
    const { terminalWidth } = await import('../../output/table.ts');
    const { formatEndpoints } = await import('../../output/endpoint-table.ts');
    const { formatObjects } = await import('../../output/object-output.ts');
    const width = terminalWidth();
    process.stdout.write(
      flags.output === 'table' && cluster === undefined
        ? formatEndpoints(endpoints as Endpoint[], width)
        : await formatObjects(endpoints, { form: flags.output, namespaces: flags['all-namespaces'], single: false, width }),
    );
  }
}
