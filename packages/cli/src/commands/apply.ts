import { FileCommand } from '../command-line/file-command.ts';
import { dryRunFlags, fileFlags, intoNamespaceFlag } from '../command-line/store-flags.ts';

export default class Apply extends FileCommand {
  static override summary = 'Make objects what files say: create those that are missing, change those that differ.';
  static override usage = 'apply -f FILE|FOLDER|- [-R] [-n NAME] [--dry-run [--exit-code]] [STORE FLAGS]';
  static override description = `All documents are checked before the first is written: with one invalid document nothing is changed.
Policies, network sets and tiers of Calico (projectcalico.org/v3) are taken as they are, and so are Kubernetes' policies: NetworkPolicy (networking.k8s.io/v1, extensions/v1beta1) is kept as a Policy, AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha1 and v1alpha2) as GlobalPolicies.

--dry-run shows what would become of the objects, line by line; weir policy simulate, what that would let through or cut.`;
  static override examples = [
    { description: 'A file, and a folder with those below it', command: '<%= config.bin %> apply -f access-nginx.yaml -f policies/ -R' },
    {
      description: 'In CI: what would change; and whether the store is as the files say',
      command: '<%= config.bin %> apply --dry-run --exit-code -R -f policies/',
    },
    { description: 'What another program prints, into a namespace', command: 'cat policy.yaml | <%= config.bin %> apply -n shop -f -' },
    {
      description: 'Change what is there',
      command: '<%= config.bin %> get policy web -o yaml | sed s/8080/80/ | <%= config.bin %> apply -f -',
    },
  ];
  static override flags = { ...fileFlags, ...intoNamespaceFlag, ...dryRunFlags };

  async run(): Promise<void> {
    const { flags } = await this.parse(Apply);
    await this.writeFiles('apply', flags);
  }
}
