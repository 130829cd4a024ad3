/** flannel's own programs: its daemon, and its CNI plugin as containernetworking/plugins had it last. Nothing of their sources is kept here. */
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtOnce, cacheFolder, type GoProgram, go, goInstall } from './go-program.ts';

const FLANNEL = { module: 'github.com/flannel-io/flannel', version: 'v0.28.10' };

/**
 * Packages that flanneld is built without: two want modules that the proxy may refuse, or are most of the build, and one a C compiler. What
 * is named is what `main.go` calls.
 */
const LEFT_OUT = {
  'pkg/backend/tencentvpc': 'package tencentvpc\n',
  'pkg/backend/udp': 'package udp\n',
  'pkg/subnet/kube': `package kube

import (
	"context"
	"errors"

	"${FLANNEL.module}/pkg/subnet"
)

func NewSubnetManager(context.Context, string, string, string, string, bool) (subnet.Manager, error) {
	return nil, errors.New("built without Kubernetes")
}
`,
};

export interface FlannelPrograms {
  /** Paths; empty where they are missing. */
  flanneld: string;
  plugin: string;
  /** Why they cannot be had here. */
  missing?: string;
}

export async function findFlannel(): Promise<FlannelPrograms> {
  const [flanneld, plugin] = [await findFlanneld(), await findPlugin()];
  if ('missing' in flanneld) return { flanneld: '', plugin: '', missing: flanneld.missing };
  if ('missing' in plugin) return { flanneld: '', plugin: '', missing: plugin.missing };
  return { flanneld: flanneld.path, plugin: plugin.path };
}

/** What it became, github.com/flannel-io/cni-plugin, the public proxy does not have for everybody. */
const findPlugin = (): Promise<GoProgram> =>
  goInstall({ package: 'github.com/containernetworking/plugins/plugins/meta/flannel', version: 'v0.9.1' });

function findFlanneld(): Promise<GoProgram> {
  const folder = cacheFolder('flanneld', FLANNEL.version);
  const path = join(folder, 'flanneld');
  return builtOnce(path, async () => {
    const { Dir: module } = JSON.parse(await go(['mod', 'download', '-json', `${FLANNEL.module}@${FLANNEL.version}`])) as { Dir: string };
    const sources = join(folder, 'sources');
    rmSync(sources, { recursive: true, force: true });
    cpSync(module, sources, { recursive: true });
    for (const [name, replacement] of Object.entries(LEFT_OUT)) {
      const inSources = join(sources, name);
      rmSync(inSources, { recursive: true });
      mkdirSync(inSources);
      writeFileSync(join(inSources, 'left_out.go'), replacement);
    }
    await go(['build', '-o', `${path}.new`, '.'], { CGO_ENABLED: '0' }, sources);
    renameSync(`${path}.new`, path);
    rmSync(sources, { recursive: true });
  });
}
