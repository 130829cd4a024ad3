import type { Command } from '@oclif/core';
import { Help } from '@oclif/core/help';
import { EXIT_TEXT } from './exit-status.ts';

const EXAMPLES = `See which containers there are and where
  $ weir endpoint list -A

Let only what a policy names reach an app, and open it again
  $ weir apply -f access-nginx.yaml
  $ weir delete -f access-nginx.yaml

Ask why, and what a change would do
  $ weir trace --from shop/run=web --to shop/run=db --port tcp/5432
  $ weir apply --dry-run -f new.yaml
  $ weir policy simulate -f new.yaml

Look at objects, and see them change
  $ weir get policies -A -o wide
  $ weir get endpoints -l run=nginx --watch

Give a network of addresses to containers, and see what is in use
  $ weir apply -f pool.yaml
  $ weir ipam show`;

const ENVIRONMENT = `WEIR_STORE, WEIR_STORE_PATH, WEIR_ETCD_ENDPOINTS …  the store, as the flags of the same names
ETCDCTL_ENDPOINTS, ETCDCTL_CACERT …                  as etcdctl takes them, where no WEIR_… is set
WEIR_CONFIG                                          configuration file, in place of /etc/weir/weir.yaml, or /etc/weir/agent.yaml where that is absent
NO_COLOR                                             no colours
DEBUG                                                errors with their stacks`;

/**
 * oclif's pages. The first one also tells what to try, what to set and what the exit status says; that of a command has its summary once, and
 * its description as wide as the terminal.
 */
export default class WeirHelp extends Help {
  override formatCommand({ summary: _, description, ...command }: Command.Loadable): string {
    return super.formatCommand({ ...command, ...(description !== undefined && { description: flowing(description) }) });
  }

  override async showRootHelp(): Promise<void> {
    await super.showRootHelp();
    this.log(`${this.section('EXAMPLES', EXAMPLES)}\n`);
    this.log(`${this.section('ENVIRONMENT', ENVIRONMENT)}\n`);
    this.log(this.section('EXIT STATUS', EXIT_TEXT));
  }
}

/** Joins the lines of each paragraph, which end where the source is full; a paragraph with columns stays. */
function flowing(text: string): string {
  const paragraphs = text.split('\n\n');
  return paragraphs.map((paragraph) => (/ {2}/.test(paragraph) ? paragraph : paragraph.replaceAll('\n', ' '))).join('\n\n');
}
