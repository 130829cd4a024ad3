/**
 * For an agent's process, which loads it before anything else (`WITHOUT_VXLAN`): while a file is there, the kernel is asked for links of a kind
 * that it does not know where the agent asks for VXLAN ones. So what the agent hears is what a kernel without VXLAN says.
 */
import { existsSync } from 'node:fs';
import koffi, { type KoffiFunc } from 'koffi';

const ASKED = Buffer.from('vxlan\0');
const UNKNOWN = Buffer.from('vxlna\0');

type Send = (fd: number, data: Buffer, length: number, flags: number) => number;

/** Variables of an agent that is to be without while this file is there. */
export const withoutVxlan = (file: string): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: `--import=${import.meta.url}`,
  WITHOUT_VXLAN: file,
});

const { WITHOUT_VXLAN: file } = process.env;
if (file !== undefined) {
  const load = koffi.load.bind(koffi);
  koffi.load = (...args) => {
    const library = load(...args);
    const declare = library.func.bind(library) as (prototype: string) => KoffiFunc<Send>;
    const func = (prototype: string) => {
      const declared = declare(prototype);
      if (!prototype.startsWith('intptr_t send(')) return declared;
      const send: Send = (fd, data, length, flags) => {
        if (existsSync(file)) replaceKind(data.subarray(0, length));
        return declared(fd, data, length, flags);
      };
      return Object.assign(send, { async: declared.async });
    };
    return Object.create(library, { func: { value: func } });
  };
}

function replaceKind(message: Buffer): void {
  const at = message.indexOf(ASKED);
  if (at >= 0) UNKNOWN.copy(message, at);
}
