import { spawn } from 'node:child_process';
import { LineProcess } from '../line-process.ts';
import { PROBE_PROGRAM, Probe } from '../probe/probe.ts';
import { nsenterArguments } from './containerizer.ts';

/** Starts a probe within a container's namespaces. It ends with the container, or when closed. */
export function startProbe(container: { containerId: string; pid: number }): Probe {
  return new Probe(
    new LineProcess(`probe in container ${container.containerId}`, () =>
      spawn('nsenter', [...nsenterArguments(container.pid), process.execPath, PROBE_PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] }),
    ),
  );
}
