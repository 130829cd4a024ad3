import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Puts a file in its place at once: whoever reads the path sees what was there before or all of the new content, also after a power cut.
 *
 * The draft is in a subfolder. Mesos tries every regular file of its config folder, whatever its name, so that a draft beside the
 * others would be read as a network; folders it passes by.
 */
export async function placeFile(path: string, content: Buffer, mode: number): Promise<void> {
  const drafts = join(dirname(path), '.weir-draft');
  await mkdir(drafts, { recursive: true });
  try {
    const draft = join(drafts, `${basename(path)}.${process.pid}`);
    const file = await open(draft, 'w', mode);
    try {
      await file.writeFile(content);
      await file.chmod(mode); // whatever the umask
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } finally {
    await rm(drafts, { recursive: true, force: true });
  }
  await syncFolder(dirname(path));
}

/** A file that was renamed or removed is so after a power cut too. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
