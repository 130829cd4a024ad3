import { boolean } from '@oclif/core/flags';
import { CliError } from '../cli-error.ts';
import { outputFlag } from '../command-line/output-flag.ts';
import { type FlagValues, StoreCommand } from '../command-line/store-command.ts';
import { namespacesFlags, selectorFlag } from '../command-line/store-flags.ts';
import { untilInterrupted } from '../command-line/until-interrupted.ts';
import type { GetOptions } from '../objects/get-objects.ts';

export default class Get extends StoreCommand {
  static override summary = 'List objects, or show some by name.';
  static override usage =
    'get KIND[,KIND] [NAME…] [-n NAME | -A] [-l SELECTOR] [-o table|wide|yaml|json|name|kubernetes] [-w] [STORE FLAGS]';
  static override description =
    `Kinds: endpoints (ep), policies (pol), globalpolicies (gpol), tiers, networksets (netset), globalnetworksets (gnetset), namespaces (ns), networks (net), pools, reservations (res), claims, services (svc), ipamconfigs, hosts, hostendpoints (hep), bgpconfigs, bgppeers, bgpfilters, blocks, remoteclusters, remoteendpoints (rep).

What -o yaml and -o json print can be changed and given to weir apply.
-o kubernetes prints policies as NetworkPolicies of networking.k8s.io/v1, where those can say the same.`;
  static override examples = [
    '<%= config.bin %> get policies -A',
    '<%= config.bin %> get policy access-nginx -n policy-demo -o yaml',
    `<%= config.bin %> get endpoints -l "run in {'nginx', 'access'}" -o wide`,
    '<%= config.bin %> get endpoints -l run=nginx --watch',
    '<%= config.bin %> get policies -o name | xargs <%= config.bin %> delete',
  ];
  static override strict = false;
  static override flags = {
    ...namespacesFlags,
    ...selectorFlag,
    output: outputFlag(['table', 'wide', 'yaml', 'json', 'name', 'kubernetes']),
    watch: boolean({ char: 'w', summary: 'Go on and print objects as they change, until interrupted.' }),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Get);
    const { terminalWidth } = await import('../output/table.ts');
    const options = {
      form: flags.output,
      namespace: flags['all-namespaces'] ? undefined : flags.namespace,
      selector: flags.selector,
      width: terminalWidth(),
    };
    const print = (text: string) => void process.stdout.write(text);
    if (flags.watch) return this.watch(argv as string[], flags, options, print);
    const { getObjects } = await import('../objects/get-objects.ts');
    await this.withObjects(flags, (stores) => getObjects(stores, argv as string[], options, print));
  }

  private async watch(words: string[], flags: FlagValues, options: GetOptions, print: (text: string) => void): Promise<void> {
    const { form } = options;
    if (form === 'kubernetes') throw new CliError('EUSAGE', 'give either --watch or -o kubernetes, not both');
    const { watchObjects } = await import('../objects/watch-objects.ts');
    await this.withObjects(flags, (stores) => watchObjects(stores, words, { ...options, form, signal: untilInterrupted() }, print));
  }
}
